// SPDX-License-Identifier: Apache-2.0
// Which file is meant by the name of a program or a library: a path, a name to be found in PATH or
// where the dynamic linker looks, or "@lib" for a library that a process has mapped. With a process
// id, paths are those that the process sees. Shell.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace bpfld::loader {

// Errors: not_found, usage ("@lib" without a process).
[[nodiscard]] Result<std::string> find_file(std::string_view name, u32 pid);

// The text of /proc/PID/maps: the first file whose name is `library`, or starts with it and goes on
// with '.' or '-' ("libc" -> ".../libc.so.6", "libc-2.31.so"); empty if there is none.
std::string mapped_library(std::string_view maps, std::string_view library);

// Where the byte at `offset` of the file `path` is in the memory of the process.
std::optional<u64> mapped_address(u32 pid, std::string_view path, u64 offset);
// The same in the text of /proc/PID/maps.
std::optional<u64> address_in_maps(std::string_view maps, std::string_view path, u64 offset);

}  // namespace bpfld::loader
