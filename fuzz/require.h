// SPDX-License-Identifier: Apache-2.0
// What every fuzz target promises besides not crashing. assert() would vanish with NDEBUG.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>

#include "base/escape.h"
#include "base/result.h"

namespace bpfld::fuzz {

inline void require(bool holds, const char* promise) {
  if (holds) return;
  std::fprintf(stderr, "broken promise: %s\n", promise);
  std::abort();
}

// Lines that are safe on a terminal.
inline void require_printable(const std::string& text) {
  require(escape_lines(text) == text, "text holds only printable characters and newlines");
}

// One non-empty, printable line; no bug of ours and no syscall behind it.
inline void require_good_error(const Error& error) {
  require(!error.what.empty(), "an error says what is wrong");
  require(escape_terminal(error.message()) == error.message(), "an error is one printable line");
  require(error.code != Code::internal, "input does not reach an internal error");
  require(error.errno_value == 0, "parsing makes no syscall");
}

}  // namespace bpfld::fuzz
