// SPDX-License-Identifier: Apache-2.0
// An object's tables as aligned text, in the manner of `readelf -SWsr`, plus what each section
// means to a BPF loader. Every name is escaped for a terminal and cut, so the text is safe to print
// whatever the file holds and its length is bounded by the number of entries.
#pragma once

#include <string>

#include "elf/object.h"
#include "elf/role.h"

namespace bpfld::elf {

// "PROGBITS"; "0x70000001" for a number without a name.
std::string section_type_name(u32 type);
// "R_BPF_64_64"; "type 77" for a number without a name.
std::string relocation_type_name(u32 type);
// "WA" for SHF_WRITE | SHF_ALLOC, in readelf's letters; unknown flags are one 'x'.
std::string section_flag_letters(u64 flags);
std::string_view name_of(SymbolType type);
std::string_view name_of(SymbolBinding binding);

// One line per section, header line first.
std::string describe_sections(const Object& object);
// One line per symbol, header line first.
std::string describe_symbols(const Object& object);
// For each table a line that names it, then one line per relocation.
std::string describe_relocations(const Object& object);

}  // namespace bpfld::elf
