// SPDX-License-Identifier: Apache-2.0
// The records of an ELF64 file as they lie on disk, in the words of elf(5) and the System V gABI.
// Only what a relocatable BPF object has: headers, symbols and relocations. load<T>() reads them,
// in either byte order, through the fields() beside each; nothing outside this folder needs this
// header.
#pragma once

#include <array>
#include <tuple>

#include "base/int.h"

namespace bpfld::elf {

// e_ident, elf(5): four magic bytes, then one byte each.
inline constexpr std::array<u8, 4> kElfMagic = {0x7f, 'E', 'L', 'F'};
inline constexpr u64 kIdentSize = 16;    // EI_NIDENT
inline constexpr u64 kIdentClass = 4;    // EI_CLASS
inline constexpr u64 kIdentData = 5;     // EI_DATA
inline constexpr u64 kIdentVersion = 6;  // EI_VERSION
inline constexpr u8 kClass32 = 1;        // ELFCLASS32
inline constexpr u8 kClass64 = 2;        // ELFCLASS64
inline constexpr u8 kDataLittle = 1;     // ELFDATA2LSB
inline constexpr u8 kDataBig = 2;        // ELFDATA2MSB
inline constexpr u32 kVersionCurrent = 1;

inline constexpr u16 kTypeRelocatable = 1;  // ET_REL
inline constexpr u16 kMachineNone = 0;      // EM_NONE, which early LLVM wrote for BPF
inline constexpr u16 kMachineBpf = 247;     // EM_BPF

// Elf64_Ehdr without e_ident, which has no byte order: it starts at byte 16.
struct FileHeader {
  u16 type;                // e_type, ET_*
  u16 machine;             // e_machine, EM_*
  u32 version;             // e_version
  u64 entry;               // e_entry
  u64 program_headers;     // e_phoff
  u64 section_headers;     // e_shoff, bytes from the start of the file
  u32 flags;               // e_flags
  u16 header_size;         // e_ehsize
  u16 program_entry_size;  // e_phentsize
  u16 program_count;       // e_phnum
  u16 section_entry_size;  // e_shentsize
  u16 section_count;       // e_shnum; 0: the count is section 0's sh_size
  u16 section_names;       // e_shstrndx; SHN_XINDEX: the index is section 0's sh_link
};
constexpr auto fields(FileHeader& h) {
  return std::tie(h.type, h.machine, h.version, h.entry, h.program_headers, h.section_headers,
                  h.flags, h.header_size, h.program_entry_size, h.program_count,
                  h.section_entry_size, h.section_count, h.section_names);
}
inline constexpr u64 kFileHeaderSize = kIdentSize + sizeof(FileHeader);
static_assert(kFileHeaderSize == 64);

// Elf64_Shdr.
struct SectionHeader {
  u32 name;        // sh_name, bytes into the section name table
  u32 type;        // sh_type, SHT_*
  u64 flags;       // sh_flags, SHF_*
  u64 address;     // sh_addr
  u64 offset;      // sh_offset, bytes from the start of the file
  u64 size;        // sh_size, bytes
  u32 link;        // sh_link, a section index
  u32 info;        // sh_info
  u64 alignment;   // sh_addralign, 0 or a power of two
  u64 entry_size;  // sh_entsize, bytes
};
constexpr auto fields(SectionHeader& s) {
  return std::tie(s.name, s.type, s.flags, s.address, s.offset, s.size, s.link, s.info, s.alignment,
                  s.entry_size);
}
static_assert(sizeof(SectionHeader) == 64);

inline constexpr u32 kSectionNull = 0;                  // SHT_NULL
inline constexpr u32 kSectionProgbits = 1;              // SHT_PROGBITS
inline constexpr u32 kSectionSymtab = 2;                // SHT_SYMTAB
inline constexpr u32 kSectionStrtab = 3;                // SHT_STRTAB
inline constexpr u32 kSectionRela = 4;                  // SHT_RELA
inline constexpr u32 kSectionNobits = 8;                // SHT_NOBITS
inline constexpr u32 kSectionRel = 9;                   // SHT_REL
inline constexpr u32 kSectionDynsym = 11;               // SHT_DYNSYM
inline constexpr u32 kSectionSymtabIndex = 18;          // SHT_SYMTAB_SHNDX
inline constexpr u32 kSectionLlvmAddrsig = 0x6fff4c03;  // SHT_LLVM_ADDRSIG

inline constexpr u64 kFlagWrite = 1u << 0;        // SHF_WRITE
inline constexpr u64 kFlagAlloc = 1u << 1;        // SHF_ALLOC
inline constexpr u64 kFlagExec = 1u << 2;         // SHF_EXECINSTR
inline constexpr u64 kFlagCompressed = 1u << 11;  // SHF_COMPRESSED

// Section indices in a symbol that are not section indices.
inline constexpr u16 kIndexReserved = 0xff00;  // SHN_LORESERVE: from here on
inline constexpr u16 kIndexAbsolute = 0xfff1;  // SHN_ABS
inline constexpr u16 kIndexCommon = 0xfff2;    // SHN_COMMON
inline constexpr u16 kIndexExtended = 0xffff;  // SHN_XINDEX: the index is in SHT_SYMTAB_SHNDX

// Elf64_Sym.
struct SymbolRecord {
  u32 name;     // st_name, bytes into the linked string table
  u8 info;      // st_info: binding << 4 | type
  u8 other;     // st_other: visibility in bits 0-1
  u16 section;  // st_shndx
  u64 value;    // st_value; in ET_REL, bytes from the start of the section
  u64 size;     // st_size, bytes
};
constexpr auto fields(SymbolRecord& s) {
  return std::tie(s.name, s.info, s.other, s.section, s.value, s.size);
}
static_assert(sizeof(SymbolRecord) == 24);

// Elf64_Rel and Elf64_Rela; info: symbol << 32 | type.
struct RelRecord {
  u64 offset;
  u64 info;
};
constexpr auto fields(RelRecord& r) {
  return std::tie(r.offset, r.info);
}
static_assert(sizeof(RelRecord) == 16);

struct RelaRecord {
  u64 offset;
  u64 info;
  i64 addend;
};
constexpr auto fields(RelaRecord& r) {
  return std::tie(r.offset, r.info, r.addend);
}
static_assert(sizeof(RelaRecord) == 24);

// Relocation types of BPF: Documentation/bpf/llvm_reloc.rst.
inline constexpr u32 kRelocNone = 0;      // R_BPF_NONE
inline constexpr u32 kReloc64 = 1;        // R_BPF_64_64: the two halves of an ld_imm64
inline constexpr u32 kRelocAbs64 = 2;     // R_BPF_64_ABS64: 8 bytes of data
inline constexpr u32 kRelocAbs32 = 3;     // R_BPF_64_ABS32: 4 bytes of data
inline constexpr u32 kRelocNodyld32 = 4;  // R_BPF_64_NODYLD32: 4 bytes of .BTF or .BTF.ext
inline constexpr u32 kReloc32 = 10;       // R_BPF_64_32: the imm of a call

}  // namespace bpfld::elf
