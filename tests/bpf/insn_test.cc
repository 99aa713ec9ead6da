// SPDX-License-Identifier: Apache-2.0
// Slots from bytes, in both byte orders.
#include "bpf/insn.h"

#include <doctest/doctest.h>

#include "tests/support/btf_builder.h"

using namespace bpfld;
using namespace bpfld::bpf;
using test::message;

namespace {

Result<std::vector<Insn>> decode(std::initializer_list<unsigned> bytes,
                                 ByteOrder order = ByteOrder::little) {
  std::vector<std::byte> code;
  for (unsigned byte : bytes)
    code.push_back(static_cast<std::byte>(byte));
  return decode_insns(code, order);
}

}  // namespace

TEST_CASE("bpf insn: both byte orders give the same instruction, its registers included") {
  // *(u32 *)(r2 - 8) = r9 with a marker in imm
  const Result<std::vector<Insn>> little = decode({0x63, 0x92, 0xf8, 0xff, 0x04, 0x03, 0x02, 0x81});
  const Result<std::vector<Insn>> big =
      decode({0x63, 0x29, 0xff, 0xf8, 0x81, 0x02, 0x03, 0x04}, ByteOrder::big);
  REQUIRE(little);
  REQUIRE(big);
  CHECK(*little == *big);
  REQUIRE(little->size() == 1);
  const Insn insn = little->front();
  CHECK(insn.opcode == 0x63);
  CHECK(insn.dst() == 2);
  CHECK(insn.src() == 9);
  CHECK(insn.offset == -8);
  CHECK(insn.imm == static_cast<i32>(0x81020304));
  CHECK(insn.instruction_class() == kClassStx);
}

TEST_CASE("bpf insn: no code is no instructions") {
  const Result<std::vector<Insn>> none = decode({});
  REQUIRE(none);
  CHECK(none->empty());
}

TEST_CASE("bpf insn: code that ends within an instruction is malformed") {
  CHECK(message(decode({0x95, 0, 0, 0, 0, 0, 0})) ==
        "code of 7 bytes is not a whole number of 8-byte instructions");
}

TEST_CASE("bpf insn: an ld_imm64 without its second slot is malformed") {
  CHECK(message(decode({0x95, 0, 0, 0, 0, 0, 0, 0, 0x18, 1, 0, 0, 0, 0, 0, 0})) ==
        "instruction 1 (ld_imm64) has no second slot");
  CHECK(message(decode({0x18, 1, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0})) ==
        "instruction 0 (ld_imm64) has no second slot");
}

TEST_CASE("bpf insn: the second slot of an ld_imm64 is no instruction of its own") {
  const Result<std::vector<Insn>> code =
      decode({0x18, 0x11, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0});
  REQUIRE(code);
  REQUIRE(code->size() == 3);
  CHECK((*code)[0].is_ld_imm64());
  CHECK((*code)[0].src() == kPseudoMapFd);
  CHECK((*code)[1].imm == 2);
  CHECK((*code)[2].is_exit());
}

TEST_CASE("bpf insn: calls, jumps and exits are told apart") {
  const Insn helper = call_helper(kFuncMapLookupElem);
  CHECK(helper.is_helper_call());
  CHECK_FALSE(helper.is_subprogram_call());
  CHECK_FALSE(helper.is_jump());
  const Insn call{kOpCall, kPseudoCall << 4, 0, -1};
  CHECK(call.is_subprogram_call());
  CHECK_FALSE(call.is_helper_call());
  const Insn kfunc{kOpCall, kPseudoKfuncCall << 4, 0, 1};
  CHECK(kfunc.is_call());
  CHECK_FALSE(kfunc.is_helper_call());
  CHECK_FALSE(kfunc.is_subprogram_call());
  CHECK_FALSE(exit_insn().is_jump());
  CHECK(Insn{0x05, 0, 4, 0}.is_jump());           // goto +4
  CHECK(Insn{0x1e, 0x10, 4, 0}.is_jump());        // if w0 == w1 goto +4
  CHECK_FALSE(Insn{0x61, 0x10, 4, 0}.is_jump());  // a load
  const Insn address{kOpLdImm64, kPseudoFunc << 4, 0, 3};
  CHECK(address.is_function_address());
  CHECK_FALSE(Insn{kOpLdImm64, kPseudoMapFd << 4, 0, 3}.is_function_address());
}

TEST_CASE("bpf insn: setting the source leaves the destination") {
  Insn insn{kOpLdImm64, 0xf7, 0, 0};
  insn.set_src(kPseudoMapValue);
  CHECK(insn.dst() == 7);
  CHECK(insn.src() == kPseudoMapValue);
  CHECK(mov64_imm(3, -1).dst() == 3);
  CHECK(mov64_imm(3, -1).imm == -1);
}
