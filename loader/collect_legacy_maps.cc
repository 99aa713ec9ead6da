// SPDX-License-Identifier: Apache-2.0
// Before BTF, a map was a variable of a section `maps` whose *bytes* are the definition:
//
//   struct bpf_map_def { unsigned type, key_size, value_size, max_entries, map_flags; };
//
// Who compiled the object decided how much of that there is: some have no flags, and each loader
// added members of its own, and a section name: `maps/NAME` for gobpf, `lirc_mode2/maps` for
// ir-keytable. How large a definition is follows from the symbols, and by its size it is told whose
// it is. What we know must be there, what we do not do must be zero: another loader would have
// acted on it.
#include <algorithm>
#include <array>
#include <set>
#include <tuple>

#include "base/escape.h"
#include "bpf/encode.h"
#include "bpf/uapi.h"
#include "btf/layout.h"
#include "elf/role.h"
#include "loader/collect.h"
#include "loader/collect_parts.h"

namespace bpfld::loader {
namespace {

constexpr u64 kShortest = 16;                     // up to max_entries
constexpr u64 kKnown = 20;                        // with map_flags
constexpr u64 kSamplesSize = 28, kNumaNode = 24;  // of samples/bpf

// What a loader's definition has after map_flags.
struct Field {
  u64 at = 0;  // bytes from the definition's start
  std::string_view name = {};
  bool passes = false;  // it changes nothing here, or is read elsewhere
};
struct Dialect {
  u64 size = 0;
  std::string_view name = {};
  std::array<Field, 4> fields = {};
};

// clang-format off
constexpr std::array kDialects = {
    // struct bpf_map_def of samples/bpf and the kernel's lirc examples, until 5.x
    Dialect{kSamplesSize, "samples/bpf's",  {{{20, "inner_map_idx"}, {24, "numa_node", true}}}},
    // struct bpf_elf_map of include/bpf_elf.h. An id only says which map others mean.
    Dialect{36,  "iproute2's",     {{{20, "id", true}, {24, "pinning"}, {28, "inner_id"}, {32, "inner_idx"}}}},
    Dialect{280, "gobpf's",        {{{20, "pinning"}, {24, "namespace"}}}},
};
// clang-format on

const Dialect* find_dialect(u64 size) {
  const auto found = std::ranges::find(kDialects, size, &Dialect::size);
  return found == kDialects.end() ? nullptr : &*found;
}

// The symbols of maps by their place; a place may have several names.
std::vector<const elf::Symbol*> map_symbols(const Collector& state, u32 section) {
  const auto [first, last] =
      std::ranges::equal_range(state.named_symbols, section, {}, &elf::Symbol::section);
  std::vector<const elf::Symbol*> out(first, last);
  // Of several names the first in the symbol table counts.
  std::ranges::sort(out, [](const elf::Symbol* a, const elf::Symbol* b) {
    return std::tie(a->value, a->index) < std::tie(b->value, b->index);
  });
  return out;
}

// The field of that byte; null when nobody knows it.
const Field* field_at(const Dialect& dialect, u64 byte) {
  const Field* found = nullptr;
  for (const Field& field : dialect.fields)
    if (field.at != 0 && field.at <= byte) found = &field;
  return found;
}

Status check_rest(Bytes definition) {
  const Dialect* dialect = find_dialect(definition.size());
  for (u64 at = kKnown; at < definition.size(); at++) {
    if (definition[at] == std::byte{0}) continue;
    if (dialect == nullptr)
      return fail(Code::unsupported,
                  "byte {} of its definition of {} bytes is not 0, and nothing says what it is", at,
                  definition.size());
    const Field& field = *field_at(*dialect, at);
    if (field.passes) continue;
    return fail(Code::unsupported,
                "its definition is {} ({} bytes), and {} (byte {}) is set, which only that loader "
                "understands; a map in SEC(\".maps\") can say it to all",
                dialect->name, definition.size(), field.name, field.at);
  }
  return {};
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

Result<MapSpec> read_definition(const Collector& state, const elf::Section& section,
                                const elf::Symbol& symbol, Bytes definition) {
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
  map.origin = {std::string(section.name), symbol.value};
  map.type = static_cast<bpf::MapType>(TRY(word(0)));
  map.key_size = TRY(word(4));
  map.value_size = TRY(word(8));
  map.max_entries = TRY(word(12));
  if (definition.size() >= kKnown) map.flags = TRY(word(16));
  if ((map.flags & bpf::kMapNumaNode) != 0 && definition.size() == kSamplesSize)
    map.numa_node = TRY(word(kNumaNode));
  if (map.type == bpf::MapType::unspec) return fail(Code::malformed, "it has no type");
  if (is_map_of_maps(map.type))
    return fail(Code::unsupported,
                "a map of maps that is defined by bytes does not say what it holds");
  add_types(state, map);
  return map;
}

Status collect_section(Collector& state, const elf::Section& section) {
  const std::vector<const elf::Symbol*> symbols = map_symbols(state, section.index);
  std::set<u64> starts;
  for (const elf::Symbol* symbol : symbols)
    starts.insert(symbol->value);
  for (const elf::Symbol* symbol : symbols) {
    const std::pair place(section.index, symbol->value);
    if (state.legacy_maps.contains(place)) continue;  // an alias
    if (state.spec.maps.size() == kMaxMaps)
      return fail(Code::limit, "the object has more than {} maps", kMaxMaps);
    const auto next = starts.upper_bound(symbol->value);
    const u64 end = next != starts.end() ? *next : section.data.size();
    const auto describe = [&] { return format("map \"{}\"", escape_terminal(symbol->name)); };
    if (symbol->value > end)
      return fail(Code::malformed, "{}: lies outside of {}", describe(),
                  escape_terminal(section.name));
    const Bytes definition =
        TRY(with_context(slice(section.data, symbol->value, end - symbol->value), describe));
    MapSpec map = TRY(with_context(read_definition(state, section, *symbol, definition), describe));
    state.legacy_maps.emplace(place, static_cast<u32>(state.spec.maps.size()));
    state.spec.maps.push_back(std::move(map));
  }
  return {};
}

}  // namespace

Status collect_legacy_maps(Collector& state) {
  for (const elf::Section& section : state.elf.sections())
    if (!section.data.empty() && elf::role_of(section) == elf::SectionRole::legacy_maps)
      TRY(collect_section(state, section));
  return {};
}

}  // namespace bpfld::loader
