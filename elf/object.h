// SPDX-License-Identifier: Apache-2.0
// A compiled BPF program arrives as an ELF64 relocatable object. Everything later stages need of it
// is sections, symbols and relocations, so this file turns the bytes into exactly those three,
// once, with every range checked; nothing past this point reads ELF structures or knows the file's
// byte order.
//
// Format: elf(5) and the System V gABI. Relocation types: llvm/docs BPF relocations (64_64 = 1
// ...).
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace bpfld::elf {

enum class SectionType : u32 {};  // SHT_*, see format.h; unknown values are kept
enum class SymbolType : u8 { none, object, function, section, file, common, tls, other };
enum class SymbolBinding : u8 { local, global, weak, other };
enum class SymbolVisibility : u8 { default_, internal, hidden, protected_ };

// Where a symbol lives when it is not in a section of the file.
inline constexpr u32 kUndefinedSection = 0;      // SHN_UNDEF: an extern
inline constexpr u32 kAbsoluteSection = 0xfff1;  // SHN_ABS
inline constexpr u32 kCommonSection = 0xfff2;    // SHN_COMMON

// view: one section header and its bytes.
struct Section {
  u32 index = 0;
  std::string_view name;
  u32 type = 0;         // SHT_*
  u64 flags = 0;        // SHF_*
  u64 address = 0;      // sh_addr
  u64 file_offset = 0;  // sh_offset, bytes from the start of the file
  u64 size = 0;         // sh_size, bytes; for SHT_NOBITS the size in memory
  u32 link = 0;
  u32 info = 0;
  u64 alignment = 0;
  u64 entry_size = 0;
  Bytes data;            // empty for SHT_NOBITS
  bool is_code() const;  // SHT_PROGBITS with SHF_EXECINSTR
  bool is_nobits() const;
};

// view: one entry of the symbol table; `section` is a section index or one of the constants above.
struct Symbol {
  u32 index = 0;
  std::string_view name;
  SymbolType type = SymbolType::none;
  SymbolBinding binding = SymbolBinding::local;
  SymbolVisibility visibility = SymbolVisibility::default_;
  u32 section = 0;
  u64 value = 0;  // bytes from the start of `section`
  u64 size = 0;   // bytes
};

// spec: one relocation; `symbol` indexes Object::symbols().
struct Relocation {
  u64 offset = 0;  // bytes from the start of the target section
  u32 symbol = 0;
  u32 type = 0;    // R_BPF_*
  i64 addend = 0;  // 0 for SHT_REL, whose addend is in the patched bytes
};

// spec: one SHT_REL or SHT_RELA section, decoded.
struct RelocationTable {
  u32 section = 0;                      // the relocation section itself
  u32 target = 0;                       // the section it patches
  std::vector<Relocation> relocations;  // in file order
};

// view: a validated ELF64 relocatable object for BPF. Borrows the file's bytes.
class Object {
 public:
  // Errors: malformed (naming section, offset and rule), unsupported (not BPF, not relocatable,
  // 32-bit, compressed section). Files that are not ELF get a message that says what they start
  // with. Both byte orders parse; see order().
  [[nodiscard]] static Result<Object> parse(Bytes file LIFETIMEBOUND);

  ByteOrder order() const { return order_; }
  Bytes file() const { return file_; }
  u16 machine() const { return machine_; }

  // Index 0 is the null section, as in the file.
  const std::vector<Section>& sections() const LIFETIMEBOUND { return sections_; }
  // Index 0 is the null symbol, as in the file. Empty when the file has no symbol table.
  const std::vector<Symbol>& symbols() const LIFETIMEBOUND { return symbols_; }
  const std::vector<RelocationTable>& relocation_tables() const LIFETIMEBOUND {
    return relocations_;
  }

  // The first section of that name, or null.
  const Section* find_section(std::string_view name) const LIFETIMEBOUND;
  // The relocations that patch `section`, or null when there are none.
  const RelocationTable* relocations_for(u32 section) const LIFETIMEBOUND;

 private:
  Object() = default;
  Bytes file_;
  ByteOrder order_ = kHostOrder;
  u16 machine_ = 0;
  std::vector<Section> sections_;
  std::vector<Symbol> symbols_;
  std::vector<RelocationTable> relocations_;
};

}  // namespace bpfld::elf
