// SPDX-License-Identifier: Apache-2.0
// The text side of errors: errno names (glibc's strerrorname_np would do, musl has none) and the
// chain.
#include "base/result.h"

#include <cerrno>
#include <cstring>

namespace bpfld {
namespace {

struct ErrnoRow {
  int value;
  std::string_view name;
};

// The errnos that bpf(2), perf_event_open(2), netlink and the file calls around them can return.
constexpr ErrnoRow kErrnoRows[] = {
    {EPERM, "EPERM"},
    {ENOENT, "ENOENT"},
    {ESRCH, "ESRCH"},
    {EINTR, "EINTR"},
    {EIO, "EIO"},
    {ENXIO, "ENXIO"},
    {E2BIG, "E2BIG"},
    {ENOEXEC, "ENOEXEC"},
    {EBADF, "EBADF"},
    {ECHILD, "ECHILD"},
    {EAGAIN, "EAGAIN"},
    {ENOMEM, "ENOMEM"},
    {EACCES, "EACCES"},
    {EFAULT, "EFAULT"},
    {EBUSY, "EBUSY"},
    {EEXIST, "EEXIST"},
    {EXDEV, "EXDEV"},
    {ENODEV, "ENODEV"},
    {ENOTDIR, "ENOTDIR"},
    {EISDIR, "EISDIR"},
    {EINVAL, "EINVAL"},
    {ENFILE, "ENFILE"},
    {EMFILE, "EMFILE"},
    {ENOTTY, "ENOTTY"},
    {EFBIG, "EFBIG"},
    {ENOSPC, "ENOSPC"},
    {ESPIPE, "ESPIPE"},
    {EROFS, "EROFS"},
    {EPIPE, "EPIPE"},
    {EDOM, "EDOM"},
    {ERANGE, "ERANGE"},
    {EDEADLK, "EDEADLK"},
    {ENAMETOOLONG, "ENAMETOOLONG"},
    {ENOSYS, "ENOSYS"},
    {ELOOP, "ELOOP"},
    {ENODATA, "ENODATA"},
    {EPROTO, "EPROTO"},
    {EBADMSG, "EBADMSG"},
    {EOVERFLOW, "EOVERFLOW"},
    {EOPNOTSUPP, "EOPNOTSUPP"},
    {EADDRINUSE, "EADDRINUSE"},
    {EADDRNOTAVAIL, "EADDRNOTAVAIL"},
    {ENETDOWN, "ENETDOWN"},
    {ENOBUFS, "ENOBUFS"},
    {ETIMEDOUT, "ETIMEDOUT"},
    {EALREADY, "EALREADY"},
    {ESTALE, "ESTALE"},
    {ECANCELED, "ECANCELED"},
    {EPROTONOSUPPORT, "EPROTONOSUPPORT"},
    {kErrnoNotSupported, "ENOTSUPP"},
};

}  // namespace

Error::Error() = default;
Error::Error(const Error&) = default;
Error::Error(Error&&) noexcept = default;
Error& Error::operator=(const Error&) = default;
Error& Error::operator=(Error&&) noexcept = default;
Error::~Error() = default;

std::unexpected<Error> make_failure(Code code, int errno_value, std::string_view text,
                                    std::span<const FormatArg> args) {
  Error error;
  error.code = code;
  error.errno_value = errno_value;
  format_to(error.what, text, args);
  return std::unexpected(std::move(error));
}

Code code_of_errno(int errno_value) {
  if (errno_value == EPERM || errno_value == EACCES) return Code::denied;
  if (errno_value == ENOENT) return Code::not_found;
  return Code::kernel;
}

std::string errno_name(int errno_value) {
  for (const ErrnoRow& row : kErrnoRows)
    if (row.value == errno_value) return std::string(row.name);
  return format("errno {}", errno_value);
}

std::string errno_text(int errno_value) {
  if (errno_value == kErrnoNotSupported) return "Operation not supported by the kernel";
  return std::strerror(
      errno_value);  // NOLINT(concurrency-mt-unsafe): thread-safe in glibc >= 2.32 and musl
}

std::string Error::message() const {
  std::string out = context.empty() ? what : context + ": " + what;
  if (errno_value != 0)
    out += format(": {} ({})", errno_text(errno_value), errno_name(errno_value));
  return out;
}

}  // namespace bpfld
