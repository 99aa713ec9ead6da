// SPDX-License-Identifier: Apache-2.0
// From LinkedProgram to BPF_PROG_LOAD: type and attach type of the section's row, the slots of the
// maps, func_info and line_info as the kernel takes them. See plan_parts.h.
#include <algorithm>

#include "base/escape.h"
#include "base/near.h"
#include "loader/plan_parts.h"
#include "loader/program_target.h"

namespace bpfld::loader {
namespace {

using bpf::Fd;

void append(std::vector<std::byte>& out, u32 word) {
  const Bytes bytes = bytes_of(word);
  out.insert(out.end(), bytes.begin(), bytes.end());
}

// struct bpf_func_info and struct bpf_line_info of include/uapi/linux/bpf.h.
void add_info(const Planner& planner, const LinkedProgram& program, bpf::ProgLoad& request) {
  if (!planner.plan.btf_slot || program.func_info.empty() ||
      planner.profile.lacks(Feature::btf_func))
    return;
  request.btf = Fd::slot(*planner.plan.btf_slot);
  request.func_info.record_size = 2 * sizeof(u32);
  request.func_info.count = static_cast<u32>(program.func_info.size());
  for (const FunctionInfo& info : program.func_info) {
    append(request.func_info.bytes, static_cast<u32>(info.at.value));
    const auto own = planner.context_functions.find({program.program, info.type});
    append(request.func_info.bytes,
           own == planner.context_functions.end() ? info.type : own->second);
  }
  if (program.line_info.empty()) return;
  request.line_info.record_size = 4 * sizeof(u32);
  request.line_info.count = static_cast<u32>(program.line_info.size());
  for (const LineInfo& line : program.line_info) {
    append(request.line_info.bytes, static_cast<u32>(line.at.value));
    append(request.line_info.bytes, line.file_name);
    append(request.line_info.bytes, line.line_text);
    append(request.line_info.bytes, line.line_column);
  }
}

// A struct_ops map that this kernel has no place for. What uses it all the same is no mistake as
// long as it is never reached.
bool is_left_out(const Planner& planner, u32 map) {
  return planner.spec.maps[map].struct_ops &&
         std::ranges::find(planner.linked.struct_ops, map, &StructOps::map) ==
             planner.linked.struct_ops.end();
}

Status load_program(Planner& planner, const LinkedProgram& linked) {
  const ProgramSpec& program = planner.spec.programs[linked.program];
  const std::string subject = format("program \"{}\"", escape_terminal(program.name));
  if (program.row == nullptr) {
    std::unexpected<Error> failure =
        fail(Code::unsupported, "unknown section \"{}\"", escape_terminal(program.section));
    failure.error().context = subject;
    failure.error().detail = did_you_mean(similar_sections(program.section, 3));
    return failure;
  }
  if (is_struct_ops(program) && !linked.struct_ops) {
    // Said already of a callback that this kernel lacks.
    if (std::ranges::none_of(planner.linked.struct_ops, [&](const StructOps& struct_ops) {
          return std::ranges::find(struct_ops.left_out, linked.program) !=
                 struct_ops.left_out.end();
        }))
      planner.note("program {}: left out: no struct has it as a callback",
                   escape_terminal(program.name));
    return {};
  }
  bpf::ProgLoad request;
  request.type = program.row->type;
  request.expected_attach_type = program.row->attach_type;
  request.name = program.name;
  request.license = planner.spec.license;
  request.insns = linked.insns;
  for (const Reference& reference : linked.map_references) {
    if (is_left_out(planner, reference.index)) {
      std::fill_n(request.insns.begin() + static_cast<std::ptrdiff_t>(reference.at.value), 2,
                  bpf::call_helper(static_cast<u32>(kPoisonMap) + reference.index));
      continue;
    }
    request.map_references.push_back(
        {reference.at, Fd::slot(planner.plan.map_slots[reference.index])});
  }
  add_jump_tables(planner, linked, request);
  request.kernel_version = planner.spec.kernel_version.value_or(planner.profile.version_code);
  if ((program.row->flags & kSleepable) != 0) request.flags |= bpf::kProgSleepable;
  if ((program.row->flags & kFrags) != 0) request.flags |= bpf::kProgXdpHasFrags;
  if (linked.struct_ops) {
    request.attach_btf_id = linked.struct_ops->type;
    request.expected_attach_type = static_cast<bpf::AttachType>(linked.struct_ops->member);
  }
  add_info(planner, linked, request);
  TRY(with_context(bind_target(planner, program, request), [&] { return subject; }));
  if (linked.struct_ops)
    request.attach_target =
        TRY(with_context(module_btf(planner, linked.struct_ops->module), [&] { return subject; }));
  TRY(with_context(add_kernel_references(planner, linked, request), [&] { return subject; }));
  request.log_level = planner.options.log_level;
  request.log_size = request.log_level == 0 ? 0 : kFirstLogSize;
  const u32 slot = planner.new_slot();
  planner.plan.program_slots[linked.program] = slot;
  planner.plan.load.push_back({subject, std::move(request), slot, false});
  return {};
}

}  // namespace

Result<std::vector<const LinkedProgram*>> by_depth(const ObjectSpec& spec, const Linked& linked) {
  std::vector<std::pair<u32, const LinkedProgram*>> order;
  for (const LinkedProgram& program : linked.programs)
    order.emplace_back(TRY(load_depth(spec, program.program)), &program);
  std::ranges::stable_sort(order, {}, &std::pair<u32, const LinkedProgram*>::first);
  std::vector<const LinkedProgram*> out;
  for (const auto& [depth, program] : order)
    out.push_back(program);
  return out;
}

Status plan_programs(Planner& planner) {
  planner.plan.program_slots.resize(planner.spec.programs.size());
  for (const LinkedProgram* program : TRY(by_depth(planner.spec, planner.linked)))
    TRY(load_program(planner, *program));
  return {};
}

}  // namespace bpfld::loader
