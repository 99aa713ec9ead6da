// SPDX-License-Identifier: Apache-2.0
// A BPF loader counts the same bytes in three units: a relocation's offset is in bytes, a jump is
// in 8-byte instruction slots, a bitfield is in bits. Mixing them up compiles if all are u64, so
// each unit is a type; crossing from one to another is a named function that can fail.
#pragma once

#include <compare>

#include "base/int.h"
#include "base/result.h"

namespace bpfld {

inline constexpr u64 kInsnSize = 8;  // bytes in one instruction slot; ld_imm64 takes two slots

// spec: a position in a program's instruction stream, in 8-byte slots from its first instruction.
struct InsnIndex {
  u64 value = 0;
  constexpr auto operator<=>(const InsnIndex&) const = default;
};

constexpr InsnIndex operator+(InsnIndex at, u64 slots) {
  return {at.value + slots};
}
constexpr u64 operator-(InsnIndex a, InsnIndex b) {
  return a.value - b.value;
}

// The slot that starts at `byte_offset`; malformed if the offset lies inside a slot.
[[nodiscard]] inline Result<InsnIndex> to_insn(u64 byte_offset) {
  if (byte_offset % kInsnSize != 0)
    return fail(Code::malformed, "offset {:#x} is not a multiple of {}, the size of an instruction",
                byte_offset, kInsnSize);
  return InsnIndex{byte_offset / kInsnSize};
}

}  // namespace bpfld
