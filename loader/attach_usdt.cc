// SPDX-License-Identifier: Apache-2.0
// USDT probes: a uprobe at each place of the probe. Where its arguments are differs from place to
// place, so the BPF side looks them up in a map, by a number that comes as the probe's cookie; or,
// on kernels without cookies, by the address of the instruction.
#include <map>

#include "base/escape.h"
#include "loader/attach_parts.h"
#include "loader/usdt_arguments.h"

namespace bpfld::loader {
namespace {

using bpf::Fd;

// The maps that every object has which includes a usdt.bpf.h.
constexpr std::string_view kSpecs = "__bpf_usdt_specs";
constexpr std::string_view kByAddress = "__bpf_usdt_ip_to_spec_id";

std::optional<UsdtPlace> read_place(const AttachTarget& target) {
  const std::string_view text = target.place;
  const std::size_t first = text.find(':');
  if (first == std::string_view::npos || first == 0) return std::nullopt;
  const std::size_t second = text.find(':', first + 1);
  if (second == std::string_view::npos || second == first + 1 || second + 1 == text.size())
    return std::nullopt;
  UsdtPlace place;
  place.file = text.substr(0, first);
  place.provider = text.substr(first + 1, second - first - 1);
  place.name = text.substr(second + 1);
  place.pid = target.pid.value_or(0);
  return place;
}

const UsdtFact* find_fact(const AttachTarget& target, const KernelProfile& profile) {
  const std::optional<UsdtPlace> place = read_place(target);
  if (!place) return nullptr;
  const auto found = profile.usdts.find(*place);
  return found != profile.usdts.end() ? &found->second : nullptr;
}

// spec: arguments as a place of a probe has them; places with the same share a number.
using SpecNumbers = std::map<std::pair<u16, std::string>, u32>;

// Numbers are given in the order of programs and places, so each program's plan finds the same.
SpecNumbers number_specs(const ObjectSpec& spec, const KernelProfile& profile) {
  SpecNumbers out;
  for (u32 i = 0; i < spec.programs.size(); i++)
    for (const AttachTarget& target : attach_targets(spec, i)) {
      if (target.method != AttachMethod::usdt) continue;
      const UsdtFact* fact = find_fact(target, profile);
      if (fact == nullptr) continue;
      for (const UsdtSite& site : fact->sites)
        out.try_emplace({fact->machine, site.arguments}, static_cast<u32>(out.size()));
    }
  return out;
}

void add_spec(Attachment& attachment, const std::vector<UsdtArgument>& arguments, u32 number) {
  const std::optional<u32> map = find_map(attachment.spec, kSpecs);
  if (!map) return;  // the program does not look at arguments
  bpf::MapUpdate update;
  update.map = attachment.map_fd(*map);
  update.key.assign(bytes_of(number).begin(), bytes_of(number).end());
  update.value = usdt_spec_bytes(arguments, 0);
  update.value.resize(attachment.spec.maps[*map].value_size);
  attachment.add(std::move(update));
}

// Without cookies the program finds the number by its instruction pointer.
Status add_address(Attachment& attachment, const UsdtSite& site, u32 number) {
  const std::optional<u32> map = find_map(attachment.spec, kByAddress);
  if (!map) return {};
  if (site.address == 0)
    return fail(Code::not_found,
                "this kernel passes no cookies to probes (since 5.15), so the process must be "
                "known: --pid PID");
  bpf::MapUpdate update;
  update.map = attachment.map_fd(*map);
  update.key.assign(bytes_of(site.address).begin(), bytes_of(site.address).end());
  update.value.assign(bytes_of(number).begin(), bytes_of(number).end());
  attachment.add(std::move(update));
  return {};
}

Status add_site(Attachment& attachment, const UsdtFact& fact, const UsdtSite& site, u32 number) {
  const std::vector<UsdtArgument> arguments =
      TRY(parse_usdt_arguments(site.arguments, fact.machine));
  const PmuFact& pmu = attachment.profile.pmus.at("uprobe");
  if (site.semaphore != 0 && (!pmu.type || !pmu.semaphore_shift))
    return fail(Code::unsupported, "its semaphore needs a kernel of 4.20 or later");
  if (site.semaphore != 0 &&
      (site.semaphore << *pmu.semaphore_shift) >> *pmu.semaphore_shift != site.semaphore)
    return fail(Code::unsupported, "its semaphore is too far into the file");
  if (attachment.profile.lacks(Feature::perf_link)) TRY(add_address(attachment, site, number));
  add_spec(attachment, arguments, number);
  ProbeEvent probe;
  probe.user = true;
  probe.name = fact.path;
  probe.offset = site.offset;
  probe.semaphore = site.semaphore;
  probe.cookie = number;
  if (attachment.target.pid) probe.pid = static_cast<i32>(*attachment.target.pid);
  attach_probe(attachment, pmu, probe);
  return {};
}

}  // namespace

void usdt_needs(const AttachSite& site, Needs& out) {
  add_once(out.pmus, std::string("uprobe"));
  if (const std::optional<UsdtPlace> place = read_place(site.target)) add_once(out.usdts, *place);
}

std::optional<Error> usdt_problem(const AttachSite& site, const KernelProfile& profile) {
  if (!read_place(site.target))
    return fail(Code::usage, "\"{}\" names no probe; want FILE:PROVIDER:NAME",
                escape_terminal(site.target.place))
        .error();
  const UsdtFact* fact = find_fact(site.target, profile);
  if (fact == nullptr)
    return fail(Code::internal, "{} was not looked up", escape_terminal(site.target.place)).error();
  if (!fact->problem.empty()) return missing_fact(fact->problem, fact->errno_value, fact->near);
  if (const std::optional<u32> map = find_map(site.spec, kSpecs)) {
    const MapSpec& specs = site.spec.maps[*map];
    if (specs.key_size != sizeof(u32) || specs.value_size < kUsdtSpecSize)
      return fail(Code::unsupported, "map {} has keys of {} and values of {} bytes, not 4 and {}",
                  kSpecs, specs.key_size, specs.value_size, kUsdtSpecSize)
          .error();
    if (number_specs(site.spec, profile).size() > specs.max_entries)
      return fail(Code::limit, "map {} has room for {} different places only", kSpecs,
                  specs.max_entries)
          .error();
  }
  return missing_uprobes(profile);
}

void attach_usdt(Attachment& attachment) {
  const UsdtFact& fact = *find_fact(attachment.target, attachment.profile);
  const SpecNumbers numbers = number_specs(attachment.spec, attachment.profile);
  std::size_t attached = 0;
  std::optional<Error> first;
  for (const UsdtSite& site : fact.sites) {
    const Status done =
        add_site(attachment, fact, site, numbers.at({fact.machine, site.arguments}));
    if (done)
      attached++;
    else if (!first)
      first = done.error();
  }
  if (attached == 0) {
    attachment.out.problem = std::move(first);
    attachment.out.ops.clear();
    return;
  }
  if (fact.sites.size() > 1) attachment.out.how += format(", {} places", attached);
  if (attached < fact.sites.size())
    attachment.out.how += format(", {} left out: {}", fact.sites.size() - attached, first->what);
}

}  // namespace bpfld::loader
