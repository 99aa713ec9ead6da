// SPDX-License-Identifier: Apache-2.0
// Global variables live in maps: each .data*, .rodata* and .bss* section becomes an ARRAY of one
// element whose value is the section, so that a program's `counter++` is a store into a map and
// user space can read it. .rodata is filled and then frozen, which lets the verifier treat its
// contents as constants.
#include "base/escape.h"
#include "bpf/encode.h"
#include "btf/types.h"
#include "loader/collect.h"
#include "loader/collect_parts.h"

namespace bpfld::loader {
namespace {

using btf::Kind;
using btf::Type;

constexpr u64 kMaxDataSection = 0x7fffffff;

// Adds the section's variables; returns whether any of them is visible to other objects.
bool add_variables(Collector& state, const elf::Section& section, u32 datasec, u32 map) {
  bool any_global = false;
  for (const btf::Variable& entry : btf::variables(*state.btf, state.btf->type({datasec}))) {
    const Type variable = state.btf->type(entry.type);
    // The symbol's value is the variable's place, which the BTF of an object file lacks.
    const elf::Symbol* symbol = state.find_symbol(section.index, variable.name);
    const u64 offset = symbol != nullptr ? symbol->value : entry.offset;
    if (symbol != nullptr && symbol->binding != elf::SymbolBinding::local &&
        symbol->visibility == elf::SymbolVisibility::default_)
      any_global = true;
    if (variable.kind != Kind::var || !fits(section.size, offset, entry.size)) continue;
    state.spec.variables.push_back({.name = std::string(variable.name),
                                    .map = map,
                                    .offset = static_cast<u32>(offset),
                                    .size = entry.size,
                                    .type = variable.size_or_type});
  }
  return any_global;
}

bool all_zero(Bytes bytes) {
  for (std::byte b : bytes)
    if (b != std::byte{0}) return false;
  return true;
}

Status add_data_map(Collector& state, const elf::Section& section, MapSource source) {
  if (section.size > kMaxDataSection)
    return fail(Code::limit, "has {} bytes, more than a map's value can", section.size);
  if (state.spec.maps.size() == kMaxMaps)
    return fail(Code::limit, "the object has more than {} maps", kMaxMaps);
  const u32 index = static_cast<u32>(state.spec.maps.size());
  MapSpec map;
  map.name = section.name;
  map.kernel_name = kernel_map_name(state.spec.name, section.name);
  map.origin = {std::string(section.name), 0};
  map.source = source;
  map.type = bpf::MapType::array;
  map.key_size = sizeof(u32);
  map.value_size = static_cast<u32>(section.size);
  map.max_entries = 1;
  if (source == MapSource::rodata) {
    map.flags |= bpf::kMapReadOnlyProg;
    map.freeze = true;
  }
  if (!all_zero(section.data)) map.contents.assign(section.data.begin(), section.data.end());
  const auto datasec = state.datasecs.find(section.name);
  if (datasec != state.datasecs.end() && state.btf->type({datasec->second}).vlen != 0) {
    map.btf_value_type = datasec->second;
    if (add_variables(state, section, datasec->second, index)) map.flags |= bpf::kMapMmapable;
  }
  state.data_maps.emplace(section.index, index);
  state.spec.maps.push_back(std::move(map));
  return {};
}

}  // namespace

// "execsnoo.rodata": eight characters of the object's name and the section; a section with a second
// dot
// (".data.foo") stands alone. The kernel keeps 15 characters.
std::string kernel_map_name(std::string_view object, std::string_view section) {
  constexpr std::size_t kRoomForSection = 7;
  constexpr std::size_t kLongest = bpf::kObjectNameLength - 1;
  if (section.find('.', 1) != std::string_view::npos) return bpf::kernel_object_name(section);
  const std::size_t suffix = std::max(section.size(), kRoomForSection);
  const std::size_t prefix = suffix < kLongest ? kLongest - suffix : 0;
  return bpf::kernel_object_name(std::string(object.substr(0, prefix)) + std::string(section));
}

std::optional<MapSource> data_section(std::string_view name) {
  struct Row {
    std::string_view name;
    MapSource source;
  };
  static constexpr Row kRows[] = {
      {".data", MapSource::data}, {".rodata", MapSource::rodata}, {".bss", MapSource::bss}};
  for (const Row& row : kRows) {
    if (name == row.name) return row.source;
    if (name.starts_with(row.name) && name[row.name.size()] == '.') return row.source;
  }
  return std::nullopt;
}

Status collect_data(Collector& state) {
  for (const elf::Section& section : state.elf.sections()) {
    const std::optional<MapSource> source = data_section(section.name);
    if (!source || section.size == 0 || section.is_code()) continue;
    TRY(with_context(add_data_map(state, section, *source), [&] {
      return format("section [{}] \"{}\"", section.index, escape_terminal(section.name));
    }));
  }
  return {};
}

}  // namespace bpfld::loader
