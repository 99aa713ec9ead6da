// SPDX-License-Identifier: Apache-2.0
<<<<<<< HEAD
// Which CPUs there are. Numbers can have holes (0-2,5,7-8) and CPUs come and go, so nothing here is
// ever a count of set bits: perf buffers are opened per online CPU and keyed by its number, and
// arrays that the kernel indexes by CPU need the highest possible number plus one.
//
// Source: Documentation/admin-guide/cputopology.rst; the format is "0-2,5,7-8".
=======
// Which CPUs there are. The kernel writes sets of them as "0-2,5,7-8"; numbers can have holes, so
// the count says nothing about which exist: a per-CPU perf ring goes into its map under the CPU's
// number.
>>>>>>> elfperf
#pragma once

#include <string_view>
#include <vector>

<<<<<<< HEAD
=======
#include "base/int.h"
>>>>>>> elfperf
#include "base/result.h"

namespace bpfld::perf {

<<<<<<< HEAD
inline constexpr u32 kMaxCpus = 1u << 16;  // NR_CPUS is at most 8192 today

// The numbers in a list such as "0-2,5\n", ascending and unique. Errors: malformed.
[[nodiscard]] Result<std::vector<u32>> parse_cpu_list(std::string_view text);

// Errors: not_found, denied, malformed.
[[nodiscard]] Result<std::vector<u32>> online_cpus();
// The highest possible CPU number + 1.
[[nodiscard]] Result<u32> possible_cpu_count();
=======
// One more than the largest CPU number accepted; the kernel's own limit is 8,192 (NR_CPUS).
inline constexpr u32 kMaxCpus = 1u << 16;

// The numbers of a list such as "0-2,5,7-8", ascending; empty text is an empty set. A final newline
// is fine. Errors: malformed (naming the byte), limit (a number of kMaxCpus or more).
[[nodiscard]] Result<std::vector<u32>> parse_cpu_list(std::string_view text);

// /sys/devices/system/cpu/online. Errors: parse_cpu_list()'s and those of reading it.
[[nodiscard]] Result<std::vector<u32>> online_cpus();
// /sys/devices/system/cpu/possible: also those that can be plugged in later.
[[nodiscard]] Result<std::vector<u32>> possible_cpus();
>>>>>>> elfperf

}  // namespace bpfld::perf
