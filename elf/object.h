// SPDX-License-Identifier: Apache-2.0
// A compiled BPF program arrives as an ELF64 relocatable object. Everything later stages need of it
// is sections, symbols and relocations, so this file turns the bytes into exactly those three,
// once, with every range checked; nothing past this point reads ELF structures or knows the file's
// byte order.
//
// Format: elf(5) and the System V gABI. Relocation types: llvm/docs BPF relocations (64_64 = 1
// ...).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace bpfld::elf {

enum class SymbolType : u8 { none, object, function, section, file, common, tls, other };
enum class SymbolBinding : u8 { local, global, weak, other };
enum class SymbolVisibility : u8 { default_, internal, hidden, protected_ };

// Where a symbol lives when it is not in a section of the file. On disk these are 16-bit numbers
// that a file with 65,000 sections also uses as indices; here they are outside any index.
inline constexpr u32 kUndefinedSection = 0;          // SHN_UNDEF: an extern
inline constexpr u32 kAbsoluteSection = 0xfffffff1;  // SHN_ABS
inline constexpr u32 kCommonSection = 0xfffffff2;    // SHN_COMMON

// Refused with Code::limit above these: far past any real object (the largest known has 322
// sections, 620 symbols and 2,285 relocations in one section), and what keeps memory near the
// file's size when hostile tables overlap.
inline constexpr u64 kMaxSections = 65'535;
inline constexpr u64 kMaxSymbols = 1u << 20;
inline constexpr u64 kMaxRelocations = 1u << 20;  // in all tables together
inline constexpr u64 kMaxNameSize = 4096;         // bytes in one section or symbol name

// view: one section header and its bytes.
struct Section {
  u32 index = 0;
  std::string_view name;
  u32 type = 0;         // SHT_*
  u64 flags = 0;        // SHF_*
  u64 address = 0;      // sh_addr
  u64 file_offset = 0;  // sh_offset, bytes from the start of the file
  u64 size = 0;         // sh_size, bytes; for SHT_NOBITS the size in memory, which nothing bounds
  u32 link = 0;
  u32 info = 0;
  u64 alignment = 0;
  u64 entry_size = 0;
  Bytes data;            // in the file's byte order; empty for SHT_NOBITS and SHT_NULL
  bool is_code() const;  // SHT_PROGBITS with SHF_EXECINSTR
  bool is_nobits() const;
};

// `section [9] ".maps"`, for messages: escaped for a terminal, a long name cut.
std::string label(const Section& section);

// view: one entry of the symbol table; `section` is a section index or one of the constants above.
// value + size lies inside the section for functions, objects and untyped labels.
struct Symbol {
  u32 index = 0;
  std::string_view name;
  SymbolType type = SymbolType::none;
  SymbolBinding binding = SymbolBinding::local;
  SymbolVisibility visibility = SymbolVisibility::default_;
  u32 section = 0;
  u64 value = 0;  // bytes from the start of `section`
  u64 size = 0;   // bytes

  bool is_defined() const { return section != kUndefinedSection; }
  // True when `section` is an index into Object::sections().
  bool is_in_section() const { return is_defined() && section < kAbsoluteSection; }
};
// `symbol [4] "xdp_prog"`, for messages.
std::string label(const Symbol& symbol);

// spec: one relocation; `symbol` indexes Object::symbols().
struct Relocation {
  u64 offset = 0;  // bytes from the start of the target section; what it patches lies inside
  u32 symbol = 0;  // a valid index
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
  // 32-bit, LLVM bitcode, a compressed section that is not debug information), limit (the caps
  // above). Files that are not ELF get a message that says what they start with. Both byte orders
  // parse; see order(). Sections may overlap: every one is read only through its own checked range.
  [[nodiscard]] static Result<Object> parse(Bytes file LIFETIMEBOUND);

  ByteOrder order() const { return order_; }
  Bytes file() const { return file_; }
  u16 machine() const { return machine_; }

  // Index 0 is the null section, as in the file.
  const std::vector<Section>& sections() const LIFETIMEBOUND { return sections_; }
  // Index 0 is the null symbol, as in the file. Empty when the file has no symbol table (stripped).
  const std::vector<Symbol>& symbols() const LIFETIMEBOUND { return symbols_; }
  // At most one per target, in file order; without the tables that patch sections which nothing
  // reads (debug information, .BTF, .BTF.ext: see has_unread_relocations() in role.h).
  const std::vector<RelocationTable>& relocation_tables() const LIFETIMEBOUND {
    return relocations_;
  }

  // The first section of that name, or null.
  const Section* find_section(std::string_view name) const LIFETIMEBOUND;
  // The relocations that patch `section`, or null when there are none.
  const RelocationTable* relocations_for(u32 section) const LIFETIMEBOUND;

 private:
  Object() = default;
  Status read_relocations(const Section* symbols);
  Bytes file_;
  ByteOrder order_ = kHostOrder;
  u16 machine_ = 0;
  std::vector<Section> sections_;
  std::vector<Symbol> symbols_;
  std::vector<RelocationTable> relocations_;
  std::vector<u32> table_of_;  // by target section: index into relocations_ plus 1, or 0
};

}  // namespace bpfld::elf
