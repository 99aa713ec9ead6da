// SPDX-License-Identifier: Apache-2.0
// USDT: places in a program that its authors named, such as hotspot:gc__begin. Each is a note in
// .note.stapsdt: where the place is (a nop), in which registers or memory its arguments are, and
// perhaps a semaphore: a counter in the program's memory that must not be 0 for the program to
// bother with preparing the arguments.
//
// Format: systemtap's sys/sdt.h, "UserSpaceProbeImplementation".
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "elf/executable.h"

namespace bpfld::elf {

inline constexpr u64 kMaxProbes = 1u << 20;

// view: one note.
struct UsdtProbe {
  std::string_view provider, name;
  std::string_view arguments;  // as in the note: "-4@%eax 8@16(%rsp)"
  u64 address = 0;             // in the executable's numbering
  std::optional<u64> file_offset;
  u64 semaphore = 0;                    // address; 0: there is none
  std::optional<u64> semaphore_offset;  // in the file
};

// The probes, in the order of the file; none when the file has no notes. Addresses are corrected
// for prelinking by .stapsdt.base. Notes of other kinds are passed over. Errors: malformed, limit.
[[nodiscard]] Result<std::vector<UsdtProbe>> read_usdt(const Executable& executable LIFETIMEBOUND);

// view: one argument: "-4@%eax" is a signed one of 4 bytes at "%eax".
struct UsdtArgument {
  u32 size = 0;  // bytes; 0 when the text does not say
  bool is_signed = false, is_float = false;
  std::string_view place;
};
// Splits the text of a note; parts that are no arguments get the size 0.
std::vector<UsdtArgument> split_arguments(std::string_view text);

}  // namespace bpfld::elf
