// SPDX-License-Identifier: Apache-2.0
// The records of an ELF32 file, and what they are in the words of ELF64: numbers of half the size,
// in another order. Programs of 32-bit machines run on 64-bit kernels, and can be probed there.
// Private to elf/executable.cc.
//
// Format: elf(5).
#pragma once

#include <tuple>

#include "elf/format.h"

namespace bpfld::elf {

// Elf32_Ehdr without e_ident.
struct FileHeader32 {
  u16 type, machine;
  u32 version, entry, program_headers, section_headers, flags;
  u16 header_size, program_entry_size, program_count, section_entry_size, section_count,
      section_names;
};
constexpr auto fields(FileHeader32& h) {
  return std::tie(h.type, h.machine, h.version, h.entry, h.program_headers, h.section_headers,
                  h.flags, h.header_size, h.program_entry_size, h.program_count,
                  h.section_entry_size, h.section_count, h.section_names);
}
static_assert(sizeof(FileHeader32) == 36);

// Elf32_Phdr.
struct ProgramHeader32 {
  u32 type, offset, address, physical, file_size, memory_size, flags, alignment;
};
constexpr auto fields(ProgramHeader32& p) {
  return std::tie(p.type, p.offset, p.address, p.physical, p.file_size, p.memory_size, p.flags,
                  p.alignment);
}
static_assert(sizeof(ProgramHeader32) == 32);

// Elf32_Shdr.
struct SectionHeader32 {
  u32 name, type, flags, address, offset, size, link, info, alignment, entry_size;
};
constexpr auto fields(SectionHeader32& s) {
  return std::tie(s.name, s.type, s.flags, s.address, s.offset, s.size, s.link, s.info, s.alignment,
                  s.entry_size);
}
static_assert(sizeof(SectionHeader32) == 40);

// Elf32_Sym.
struct SymbolRecord32 {
  u32 name, value, size;
  u8 info, other;
  u16 section;
};
constexpr auto fields(SymbolRecord32& s) {
  return std::tie(s.name, s.value, s.size, s.info, s.other, s.section);
}
static_assert(sizeof(SymbolRecord32) == 16);

constexpr FileHeader widen(const FileHeader32& h) {
  return {.type = h.type,
          .machine = h.machine,
          .version = h.version,
          .entry = h.entry,
          .program_headers = h.program_headers,
          .section_headers = h.section_headers,
          .flags = h.flags,
          .header_size = h.header_size,
          .program_entry_size = h.program_entry_size,
          .program_count = h.program_count,
          .section_entry_size = h.section_entry_size,
          .section_count = h.section_count,
          .section_names = h.section_names};
}

constexpr SectionHeader widen(const SectionHeader32& s) {
  return {.name = s.name,
          .type = s.type,
          .flags = s.flags,
          .address = s.address,
          .offset = s.offset,
          .size = s.size,
          .link = s.link,
          .info = s.info,
          .alignment = s.alignment,
          .entry_size = s.entry_size};
}

constexpr SymbolRecord widen(const SymbolRecord32& s) {
  return {.name = s.name,
          .info = s.info,
          .other = s.other,
          .section = s.section,
          .value = s.value,
          .size = s.size};
}

}  // namespace bpfld::elf
