// SPDX-License-Identifier: Apache-2.0
// Relocations become references. The relocation's type says nothing useful; what counts is the
// instruction it points at and the symbol it names. A call within one section has no relocation at
// all: its imm already holds the distance, so calls are looked for in the code too.
//
// Where the addend is: an ld_imm64 keeps it in imm (bytes), a call keeps `distance - 1` there
// (slots).
#include <algorithm>

#include "base/escape.h"
#include "elf/role.h"
#include "loader/collect_parts.h"

namespace bpfld::loader {
namespace {

constexpr u32 kRelocationNone = 0;  // R_BPF_NONE

std::string symbol_label(const elf::Symbol& symbol, const elf::Object& object) {
  if (!symbol.name.empty()) return format("symbol \"{}\"", escape_terminal(symbol.name));
  if (symbol.section < object.sections().size())
    return format("section \"{}\"", escape_terminal(object.sections()[symbol.section].name));
  return format("symbol {}", symbol.index);
}

u32 extern_index(Collector& state, const elf::Symbol& symbol) {
  std::vector<ExternSpec>& externs = state.spec.externs;
  const auto [place, added] =
      state.extern_indices.emplace(symbol.name, static_cast<u32>(externs.size()));
  if (added) {
    ExternSpec external;  // of no section that says what it is
    external.name = symbol.name;
    external.weak = symbol.binding == elf::SymbolBinding::weak;
    externs.push_back(std::move(external));
  }
  return place->second;
}

// The function that starts exactly at byte `offset` of `section`.
Result<u32> function_start(const Collector& state, u32 section, u64 offset, std::string_view what) {
  const std::optional<u32> index = state.function_at(section, offset);
  if (!index || state.places[*index].start != offset)
    return fail(Code::malformed, "{} to offset {:#x} of section \"{}\", where no function starts",
                what, offset, escape_terminal(state.elf.sections()[section].name));
  return *index;
}

// `base` bytes plus a signed addend; malformed if the sum is no offset: a symbol's value can be any
// number, and a sum that wraps around would point at some other function.
Result<u64> add_signed(u64 base, i64 addend) {
  if (addend < 0 && base < static_cast<u64>(-addend))
    return fail(Code::malformed, "addend {} points before the start of the section", addend);
  if (addend > 0 && base > ~u64{0} - static_cast<u64>(addend))
    return fail(Code::malformed, "addend {} points past the end of the section", addend);
  return base + static_cast<u64>(addend);
}

Result<Reference> call_reference(const Collector& state, const elf::Symbol& symbol, InsnIndex at,
                                 const bpf::Insn& insn) {
  const u64 target = TRY(add_signed(symbol.value, (i64{insn.imm} + 1) * i64{kInsnSize}));
  const u32 index = TRY(function_start(state, symbol.section, target, "calls"));
  return Reference{at, ReferenceKind::call, index, 0};
}

// ld_imm64 of something that lives in a section of this object.
Result<Reference> address_reference(const Collector& state, const elf::Symbol& symbol, InsnIndex at,
                                    const bpf::Insn& insn) {
  const elf::Section& section = state.elf.sections()[symbol.section];
  const u64 offset = TRY(add_signed(symbol.value, insn.imm));
  if (section.is_code()) {
    const u32 index = TRY(function_start(state, symbol.section, offset, "takes the address"));
    return Reference{at, ReferenceKind::function, index, 0};
  }
  if (section.name == ".maps") {
    const auto map = state.declared_maps.find(offset);
    if (map != state.declared_maps.end()) return Reference{at, ReferenceKind::map, map->second, 0};
    return fail(Code::malformed, "refers to offset {:#x} of .maps, where no map starts", offset);
  }
  if (elf::role_of(section) == elf::SectionRole::legacy_maps) {
    const auto map = state.legacy_maps.find({symbol.section, offset});
    if (map != state.legacy_maps.end()) return Reference{at, ReferenceKind::map, map->second, 0};
    return fail(Code::malformed, "refers to offset {:#x} of {}, where no map starts", offset,
                escape_terminal(section.name));
  }
  const auto data = state.data_maps.find(symbol.section);
  if (data != state.data_maps.end()) {
    const MapSpec& map = state.spec.maps[data->second];
    const u64 size = map.type == bpf::MapType::arena ? map.contents.size() : map.value_size;
    if (offset > size)
      return fail(Code::malformed, "refers to offset {:#x} of \"{}\", which has {} bytes", offset,
                  escape_terminal(map.name), size);
    return Reference{at, ReferenceKind::map_value, data->second, offset};
  }
  return fail(Code::unsupported, "refers to section \"{}\", which is no map, data or code",
              escape_terminal(section.name));
}

Result<Reference> classify(Collector& state, const elf::Symbol& symbol, u32 function, InsnIndex at,
                           const bpf::Insn& insn) {
  if (!insn.is_ld_imm64() && !insn.is_call())
    return fail(Code::malformed, "is on an instruction that cannot take one (opcode {:#x})",
                insn.opcode);
  if (symbol.section == elf::kUndefinedSection && !symbol.name.empty())
    return Reference{at, ReferenceKind::extern_, extern_index(state, symbol), 0};
  if (symbol.section == elf::kUndefinedSection || symbol.section >= state.elf.sections().size())
    return fail(Code::malformed, "names a symbol that is in no section");
  if (insn.is_ld_imm64() && state.elf.sections()[symbol.section].name == kJumpTables)
    return Reference{at, ReferenceKind::jump_table, TRY(jump_table(state, symbol, function)), 0};
  if (insn.is_ld_imm64()) return address_reference(state, symbol, at, insn);
  if (!insn.is_subprogram_call())
    return fail(Code::malformed, "is on a call that is not a call of a function");
  return call_reference(state, symbol, at, insn);
}

Status read_table(Collector& state, const elf::RelocationTable& table) {
  for (const elf::Relocation& relocation : table.relocations) {
    if (relocation.type == kRelocationNone) continue;
    const std::optional<u32> index = state.function_at(table.target, relocation.offset);
    if (!index) continue;  // a gap: the linker dropped a weak function there
    const elf::Symbol& symbol = state.elf.symbols()[relocation.symbol];
    FunctionSpec& function = state.spec.functions[*index];
    const auto describe = [&] {
      return format("function \"{}\": relocation at {}+{:#x} against {}",
                    escape_terminal(function.name), escape_terminal(function.origin.section),
                    relocation.offset, symbol_label(symbol, state.elf));
    };
    const InsnIndex at =
        TRY(with_context(to_insn(relocation.offset - state.places[*index].start), describe));
    function.references.push_back(
        TRY(with_context(classify(state, symbol, *index, at, function.insns[at.value]), describe)));
  }
  return {};
}

// The calls that no relocation names: their target is in the same section.
Status add_local_calls(Collector& state, u32 index) {
  FunctionSpec& function = state.spec.functions[index];
  const Collector::Place& place = state.places[index];
  std::ranges::stable_sort(function.references, {}, &Reference::at);
  const auto repeated = std::ranges::adjacent_find(function.references, {}, &Reference::at);
  if (repeated != function.references.end())
    return fail(Code::malformed, "function \"{}\": instruction {} has two relocations",
                escape_terminal(function.name), repeated->at.value);
  std::vector<Reference> local;
  for (u64 i = 0; i < function.insns.size(); i++) {
    const bpf::Insn& insn = function.insns[i];
    const bool call = insn.is_subprogram_call();
    if (insn.is_ld_imm64()) i++;
    if (!call || std::ranges::binary_search(function.references, InsnIndex{i}, {}, &Reference::at))
      continue;
    const Result<u64> target =
        add_signed(place.start, (static_cast<i64>(i) + insn.imm + 1) * i64{kInsnSize});
    const auto describe = [&] {
      return format("function \"{}\": instruction {}", escape_terminal(function.name), i);
    };
    const u64 offset = TRY(with_context(target, describe));
    const u32 callee =
        TRY(with_context(function_start(state, place.section, offset, "calls"), describe));
    local.push_back({InsnIndex{i}, ReferenceKind::call, callee, 0});
  }
  function.references.insert(function.references.end(), local.begin(), local.end());
  std::ranges::stable_sort(function.references, {}, &Reference::at);
  return {};
}

}  // namespace

Status collect_references(Collector& state) {
  for (const elf::RelocationTable& table : state.elf.relocation_tables())
    if (state.elf.sections()[table.target].is_code()) TRY(read_table(state, table));
  for (u32 i = 0; i < state.spec.functions.size(); i++)
    TRY(add_local_calls(state, i));
  return {};
}

}  // namespace bpfld::loader
