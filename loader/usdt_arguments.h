// SPDX-License-Identifier: Apache-2.0
// Where the arguments of a USDT probe are, in the assembler's own words ("-4@%edi 8@-16(%rbp)"),
// and the same as the numbers that the BPF side of usdt.bpf.h reads from its map. Pure.
//
// The map's layout is shared by every object that was compiled with a usdt.bpf.h: sixteen bytes for
// each of twelve arguments, then a cookie and their number.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace bpfld::loader {

// EM_* of the machines whose registers are known.
inline constexpr u16 kMachineI386 = 3;
inline constexpr u16 kMachineS390 = 22;
inline constexpr u16 kMachineX86_64 = 62;
inline constexpr u16 kMachineArm64 = 183;
inline constexpr u16 kMachineRiscv = 243;

inline constexpr std::size_t kMaxUsdtArguments = 12;
inline constexpr std::size_t kUsdtSpecSize = 208;  // bytes

// spec: one argument.
struct UsdtArgument {
  enum class Kind : u8 { constant, register_, memory, indexed };
  Kind kind = Kind::constant;
  i64 value = 0;  // the constant, or what is added to the register
  u16 reg = 0;    // bytes into struct pt_regs
  u16 index = 0;  // indexed: a second register, shifted left by `scale_shift`
  u8 scale_shift = 0;
  u8 size = 8;  // bytes: 1, 2, 4, 8
  bool is_signed = false;
  bool operator==(const UsdtArgument&) const = default;
};

// Errors: unsupported (an operand that no rule of that machine describes, a float, too many).
[[nodiscard]] Result<std::vector<UsdtArgument>> parse_usdt_arguments(std::string_view text,
                                                                     u16 machine);

// The value of the map, kUsdtSpecSize bytes, in the host's byte order.
std::vector<std::byte> usdt_spec_bytes(const std::vector<UsdtArgument>& arguments, u64 cookie);

}  // namespace bpfld::loader
