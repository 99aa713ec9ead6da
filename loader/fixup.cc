// SPDX-License-Identifier: Apache-2.0
// See fixup.h. Which part of an instruction holds the value follows from its class: imm of ALU, off
// of a load or store, both imms of ld_imm64.
#include "loader/fixup.h"

#include <algorithm>
#include <limits>
#include <optional>

namespace bpfld::loader {
namespace {

using bpf::Insn;
using btf::core::Resolution;

constexpr u8 kSizeWord = 0x00, kSizeHalf = 0x08, kSizeByte = 0x10, kSizeDouble = 0x18;

u32 bytes_of_size(u8 opcode) {
  switch (opcode & bpf::kSizeMask) {
    case kSizeByte: return 1;
    case kSizeHalf: return 2;
    case kSizeWord: return 4;
    default: return 8;  // the mask has two bits; this is the fourth
  }
}
std::optional<u8> size_of_bytes(u32 bytes) {
  switch (bytes) {
    case 1: return kSizeByte;
    case 2: return kSizeHalf;
    case 4: return kSizeWord;
    case 8: return kSizeDouble;
    default: return std::nullopt;
  }
}

bool is_load_or_store(const Insn& insn) {
  const u8 kind = insn.instruction_class();
  return kind == bpf::kClassLdx || kind == bpf::kClassSt || kind == bpf::kClassStx;
}
bool is_alu(const Insn& insn) {
  return insn.instruction_class() == bpf::kClassAlu || insn.instruction_class() == bpf::kClassAlu64;
}

std::unexpected<Error> wrong_value(std::string_view what, u64 found, u64 expected) {
  return fail(Code::malformed, "unexpected instruction: its {} is {}, the object's value is {}",
              what, static_cast<i64>(found), static_cast<i64>(expected));
}

constexpr u64 extend(i32 imm) {
  return static_cast<u64>(i64{imm});
}

Status patch_alu(Insn& insn, const Resolution& resolution) {
  if ((insn.opcode & bpf::kSourceX) != 0)
    return fail(Code::malformed, "unexpected instruction: opcode {:#x} has no immediate value",
                insn.opcode);
  if (!resolution.skip_old_value && extend(insn.imm) != resolution.local_value)
    return wrong_value("immediate", extend(insn.imm), resolution.local_value);
  insn.imm = static_cast<i32>(resolution.target_value);  // 64-bit values use ld_imm64
  return {};
}

Status patch_access(Insn& insn, const Resolution& resolution) {
  const u64 old_offset = static_cast<u64>(i64{insn.offset});
  if (!resolution.skip_old_value && old_offset != resolution.local_value)
    return wrong_value("offset", old_offset, resolution.local_value);
  if (resolution.target_value > static_cast<u64>(std::numeric_limits<i16>::max()))
    return fail(Code::limit, "offset {} is more than a load or store can hold ({})",
                resolution.target_value, std::numeric_limits<i16>::max());
  if (resolution.size_conflict) return {};  // will be poisoned
  if (resolution.local_size != resolution.target_size) {
    const u32 width = bytes_of_size(insn.opcode);
    if (width != resolution.local_size)
      return fail(Code::malformed, "unexpected instruction: it accesses {} bytes, the field has {}",
                  width, resolution.local_size);
    const std::optional<u8> size = size_of_bytes(resolution.target_size);
    if (!size)
      return fail(Code::malformed, "no load takes the {} bytes of the kernel's field",
                  resolution.target_size);
    insn.opcode = static_cast<u8>((insn.opcode & ~bpf::kSizeMask) | *size);
  }
  insn.offset = static_cast<i16>(resolution.target_value);
  return {};
}

Status patch_ld_imm64(std::span<Insn, 2> pair, const Resolution& resolution) {
  const bool is_plain = pair[0].src() == 0 && pair[0].offset == 0 && pair[1].opcode == 0 &&
                        pair[1].registers == 0 && pair[1].offset == 0;
  if (!is_plain)
    return fail(Code::malformed, "unexpected instruction: the ld_imm64 holds no plain number");
  const u64 old_value = u64{static_cast<u32>(pair[1].imm)} << 32 | static_cast<u32>(pair[0].imm);
  if (!resolution.skip_old_value && old_value != resolution.local_value)
    return wrong_value("immediate", old_value, resolution.local_value);
  pair[0].imm = static_cast<i32>(resolution.target_value);
  pair[1].imm = static_cast<i32>(resolution.target_value >> 32);
  return {};
}

Status patch(std::span<Insn, 2> slots, const Resolution& resolution) {
  if (slots[0].is_ld_imm64()) return patch_ld_imm64(slots, resolution);
  if (is_alu(slots[0])) return patch_alu(slots[0], resolution);
  if (is_load_or_store(slots[0])) return patch_access(slots[0], resolution);
  return fail(Code::malformed, "unexpected instruction: opcode {:#x} holds no value",
              slots[0].opcode);
}

}  // namespace

std::string_view fixup_reason_text(FixupReason reason) {
  switch (reason) {
    case FixupReason::value: return "value written";
    case FixupReason::value_and_size: return "value written, width changed";
    case FixupReason::no_match: return "poisoned: no match in the kernel";
    case FixupReason::size_conflict: return "poisoned: the kernel's field has another width";
  }
  std::unreachable();
}

Result<Fixup> fix_up(std::span<bpf::Insn> code, InsnIndex at, const Resolution& resolution) {
  if (!btf::core::is_usable(resolution.verdict))
    return fail(btf::core::code_of(resolution.verdict), "{}: {}",
                btf::core::verdict_name(resolution.verdict),
                btf::core::reason_text(resolution.reason));
  if (at.value >= code.size())
    return fail(Code::malformed, "instruction {} is past the function's {}", at.value, code.size());
  Fixup out;
  out.at = at;
  out.resolution = resolution.relo;
  out.slots = code[at.value].is_ld_imm64() ? 2 : 1;
  if (!fits(code.size(), at.value, out.slots))
    return fail(Code::malformed, "instruction {} (ld_imm64) has no second slot", at.value);
  const std::span<bpf::Insn> slots = code.subspan(at.value, out.slots);
  std::ranges::copy(slots, out.before.begin());
  out.after = out.before;
  const bool has_value = resolution.verdict != btf::core::Verdict::poisoned;
  if (has_value) TRY(patch(out.after, resolution));
  if (!has_value)
    out.reason = FixupReason::no_match;
  else if (resolution.size_conflict && is_load_or_store(slots[0]))
    out.reason = FixupReason::size_conflict;
  else if (out.after[0].opcode != slots[0].opcode)
    out.reason = FixupReason::value_and_size;
  if (out.is_poison()) std::fill_n(out.after.begin(), out.slots, kPoison);
  std::copy_n(out.after.begin(), out.slots, slots.begin());
  return out;
}

}  // namespace bpfld::loader
