// SPDX-License-Identifier: Apache-2.0
// How a kernel was configured, as programs ask for it: `extern int CONFIG_HZ __kconfig`. The text
// of the configuration is searched for the options that an object names, and each value is written
// the way the variable's C type wants it. Pure.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "loader/spec.h"

namespace bpfld::loader {

// The text after '=' of each of `names` that the configuration sets, first mention first. Options
// that are "not set" are not in it.
std::map<std::string, std::string> find_options(std::string_view config,
                                                std::span<const std::string> names);

// Writes `text` ("y", "250", "0x10", "\"string\"") into the variable's bytes. A string that is too
// long is cut, as C does it. Errors: unsupported (the variable's type cannot hold such a value),
// limit (the number does not fit), malformed (it is none).
[[nodiscard]] Status store_option(const ExternSpec& variable, std::string_view text,
                                  std::span<std::byte> out);
// The same for a number that the loader knows itself: LINUX_KERNEL_VERSION and the like.
[[nodiscard]] Status store_number(const ExternSpec& variable, u64 value, std::span<std::byte> out);

}  // namespace bpfld::loader
