// SPDX-License-Identifier: Apache-2.0
// Each jump table of a program becomes a map of instruction numbers, which the kernel follows while
// it rewrites the program. Such a map belongs to one program: it is filled and frozen before that
// is loaded, and the program keeps it.
#include <map>

#include "base/escape.h"
#include "loader/plan_parts.h"

namespace bpfld::loader {
namespace {

using bpf::Fd;

// struct bpf_insn_array_value: the number in the program as it is given, then two that the kernel
// fills in.
constexpr u32 kValueSize = 16;

u32 add_table(Planner& planner, const std::string& subject, const JumpTable& table,
              InsnIndex start) {
  bpf::MapCreate create;
  create.type = bpf::MapType::insn_array;
  create.name = ".jumptables";
  create.key_size = sizeof(u32);
  create.value_size = kValueSize;
  create.max_entries = static_cast<u32>(table.targets.size());
  const u32 slot = planner.new_slot();
  planner.add(subject, std::move(create), slot);
  for (u32 i = 0; i < table.targets.size(); i++) {
    bpf::MapUpdate update;
    update.map = Fd::slot(slot);
    const Bytes key = bytes_of(i);
    update.key.assign(key.begin(), key.end());
    const u32 target = static_cast<u32>((start + table.targets[i].value).value);
    update.value.resize(kValueSize);
    std::memcpy(update.value.data(), &target, sizeof(target));
    planner.add(subject, std::move(update));
  }
  planner.add(subject, bpf::MapFreeze{Fd::slot(slot)});
  return slot;
}

}  // namespace

void add_jump_tables(Planner& planner, const LinkedProgram& program, bpf::ProgLoad& request) {
  std::map<u32, u32> slots;  // by table; a program has each function once
  for (const JumpReference& reference : program.jump_references) {
    const JumpTable& table = planner.spec.jump_tables[reference.table];
    const auto known = slots.find(reference.table);
    const u32 slot =
        known != slots.end()
            ? known->second
            : add_table(planner,
                        format("program \"{}\": jump table \"{}\"",
                               escape_terminal(planner.spec.programs[program.program].name),
                               escape_terminal(table.name)),
                        table, reference.start);
    slots.emplace(reference.table, slot);
    request.map_references.push_back({reference.at, Fd::slot(slot)});
  }
}

}  // namespace bpfld::loader
