// SPDX-License-Identifier: Apache-2.0
// What a section means to a BPF loader. ELF only says "bytes with these flags"; the meaning is a
// convention of names between compilers and loaders, so it is a table of names (role.cc).
#pragma once

#include <string_view>

#include "base/int.h"

namespace bpfld::elf {

struct Section;

enum class SectionRole : u8 {
  ignored,      // nothing reads it: .eh_frame, notes, address-significance tables, unknown data
  code,         // executable bytes: programs and subprograms
  maps,         // .maps, map definitions described by BTF
  legacy_maps,  // maps, maps/NAME, TYPE/maps: the definitions before BTF
  data,         // .data and .data.*: initialised globals
  rodata,       // .rodata and .rodata.*: constants, frozen before the program loads
  bss,          // .bss and .bss.*: zeroed globals, no bytes in the file
  arena,        // .addr_space.1: globals that live in the arena
  struct_ops,   // .struct_ops and .struct_ops.link: tables of programs for the kernel
  kconfig,      // .kconfig: externs filled from the kernel's configuration
  ksyms,        // .ksyms: externs that name kernel symbols
  jump_tables,  // .jumptables: targets of gotox
  license,
  version,
  btf,          // .BTF
  btf_ext,      // .BTF.ext
  relocations,  // SHT_REL and SHT_RELA
  symbols,      // SHT_SYMTAB
  strings,      // SHT_STRTAB
  debug,        // .debug_*: DWARF, which BTF replaces
};

// The type decides for tables, then the executable flag, then the name.
SectionRole role_of(const Section& section);

// "struct_ops"
std::string_view name_of(SectionRole role);

// Relocations of these sections are not decoded: nothing reads the bytes that they patch.
constexpr bool has_unread_relocations(SectionRole role) {
  return role == SectionRole::ignored || role == SectionRole::btf || role == SectionRole::btf_ext ||
         role == SectionRole::debug;
}

}  // namespace bpfld::elf
