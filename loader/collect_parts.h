// SPDX-License-Identifier: Apache-2.0
// The steps of collect(), one file each, over one shared working state. Private to
// loader/collect*.cc.
#pragma once

#include <map>
#include <optional>
#include <unordered_map>

#include "btf/ext.h"
#include "btf/view.h"
#include "elf/object.h"
#include "loader/spec.h"

namespace bpfld::loader {

// What the steps share while one object is being collected. `spec` grows from step to step.
struct Collector {
  explicit Collector(const elf::Object& object) : elf(object) {}

  const elf::Object& elf;
  std::optional<btf::View> btf;          // of the file's own bytes, or of these:
  std::vector<std::byte> rewritten_btf;  // empty unless there were kinds that nobody knows
  void replace_unknown_kinds();
  std::optional<btf::Ext> ext;
  ObjectSpec spec;

  // ELF section index -> index of the map made from it (data sections).
  std::unordered_map<u32, u32> data_maps;
  // Offset in .maps -> index of the map declared there.
  std::unordered_map<u64, u32> declared_maps;
  // The same for the older sections: (section, offset).
  std::map<std::pair<u32, u64>, u32> legacy_maps;
  // The definitions of .maps that have `values`, by their place there.
  struct Values {
    u64 start = 0, end = 0;  // of the slots, bytes from the section's start
    u32 map = 0;
    bool programs = false;  // they are functions, not maps
  };
  std::vector<Values> values;
  std::unordered_map<std::string_view, u32> extern_indices;
  std::map<std::pair<u32, u32>, u32> jump_tables;  // (function, symbol) -> index
  u64 jump_targets = 0;                            // in all tables
  // Where each of spec.functions starts: its ELF section and bytes from that section's start.
  struct Place {
    u32 section = 0;
    u64 start = 0, size = 0;
    bool is_entry = false;
  };
  std::vector<Place> places;  // parallel to spec.functions, ordered by (section, start)

  // Names to things, made once: an object can have a million symbols, and each variable of its BTF
  // asks for one. Of several things of one name the first counts.
  std::unordered_map<std::string_view, const elf::Section*> sections;
  std::unordered_map<std::string_view, u32> code_sections;  // -> section index
  std::unordered_map<std::string_view, u32> datasecs;       // DATASEC -> type id
  std::vector<const elf::Symbol*> named_symbols;  // those in sections, by section and name
  void index_names();
  // The symbol of that name in the section, or null. Section symbols do not count.
  const elf::Symbol* find_symbol(u32 section, std::string_view name) const;

  // The function that contains byte `offset` of ELF section `section`, if any.
  std::optional<u32> function_at(u32 section, u64 offset) const;
};

[[nodiscard]] Status collect_functions(Collector& state);    // symbols -> functions, programs
[[nodiscard]] Status collect_maps(Collector& state);         // .maps -> maps
[[nodiscard]] Status collect_legacy_maps(Collector& state);  // `maps` and the like
[[nodiscard]] Status collect_slots(Collector& state);        // relocations of .maps -> maps' slots
[[nodiscard]] Status collect_data(Collector& state);        // .data .rodata .bss -> maps, variables
[[nodiscard]] Status collect_arena(Collector& state);       // .addr_space.1 -> its arena's contents
[[nodiscard]] Status collect_struct_ops(Collector& state);  // .struct_ops -> maps
[[nodiscard]] Status collect_externs(Collector& state);     // .kconfig .ksyms -> externs, a map
[[nodiscard]] Status collect_references(Collector& state);  // relocations -> references, externs
[[nodiscard]] Status collect_info(Collector& state);        // .BTF.ext -> functions
// The index of the jump table that the symbol in .jumptables is, for an instruction of `function`.
[[nodiscard]] Result<u32> jump_table(Collector& state, const elf::Symbol& symbol, u32 function);
inline constexpr std::string_view kJumpTables = ".jumptables";

// BTF's tags -> exception callbacks of programs.
[[nodiscard]] Status collect_callbacks(Collector& state);
void note_lost_relocations(Collector& state);  // .BTF says what .BTF.ext should have
void collect_btf(Collector& state);            // .BTF -> spec.btf, with its gaps filled in
void fix_extern_btf(Collector& state);  // what the kernel would refuse of externs in spec.btf

// The name that the kernel will show for the map of a section: "execsnoo.rodata".
std::string kernel_map_name(std::string_view object, std::string_view section);

// ".struct_ops", ".struct_ops.link", either with a '?' before it.
bool is_struct_ops_section(std::string_view name);

// True for ".data", ".data.x", ".rodata", ".bss" and the like.
std::optional<MapSource> data_section(std::string_view name);

}  // namespace bpfld::loader
