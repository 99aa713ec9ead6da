// SPDX-License-Identifier: Apache-2.0
// The first question about any file: is it a BPF object, in which byte order, and where are its
// section headers? People hand a loader all kinds of files, so most of this is about saying what
// they handed it.
#pragma once

#include "base/bytes.h"
#include "base/result.h"

namespace bpfld::elf {

// spec: the section header table, and what the file header says besides.
struct FileOutline {
  ByteOrder order = kHostOrder;
  u16 machine = 0;
  u64 headers = 0;        // bytes from the start of the file; all of them lie inside
  u64 section_count = 0;  // 1 to kMaxSections
  u64 names = 0;          // index of the section name table, less than section_count
};

// Errors: Object::parse()'s that are about the ELF header.
[[nodiscard]] Result<FileOutline> read_outline(Bytes file);
// The same for a 64-bit file of any machine and kind.
[[nodiscard]] Result<FileOutline> read_any_outline(Bytes file);

}  // namespace bpfld::elf
