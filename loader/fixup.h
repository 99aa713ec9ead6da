// SPDX-License-Identifier: Apache-2.0
// Writes the answer of a CO-RE relocation into its instruction. The compiler put the object's own
// value there, which is how a relocation that points at the wrong instruction is found out. An
// instruction whose question has no answer becomes a call that the verifier cannot accept: code
// that asks bpf_core_field_exists() first never reaches it, and all other code is refused with a
// number that can be recognised in the verifier's log.
#pragma once

#include <array>
#include <span>
#include <string_view>

#include "base/result.h"
#include "base/units.h"
#include "bpf/insn.h"
#include "btf/core_resolve.h"

namespace bpfld::loader {

// What a poisoned slot is: a call to a helper of this number. The same as libbpf's, so that the
// tools which know the number also know ours.
inline constexpr i32 kPoisonHelper = 0xbad2310;
inline constexpr bpf::Insn kPoison = {bpf::kOpCall, 0, 0, kPoisonHelper};

enum class FixupReason : u8 {
  value,           // the value was written
  value_and_size,  // and the load or store has the width of the kernel's field
  no_match,        // poisoned: the kernel has nothing like it
  size_conflict,   // poisoned: the kernel's field has a width that this load may not change to
};
inline constexpr u32 kFixupReasons = 4;
std::string_view fixup_reason_text(FixupReason reason);

// spec: one instruction, before and after.
struct Fixup {
  u32 function = 0;  // index into ObjectSpec::functions; for the caller to fill in
  InsnIndex at;      // slots from the function's start
  u32 resolution = 0;
  FixupReason reason = FixupReason::value;
  u8 slots = 1;  // 2 for ld_imm64
  std::array<bpf::Insn, 2> before{}, after{};
  bool is_poison() const { return reason >= FixupReason::no_match; }
  bool operator==(const Fixup&) const = default;
};

// Patches the instruction at `at` with `resolution`.
// Errors: malformed (no instruction there, one of a class that takes no value, an old value that is
// not the object's), limit (an offset that a load cannot hold), and code_of() a verdict that is not
// usable. `code` is unchanged then.
[[nodiscard]] Result<Fixup> fix_up(std::span<bpf::Insn> code, InsnIndex at,
                                   const btf::core::Resolution& resolution);

}  // namespace bpfld::loader
