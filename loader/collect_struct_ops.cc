// SPDX-License-Identifier: Apache-2.0
// A kernel's table of callbacks, as an object writes it: SEC(".struct_ops") struct
// tcp_congestion_ops mine = { .init = (void*)my_init, .name = "mine" }. Each such variable becomes
// a map whose value is the struct. The compiler leaves a relocation where a callback's address
// would go; here it becomes a reference to the program.
//
// Kernel side: kernel/bpf/bpf_struct_ops.c.
#include <algorithm>
#include <unordered_set>

#include "base/escape.h"
#include "bpf/encode.h"
#include "btf/layout.h"
#include "btf/types.h"
#include "loader/collect.h"
#include "loader/collect_parts.h"
#include "loader/struct_ops.h"

namespace bpfld::loader {
namespace {

using btf::Kind;
using btf::Type;

constexpr u32 kRelocationNone = 0;  // R_BPF_NONE

struct SectionMeaning {
  std::string_view name;
  bool link, autocreate;
};
constexpr SectionMeaning kSections[] = {
    {".struct_ops", false, true},
    {".struct_ops.link", true, true},
    {"?.struct_ops", false, false},
    {"?.struct_ops.link", true, false},
};

const SectionMeaning* meaning_of(std::string_view section) {
  const auto* found = std::ranges::find(kSections, section, &SectionMeaning::name);
  return found != std::end(kSections) ? found : nullptr;
}

// One section while it is read.
struct Reader {
  Collector& state;
  const elf::Section& section;
  const SectionMeaning& meaning;
  std::vector<u32> maps = {};  // those of this section, by offset
  // By type id: where the struct has function pointers, bytes from its start.
  std::unordered_map<u32, std::unordered_set<u64>> callbacks = {};
};

std::string label(const MapSpec& map) {
  return format("struct \"{}\"", escape_terminal(map.name));
}

Status add_struct(Reader& reader, const btf::Variable& entry) {
  Collector& state = reader.state;
  const Type variable = state.btf->type(entry.type);
  const elf::Symbol* symbol = state.find_symbol(reader.section.index, variable.name);
  if (variable.kind != Kind::var || symbol == nullptr)
    return fail(Code::malformed, "the section has no symbol of that name");
  const Type type = btf::resolved(*state.btf, variable.type());
  if (type.kind != Kind::struct_ || type.name.empty())
    return fail(Code::malformed, "its type is not a struct with a name");
  if (type.size() > kMaxStructOps)
    return fail(Code::limit, "struct {} has {} bytes, more than {}", escape_terminal(type.name),
                type.size(), kMaxStructOps);
  const Bytes bytes = TRY(slice(reader.section.data, symbol->value, type.size()));
  if (state.spec.maps.size() == kMaxMaps)
    return fail(Code::limit, "the object has more than {} maps", kMaxMaps);
  MapSpec map;
  map.name = variable.name;
  map.kernel_name = bpf::kernel_object_name(variable.name);
  map.origin = {std::string(reader.section.name), symbol->value};
  map.source = MapSource::struct_ops;
  map.type = bpf::MapType::struct_ops;
  map.key_size = sizeof(u32);
  map.value_size = type.size();  // of the object's struct; the kernel's is known when it is planned
  map.max_entries = 1;
  map.contents.assign(bytes.begin(), bytes.end());
  map.struct_ops = StructOpsSpec{.type = type.id.value,
                                 .link = reader.meaning.link,
                                 .autocreate = reader.meaning.autocreate,
                                 .slots = {}};
  const auto [place, added] = reader.callbacks.try_emplace(type.id.value);
  if (added)
    for (const btf::Member& member : btf::members(*state.btf, type))
      if (is_callback(*state.btf, member.type)) place->second.insert(member.bit_offset / 8);
  reader.maps.push_back(static_cast<u32>(state.spec.maps.size()));
  state.spec.maps.push_back(std::move(map));
  return {};
}

// The map that byte `offset` of the section belongs to.
Result<u32> map_at(const Reader& reader, u64 offset) {
  const std::vector<MapSpec>& maps = reader.state.spec.maps;
  const auto after = std::ranges::upper_bound(reader.maps, offset, {},
                                              [&](u32 map) { return maps[map].origin.offset; });
  if (after == reader.maps.begin() ||
      offset - maps[*(after - 1)].origin.offset >= maps[*(after - 1)].value_size)
    return fail(Code::malformed, "relocation at {:#x} is in no variable", offset);
  return *(after - 1);
}

// The program that the relocation names.
Result<u32> program_of(const Reader& reader, const elf::Relocation& relocation, u64 addend) {
  const Collector& state = reader.state;
  const elf::Symbol& symbol = state.elf.symbols()[relocation.symbol];
  const std::string name = escape_terminal(symbol.name);
  if (!symbol.is_in_section() || !state.elf.sections()[symbol.section].is_code())
    return fail(Code::malformed, "\"{}\" is no function", name);
  const std::optional<u32> function = state.function_at(symbol.section, symbol.value);
  const auto program = std::ranges::lower_bound(state.spec.programs, function.value_or(0), {},
                                                &ProgramSpec::function);
  if (!function || addend != 0 || state.places[*function].start != symbol.value ||
      program == state.spec.programs.end() || program->function != *function)
    return fail(Code::malformed,
                "\"{}\" is no program: a callback is not static and in SEC(\"struct_ops\")", name);
  if (program->row == nullptr || program->row->type != bpf::ProgType::struct_ops)
    return fail(Code::malformed, "program \"{}\" is in SEC(\"{}\"), not SEC(\"struct_ops\")", name,
                escape_terminal(program->section));
  return static_cast<u32>(program - state.spec.programs.begin());
}

Status add_callback(Reader& reader, const elf::Relocation& relocation) {
  const u32 index = TRY(map_at(reader, relocation.offset));
  MapSpec& map = reader.state.spec.maps[index];
  const auto describe = [&] { return label(map); };
  const u64 offset = relocation.offset - map.origin.offset;
  if (!reader.callbacks[map.struct_ops->type].contains(offset) ||
      !fits(map.contents.size(), offset, sizeof(u64)))
    return with_context(
        Status(fail(Code::unsupported,
                    "something's address is at offset {}, where the struct has no callback",
                    offset)),
        describe);
  const u64 addend = load_checked<u64>(map.contents, offset);
  std::fill_n(map.contents.begin() + static_cast<std::ptrdiff_t>(offset), sizeof(u64),
              std::byte{0});
  const u32 program = TRY(with_context(program_of(reader, relocation, addend), describe));
  map.struct_ops->slots.push_back({.offset = static_cast<u32>(offset), .program = program});
  return {};
}

Status read_section(Reader& reader) {
  Collector& state = reader.state;
  if (!state.btf)
    return fail(Code::unsupported,
                "only .BTF says what it holds, and the object has none: it was compiled without "
                "-g, or stripped");
  const auto datasec = state.datasecs.find(reader.section.name);
  if (datasec == state.datasecs.end()) return fail(Code::malformed, "has no DATASEC in the BTF");
  for (const btf::Variable& entry : btf::variables(*state.btf, state.btf->type({datasec->second})))
    TRY(with_context(add_struct(reader, entry), [&] {
      return format("struct \"{}\"", escape_terminal(state.btf->type(entry.type).name));
    }));
  std::ranges::stable_sort(reader.maps, {},
                           [&](u32 map) { return state.spec.maps[map].origin.offset; });
  const elf::RelocationTable* table = state.elf.relocations_for(reader.section.index);
  if (table == nullptr) return {};
  for (const elf::Relocation& relocation : table->relocations)
    if (relocation.type != kRelocationNone) TRY(add_callback(reader, relocation));
  for (const u32 index : reader.maps) {
    MapSpec& map = state.spec.maps[index];
    std::vector<StructOpsSlot>& slots = map.struct_ops->slots;
    std::ranges::stable_sort(slots, {}, &StructOpsSlot::offset);
    if (std::ranges::adjacent_find(slots, {}, &StructOpsSlot::offset) != slots.end())
      return fail(Code::malformed, "{}: a callback has two relocations", label(map));
  }
  return {};
}

// A callback is loaded if a struct that will exist wants it, whatever its own section's '?' says.
void choose_programs(ObjectSpec& spec) {
  std::vector<std::optional<bool>> wanted(spec.programs.size());
  for (const MapSpec& map : spec.maps)
    if (map.struct_ops)
      for (const StructOpsSlot& slot : map.struct_ops->slots)
        wanted[slot.program] = wanted[slot.program].value_or(false) || map.struct_ops->autocreate;
  for (std::size_t i = 0; i < wanted.size(); i++)
    if (wanted[i]) spec.programs[i].autoload = *wanted[i];
}

}  // namespace

bool is_struct_ops_section(std::string_view name) {
  return meaning_of(name) != nullptr;
}

Status collect_struct_ops(Collector& state) {
  for (const elf::Section& section : state.elf.sections()) {
    const SectionMeaning* meaning = meaning_of(section.name);
    if (meaning == nullptr || section.size == 0) continue;
    Reader reader{state, section, *meaning};
    TRY(with_context(read_section(reader), [&] { return elf::label(section); }));
  }
  choose_programs(state.spec);
  return {};
}

}  // namespace bpfld::loader
