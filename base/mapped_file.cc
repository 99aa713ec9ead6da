// SPDX-License-Identifier: Apache-2.0
// Reading and mapping files; see mapped_file.h for which is used when.
#include "base/mapped_file.h"

#include <cerrno>
#include <fcntl.h>
#include <unistd.h>

#include <sys/mman.h>
#include <sys/stat.h>

#include "base/fd.h"

namespace bpfld {
namespace {

Result<UniqueFd> open_for_reading(const std::string& path) {
  // O_NONBLOCK: a FIFO given as a file name must give an error, not wait for a writer.
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  if (fd < 0) return fail_errno(errno, "cannot open {}", path);
  return UniqueFd(fd);
}

// Reads to the end into a std::string or a vector of bytes, growing as bytes arrive; `expected`
// only sizes the first buffer.
template <typename Buffer>
Result<Buffer> drain(int fd, const std::string& path, u64 expected, u64 max_size) {
  Buffer out;
  out.resize(static_cast<std::size_t>(std::min(expected, max_size)) + 4096);
  std::size_t used = 0;
  while (true) {
    if (used > max_size) return fail(Code::limit, "{} is larger than {} bytes", path, max_size);
    if (used == out.size()) out.resize(out.size() * 2);
    const ssize_t got = ::read(fd, out.data() + used, out.size() - used);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_errno(errno, "cannot read {}", path);
    if (got == 0) break;
    used += static_cast<std::size_t>(got);
  }
  out.resize(used);
  return out;
}

}  // namespace

Result<std::vector<std::byte>> read_file(const std::string& path, u64 max_size) {
  const UniqueFd fd = TRY(open_for_reading(path));
  struct stat info = {};
  if (::fstat(fd.get(), &info) != 0) return fail_errno(errno, "cannot stat {}", path);
  if (!S_ISREG(info.st_mode)) return fail(Code::malformed, "{} is not a regular file", path);
  const u64 size = static_cast<u64>(info.st_size);
  if (size > max_size)
    return fail(Code::limit, "{} has {} bytes, more than the {} that are read", path, size,
                max_size);
  return drain<std::vector<std::byte>>(fd.get(), path, size, max_size);
}

Result<std::string> read_text(const std::string& path, u64 max_size) {
  const UniqueFd fd = TRY(open_for_reading(path));
  return drain<std::string>(fd.get(), path, 0, max_size);
}

Result<MappedFile> MappedFile::open(const std::string& path, u64 max_size) {
  const UniqueFd fd = TRY(open_for_reading(path));
  struct stat info = {};
  if (::fstat(fd.get(), &info) != 0) return fail_errno(errno, "cannot stat {}", path);
  const u64 size = static_cast<u64>(info.st_size);
  MappedFile file;
  if (size > 0 && size <= max_size) {
    void* at = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd.get(), 0);
    if (at != MAP_FAILED) {  // NOLINT(performance-no-int-to-ptr)
      file.bytes_ = Bytes(static_cast<const std::byte*>(at), size);
      file.mapped_ = true;
      return file;
    }
  }
  file.copy_ = TRY(drain<std::vector<std::byte>>(fd.get(), path, size, max_size));
  file.bytes_ = file.copy_;
  return file;
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : bytes_(std::exchange(other.bytes_, {})),
      copy_(std::move(other.copy_)),
      mapped_(std::exchange(other.mapped_, false)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(bytes_, other.bytes_);
  std::swap(copy_, other.copy_);
  std::swap(mapped_, other.mapped_);
  return *this;
}

MappedFile::~MappedFile() {
  if (mapped_) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

}  // namespace bpfld
