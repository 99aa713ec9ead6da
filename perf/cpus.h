// SPDX-License-Identifier: Apache-2.0
// Which CPUs there are. The kernel writes sets of them as "0-2,5,7-8"; numbers can have holes, so
// the count says nothing about which exist: a per-CPU perf ring goes into its map under the CPU's
// number.
#pragma once

#include <string_view>
#include <vector>

#include "base/int.h"
#include "base/result.h"

namespace bpfld::perf {

// One more than the largest CPU number accepted; the kernel's own limit is 8,192 (NR_CPUS).
inline constexpr u32 kMaxCpus = 1u << 16;

// The numbers of a list such as "0-2,5,7-8", ascending; empty text is an empty set. A final newline
// is fine. Errors: malformed (naming the byte), limit (a number of kMaxCpus or more).
[[nodiscard]] Result<std::vector<u32>> parse_cpu_list(std::string_view text);

// /sys/devices/system/cpu/online. Errors: parse_cpu_list()'s and those of reading it.
[[nodiscard]] Result<std::vector<u32>> online_cpus();
// /sys/devices/system/cpu/possible: also those that can be plugged in later.
[[nodiscard]] Result<std::vector<u32>> possible_cpus();

}  // namespace bpfld::perf
