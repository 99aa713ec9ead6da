// SPDX-License-Identifier: Apache-2.0
// The file-system half of pins, for linux_kernel.cc. /sys/fs/bpf is often writable for everybody
// (mode 1777) and a BPF file system has symbolic links, so a path that is looked up twice may name
// two things. Hence a path is walked once, without following links; what it leads to is checked (a
// BPF file system, nobody else may write there) and then named by the descriptor that we hold.
// Shell.
#pragma once

#include <optional>
#include <string>

#include "base/fd.h"
#include "bpf/kernel.h"

namespace bpfld::bpf {

// handle: a place that stays the same while it is held.
struct PinPlace {
  UniqueFd held;
  std::string path;  // "/proc/self/fd/7/name", or "/proc/self/fd/7" of a pin itself
};

// Where something can be pinned. Errors: not_found (its folder), unsupported (not on a BPF file
// system; a symbolic link), denied (others may write there), usage (not a path of a file).
[[nodiscard]] Result<PinPlace> place_for_pin(const std::string& path);
// What is pinned there. Errors: the same; denied (it is another user's).
[[nodiscard]] Result<PinPlace> place_of_pin(const std::string& path);

// Answers PinFolder, PinRename and PinRemove; nothing for other requests.
std::optional<Result<Reply>> call_pins(const Request& request);

}  // namespace bpfld::bpf
