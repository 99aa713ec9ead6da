// SPDX-License-Identifier: Apache-2.0
// How every layer reports failure. Callers branch on `Code`; people read the chain, which runs from
// the outside in: `loading "x.bpf.o": program "on_exec": relocation #3: ...`. The kernel's errno is
// kept verbatim. Nothing in the library throws, prints or gives advice: remedies are a table in
// cli/.
#pragma once

#include <expected>
#include <string>
#include <utility>

#include "base/format.h"
#include "base/int.h"

namespace bpfld {

enum class Code : u8 {
  malformed,    // the bytes break a rule of their format
  unsupported,  // well-formed, but this loader or this kernel cannot do it
  not_found,    // a name, file, symbol or event that is not there
  ambiguous,    // several answers, and choosing one could be wrong
  denied,       // EPERM, EACCES
  limit,        // a cap of ours or of the kernel
  rejected,     // the verifier said no
  kernel,       // any other refusal of a syscall
  usage,        // the caller asked for something that makes no sense
  internal,     // our own bug
};

// spec: one failure. `what` is the innermost message; `context` is outermost-last. Its members are
// not inline, and cold: every function that can fail has paths that make, move and drop errors, and
// they would be half of the program.
struct Error {
  Error();
  [[gnu::cold]] Error(const Error&);
  [[gnu::cold]] Error(Error&&) noexcept;
  Error& operator=(const Error&);
  Error& operator=(Error&&) noexcept;
  [[gnu::cold]] ~Error();

  Code code = Code::internal;
  int errno_value = 0;  // the kernel's answer, 0 when no syscall failed
  std::string what;
  std::string context;  // "loading \"x\": program \"p\"", outermost first; empty if none
  std::string detail =
      {};        // longer text for the lines below the first: a verifier log's tail, near names
  u32 room = 0;  // bytes that the kernel's answer would have taken, when it did not fit and it said
  bool operator==(const Error&) const = default;

  // The whole chain on one line: context, what, and the errno's name if there is one.
  std::string message() const;
};

template <typename T>
using Result = std::expected<T, Error>;
using Status = Result<void>;

// The type-erased workers behind fail() and fail_errno().
[[gnu::cold]] std::unexpected<Error> make_failure(Code code, int errno_value, std::string_view text,
                                                  std::span<const FormatArg> args);

// An error of `code` with a formatted message, ready to return.
template <typename... Args>
[[nodiscard, gnu::cold, gnu::noinline]] std::unexpected<Error> fail(
    Code code, FormatString<std::type_identity_t<Args>...> text, const Args&... args) {
  const std::array<FormatArg, sizeof...(Args)> list{FormatArg(args)...};
  return make_failure(code, 0, text.text, list);
}

// An error for a syscall that failed with `errno_value`; EPERM and EACCES become Code::denied,
// ENOENT not_found, everything else Code::kernel.
template <typename... Args>
[[nodiscard, gnu::cold, gnu::noinline]] std::unexpected<Error> fail_errno(
    int errno_value, FormatString<std::type_identity_t<Args>...> text, const Args&... args);

// ENOTSUPP: the kernel's own, in no header for programs, but it leaks out of bpf(2)
// (include/linux/errno.h).
inline constexpr int kErrnoNotSupported = 524;

// The code that stands for an errno; see fail_errno().
Code code_of_errno(int errno_value);
// "ENOENT" for 2; "errno 4095" for a number that has no name here.
std::string errno_name(int errno_value);
// "No such file or directory" for 2.
std::string errno_text(int errno_value);

template <typename... Args>
std::unexpected<Error> fail_errno(int errno_value, FormatString<std::type_identity_t<Args>...> text,
                                  const Args&... args) {
  const std::array<FormatArg, sizeof...(Args)> list{FormatArg(args)...};
  return make_failure(code_of_errno(errno_value), errno_value, text.text, list);
}

// Puts a name that the callee did not know in front of its error. `describe` is called on failure
// only.
template <typename T, typename Describe>
[[nodiscard]] Result<T> with_context(Result<T> result, Describe describe) {
  if (!result) {
    Error& error = result.error();
    const std::string outer = describe();
    error.context = error.context.empty() ? outer : outer + ": " + error.context;
  }
  return result;
}

#define BPFLD_JOIN_(a, b) a##b
#define BPFLD_JOIN(a, b) BPFLD_JOIN_(a, b)
// The value of a Result, or return its error from the enclosing function. Not inside a braced
// initialiser: GCC 12 forgets to destroy the members already made (gcc.gnu.org PR 66139's family).
#define BPFLD_TRY_AS(name, expr)                       \
  __extension__({                                      \
    auto&& name = (expr);                              \
    if (!name) [[unlikely]]                            \
      return std::unexpected(std::move(name).error()); \
    *std::move(name);                                  \
  })
#define TRY(expr) BPFLD_TRY_AS(BPFLD_JOIN(try_result_, __COUNTER__), expr)  // NOLINT

}  // namespace bpfld
