// SPDX-License-Identifier: Apache-2.0
// A program or shared library, as far as probes need it: which functions it has, and where in the
// file each starts, for a uprobe is put on a place in a file, not on an address in memory. Any ELF
// file of any machine can be read, also one without section headers (then it has no symbols), and
// one of 32 bits, for such programs run on 64-bit kernels, too.
//
// Format: elf(5). A function's place: Documentation/trace/uprobetracer.rst.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace bpfld::elf {

inline constexpr u64 kMaxSegments = 65'535;
inline constexpr u64 kMaxFunctions = 4u << 20;  // symbols in both tables together

// spec: a part of the file that is mapped (PT_LOAD).
struct Segment {
  u64 file_offset = 0, file_size = 0;  // inside the file
  u64 address = 0;
  bool executable = false;
};

// view: a defined function of .symtab or .dynsym.
struct FunctionSymbol {
  std::string_view name;     // without a version
  std::string_view version;  // "GLIBC_2.2.5"; empty if none
  bool by_default = true;    // the version that a program linked today gets
  u64 address = 0, size = 0;
  u64 file_offset = 0;    // of its first instruction
  bool indirect = false;  // STT_GNU_IFUNC: its code only chooses which function is meant
  bool weak = false, local = false;
};

// view: a section that has a name. `data` is empty when it has no bytes in the file.
struct NamedSection {
  std::string_view name;
  u64 address = 0;
  Bytes data;
};

// view: the file, validated. Borrows its bytes.
class Executable {
 public:
  // Errors: malformed (naming the rule), limit.
  [[nodiscard]] static Result<Executable> parse(Bytes file LIFETIMEBOUND);

  ByteOrder order() const { return order_; }
  u16 machine() const { return machine_; }
  // ELFCLASS64: addresses, also those in its notes, have eight bytes, and not four.
  bool is_64_bit() const { return wide_; }
  // ET_DYN: where it lies in memory differs from process to process.
  bool is_relocatable() const { return relocatable_; }
  const std::vector<Segment>& segments() const LIFETIMEBOUND { return segments_; }
  // Sections with a name that something here reads: notes, .stapsdt.base, .symtab ...; first of
  // each name.
  const NamedSection* find_section(std::string_view name) const LIFETIMEBOUND;

  // The place in the file of an address in the executable's own numbering; empty when no bytes of
  // the file are mapped there.
  std::optional<u64> file_offset(u64 address) const;
  // The same for code: only segments that are executable.
  std::optional<u64> code_offset(u64 address) const;

  // The functions of both symbol tables that have code in the file, ordered by name, then address;
  // one that is in both is there once. Empty for a stripped file. Errors: malformed, limit.
  [[nodiscard]] Result<std::vector<FunctionSymbol>> functions() const LIFETIMEBOUND;

 private:
  Executable() = default;
  struct Table {
    Bytes symbols, strings;
    bool dynamic = false;  // the one that versions are for
  };
  std::optional<u64> find_offset(u64 address, bool only_code) const;
  FunctionSymbol version_at(const Table& table, u64 symbol, std::string_view name) const;
  Status read_segments();
  Status read_sections();
  Status read_section_table(u64 headers, u64 count, u64 names);
  template <typename Wide, typename Narrow>
  Result<Wide> load_either(Bytes bytes, u64 offset) const;
  Bytes file_;
  ByteOrder order_ = kHostOrder;
  u16 machine_ = 0;
  bool relocatable_ = false;
  bool wide_ = true;
  std::vector<Segment> segments_;
  std::vector<NamedSection> sections_;
  std::vector<Table> tables_;
  Bytes version_of_;                        // .gnu.version: an index for each dynamic symbol
  std::vector<std::string_view> versions_;  // by index: those that the file defines
};

}  // namespace bpfld::elf
