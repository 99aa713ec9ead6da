// SPDX-License-Identifier: Apache-2.0
// The operands that compilers write into USDT notes, for each machine, and their bytes in the map.
#include "loader/usdt_arguments.h"

#include <doctest/doctest.h>

#include "base/bytes.h"

using namespace bpfld;
using namespace bpfld::loader;

namespace {

// "s4 reg 80, u8 mem 32-16", or the error.
std::string read(std::string_view text, u16 machine) {
  const Result<std::vector<UsdtArgument>> arguments = parse_usdt_arguments(text, machine);
  if (!arguments) return arguments.error().message();
  std::string out;
  for (const UsdtArgument& a : *arguments) {
    out += format("{}{}{} ", out.empty() ? "" : ", ", a.is_signed ? "s" : "u", a.size);
    switch (a.kind) {
      case UsdtArgument::Kind::constant: out += format("{}", a.value); break;
      case UsdtArgument::Kind::register_: out += format("reg {}", a.reg); break;
      case UsdtArgument::Kind::memory: out += format("[{} + {}]", a.reg, a.value); break;
      case UsdtArgument::Kind::indexed:
        out += format("[{} + ({} << {}) + {}]", a.reg, a.index, a.scale_shift, a.value);
        break;
    }
  }
  return out;
}

}  // namespace

TEST_CASE("usdt arguments: x86-64 registers of every width, memory, index, constants") {
  const auto x86 = [](std::string_view text) { return read(text, kMachineX86_64); };
  CHECK(x86("") == "");
  CHECK(x86("-4@%edi 8@%rax 2@%ax -1@%al 1@%r9b 4@%r10d") ==
        "s4 reg 112, u8 reg 80, u2 reg 80, s1 reg 80, u1 reg 64, u4 reg 56");
  CHECK(x86("8@%rsp 8@%rbp -8@%r15") == "u8 reg 152, u8 reg 32, s8 reg 0");
  CHECK(x86("-4@-1204(%rbp) 8@(%rdx) 4@0x10(%rsp)") ==
        "s4 [32 + -1204], u8 [96 + 0], u4 [152 + 16]");
  CHECK(x86("-4@$-9 8@$0x7f") == "s4 -9, u8 127");
  CHECK(x86("8@8(%rax,%rbx,4) 8@(%rax,%rcx) 1@-1(%rdx, %rsi, 8)") ==
        "u8 [80 + (40 << 2) + 8], u8 [80 + (88 << 0) + 0], u1 [96 + (104 << 3) + -1]");
}

TEST_CASE("usdt arguments: arm64, riscv and s390") {
  CHECK(read("-4@%eax 4@-8(%ebp) 1@%dl -4@$3", kMachineI386) ==
        "s4 reg 80, u4 [32 + -8], u1 reg 96, s4 3");
  CHECK(read("8@x0 4@w30 -8@[sp, 8] 8@[x19] -4@[x29, -20] 4@17 8@sp", kMachineArm64) ==
        "u8 reg 0, u4 reg 240, s8 [248 + 8], u8 [152 + 0], s4 [232 + -20], u4 17, u8 reg 248");
  CHECK(read("8@a0 -4@-20(s0) 8@5 8@t6", kMachineRiscv) ==
        "u8 reg 80, s4 [64 + -20], u8 5, u8 reg 248");
  CHECK(read("8@%r2 -4@164(%r15) 4@-1", kMachineS390) == "u8 reg 40, s4 [144 + 164], u4 -1");
}

TEST_CASE("usdt arguments: what no rule describes is unsupported, and named") {
  for (const char* text :
       {"8f@%xmm0", "8@foo(%rip)", "8@%rip(%rip)", "3@%rax", "8@%foo", "%rax", "8@", "@",
        "8@(%rax,%rbx,3)", "8@(%rax,%rbx,4,5)", "8@8(%rax", "8@$", "8@%", "8@-(%rax)",
        "99999999999999999999@%rax", "8@(%rax,,4)", "-@%rax", "8@()"}) {
    INFO(text);
    CHECK(read(text, kMachineX86_64) == format("argument \"{}\" cannot be read", text));
  }
  CHECK(read("8@[x0, x1]", kMachineArm64) == "argument \"8@[x0, x1]\" cannot be read");
  CHECK(read("8@x31", kMachineArm64) == "argument \"8@x31\" cannot be read");
  CHECK(read("8@%r16", kMachineS390) == "argument \"8@%r16\" cannot be read");
  CHECK(read("8@r0", 40) == "the registers of machine 40 are not known");
  CHECK(read("", 40) == "");
  std::string many;
  for (int i = 0; i < 13; i++)
    many += "8@%rax ";
  CHECK(read(many, kMachineX86_64) == "it has more than 12 arguments");
}

TEST_CASE("usdt arguments: the map's value is what usdt.bpf.h reads") {
  const Result<std::vector<UsdtArgument>> arguments =
      parse_usdt_arguments("-4@-8(%rbp) 8@8(%rax,%rbx,4)", kMachineX86_64);
  REQUIRE(arguments);
  const std::vector<std::byte> bytes = usdt_spec_bytes(*arguments, 0x1122);
  REQUIRE(bytes.size() == kUsdtSpecSize);
  CHECK(load_checked<i64>(bytes, 0) == -8);
  CHECK(load_checked<u32>(bytes, 8) == 2);
  CHECK(load_checked<u16>(bytes, 12) == 32);
  CHECK(load_checked<u8>(bytes, 14) == 1);
  CHECK(load_checked<u8>(bytes, 15) == 32);
  CHECK(load_checked<i64>(bytes, 16) == 8);
  CHECK(load_checked<u32>(bytes, 24) == (3u | 40u << 8 | 2u << 20));
  CHECK(load_checked<u16>(bytes, 28) == 80);
  CHECK(load_checked<u8>(bytes, 30) == 0);
  CHECK(load_checked<u8>(bytes, 31) == 0);
  CHECK(load_checked<u64>(bytes, 192) == 0x1122);
  CHECK(load_checked<u16>(bytes, 200) == 2);
}
