// SPDX-License-Identifier: Apache-2.0
// From a SEC() row and a target to the requests that attach. Which mechanism, decided by the
// profile; no request is made here.
#include <algorithm>

#include "base/escape.h"
#include "loader/attach_parts.h"

namespace bpfld::loader {
namespace {

// clang-format off
constexpr AttachFamily kFamilies[] = {
    {AttachMethod::tracepoint,     tracepoint_problem, attach_tracepoint},
    {AttachMethod::raw_tracepoint, nullptr,            attach_raw_tracepoint},
};
// clang-format on

const AttachFamily* find_family(AttachMethod method) {
  const AttachFamily* found = std::ranges::find(kFamilies, method, &AttachFamily::method);
  return found != std::end(kFamilies) ? found : nullptr;
}

// Whether the section says where to attach.
bool names_a_place(const ProgramSpec& program) {
  return program.row != nullptr && program.row->method != AttachMethod::none &&
         program.row->method != AttachMethod::run &&
         program.row->method != AttachMethod::struct_ops && !program.target.empty();
}

}  // namespace

void Attachment::add(bpf::Request request, std::optional<u32> result) {
  out.ops.push_back(
      {format("program \"{}\"", escape_terminal(program.name)), std::move(request), result, false});
}

std::optional<Error> attach_problem(const ProgramSpec& program, const KernelProfile& profile) {
  if (!names_a_place(program)) return std::nullopt;
  const AttachFamily* family = find_family(program.row->method);
  if (family == nullptr)
    return fail(Code::unsupported, "attaching SEC(\"{}\") programs is not supported",
                program.row->name)
        .error();
  return family->problem != nullptr ? family->problem(program, profile) : std::nullopt;
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
  Attachment attachment{spec, program, bpf::Fd::slot(program_slot), profile, slots, out};
  find_family(program.row->method)->plan(attachment);
  return out;
}

}  // namespace bpfld::loader
