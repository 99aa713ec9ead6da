// SPDX-License-Identifier: Apache-2.0
// From a SEC() row and a target to the requests that attach. Which mechanism, decided by the
// profile; no request is made here.
#include "base/escape.h"
#include "loader/plan.h"

namespace bpfld::loader {
namespace {

using bpf::Fd;

constexpr u32 kPerfTypeTracepoint = 2;  // PERF_TYPE_TRACEPOINT

Error tracepoint_problem(const ProgramSpec& program, const TracepointFact* fact) {
  const std::string target = escape_terminal(program.target);
  if (fact == nullptr)
    return fail(Code::internal, "tracepoint {} was not looked up", target).error();
  Error error = fact->errno_value != 0 ? fail_errno(fact->errno_value, "{}", fact->problem).error()
                                       : fail(Code::not_found, "{}", fact->problem).error();
  for (const std::string& name : fact->near)
    error.detail +=
        format("{}{}", error.detail.empty() ? "did you mean: " : ", ", escape_terminal(name));
  return error;
}

const TracepointFact* find_fact(const KernelProfile& profile, const std::string& target) {
  const auto found = profile.tracepoints.find(target);
  return found != profile.tracepoints.end() ? &found->second : nullptr;
}

void attach_tracepoint(const ProgramSpec& program, Fd program_fd, const KernelProfile& profile,
                       u32& slots, AttachPlan& out) {
  const TracepointFact* fact = find_fact(profile, program.target);
  const std::string subject = format("program \"{}\"", escape_terminal(program.name));
  const u32 event = slots++;
  bpf::PerfEventOpen open;
  open.type = kPerfTypeTracepoint;
  open.config = *fact->id;
  // pid -1 with cpu 0: a tracepoint's programs run on every CPU whatever the event's cpu is
  // (kernel/trace/trace_event_perf.c: perf_trace_event_init).
  out.ops.push_back({subject, open, event, false});
  if (profile.lacks(Feature::perf_link)) {
    out.how = "perf event";
    out.ops.push_back({subject, bpf::PerfSetBpf{Fd::slot(event), program_fd}, std::nullopt, false});
  } else {
    out.how = "perf link";
    bpf::LinkCreate create;
    create.program = program_fd;
    create.target = Fd::slot(event);
    create.attach_type = bpf::AttachType::perf_event;
    out.ops.push_back({subject, create, slots++, false});
  }
  out.ops.push_back({subject, bpf::PerfEnable{Fd::slot(event)}, std::nullopt, false});
}

void attach_raw_tracepoint(const ProgramSpec& program, Fd program_fd, u32& slots, AttachPlan& out) {
  out.how = "raw tracepoint link";
  bpf::RawTracepointOpen open;
  open.program = program_fd;
  open.name = program.target;
  out.ops.push_back(
      {format("program \"{}\"", escape_terminal(program.name)), open, slots++, false});
}

// Whether the section says where to attach.
bool names_a_place(const ProgramSpec& program) {
  return program.row != nullptr && program.row->method != AttachMethod::none &&
         program.row->method != AttachMethod::run && !program.target.empty();
}

}  // namespace

std::optional<Error> attach_problem(const ProgramSpec& program, const KernelProfile& profile) {
  if (!names_a_place(program)) return std::nullopt;
  if (program.row->method == AttachMethod::raw_tracepoint) return std::nullopt;
  if (program.row->method == AttachMethod::tracepoint) {
    const TracepointFact* fact = find_fact(profile, program.target);
    if (fact != nullptr && fact->id) return std::nullopt;
    return tracepoint_problem(program, fact);
  }
  return fail(Code::unsupported, "attaching SEC(\"{}\") programs is not supported",
              program.row->name)
      .error();
}

AttachPlan plan_attach(const ObjectSpec& spec, u32 index, u32 program_slot,
                       const KernelProfile& profile, u32& slots) {
  const ProgramSpec& program = spec.programs[index];
  AttachPlan out;
  out.program = index;
  out.no_place = !names_a_place(program);
  if (out.no_place) return out;
  out.problem = attach_problem(program, profile);
  if (out.problem) return out;
  if (program.row->method == AttachMethod::tracepoint)
    attach_tracepoint(program, Fd::slot(program_slot), profile, slots, out);
  else
    attach_raw_tracepoint(program, Fd::slot(program_slot), slots, out);
  return out;
}

}  // namespace bpfld::loader
