// SPDX-License-Identifier: Apache-2.0
// `switch` may be compiled to a jump through a table: .jumptables holds the targets, as offsets in
// the section of the code, eight bytes each, and a symbol for each table. An indirect jump stays
// within its function, so a table is read as places in the function whose instruction names it.
//
// Kernel side: BPF_MAP_TYPE_INSN_ARRAY (v6.19), kernel/bpf/bpf_insn_array.c.
#include "base/escape.h"
#include "loader/collect.h"
#include "loader/collect_parts.h"

namespace bpfld::loader {
namespace {

constexpr u64 kEntry = sizeof(u64);

Result<JumpTable> read_table(const Collector& state, const elf::Symbol& symbol, u32 function) {
  const elf::Section& section = state.elf.sections()[symbol.section];
  const Collector::Place& place = state.places[function];
  if (symbol.size == 0 || symbol.size % kEntry != 0)
    return fail(Code::malformed, "it has {} bytes, not some times 8", symbol.size);
  const Bytes bytes = TRY(slice(section.data, symbol.value, symbol.size));
  JumpTable out{.name = std::string(symbol.name), .function = function, .targets = {}};
  out.targets.reserve(symbol.size / kEntry);
  for (u64 at = 0; at < symbol.size; at += kEntry) {
    const u64 target = TRY(load<u64>(bytes, at, state.elf.order()));
    // A label behind the last instruction is for the kernel to refuse, with the program.
    if (target < place.start || target - place.start > place.size)
      return fail(Code::malformed, "entry {} is {:#x}, outside of function \"{}\"", at / kEntry,
                  target, escape_terminal(state.spec.functions[function].name));
    out.targets.push_back(TRY(to_insn(target - place.start)));
  }
  return out;
}

}  // namespace

Result<u32> jump_table(Collector& state, const elf::Symbol& symbol, u32 function) {
  std::vector<JumpTable>& tables = state.spec.jump_tables;
  const auto [place, added] =
      state.jump_tables.emplace(std::pair(function, symbol.index), static_cast<u32>(tables.size()));
  if (!added) return place->second;
  state.jump_targets += symbol.size / kEntry;
  if (state.jump_targets > kMaxInsns)
    return fail(Code::limit, "the jump tables have more than {} entries", kMaxInsns);
  tables.push_back(TRY(with_context(read_table(state, symbol, function), [&] {
    return format("jump table \"{}\"", escape_terminal(symbol.name));
  })));
  return place->second;
}

}  // namespace bpfld::loader
