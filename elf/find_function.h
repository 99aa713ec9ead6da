// SPDX-License-Identifier: Apache-2.0
// From what people call a function to its place in the file: a name, a name and a version, the
// text of a C++ name, an address; or a pattern, which means many.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "elf/executable.h"

namespace bpfld::elf {

// spec: where to put a probe.
struct FunctionPlace {
  std::string name;     // as in the file
  u64 file_offset = 0;  // bytes
};

// `wanted` is a name, name@VERSION, a demangled C++ name (with or without its parameters), or an
// address ("0x1139"). Of several the default version wins, then one that is not weak. A function
// that only chooses another one (STT_GNU_IFUNC) does not count. Errors: not_found (near names in
// `detail`), ambiguous (the addresses in `detail`), and those of Executable::functions().
[[nodiscard]] Result<FunctionPlace> find_function(const Executable& file, std::string_view wanted);

// Every function whose name matches the pattern, each place once, in the order of names.
[[nodiscard]] Result<std::vector<FunctionPlace>> match_functions(const Executable& file,
                                                                 std::string_view glob);

}  // namespace bpfld::elf
