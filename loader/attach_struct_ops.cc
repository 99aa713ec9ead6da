// SPDX-License-Identifier: Apache-2.0
// A struct_ops map comes alive when its one value is written: the kernel builds the callbacks from
// the programs' fds. A plain map is registered by that; the registration keeps itself alive, so it
// has to be deleted again. A map of .struct_ops.link is registered by a link, and ends with it.
//
// Source: kernel/bpf/bpf_struct_ops.c: bpf_struct_ops_map_update_elem(),
// bpf_struct_ops_link_create().
#include "base/escape.h"
#include "loader/plan.h"

namespace bpfld::loader {

using bpf::Fd;

AttachPlan plan_struct_ops(const ObjectSpec& spec, const StructOps& struct_ops, const Plan& plan,
                           u32& slots) {
  const MapSpec& map = spec.maps[struct_ops.map];
  const std::string subject = format("map \"{}\"", escape_terminal(map.name));
  const Fd map_fd = Fd::slot(plan.map_slots[struct_ops.map]);
  const std::vector<std::byte> key(sizeof(u32), std::byte{0});
  AttachPlan out;
  out.map = struct_ops.map;
  out.how = format("struct_ops {}: {}", struct_ops.link ? "link" : "map",
                   escape_terminal(struct_ops.kernel_type));
  bpf::MapUpdate update;
  update.map = map_fd;
  update.key = key;
  update.value = struct_ops.value;
  for (const StructOpsSlot& slot : struct_ops.slots)
    update.value_fds.push_back({.offset = slot.offset,
                                .size = sizeof(u64),  // it takes the place of a pointer
                                .fd = Fd::slot(*plan.program_slots[slot.program])});
  out.ops.push_back({subject, std::move(update), std::nullopt, false});
  if (struct_ops.link) {
    bpf::LinkCreate link;
    link.program = map_fd;  // the field is a union: map_fd
    link.attach_type = bpf::AttachType::struct_ops;
    out.ops.push_back({subject, link, slots++, false});
  } else {
    out.ops.back().undo = bpf::MapDelete{.map = map_fd, .key = key};
    const std::string name = escape_terminal(map.name);
    out.remains = format("{}, registered (bpfld map delete name {} key 0)", name, name);
  }
  return out;
}

}  // namespace bpfld::loader
