// SPDX-License-Identifier: Apache-2.0
// Builds a whole BPF object as a compiler would: code with its relocations, map definitions, data
// sections, and the BTF that describes them. Everything is named, so a test reads like the source
// that it stands for.
//
//   ObjectBuilder object;
//   object.add_map("counts", {number("type", 1), number("max_entries", 8), type("key",
//   object.u32_id)}); object.add_function("prog", "socket", {load_address(1), kSecondSlot,
//   exit_insn()}); object.relocate("prog", 0, "counts"); const std::vector<std::byte> file =
//   object.build();
//
// Sizes and offsets in DATASECs are left at 0, as compilers leave them. Native byte order only:
// clang makes the big-endian ones (fixtures).
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "bpf/insn.h"
#include "tests/support/btf_builder.h"
#include "tests/support/elf_builder.h"

namespace bpfld::test {

// The first slot of an ld_imm64; kSecondSlot follows it.
constexpr bpf::Insn load_address(u8 dst, i32 addend = 0) {
  return {bpf::kOpLdImm64, dst, 0, addend};
}
inline constexpr bpf::Insn kSecondSlot{};
// A call of a function of the object: `distance` slots past the next instruction.
constexpr bpf::Insn call_function(i32 distance = -1) {
  return {bpf::kOpCall, bpf::kPseudoCall << 4, 0, distance};
}

// spec: one member of a map's definition, as __uint, __type and __ulong make them.
struct MapMember {
  enum class Kind : u8 { number, type, long_number, plain, values };
  std::string name;
  Kind kind = Kind::number;
  u64 value = 0;
  TypeId type = {};
};
inline MapMember number(std::string name, u32 value) {
  return {std::move(name), MapMember::Kind::number, value, {}};
}
inline MapMember type(std::string name, TypeId id) {
  return {std::move(name), MapMember::Kind::type, 0, id};
}
inline MapMember long_number(std::string name, u64 value) {
  return {std::move(name), MapMember::Kind::long_number, value, {}};
}
// `T *values[]` with an initialiser of that many slots, as __array makes it. The last member.
inline MapMember values(TypeId element, u32 slots = 0) {
  return {"values", MapMember::Kind::values, slots, element};
}
// A member of that very type, which defines nothing.
inline MapMember plain(std::string name, TypeId id) {
  return {std::move(name), MapMember::Kind::plain, 0, id};
}

struct FunctionOptions {
  elf::SymbolBinding binding = elf::SymbolBinding::global;
  elf::SymbolVisibility visibility = elf::SymbolVisibility::default_;
  bool info = true;  // FUNC type, func_info, and a line_info record for the first instruction
};
inline constexpr FunctionOptions kStatic{.binding = elf::SymbolBinding::local};
inline constexpr FunctionOptions kHidden{.visibility = elf::SymbolVisibility::hidden};
inline constexpr FunctionOptions kNoInfo{.info = false};

class ObjectBuilder {
 public:
  ObjectBuilder();

  BtfBuilder btf;
  BtfExtBuilder ext{btf};
  TypeId int_id, u32_id, u64_id;
  bool with_btf = true;
  std::string license = "GPL";  // none when empty
  // Sections and symbols by hand, and breakage, before the file is written.
  std::function<void(ElfBuilder&)> edit;

  // Appends to the code section; its type's id is func_type(name).
  void add_function(std::string_view name, std::string_view section,
                    const std::vector<bpf::Insn>& insns, const FunctionOptions& options = {});
  // Code that no symbol covers.
  void add_gap(std::string_view section, const std::vector<bpf::Insn>& insns);
  // A second name for a function, or a part of it.
  void add_alias(std::string_view name, std::string_view of, const FunctionOptions& options = {});
  void add_map(std::string_view name, const std::vector<MapMember>& members);
  // The struct that defines a map, for `values`.
  TypeId map_definition(const std::vector<MapMember>& members);
  // Slot `slot` of the map's `values`, its last member, is `symbol`.
  void fill_slot(std::string_view map, u32 slot, std::string_view symbol);
  // Appends a variable of `bytes` to a data section (".bss...": its size counts, not its bytes).
  void add_variable(std::string_view name, std::string_view section, TypeId type,
                    const std::vector<std::byte>& bytes,
                    elf::SymbolBinding binding = elf::SymbolBinding::global);
  void add_extern(std::string_view name, elf::SymbolBinding binding = elf::SymbolBinding::global);

  // At instruction `insn` of `function`, against the symbol of that name; the section symbol for a
  // name that starts like one of a section.
  void relocate(std::string_view function, u64 insn, std::string_view symbol);
  void relocate_at(std::string_view section, u64 offset, std::string_view symbol);

  TypeId func_type(std::string_view name) const;
  std::vector<std::byte> build();

 private:
  struct Section {
    std::string name;
    bool code = false;
    std::vector<std::byte> data;
    std::vector<VariableSpec> variables;
  };
  struct Symbol {
    std::string name, section;
    elf::SymbolType type;
    elf::SymbolBinding binding;
    elf::SymbolVisibility visibility;
    u64 value, size;
    TypeId btf_type = {};
    u64 slots_at = 0;  // of a map with values, bytes from the symbol's start
  };
  struct Relocation {
    std::string section;
    u64 offset;
    std::string symbol;
  };
  Section& section(std::string_view name, bool code);
  const Symbol& symbol(std::string_view name) const;
  void write_symbols(ElfBuilder& elf);

  std::vector<Section> sections_;
  std::vector<Symbol> symbols_;
  std::vector<Relocation> relocations_;
};

// The bytes of a number, for variables.
template <typename T>
std::vector<std::byte> bytes_vector(const T& value) {
  const Bytes bytes = bytes_of(value);
  return {bytes.begin(), bytes.end()};
}

// The path of a file in the build directory: $BPFLD_BUILD, or build/ in the current one.
std::string build_path(std::string_view name);

}  // namespace bpfld::test
