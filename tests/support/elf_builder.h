// SPDX-License-Identifier: Apache-2.0
// Builds a correct BPF object in memory, in either byte order, and lets a test then break exactly
// one field of it. A test that starts from valid bytes shows which rule it is about; one that
// starts from a file of garbage does not.
//
//   ElfBuilder elf;
//   const u32 code = elf.add_code("xdp", {kMovR0Zero, kExit});
//   elf.add_function("prog", code, 0, 16);
//   elf.edit_section(code, [](elf::SectionHeader& s) { s.size = 0x300000; });
//   const std::vector<std::byte> file = elf.build();
//
// Layout: the ELF header, the bytes of all sections in index order, the section headers. Sections
// come in the order in which they were added, then one .rel<name> for each that has relocations,
// .symtab, .strtab and .shstrtab. Local symbols come before global ones, as the gABI wants.
#pragma once

#include <functional>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "elf/format.h"
#include "elf/object.h"

namespace bpfld::test {

inline constexpr u64 kMovR0Zero = 0x00000000000000b7;  // r0 = 0
inline constexpr u64 kExit = 0x0000000000000095;       // exit

class ElfBuilder {
 public:
  // A symbol as the builder's caller knows it; its index in the file is symbol_index() after
  // build().
  enum class SymbolHandle : u32 {};

  explicit ElfBuilder(ByteOrder order = ByteOrder::little) : order_(order) {}

  // Each returns the section's index in the file.
  u32 add_section(std::string_view name, u32 type, u64 flags, Bytes data);
  // Executable; `insns` are native 64-bit instruction words (little-endian layout), written as they
  // are.
  u32 add_code(std::string_view name, std::initializer_list<u64> insns);
  u32 add_data(std::string_view name, Bytes data);  // allocated and writable
  u32 add_data(std::string_view name, std::string_view data) {
    return add_data(name, bytes_of(data));
  }
  u32 add_bss(std::string_view name, u64 size);

  SymbolHandle add_symbol(std::string_view name, elf::SymbolType type, elf::SymbolBinding binding,
                          u32 section, u64 value, u64 size);
  SymbolHandle add_function(std::string_view name, u32 section, u64 value, u64 size);  // global
  SymbolHandle add_object(std::string_view name, u32 section, u64 value, u64 size);    // global
  SymbolHandle add_extern(std::string_view name);
  SymbolHandle add_section_symbol(u32 section);

  void add_relocation(u32 target, u64 offset, SymbolHandle symbol, u32 type);

  // Applied by build() to the finished record, before it is written in the file's byte order.
  // Section indices may be those of generated sections: see index_of().
  void edit_ident(u64 at, u8 value) { ident_edits_[at] = value; }
  void edit_header(std::function<void(elf::FileHeader&)> edit) { header_edit_ = std::move(edit); }
  void edit_section(u32 index, std::function<void(elf::SectionHeader&)> edit);
  void edit_symbol(SymbolHandle symbol, std::function<void(elf::SymbolRecord&)> edit);
  // Number `index` of the relocations of `target`, in the order in which they were added.
  void edit_relocation(u32 target, u32 index, std::function<void(elf::RelRecord&)> edit);

  // The index that a section has or will have in the file, generated ones (".relxdp", ".symtab",
  // ".strtab", ".shstrtab") included once all sections and relocations are added; 0 when there is
  // none.
  u32 index_of(std::string_view name) const;
  // The index of a symbol in the file, once all symbols are added.
  u32 symbol_index(SymbolHandle symbol) const;

  std::vector<std::byte> build() const;

 private:
  struct SectionPart {
    std::string name;
    elf::SectionHeader header{};
    std::vector<std::byte> data;
  };
  struct SymbolPart {
    std::string name;
    elf::SymbolRecord record{};
    bool local = false;
  };
  struct RelocationPart {
    u64 offset;
    SymbolHandle symbol;
    u32 type;
  };

  std::vector<SectionPart> all_sections() const;
  SectionPart relocation_section(u32 target, const std::vector<RelocationPart>& relocations) const;
  SectionPart symbol_section(std::string& strings) const;

  ByteOrder order_;
  std::vector<SectionPart> sections_;
  std::vector<SymbolPart> symbols_;
  std::map<u32, std::vector<RelocationPart>> relocations_;  // by target section
  std::map<u64, u8> ident_edits_;
  std::function<void(elf::FileHeader&)> header_edit_;
  std::map<u32, std::function<void(elf::SectionHeader&)>> section_edits_;
  std::map<u32, std::function<void(elf::SymbolRecord&)>> symbol_edits_;
  std::map<std::pair<u32, u32>, std::function<void(elf::RelRecord&)>> relocation_edits_;
};

// A small object with every table: license, code with a map and a call relocation, .maps, .rodata,
// .bss.
ElfBuilder small_object(ByteOrder order = ByteOrder::little);

}  // namespace bpfld::test
