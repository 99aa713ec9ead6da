// SPDX-License-Identifier: Apache-2.0
// An executable or a shared object, as a probe in user space sees it: the kernel puts a probe at a
// byte of a file, people name a function. This file knows the symbols, their versions and the
// segments, and turns one into the other.
//
// Format: elf(5); symbol versions: the LSB Core specification, "Symbol Versioning".
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace bpfld::elf {

// More symbols than the largest known executables have (Chromium with symbols: about 1.5 million).
inline constexpr u64 kMaxFunctions = 4u << 20;

// view: one function of a symbol table.
struct FunctionSymbol {
  std::string_view name;
  std::string_view version;  // "GLIBC_2.2.5"; empty if none
  bool is_default = false;   // the version that a program linked today gets: name@@version
  bool is_weak = false;
  u64 address = 0;  // st_value, in memory
  u64 size = 0;
};

// view: a validated file. Borrows its bytes.
class Executable {
 public:
  // Errors: malformed, unsupported (not 64-bit ELF, not an executable or shared object), limit.
  [[nodiscard]] static Result<Executable> parse(Bytes file LIFETIMEBOUND);

  ByteOrder order() const { return order_; }
  u16 machine() const { return machine_; }  // EM_*
  // ET_DYN: where it lies in memory differs from process to process.
  bool is_relocatable() const { return relocatable_; }

  // Defined functions, those of the dynamic symbol table first.
  const std::vector<FunctionSymbol>& functions() const LIFETIMEBOUND { return functions_; }

  // Where in the file the byte lies that is at `address` in memory: in a segment of code, or in
  // one of data. Empty: in none.
  std::optional<u64> code_offset(u64 address) const { return offset(address, true); }
  std::optional<u64> data_offset(u64 address) const { return offset(address, false); }

  struct Section {
    u64 address = 0;
    Bytes data;
  };
  // The first section of that name.
  std::optional<Section> section(std::string_view name) const;

 private:
  struct Segment {
    u64 offset = 0, address = 0, size = 0;
    bool code = false;
  };
  Executable() = default;
  std::optional<u64> offset(u64 address, bool code) const;
  Status read_segments(Bytes file);
  Status read_sections(Bytes file);
  Status read_functions(Bytes file, u32 symbols);

  ByteOrder order_ = kHostOrder;
  u16 machine_ = 0;
  bool relocatable_ = false;
  std::vector<Segment> segments_;
  struct NamedSection {
    std::string_view name;
    u32 type = 0, link = 0;
    u64 address = 0;
    Bytes data;
  };
  std::vector<NamedSection> sections_;
  std::vector<FunctionSymbol> functions_;
};

// Where to put a probe.
struct FunctionPlace {
  std::string name;  // as in the file
  u64 offset = 0;    // bytes from the start of the file
};

// `wanted` is a name, name@VERSION, a demangled C++ name (with or without its parameters), or an
// address ("0x1139"). Errors: not_found (near names in `detail`), ambiguous (the addresses in
// `detail`).
[[nodiscard]] Result<FunctionPlace> find_function(const Executable& file, std::string_view wanted);

// Every function whose name matches the pattern, each address once.
std::vector<FunctionPlace> match_functions(const Executable& file, std::string_view glob);

}  // namespace bpfld::elf
