// SPDX-License-Identifier: Apache-2.0
// One section of any 64-bit ELF file: the .BTF of a vmlinux, of a kernel module, of a BPF object.
// Object is for the latter only and looks at everything; here nothing else of the file matters.
#pragma once

#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

namespace bpfld::elf {

// Whether the file starts as ELF does.
bool is_elf(Bytes file);

// The bytes of the first section of that name, in the file's byte order. Errors: not_found (no such
// section, or it has no bytes in the file), unsupported (32-bit, compressed), malformed (naming
// what is wrong), limit.
[[nodiscard]] Result<Bytes> find_section_bytes(Bytes file LIFETIMEBOUND, std::string_view name);

}  // namespace bpfld::elf
