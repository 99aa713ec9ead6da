// SPDX-License-Identifier: Apache-2.0
// Every form of instruction as text, and any eight bytes at all.
#include "bpf/disasm.h"

#include <doctest/doctest.h>

using namespace bpfld;
using bpf::disassemble;
using bpf::Insn;

namespace {

std::string text(u8 opcode, u8 dst, u8 src, i16 offset = 0, i32 imm = 0) {
  return disassemble({opcode, static_cast<u8>(dst | src << 4), offset, imm});
}

}  // namespace

TEST_CASE("disasm: arithmetic, whole registers and their lower halves") {
  CHECK(text(0xb7, 1, 0, 0, -5) == "r1 = -5");
  CHECK(text(0xbf, 1, 10) == "r1 = r10");
  CHECK(text(0xb4, 1, 0, 0, 7) == "w1 = 7");
  CHECK(text(0xbc, 1, 2) == "w1 = w2");
  CHECK(text(0x07, 2, 0, 0, -8) == "r2 += -8");
  CHECK(text(0x0f, 2, 3) == "r2 += r3");
  CHECK(text(0x14, 2, 0, 0, 1) == "w2 -= 1");
  CHECK(text(0x67, 2, 0, 0, 32) == "r2 <<= 32");
  CHECK(text(0xc7, 2, 0, 0, 32) == "r2 s>>= 32");
  CHECK(text(0xcf, 2, 4) == "r2 s>>= r4");
  CHECK(text(0x87, 2, 0) == "r2 = -r2");
  CHECK(text(0x84, 2, 0) == "w2 = -w2");
  CHECK(text(0xa7, 2, 0, 0, 1) == "r2 ^= 1");
  CHECK(text(0xe7, 2, 0, 0, 1) == "unknown instruction 0xe7");
}

TEST_CASE("disasm: what newer kernels added to arithmetic") {
  CHECK(text(0x3f, 1, 2, 1) == "r1 s/= r2");
  CHECK(text(0x97, 1, 0, 1, 7) == "r1 s%= 7");
  CHECK(text(0x37, 1, 0, 0, 7) == "r1 /= 7");
  CHECK(text(0xbf, 1, 2, 8) == "r1 = (s8)r2");
  CHECK(text(0xbc, 1, 2, 16) == "w1 = (s16)w2");
  CHECK(text(0xbf, 1, 2, -1) == "r1 = this CPU's copy of r2");
  CHECK(text(0xbf, 1, 2, 1, 1 << 16) == "r1 = addr_space_cast(r2, 1, 0)");
}

TEST_CASE("disasm: byte swaps") {
  CHECK(text(0xdc, 1, 0, 0, 16) == "r1 = be16 r1");
  CHECK(text(0xd4, 1, 0, 0, 64) == "r1 = le64 r1");
  CHECK(text(0xd7, 1, 0, 0, 32) == "r1 = bswap32 r1");
}

TEST_CASE("disasm: loads and stores of every width") {
  CHECK(text(0x61, 1, 0, 8) == "r1 = *(u32 *)(r0 +8)");
  CHECK(text(0x69, 1, 10, -2) == "r1 = *(u16 *)(r10 -2)");
  CHECK(text(0x71, 1, 2, 0) == "r1 = *(u8 *)(r2 +0)");
  CHECK(text(0x79, 1, 2, 0) == "r1 = *(u64 *)(r2 +0)");
  CHECK(text(0x91, 1, 2, 3) == "r1 = *(s8 *)(r2 +3)");
  CHECK(text(0x7b, 10, 1, -8) == "*(u64 *)(r10 -8) = r1");
  CHECK(text(0x62, 10, 0, -4, 9) == "*(u32 *)(r10 -4) = 9");
  CHECK(text(0x30, 0, 0, 0, 12) == "r0 = *(u8 *)skb[12]");
  CHECK(text(0x48, 0, 3, 0, 2) == "r0 = *(u16 *)skb[r3 +2]");
  CHECK(text(0xc2, 0, 0) == "nospec");
  CHECK(text(0xa1, 1, 2) == "unknown instruction 0xa1");
}

TEST_CASE("disasm: atomic operations") {
  CHECK(text(0xdb, 1, 2, 8, 0x00) == "lock *(u64 *)(r1 +8) += r2");
  CHECK(text(0xc3, 1, 2, 0, 0x40) == "lock *(u32 *)(r1 +0) |= r2");
  CHECK(text(0xdb, 1, 2, 0, 0x51) == "r2 = atomic64_fetch_and((u64 *)(r1 +0), r2)");
  CHECK(text(0xc3, 1, 2, 0, 0xa1) == "r2 = atomic_fetch_xor((u32 *)(r1 +0), r2)");
  CHECK(text(0xdb, 1, 2, 0, 0xe1) == "r2 = atomic64_xchg((u64 *)(r1 +0), r2)");
  CHECK(text(0xdb, 1, 2, 0, 0xf1) == "r0 = atomic64_cmpxchg((u64 *)(r1 +0), r0, r2)");
  CHECK(text(0xdb, 1, 2, 4, 0x100) == "r1 = load_acquire((u64 *)(r2 +4))");
  CHECK(text(0xdb, 1, 2, 4, 0x110) == "store_release((u64 *)(r1 +4), r2)");
  CHECK(text(0xdb, 1, 2, 4, 0x77) == "unknown instruction 0xdb");
}

TEST_CASE("disasm: jumps and calls") {
  CHECK(text(0x05, 0, 0, -3) == "goto pc-3");
  CHECK(text(0x06, 0, 0, 0, 70000) == "gotol pc+70000");
  CHECK(text(0x0d, 3, 0) == "gotox r3");
  CHECK(text(0x15, 1, 0, 5, 0) == "if r1 == 0x0 goto pc+5");
  CHECK(text(0x1d, 1, 2, 5) == "if r1 == r2 goto pc+5");
  CHECK(text(0x56, 1, 0, 5, -1) == "if w1 != 0xffffffff goto pc+5");
  CHECK(text(0x65, 1, 0, 1, 3) == "if r1 s> 0x3 goto pc+1");
  CHECK(text(0xad, 1, 2, 1) == "if r1 < r2 goto pc+1");
  CHECK(text(0xe5, 0, 0, 2) == "may_goto pc+2");
  CHECK(text(0x85, 0, 0, 0, 14) == "call #14");
  CHECK(text(0x85, 0, 1, 0, -4) == "call pc-4");
  CHECK(text(0x85, 0, 2, 0, 99) == "call kernel-function#99");
  CHECK(text(0x95, 0, 0) == "exit");
  CHECK(text(0x86, 0, 0) == "unknown instruction 0x86");
  CHECK(text(0xf5, 0, 0) == "unknown instruction 0xf5");
}

TEST_CASE("disasm: an ld_imm64 is made of two slots, or says what it stands for") {
  const Insn high{0, 0, 0, 0x11223344};
  CHECK(disassemble({0x18, 1, 0, 5}, &high) == "r1 = 0x1122334400000005 ll");
  CHECK(disassemble({0x18, 1, 0, -1}) == "r1 = 0xffffffff ll");
  CHECK(disassemble({0x18, 0x11, 0, 12}, &high) == "r1 = map[12]");
  const Insn eight{0, 0, 0, 8};
  CHECK(disassemble({0x18, 0x21, 0, 12}, &eight) == "r1 = map[12][0] + 8");
  CHECK(disassemble({0x18, 0x31, 0, 7}, &eight) == "r1 = btf_id[7]");
  CHECK(disassemble({0x18, 0x41, 0, 7}, &eight) == "r1 = subprog[+7]");
  CHECK(disassemble({0x18, 0x61, 0, 7}, nullptr) == "r1 = 0x7 ll (pseudo 6)");
}

TEST_CASE("disasm: whatever the bytes are, there is a text") {
  for (u32 opcode = 0; opcode < 256; opcode++)
    for (const u8 registers : {u8{0x00}, u8{0x21}, u8{0xff}})
      for (const i16 offset : {i16{0}, i16{1}, i16{-32768}})
        for (const i32 imm : {0, -1, 0x101})
          CHECK_FALSE(disassemble({static_cast<u8>(opcode), registers, offset, imm}).empty());
}
