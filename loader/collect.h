// SPDX-License-Identifier: Apache-2.0
// ELF + BTF -> ObjectSpec: the one place where the two formats meet. The file's symbols become
// functions, its relocations become references between them, its .maps and data sections become
// maps, and .BTF.ext is dealt out to the functions it describes. Pure: no kernel, no privileges,
// the same answer everywhere.
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "loader/spec.h"

namespace bpfld::loader {

// The object in `file`, named `name` (see object_name()). Errors: malformed, unsupported, limit;
// each names the section or symbol. Nothing in the result borrows from `file`.
[[nodiscard]] Result<ObjectSpec> collect(Bytes file, std::string_view name);

// "dir/execsnoop.bpf.o" -> "execsnoop": the part of a path that names an object.
std::string object_name(std::string_view path);

inline constexpr std::size_t kMaxMaps = 1024;
inline constexpr std::size_t kMaxPrograms = 4096;
inline constexpr u64 kMaxInsns = 1u << 20;  // per object: the kernel's own cap per program is 1 M

}  // namespace bpfld::loader
