// SPDX-License-Identifier: Apache-2.0
// Values of options: times, sizes, counts, patterns. Pure.
#pragma once

#include <chrono>
#include <string_view>

#include "base/result.h"

namespace bpfld::cli {

// "10s", "500ms", "2m", "1h"; a bare number is in seconds. Errors: usage.
[[nodiscard]] Result<std::chrono::milliseconds> parse_duration(std::string_view text);
// "4096", "64K", "4M", "1G", in bytes. Errors: usage.
[[nodiscard]] Result<u64> parse_size(std::string_view text);
// A decimal number of at least 1. Errors: usage.
[[nodiscard]] Result<u64> parse_count(std::string_view text);

}  // namespace bpfld::cli
