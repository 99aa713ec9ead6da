// SPDX-License-Identifier: Apache-2.0
// Before BTF, a map was a variable of the section `maps` whose *bytes* are the definition:
//
//   struct bpf_map_def { unsigned type, key_size, value_size, max_entries, map_flags; };
//
// Who compiled the object decided how much of that there is: some have no flags, others added
// members. How large a definition is follows from the symbols. What we know must be there, what we
// do not know must be zero: another loader would have acted on it.
#include <algorithm>
#include <set>
#include <tuple>

#include "base/escape.h"
#include "bpf/encode.h"
#include "btf/layout.h"
#include "loader/collect.h"
#include "loader/collect_parts.h"

namespace bpfld::loader {
namespace {

constexpr u64 kShortest = 16;      // up to max_entries
constexpr u64 kKnown = 20;         // with map_flags
constexpr u64 kIproute2Size = 36;  // struct bpf_elf_map of iproute2

// The symbols of maps by their place; a place may have several names.
std::vector<const elf::Symbol*> map_symbols(const Collector& state, u32 section) {
  std::vector<const elf::Symbol*> out;
  for (const elf::Symbol* symbol : state.named_symbols)
    if (symbol->section == section) out.push_back(symbol);
  // Of several names the first in the symbol table counts.
  std::ranges::sort(out, [](const elf::Symbol* a, const elf::Symbol* b) {
    return std::tie(a->value, a->index) < std::tie(b->value, b->index);
  });
  return out;
}

Status check_rest(Bytes definition) {
  const Bytes rest = definition.subspan(std::min<std::size_t>(definition.size(), kKnown));
  const auto set = std::ranges::find_if(rest, [](std::byte b) { return b != std::byte{0}; });
  if (set == rest.end()) return {};
  const u64 at = kKnown + static_cast<u64>(set - rest.begin());
  if (definition.size() == kIproute2Size)
    return fail(
        Code::unsupported,
        "its definition is iproute2's (36 bytes), whose id, pinning and inner map (byte {}) "
        "are not supported; tc and ip load such objects",
        at);
  return fail(Code::unsupported, "byte {} of its definition is not 0, and nothing says what it is",
              at);
}

// `struct ____btf_map_NAME { KEY key; VALUE value; }`, which some sources add to tell the types.
void add_types(const Collector& state, MapSpec& map) {
  if (!state.btf) return;
  const std::string wanted = "____btf_map_" + map.name;
  for (u32 id = 1; id < state.btf->count(); id++) {
    if (state.btf->kind({id}) != btf::Kind::struct_) continue;
    const btf::Type type = state.btf->type({id});
    if (type.name != wanted) continue;
    for (const btf::Member& member : btf::members(*state.btf, type)) {
      const Result<u64> size = btf::size_of(*state.btf, member.type);
      if (!size) continue;
      if (member.name == "key" && *size == map.key_size) map.btf_key_type = member.type.value;
      if (member.name == "value" && *size == map.value_size) map.btf_value_type = member.type.value;
    }
    return;
  }
}

Result<MapSpec> read_definition(const Collector& state, const elf::Symbol& symbol,
                                Bytes definition) {
  if (definition.size() < kShortest)
    return fail(Code::malformed, "its definition has {} bytes, less than {}", definition.size(),
                kShortest);
  TRY(check_rest(definition));
  const auto word = [&](u64 at) -> Result<u32> {
    return load<u32>(definition, at, state.elf.order());
  };
  MapSpec map;
  map.name = symbol.name;
  map.kernel_name = bpf::kernel_object_name(symbol.name);
  map.origin = {"maps", symbol.value};
  map.type = static_cast<bpf::MapType>(TRY(word(0)));
  map.key_size = TRY(word(4));
  map.value_size = TRY(word(8));
  map.max_entries = TRY(word(12));
  if (definition.size() >= kKnown) map.flags = TRY(word(16));
  if (map.type == bpf::MapType::unspec) return fail(Code::malformed, "it has no type");
  if (is_map_of_maps(map.type))
    return fail(Code::unsupported, "a map of maps in section maps does not say what it holds");
  add_types(state, map);
  return map;
}

}  // namespace

Status collect_legacy_maps(Collector& state) {
  const elf::Section* section = state.elf.find_section("maps");
  if (section == nullptr || section->data.empty()) return {};
  const std::vector<const elf::Symbol*> symbols = map_symbols(state, section->index);
  std::set<u64> starts;
  for (const elf::Symbol* symbol : symbols)
    starts.insert(symbol->value);
  for (const elf::Symbol* symbol : symbols) {
    if (state.legacy_maps.contains(symbol->value)) continue;  // an alias
    if (state.spec.maps.size() == kMaxMaps)
      return fail(Code::limit, "the object has more than {} maps", kMaxMaps);
    const auto next = starts.upper_bound(symbol->value);
    const u64 end = next != starts.end() ? *next : section->data.size();
    const auto describe = [&] { return format("map \"{}\"", escape_terminal(symbol->name)); };
    if (symbol->value > end) return fail(Code::malformed, "{}: lies outside of maps", describe());
    const Bytes definition =
        TRY(with_context(slice(section->data, symbol->value, end - symbol->value), describe));
    MapSpec map = TRY(with_context(read_definition(state, *symbol, definition), describe));
    state.legacy_maps.emplace(symbol->value, static_cast<u32>(state.spec.maps.size()));
    state.spec.maps.push_back(std::move(map));
  }
  return {};
}

}  // namespace bpfld::loader
