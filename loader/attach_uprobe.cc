// SPDX-License-Identifier: Apache-2.0
// Functions of programs and libraries: "FILE:FUNCTION[+OFFSET]". The file is found and its symbols
// are read when the kernel is looked at; here is only what becomes of them.
#include <charconv>

#include "base/escape.h"
#include "base/glob.h"
#include "loader/attach_parts.h"

namespace bpfld::loader {
namespace {

constexpr const char* kPmu = "uprobe";

// spec: a place, taken apart. The file ends at the first ':' (C++ names have more of them).
struct UserPlace {
  BinaryPlace binary;
  u64 offset = 0;  // added to where the function starts
};

std::optional<UserPlace> read_place(const AttachTarget& target, bool many) {
  const std::string_view text = target.place;
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0 || colon + 1 == text.size())
    return std::nullopt;
  UserPlace place;
  place.binary.file = text.substr(0, colon);
  place.binary.pid = target.pid.value_or(0);
  place.binary.many = many;
  std::string_view function = text.substr(colon + 1);
  const std::size_t plus = function.rfind('+');
  if (!many && plus != std::string_view::npos) {  // "operator+" has no number behind it
    std::string_view number = function.substr(plus + 1);
    const bool hex = number.starts_with("0x");
    if (hex) number.remove_prefix(2);
    const char* const end = number.data() + number.size();
    u64 offset = 0;
    const std::from_chars_result done = std::from_chars(number.data(), end, offset, hex ? 16 : 10);
    if (done.ec == std::errc() && done.ptr == end) {
      place.offset = offset;
      function = function.substr(0, plus);
    }
  }
  place.binary.function = function;
  return place;
}

bool takes_many(const AttachSite& site) {
  return site.target.method == AttachMethod::uprobe_multi;
}

Error bad_place(const AttachSite& site) {
  return fail(Code::usage, "\"{}\" names no file and function; want FILE:FUNCTION",
              escape_terminal(site.target.place))
      .error();
}

std::optional<Error> binary_problem(const AttachSite& site, const KernelProfile& profile) {
  const std::optional<UserPlace> place = read_place(site.target, takes_many(site));
  if (!place) return bad_place(site);
  const auto found = profile.binaries.find(place->binary);
  if (found == profile.binaries.end())
    return fail(Code::internal, "{} was not looked up", escape_terminal(site.target.place)).error();
  const BinaryFact& fact = found->second;
  if (!fact.problem.empty()) return missing_fact(fact.problem, fact.errno_value, fact.near);
  return std::nullopt;
}

}  // namespace

std::optional<Error> missing_uprobes(const KernelProfile& profile) {
  const auto found = profile.pmus.find(kPmu);
  if (found != profile.pmus.end() && (found->second.type || found->second.in_tracefs))
    return std::nullopt;
  return fail(Code::not_found,
              "this kernel has no uprobes (no PMU \"uprobe\", no uprobe_events in tracefs)")
      .error();
}

void uprobe_needs(const AttachSite& site, Needs& out) {
  if (!takes_many(site)) add_once(out.pmus, kPmu);
  if (const std::optional<UserPlace> place = read_place(site.target, takes_many(site)))
    add_once(out.binaries, place->binary);
}

std::optional<Error> uprobe_problem(const AttachSite& site, const KernelProfile& profile) {
  if (std::optional<Error> problem = binary_problem(site, profile)) return problem;
  const UserPlace place = *read_place(site.target, false);
  if (at_return(site) && place.offset != 0)
    return fail(Code::usage,
                "\"{}\": a return probe has no offset: a function returns from "
                "anywhere",
                escape_terminal(site.target.place))
        .error();
  return missing_uprobes(profile);
}

void attach_uprobe(Attachment& attachment) {
  const UserPlace place = *read_place(attachment.target, false);
  const BinaryFact& fact = attachment.profile.binaries.at(place.binary);
  ProbeEvent probe;
  probe.user = true;
  probe.at_return = at_return(attachment);
  probe.name = fact.path;
  probe.offset = fact.offsets.front() + place.offset;
  if (attachment.target.pid) probe.pid = static_cast<i32>(*attachment.target.pid);
  attach_probe(attachment, attachment.profile.pmus.at(kPmu), probe);
}

std::optional<Error> uprobe_multi_problem(const AttachSite& site, const KernelProfile& profile) {
  return binary_problem(site, profile);
}

void attach_uprobe_multi(Attachment& attachment) {
  const UserPlace place = *read_place(attachment.target, true);
  const BinaryFact& fact = attachment.profile.binaries.at(place.binary);
  bpf::LinkUprobeMulti create;
  create.program = attachment.program_fd;
  create.attach_type = attachment.program.row->attach_type;
  create.at_return = at_return(attachment);
  create.path = fact.path;
  create.offsets = fact.offsets;
  create.pid = attachment.target.pid.value_or(0);
  attachment.out.how = create.offsets.size() == 1
                           ? "uprobe.multi link"
                           : format("uprobe.multi link, {} functions", create.offsets.size());
  attachment.add(std::move(create), attachment.new_slot());
}

}  // namespace bpfld::loader
