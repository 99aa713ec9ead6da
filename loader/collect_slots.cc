// SPDX-License-Identifier: Apache-2.0
// `.values = {[0] = &inner, [3] = &other}`: a map of maps, or of programs, says in the source what
// it holds from the start. The compiler keeps that as relocations of .maps: each is at 8 bytes
// times the slot's number from where `values` starts, against the map or the function.
#include <algorithm>

#include "base/escape.h"
#include "loader/collect_parts.h"

namespace bpfld::loader {
namespace {

constexpr u64 kSlotBytes = 8;  // a pointer, for the compiler
constexpr u32 kRelocationNone = 0;

using Values = Collector::Values;

// The definition whose slots hold byte `offset` of .maps. `values` is ordered by start.
const Values* values_at(const std::vector<Values>& values, u64 offset) {
  auto found = std::ranges::upper_bound(values, offset, {}, &Values::start);
  if (found == values.begin()) return nullptr;
  --found;
  return offset < found->end ? &*found : nullptr;
}

Result<u32> program_at(const Collector& state, const elf::Symbol& symbol, u64 addend) {
  const u64 offset = symbol.value + addend;  // wraps around: then no function starts there
  const std::optional<u32> function = state.function_at(symbol.section, offset);
  if (!function || state.places[*function].start != offset)
    return fail(Code::malformed, "offset {:#x} of section \"{}\", where no function starts", offset,
                escape_terminal(state.elf.sections()[symbol.section].name));
  const auto program = std::ranges::find(state.spec.programs, *function, &ProgramSpec::function);
  if (program == state.spec.programs.end())
    return fail(Code::malformed, "function \"{}\", which is a subprogram and cannot be jumped to",
                escape_terminal(state.spec.functions[*function].name));
  return static_cast<u32>(program - state.spec.programs.begin());
}

Result<u32> map_at(const Collector& state, const elf::Symbol& symbol, u64 addend) {
  const u64 offset = symbol.value + addend;
  const auto map = state.declared_maps.find(offset);
  if (map == state.declared_maps.end())
    return fail(Code::malformed, "offset {:#x} of .maps, where no map starts", offset);
  return map->second;
}

Result<MapSlot> read_slot(const Collector& state, const elf::Section& maps, const Values& values,
                          const elf::Relocation& relocation) {
  const u64 from_start = relocation.offset - values.start;
  if (from_start % kSlotBytes != 0 || from_start / kSlotBytes > 0xffffffffu)
    return fail(Code::malformed, "a slot does not start there");
  const elf::Symbol& symbol = state.elf.symbols()[relocation.symbol];
  if (symbol.section == elf::kUndefinedSection || symbol.section >= state.elf.sections().size())
    return fail(Code::unsupported, "it holds \"{}\", which is not in this object",
                escape_terminal(symbol.name));
  // The addend of a static function, whose symbol is that of its section, is in the data.
  const u64 addend = TRY(load<u64>(maps.data, relocation.offset, state.elf.order()));
  MapSlot slot;
  slot.key = static_cast<u32>(from_start / kSlotBytes);
  slot.is_program = values.programs;
  const auto describe = [&] { return format("slot {} holds", slot.key); };
  const bool in_code = state.elf.sections()[symbol.section].is_code();
  if (values.programs && in_code)
    slot.index = TRY(with_context(program_at(state, symbol, addend), describe));
  else if (!values.programs && symbol.section == maps.index)
    slot.index = TRY(with_context(map_at(state, symbol, addend), describe));
  else
    return fail(Code::malformed, "slot {} holds \"{}\", which is no {}", slot.key,
                escape_terminal(symbol.name), values.programs ? "program" : "map");
  return slot;
}

}  // namespace

Status collect_slots(Collector& state) {
  const elf::Section* maps = state.elf.find_section(".maps");
  if (maps == nullptr) return {};
  const elf::RelocationTable* table = state.elf.relocations_for(maps->index);
  if (table == nullptr) return {};
  std::ranges::sort(state.values, {}, &Values::start);
  for (const elf::Relocation& relocation : table->relocations) {
    if (relocation.type == kRelocationNone) continue;
    const Values* values = values_at(state.values, relocation.offset);
    if (values == nullptr)
      return fail(Code::malformed,
                  "section [{}] .maps: the relocation at offset {:#x} is in no map's \"values\"",
                  maps->index, relocation.offset);
    MapSpec& map = state.spec.maps[values->map];
    map.slots.push_back(TRY(with_context(read_slot(state, *maps, *values, relocation), [&] {
      return format("map \"{}\": relocation at .maps+{:#x}", escape_terminal(map.name),
                    relocation.offset);
    })));
  }
  for (const Values& values : state.values) {
    MapSpec& map = state.spec.maps[values.map];
    std::ranges::stable_sort(map.slots, {}, &MapSlot::key);
  }
  return {};
}

}  // namespace bpfld::loader
