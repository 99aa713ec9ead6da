// SPDX-License-Identifier: Apache-2.0
// Which CPUs there are. Numbers can have holes (0-2,5,7-8) and CPUs come and go, so nothing here is
// ever a count of set bits: perf buffers are opened per online CPU and keyed by its number, and
// arrays that the kernel indexes by CPU need the highest possible number plus one.
//
// Source: Documentation/admin-guide/cputopology.rst; the format is "0-2,5,7-8".
#pragma once

#include <string_view>
#include <vector>

#include "base/result.h"

namespace bpfld::perf {

inline constexpr u32 kMaxCpus = 1u << 16;  // NR_CPUS is at most 8192 today

// The numbers in a list such as "0-2,5\n", ascending and unique. Errors: malformed.
[[nodiscard]] Result<std::vector<u32>> parse_cpu_list(std::string_view text);

// Errors: not_found, denied, malformed.
[[nodiscard]] Result<std::vector<u32>> online_cpus();
// The highest possible CPU number + 1.
[[nodiscard]] Result<u32> possible_cpu_count();

}  // namespace bpfld::perf
