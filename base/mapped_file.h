// SPDX-License-Identifier: Apache-2.0
// Files travel as Bytes. A user's object is copied into private memory (a writer who changes or
// truncates it while we parse must not be able to crash us: a shared mapping would SIGBUS); the
// kernel's own BTF, which nobody can change, is mapped where the kernel allows that (since v6.16)
// and read otherwise.
#pragma once

#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace bpfld {

inline constexpr u64 kMaxFileSize = 64u << 20;  // an object of 64 MiB is 30 times the largest known

// The whole regular file. Errors: not_found, denied, malformed (not a regular file), limit (>
// max_size).
[[nodiscard]] Result<std::vector<std::byte>> read_file(const std::string& path,
                                                       u64 max_size = kMaxFileSize);

// The text of a /proc, /sys or tracefs file, whose size is not known beforehand.
// Errors: not_found, denied, kernel, limit (> max_size).
[[nodiscard]] Result<std::string> read_text(const std::string& path, u64 max_size = 1u << 20);

// handle: the bytes of a file that does not change under us, mapped or read.
class MappedFile {
 public:
  // Maps `path` read-only and private; reads it when the file cannot be mapped.
  [[nodiscard]] static Result<MappedFile> open(const std::string& path, u64 max_size = 256u << 20);
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  // Lives as long as this object.
  Bytes bytes() const LIFETIMEBOUND { return bytes_; }

 private:
  MappedFile() = default;
  Bytes bytes_;
  std::vector<std::byte> copy_;  // the storage when the file was read
  bool mapped_ = false;
};

}  // namespace bpfld
