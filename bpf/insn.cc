// SPDX-License-Identifier: Apache-2.0
// Decoding a code section into slots; see insn.h.
#include "bpf/insn.h"

namespace bpfld::bpf {

Result<std::vector<Insn>> decode_insns(Bytes code, ByteOrder order) {
  if (code.size() % kInsnSize != 0)
    return fail(Code::malformed, "code of {} bytes is not a whole number of 8-byte instructions",
                code.size());
  std::vector<Insn> insns;
  insns.reserve(code.size() / kInsnSize);
  Cursor cursor(code, order);
  while (!cursor.done()) {
    Insn insn;
    insn.opcode = TRY(cursor.next<u8>());
    insn.registers = TRY(cursor.next<u8>());
    insn.offset = TRY(cursor.next<i16>());
    insn.imm = TRY(cursor.next<i32>());
    if (order ==
        ByteOrder::big)  // the nibbles are bit fields, so they swap with the byte order too
      insn.registers = static_cast<u8>(insn.registers << 4 | insn.registers >> 4);
    insns.push_back(insn);
  }
  for (std::size_t i = 0; i < insns.size(); i++) {
    if (!insns[i].is_ld_imm64()) continue;
    if (i + 1 == insns.size() || insns[i + 1].opcode != 0)
      return fail(Code::malformed, "instruction {} (ld_imm64) has no second slot", i);
    i++;  // the second slot holds the high 32 bits
  }
  return insns;
}

}  // namespace bpfld::bpf
