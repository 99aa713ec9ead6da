// SPDX-License-Identifier: Apache-2.0
// Values into instructions: every class that takes one, every rule that it must pass, and what
// poison looks like.
#include "loader/fixup.h"

#include <doctest/doctest.h>
#include <vector>

#include "tests/support/btf_builder.h"

namespace bpfld::loader {
namespace {

using bpf::Insn;
using btf::core::Reason;
using btf::core::Resolution;
using btf::core::Verdict;
using test::message;

constexpr u8 kMem = 0x60;
constexpr u8 kWord = 0x00, kHalf = 0x08, kByte = 0x10, kDouble = 0x18;

Resolution matched(u64 local, u64 target) {
  Resolution out;
  out.verdict = Verdict::matched;
  out.local_value = local;
  out.target_value = target;
  return out;
}
Resolution poisoned(u64 local) {
  Resolution out = matched(local, 0);
  out.verdict = Verdict::poisoned;
  return out;
}
Resolution resized(u64 local, u64 target, u32 local_size, u32 target_size) {
  Resolution out = matched(local, target);
  out.local_size = local_size;
  out.target_size = target_size;
  return out;
}

// ldx of `size` from r2 into r1.
Insn load_insn(u8 size, i16 offset) {
  return {static_cast<u8>(bpf::kClassLdx | kMem | size), 0x21, offset, 0};
}
std::vector<Insn> ld_imm64(u64 value) {
  return {Insn{bpf::kOpLdImm64, 1, 0, static_cast<i32>(value)},
          Insn{0, 0, 0, static_cast<i32>(value >> 32)}};
}

// The instruction after `resolution`; the error's message in `problem` otherwise.
struct Outcome {
  std::vector<Insn> code;
  Result<Fixup> fixup;
};
Outcome fixed(std::vector<Insn> code, const Resolution& resolution, u64 at = 0) {
  Outcome out = {std::move(code), Fixup{}};
  out.fixup = fix_up(out.code, {at}, resolution);
  return out;
}

TEST_CASE("fixup: an ALU instruction gets the value as its immediate") {
  for (const u8 opcode :
       std::vector<u8>{0xb7, 0x07, 0xb4, 0x04, 0x67, 0xd7}) {  // mov, add, 32 and 64 bits, lsh
    CAPTURE(opcode);
    const Outcome got =
        fixed({{static_cast<u8>(opcode & ~bpf::kSourceX), 1, 0, 8}}, matched(8, 2296));
    REQUIRE(message(got.fixup) == "no error");
    CHECK(got.code[0].imm == 2296);
    CHECK(got.fixup->reason == FixupReason::value);
    CHECK(got.fixup->before[0].imm == 8);
    CHECK(got.fixup->after[0] == got.code[0]);
    CHECK(got.fixup->slots == 1);
  }
}

TEST_CASE("fixup: a value that does not fit into an immediate is cut, as everyone does") {
  const Outcome got = fixed({bpf::mov64_imm(1, -1)}, matched(~u64{0}, 0x1'0000'0002));
  REQUIRE(got.fixup.has_value());
  CHECK(got.code[0].imm == 2);
}

TEST_CASE("fixup: an ALU instruction with a register operand takes no value") {
  const Outcome got = fixed({{bpf::kOpMov64Reg, 0x21, 0, 0}}, matched(0, 4));
  CHECK(message(got.fixup) == "unexpected instruction: opcode 0xbf has no immediate value");
  CHECK(got.code[0] == Insn{bpf::kOpMov64Reg, 0x21, 0, 0});
}

TEST_CASE("fixup: loads and stores get the value as their offset") {
  for (const u8 kind : {bpf::kClassLdx, bpf::kClassSt, bpf::kClassStx}) {
    const Insn insn = {static_cast<u8>(kind | kMem | kWord), 0x21, 16, 77};
    const Outcome got = fixed({insn}, resized(16, 24, 4, 4));
    REQUIRE(message(got.fixup) == "no error");
    CHECK(got.code[0] == Insn{insn.opcode, 0x21, 24, 77});
  }
}

TEST_CASE("fixup: an offset goes up to 32767 and no further") {
  CHECK(fixed({load_insn(kWord, 0)}, matched(0, 32767)).code[0].offset == 32767);
  const Outcome got = fixed({load_insn(kWord, 0)}, matched(0, 32768));
  REQUIRE(!got.fixup);
  CHECK(got.fixup.error().code == Code::limit);
  CHECK(got.code[0].offset == 0);
}

TEST_CASE("fixup: a load takes on the width of the kernel's field") {
  const std::vector<std::pair<u32, u8>> widths = {{1, kByte}, {2, kHalf}, {4, kWord}, {8, kDouble}};
  for (const auto& [from, from_bits] : widths) {
    for (const auto& [to, to_bits] : widths) {
      const Outcome got = fixed({load_insn(from_bits, 8)}, resized(8, 40, from, to));
      REQUIRE(message(got.fixup) == "no error");
      CHECK(got.code[0] == load_insn(to_bits, 40));
      CHECK(got.fixup->reason == (from == to ? FixupReason::value : FixupReason::value_and_size));
    }
  }
}

TEST_CASE("fixup: a load that was not of the field's width is not the relocation's") {
  const Outcome got = fixed({load_insn(kHalf, 8)}, resized(8, 40, 4, 8));
  CHECK(message(got.fixup) == "unexpected instruction: it accesses 2 bytes, the field has 4");
  CHECK(message(fixed({load_insn(kWord, 8)}, resized(8, 40, 4, 3)).fixup) ==
        "no load takes the 3 bytes of the kernel's field");
}

TEST_CASE("fixup: widths only matter to loads and stores") {
  Resolution resolution = resized(8, 40, 4, 8);
  resolution.size_conflict = true;
  const Outcome got = fixed({bpf::mov64_imm(1, 8)}, resolution);
  REQUIRE(got.fixup.has_value());
  CHECK(got.code[0].imm == 40);
  CHECK_FALSE(got.fixup->is_poison());
}

TEST_CASE("fixup: a load whose width may not change is poisoned") {
  Resolution resolution = resized(8, 40, 4, 8);
  resolution.size_conflict = true;
  const Outcome got = fixed({load_insn(kWord, 8)}, resolution);
  REQUIRE(got.fixup.has_value());
  CHECK(got.fixup->reason == FixupReason::size_conflict);
  CHECK(got.fixup->is_poison());
  CHECK(got.code[0] == kPoison);
}

TEST_CASE("fixup: poison is a call to helper 195896080, whatever the instruction was") {
  CHECK(kPoison == Insn{0x85, 0, 0, 195896080});
  for (const Insn& insn : {bpf::mov64_imm(1, 8), load_insn(kWord, 8), bpf::exit_insn(),
                           Insn{bpf::kOpMov64Reg, 0x21, 0, 0}}) {
    const Outcome got = fixed({insn, bpf::exit_insn()}, poisoned(8));
    REQUIRE(got.fixup.has_value());
    CHECK(got.fixup->reason == FixupReason::no_match);
    CHECK(got.code[0] == kPoison);
    CHECK(got.code[1] == bpf::exit_insn());
    CHECK(got.fixup->before[0] == insn);
  }
}

TEST_CASE("fixup: ld_imm64 gets 64 bits, in both slots") {
  const Outcome got = fixed(ld_imm64(0x1'0000'0002), matched(0x1'0000'0002, 0xfedcba9876543210));
  REQUIRE(message(got.fixup) == "no error");
  CHECK(got.code == ld_imm64(0xfedcba9876543210));
  CHECK(got.fixup->slots == 2);
  CHECK(got.fixup->before[1].imm == 1);
}

TEST_CASE("fixup: both slots of ld_imm64 are poisoned") {
  const Outcome got = fixed(ld_imm64(7), poisoned(7));
  REQUIRE(got.fixup.has_value());
  CHECK(got.code == std::vector<Insn>{kPoison, kPoison});
}

TEST_CASE("fixup: an ld_imm64 that holds an address takes no value") {
  std::vector<Insn> code = ld_imm64(0);
  code[0].set_src(bpf::kPseudoMapFd);
  CHECK(message(fixed(code, matched(0, 1)).fixup) ==
        "unexpected instruction: the ld_imm64 holds no plain number");
  code = ld_imm64(0);
  code[1].registers = 1;
  CHECK_FALSE(fixed(code, matched(0, 1)).fixup.has_value());
}

TEST_CASE("fixup: half an ld_imm64 is malformed") {
  std::vector<Insn> code = ld_imm64(0);
  code.pop_back();
  CHECK(message(fixed(code, matched(0, 1)).fixup) == "instruction 0 (ld_imm64) has no second slot");
  CHECK_FALSE(fixed(code, poisoned(0)).fixup.has_value());
}

TEST_CASE("fixup: jumps, calls and exits take no value") {
  for (const u8 opcode : std::vector<u8>{0x05, 0x15, 0x16, 0x85, 0x95, 0x20}) {
    CAPTURE(opcode);
    const Outcome got = fixed({{opcode, 0, 0, 0}}, matched(0, 0));
    REQUIRE(!got.fixup);
    CHECK(got.fixup.error().code == Code::malformed);
  }
}

TEST_CASE("fixup: an old value that is not the object's is malformed") {
  CHECK(message(fixed({bpf::mov64_imm(1, 9)}, matched(8, 16)).fixup) ==
        "unexpected instruction: its immediate is 9, the object's value is 8");
  CHECK(message(fixed({load_insn(kWord, -4)}, matched(8, 16)).fixup) ==
        "unexpected instruction: its offset is -4, the object's value is 8");
  CHECK(message(fixed(ld_imm64(0x1'0000'0008), matched(8, 16)).fixup) ==
        "unexpected instruction: its immediate is 4294967304, the object's value is 8");
}

TEST_CASE("fixup: the old value of a bitfield or a type id proves nothing") {
  Resolution resolution = matched(8, 16);
  resolution.skip_old_value = true;
  CHECK(fixed({bpf::mov64_imm(1, 9)}, resolution).code[0].imm == 16);
  CHECK(fixed({load_insn(kWord, 9)}, resolution).code[0].offset == 16);
  CHECK(fixed(ld_imm64(9), resolution).code == ld_imm64(16));
}

TEST_CASE("fixup: a relocation past the function's end is malformed") {
  CHECK(message(fixed({bpf::exit_insn()}, matched(0, 0), 1).fixup) ==
        "instruction 1 is past the function's 1");
  CHECK_FALSE(fixed({}, matched(0, 0)).fixup.has_value());
  CHECK_FALSE(fixed({bpf::exit_insn()}, poisoned(0), ~u64{0}).fixup.has_value());
}

TEST_CASE("fixup: a verdict that nobody can load with is an error of its kind") {
  const std::vector<std::pair<Verdict, Code>> rows = {{Verdict::ambiguous, Code::ambiguous},
                                                      {Verdict::malformed, Code::malformed},
                                                      {Verdict::unsupported, Code::unsupported},
                                                      {Verdict::undecided, Code::limit}};
  for (const auto& [verdict, code] : rows) {
    Resolution resolution = matched(8, 16);
    resolution.verdict = verdict;
    resolution.reason = Reason::offsets_differ;
    const Outcome got = fixed({bpf::mov64_imm(1, 8)}, resolution);
    REQUIRE(!got.fixup);
    CHECK(got.fixup.error().code == code);
    CHECK(got.code[0].imm == 8);
  }
}

TEST_CASE("fixup: every reason has its words") {
  for (u32 i = 0; i < kFixupReasons; i++)
    CHECK_FALSE(fixup_reason_text(static_cast<FixupReason>(i)).empty());
}

}  // namespace
}  // namespace bpfld::loader
