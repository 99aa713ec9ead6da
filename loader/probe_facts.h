// SPDX-License-Identifier: Apache-2.0
// What the plan of a probe must know beforehand: whether the kernel has probes of that sort, which
// functions a pattern means, and at which byte of which file a function of user space is. Part of
// Needs and KernelProfile; captured by capture_probes.cc.
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <vector>

#include "base/int.h"

namespace bpfld::loader {

// spec: a kind of perf event that has no number of its own, in /sys/bus/event_source/devices.
struct PmuFact {
  std::optional<u32> type;             // empty: the kernel has none
  u32 return_bit = 0;                  // of config: at the function's return
  std::optional<u32> semaphore_shift;  // of config: where a USDT semaphore's place in the file goes
  bool in_tracefs = false;             // without it: tracefs has a file to define such probes in
  bool operator==(const PmuFact&) const = default;
};

// spec: the kernel functions that a pattern matches.
struct FunctionsFact {
  std::vector<std::string> names;  // sorted; those that exist once and can be traced
  std::size_t doubles = 0;         // names left out because several functions have them
  std::string problem;             // why nothing could be looked up
  int errno_value = 0;
  bool operator==(const FunctionsFact&) const = default;
};

// spec: one function of a file, or all that match a pattern.
struct BinaryPlace {
  std::string file;      // "/bin/bash", "libc.so.6", "@libjvm"
  std::string function;  // a name, name@VERSION, a C++ name, an address; for many: a pattern
  u32 pid = 0;           // in whose maps or file system the file is looked for; 0: ours
  bool many = false;
  auto operator<=>(const BinaryPlace&) const = default;
};

// spec: what was found of it.
struct BinaryFact {
  std::string path;  // of the file that was found
  std::vector<u64> offsets;
  std::vector<std::string> near;
  std::string problem;
  int errno_value = 0;
  bool operator==(const BinaryFact&) const = default;
};

// spec: a statically defined probe.
struct UsdtPlace {
  std::string file, provider, name;
  u32 pid = 0;
  auto operator<=>(const UsdtPlace&) const = default;
};

// spec: one place where the probe is in the code.
struct UsdtSite {
  u64 offset = 0;     // of the nop, bytes in the file
  u64 semaphore = 0;  // bytes in the file; 0: none
  u64 address = 0;    // in the memory of the process, or as linked; 0: not known
  std::string arguments;
  bool operator==(const UsdtSite&) const = default;
};
struct UsdtFact {
  std::string path;
  u16 machine = 0;  // EM_*: whose registers the arguments name
  std::vector<UsdtSite> sites;
  std::vector<std::string> near;
  std::string problem;
  int errno_value = 0;
  bool operator==(const UsdtFact&) const = default;
};

}  // namespace bpfld::loader
