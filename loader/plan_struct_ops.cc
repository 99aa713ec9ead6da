// SPDX-License-Identifier: Apache-2.0
// The map of a struct of callbacks. Its value is a struct of the kernel, so its type and size are
// the kernel's; its contents follow when the programs exist, in attach_struct_ops.cc.
#include <algorithm>

#include "base/escape.h"
#include "loader/plan_parts.h"

namespace bpfld::loader {

bool is_struct_ops(const ProgramSpec& program) {
  return program.row != nullptr && program.row->type == bpf::ProgType::struct_ops;
}

Status create_struct_ops(Planner& planner, u32 index) {
  const MapSpec& map = planner.spec.maps[index];
  const u32 slot = planner.new_slot();  // stays empty when the map is not created
  planner.plan.map_slots.push_back(slot);
  const auto found = std::ranges::find(planner.linked.struct_ops, index, &StructOps::map);
  if (found == planner.linked.struct_ops.end()) {
    if (map.struct_ops->autocreate)
      planner.note("struct {}: left out: none of its callbacks is loaded",
                   escape_terminal(map.name));
    return {};
  }
  const std::string subject = format("map \"{}\"", escape_terminal(map.name));
  if (!planner.plan.btf_slot)
    return with_context(Status(fail(Code::unsupported, "struct_ops need the object's BTF")),
                        [&] { return subject; });
  for (const std::string& note : found->notes)
    planner.plan.notes.push_back(note);
  bpf::MapCreate request;
  request.type = map.type;
  request.name = map.kernel_name;
  request.key_size = map.key_size;
  request.value_size = static_cast<u32>(found->value.size());
  request.max_entries = map.max_entries;
  request.flags = map.flags | (found->link ? bpf::kMapLink : 0);
  // Describes nothing here, but the kernel wants an object that implements its structs to have BTF.
  request.btf = bpf::Fd::slot(*planner.plan.btf_slot);
  request.btf_vmlinux_value_type_id = found->value_type;
  request.value_type_btf =
      TRY(with_context(module_btf(planner, found->module), [&] { return subject; }));
  if (request.value_type_btf.is_set()) request.flags |= bpf::kMapModuleValue;
  planner.add(subject, std::move(request), slot);
  return {};
}

}  // namespace bpfld::loader
