// SPDX-License-Identifier: Apache-2.0
// From a program and its places to the requests that attach. Which mechanism, decided by the
// profile; no request is made here.
#include <algorithm>

#include "base/escape.h"
#include "base/near.h"
#include "loader/attach_parts.h"
#include "loader/binding.h"

namespace bpfld::loader {
namespace {

// clang-format off
constexpr AttachFamily kFamilies[] = {
    // method, default place, needs, problem, plan, advice
    {AttachMethod::tracepoint,     nullptr, tracepoint_needs, tracepoint_problem, attach_tracepoint,     "--attach P=tp:CATEGORY/EVENT"},
    {AttachMethod::raw_tracepoint, nullptr, nullptr,          nullptr,            attach_raw_tracepoint, "--attach P=raw_tp:EVENT"},
    {AttachMethod::kprobe,         nullptr, kprobe_needs,     kprobe_problem,     attach_kprobe,         "--attach P=kprobe:FUNCTION"},
    {AttachMethod::ksyscall,       nullptr, kprobe_needs,     ksyscall_problem,   attach_ksyscall,       "--attach P=ksyscall:NAME"},
    {AttachMethod::kprobe_multi,   nullptr, kprobe_multi_needs, kprobe_multi_problem, attach_kprobe_multi, "--attach P=kprobe.multi:GLOB"},
    {AttachMethod::uprobe,         nullptr, uprobe_needs,     uprobe_problem,     attach_uprobe,         "--attach P=uprobe:FILE:FUNCTION"},
    {AttachMethod::uprobe_multi,   nullptr, uprobe_needs,     uprobe_multi_problem, attach_uprobe_multi, "--attach P=uprobe.multi:FILE:GLOB"},
    {AttachMethod::usdt,           nullptr, usdt_needs,       usdt_problem,       attach_usdt,           "--attach P=usdt:FILE:PROVIDER:NAME"},
    {AttachMethod::tracing,        nullptr, nullptr,          nullptr,            attach_tracing,        "SEC(\"fentry/FUNCTION\"): the place is fixed when it is loaded"},
    {AttachMethod::tracing_multi,  nullptr, tracing_multi_needs, tracing_multi_problem, attach_tracing_multi, "--attach P=fentry.multi:GLOB"},
    {AttachMethod::freplace,       nullptr, nullptr,          freplace_problem,   attach_freplace,       "--target P=PROGRAM"},
    {AttachMethod::iterator,       nullptr, iterator_needs,   iterator_problem,   attach_iterator,       "SEC(\"iter/KIND\"): the kind is fixed when it is loaded"},
    {AttachMethod::perf_event,     nullptr, perf_event_needs, perf_event_problem, attach_perf_event,     "--attach P=perf:EVENT[@HZ]"},
    {AttachMethod::network_device, nullptr,         interface_needs, network_problem,   attach_network,   "--dev IF"},
    {AttachMethod::cgroup,         cgroup_unnamed,  cgroup_needs,    cgroup_problem,    attach_cgroup,    "--cgroup DIR"},
    {AttachMethod::socket,         nullptr,         interface_needs, socket_problem,    attach_socket,    "--attach P=socket:IF, or socket:pid=N,fd=N"},
    {AttachMethod::sockmap,        sockmap_unnamed, nullptr,         sockmap_problem,   attach_sockmap,   "--attach P=sockmap:MAP"},
    {AttachMethod::netns,          nullptr,         netns_needs,     netns_problem,     attach_netns,     "--netns NAME"},
    {AttachMethod::netfilter,      nullptr,         nullptr,         netfilter_problem, attach_netfilter, "--attach P=netfilter:ipv4:pre_routing"},
    {AttachMethod::lirc,           nullptr,         lirc_needs,      lirc_problem,      attach_lirc,      "--attach P=lirc:/dev/lirc0"},
    {AttachMethod::lwt,            nullptr,         lwt_needs,       lwt_problem,       attach_lwt,       "--attach P=lwt:PREFIX,dev=IF"},
    {AttachMethod::run,            run_unnamed,     nullptr,         nullptr,           attach_run,       ""},
};
// clang-format on

const AttachFamily* find_family(AttachMethod method) {
  const AttachFamily* found = std::ranges::find(kFamilies, method, &AttachFamily::method);
  return found != std::end(kFamilies) ? found : nullptr;
}

std::optional<Error> problem_at(const AttachSite& site, const KernelProfile& profile) {
  const AttachFamily* family = find_family(site.target.method);
  if (family == nullptr)
    return fail(Code::unsupported, "attaching SEC(\"{}\") programs is not supported",
                site.program.row->name)
        .error();
  return family->problem != nullptr ? family->problem(site, profile) : std::nullopt;
}

std::string advice_for(const ProgramSpec& program) {
  if (program.row == nullptr) return {};
  if (program.row->type == bpf::ProgType::xdp && program.row->method == AttachMethod::none)
    return "an element of a devmap or cpumap, which takes it with the program's fd";
  const AttachFamily* family = find_family(program.row->method);
  return family != nullptr ? std::string(family->advice) : std::string();
}

}  // namespace

void Attachment::add(bpf::Request request, std::optional<u32> result) {
  std::vector<Op>& ops = out.otherwise.empty() ? out.ops : out.otherwise.back().ops;
  ops.push_back(
      {format("program \"{}\"", escape_terminal(program.name)), std::move(request), result, false});
}

void Attachment::otherwise(std::string how, std::string remains) {
  out.otherwise.push_back({.how = std::move(how), .ops = {}, .remains = std::move(remains)});
}

std::optional<u32> find_map(const ObjectSpec& spec, std::string_view name) {
  for (u32 i = 0; i < spec.maps.size(); i++)
    if (spec.maps[i].name == name) return i;
  return std::nullopt;
}

Error missing_fact(const std::string& problem, int errno_value,
                   const std::vector<std::string>& near) {
  Error error = errno_value != 0 ? fail_errno(errno_value, "{}", problem).error()
                                 : fail(Code::not_found, "{}", problem).error();
  error.detail = did_you_mean(near);
  return error;
}

std::vector<AttachTarget> attach_targets(const ObjectSpec& spec, u32 index) {
  const ProgramSpec& program = spec.programs[index];
  if (!program.places.empty()) return program.places;
  if (program.row == nullptr || program.row->method == AttachMethod::none) return {};
  if (program.row->method == AttachMethod::struct_ops) return {};  // what is registered is its map
  // Of SEC("lsm_cgroup/HOOK") the hook is fixed when it is loaded, and the place is a cgroup.
  const bool is_place = !program.target.empty() && program.row->method != AttachMethod::cgroup;
  if (is_place || program.target_program) {
    AttachTarget target;
    target.method = program.row->method;
    target.place = program.target;
    std::vector<AttachTarget> out = {target};
    while (out.back().more_target < program.more_targets.size()) {
      target.more_target++;
      out.push_back(target);
    }
    return out;
  }
  const AttachFamily* family = find_family(program.row->method);
  if (family == nullptr || family->unnamed == nullptr) return {};
  const std::optional<AttachTarget> target = family->unnamed(spec, program);
  return target ? std::vector<AttachTarget>{*target} : std::vector<AttachTarget>{};
}

void attach_needs(const ObjectSpec& spec, u32 index, Needs& out) {
  for (const AttachTarget& target : attach_targets(spec, index)) {
    const AttachFamily* family = find_family(target.method);
    if (family != nullptr && family->needs != nullptr)
      family->needs({spec, spec.programs[index], target}, out);
  }
}

std::optional<Error> attach_problem(const ObjectSpec& spec, u32 index, const KernelProfile& profile,
                                    NearNames near_names) {
  const std::vector<AttachTarget> targets = attach_targets(spec, index);
  if (targets.empty()) return std::nullopt;
  // Bound to its place when it is loaded: what is not there cannot be loaded either.
  const Result<std::optional<Binding>> binding =
      binding_of(spec, spec.programs[index], profile, near_names);
  if (!binding) return binding.error();
  std::optional<Error> first;
  for (const AttachTarget& target : targets) {
    std::optional<Error> problem = problem_at({spec, spec.programs[index], target}, profile);
    if (!problem) return std::nullopt;
    if (!first) first = std::move(problem);
  }
  return first;
}

AttachPlan plan_attach(const ObjectSpec& spec, u32 index, u32 place, const KernelProfile& profile,
                       Plan& plan) {
  const ProgramSpec& program = spec.programs[index];
  const std::vector<AttachTarget> targets = attach_targets(spec, index);
  AttachPlan out;
  out.program = index;
  out.place = place;
  out.no_place = targets.empty();
  if (out.no_place) {
    out.advice = advice_for(program);
    return out;
  }
  const AttachSite site{spec, program, targets[place]};
  out.problem = problem_at(site, profile);
  if (out.problem) return out;
  Attachment attachment{site, bpf::Fd::slot(*plan.program_slots[index]), profile, plan, out};
  find_family(site.target.method)->plan(attachment);
  return out;
}

}  // namespace bpfld::loader
