// SPDX-License-Identifier: Apache-2.0
// An arena is memory that BPF programs and user space share by address. Variables that are declared
// in it (`__arena int x`) are in section .addr_space.1, as the compiler calls that address space;
// they live at the arena's start, so the section is the first contents of the object's one arena.
//
// Kernel side: kernel/bpf/arena.c.
#include <algorithm>

#include "base/escape.h"
#include "btf/types.h"
#include "loader/collect_parts.h"

namespace bpfld::loader {
namespace {

constexpr std::string_view kSection = ".addr_space.1";
constexpr u64 kMaxContents = 64u << 20;

Status add_contents(Collector& state, const elf::Section& section) {
  const auto is_arena = [](const MapSpec& map) { return map.type == bpf::MapType::arena; };
  std::vector<MapSpec>& maps = state.spec.maps;
  const auto arena = std::ranges::find_if(maps, is_arena);
  if (arena == maps.end())
    return fail(Code::malformed,
                "holds variables of an arena, but .maps declares no map of type ARENA");
  if (std::find_if(arena + 1, maps.end(), is_arena) != maps.end())
    return fail(Code::unsupported,
                "holds variables of an arena, and .maps declares more than one to choose from");
  if (section.size > kMaxContents)
    return fail(Code::limit, "has {} bytes, more than {}", section.size, kMaxContents);
  const u32 index = static_cast<u32>(arena - maps.begin());
  arena->contents.resize(section.size);
  std::ranges::copy(section.data, arena->contents.begin());  // shorter for SHT_NOBITS: zeros
  state.data_maps.emplace(section.index, index);
  const auto datasec = state.datasecs.find(section.name);
  if (datasec == state.datasecs.end()) return {};
  for (const btf::Variable& entry :
       btf::variables(*state.btf, state.btf->type({datasec->second}))) {
    const btf::Type variable = state.btf->type(entry.type);
    const elf::Symbol* symbol = state.find_symbol(section.index, variable.name);
    if (variable.kind != btf::Kind::var || symbol == nullptr ||
        !fits(section.size, symbol->value, entry.size))
      continue;
    state.spec.variables.push_back({.name = std::string(variable.name),
                                    .map = index,
                                    .offset = static_cast<u32>(symbol->value),
                                    .size = entry.size,
                                    .type = variable.size_or_type});
  }
  return {};
}

}  // namespace

Status collect_arena(Collector& state) {
  for (const elf::Section& section : state.elf.sections())
    if (section.name == kSection && section.size != 0 && !section.is_code())
      return with_context(add_contents(state, section), [&] { return elf::label(section); });
  return {};
}

}  // namespace bpfld::loader
