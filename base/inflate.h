// SPDX-License-Identifier: Apache-2.0
// A kernel that can tell how it was configured does so in /proc/config.gz. This reads gzip, and
// only that: whole, in memory, with a limit on what comes out, because twenty bytes of it can stand
// for a gigabyte.
//
// Formats: RFC 1952 (gzip), RFC 1951 (deflate).
#pragma once

#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace bpfld {

// Whether the bytes start as a gzip file does.
bool is_gzip(Bytes file);

// What a gzip file of one member holds, its checksum compared. Errors: malformed (a rule of the
// format is broken, the file ends early, something follows), unsupported (a method that is not
// deflate, flags from the future), limit (more than `max_size` bytes come out).
[[nodiscard]] Result<std::vector<std::byte>> gunzip(Bytes file, u64 max_size);

// What a raw deflate stream holds; `used`, if not null, receives how many of the bytes it took.
[[nodiscard]] Result<std::vector<std::byte>> inflate(Bytes stream, u64 max_size,
                                                     u64* used = nullptr);

}  // namespace bpfld
