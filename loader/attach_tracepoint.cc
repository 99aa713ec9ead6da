// SPDX-License-Identifier: Apache-2.0
// Tracepoints: by a perf event of the tracepoint's id, or raw, by name.
#include "base/escape.h"
#include "loader/attach_parts.h"

namespace bpfld::loader {
namespace {

constexpr u32 kPerfTypeTracepoint = 2;  // PERF_TYPE_TRACEPOINT

const TracepointFact* find_fact(const KernelProfile& profile, const std::string& target) {
  const auto found = profile.tracepoints.find(target);
  return found != profile.tracepoints.end() ? &found->second : nullptr;
}

}  // namespace

void tracepoint_needs(const AttachSite& site, Needs& out) {
  add_once(out.tracepoints, site.target.place);
}

std::optional<Error> tracepoint_problem(const AttachSite& site, const KernelProfile& profile) {
  const TracepointFact* fact = find_fact(profile, site.target.place);
  if (fact != nullptr && fact->id) return std::nullopt;
  if (fact == nullptr)
    return fail(Code::internal, "tracepoint {} was not looked up",
                escape_terminal(site.target.place))
        .error();
  return missing_fact(fact->problem, fact->errno_value, fact->near);
}

void attach_tracepoint(Attachment& attachment) {
  const TracepointFact* fact = find_fact(attachment.profile, attachment.target.place);
  const u32 event = attachment.new_slot();
  bpf::PerfEventOpen open;
  open.type = kPerfTypeTracepoint;
  open.config = *fact->id;
  // pid -1 with cpu 0: a tracepoint's programs run on every CPU whatever the event's cpu is
  // (kernel/trace/trace_event_perf.c: perf_trace_event_init).
  attachment.add(open, event);
  attach_to_event(attachment, event);
}

void attach_raw_tracepoint(Attachment& attachment) {
  attachment.out.how = "raw tracepoint link";
  bpf::RawTracepointOpen open;
  open.program = attachment.program_fd;
  open.name = attachment.target.place;
  attachment.add(open, attachment.new_slot());
}

}  // namespace bpfld::loader
