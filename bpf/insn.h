// SPDX-License-Identifier: Apache-2.0
// One eBPF instruction slot as a value, with the questions that a loader asks of it. Nothing past
// the parse knows about byte order: a big-endian object's slots, register nibbles included, become
// native here.
//
// Source: Documentation/bpf/standardization/instruction-set.rst.
#pragma once

#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/units.h"
#include "bpf/uapi.h"

namespace bpfld::bpf {

// spec: eight bytes, as the kernel's struct bpf_insn lays them out in native order.
struct Insn {
  u8 opcode = 0;
  u8 registers = 0;  // dst in the low nibble, src in the high one, on a little-endian machine
  i16 offset = 0;
  i32 imm = 0;

  constexpr bool operator==(const Insn&) const = default;

  constexpr u8 dst() const { return registers & 0x0f; }
  constexpr u8 src() const { return registers >> 4; }
  constexpr void set_src(u8 reg) { registers = static_cast<u8>((registers & 0x0f) | (reg << 4)); }

  constexpr u8 instruction_class() const { return opcode & kClassMask; }
  constexpr bool is_ld_imm64() const { return opcode == kOpLdImm64; }
  constexpr bool is_call() const { return opcode == kOpCall; }
  constexpr bool is_helper_call() const { return is_call() && src() == 0; }
  constexpr bool is_subprogram_call() const { return is_call() && src() == kPseudoCall; }
  constexpr bool is_exit() const { return opcode == kOpExit; }
  // ld_imm64 with PSEUDO_FUNC: the address of a subprogram, imm counted like a call's.
  constexpr bool is_function_address() const { return is_ld_imm64() && src() == kPseudoFunc; }
  // A jump whose target is `offset` slots away (calls and exit are not).
  constexpr bool is_jump() const {
    return (instruction_class() == kClassJmp || instruction_class() == kClassJmp32) && !is_call() &&
           !is_exit();
  }
};
static_assert(sizeof(Insn) == kInsnSize);

// The instructions in `code`. Errors: malformed (size not a multiple of 8, an ld_imm64 without its
// second slot).
[[nodiscard]] Result<std::vector<Insn>> decode_insns(Bytes code, ByteOrder order);

// Builders for the few programs that the loader itself makes (probes), and for tests.
constexpr Insn mov64_imm(u8 dst, i32 imm) {
  return {kOpMov64Imm, dst, 0, imm};
}
constexpr Insn call_helper(u32 helper) {
  return {kOpCall, 0, 0, static_cast<i32>(helper)};
}
constexpr Insn exit_insn() {
  return {kOpExit, 0, 0, 0};
}

}  // namespace bpfld::bpf
