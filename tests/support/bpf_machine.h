// SPDX-License-Identifier: Apache-2.0
// A small machine for BPF programs, so that what the loader made of them can be run without a
// kernel: registers, a stack for each call, and regions of made-up memory. Whatever a program does
// outside of them is an error that names the instruction, never an access of ours.
//
// Source: Documentation/bpf/standardization/instruction-set.rst.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <vector>

#include "bpf/insn.h"

namespace bpfld::test {

class BpfMachine {
 public:
  using Arguments = std::array<u64, 5>;
  using Helper = std::function<Result<u64>(BpfMachine&, const Arguments&)>;

  // Puts `bytes` at an address of its own, far from all others.
  u64 add_memory(std::vector<std::byte> bytes);
  void add_helper(u32 number, Helper helper) { helpers_[number] = std::move(helper); }

  // `size` is 1, 2, 4 or 8. Errors: malformed (not all of it is in one region).
  [[nodiscard]] Result<u64> read(u64 address, u32 size) const;
  [[nodiscard]] Status write(u64 address, u32 size, u64 value);

  // r0 at exit. Errors: malformed (an instruction that is none, or an access outside memory), limit
  // (more than a million instructions, more than 8 calls deep).
  [[nodiscard]] Result<u64> run(std::span<const bpf::Insn> code, const Arguments& arguments);

 private:
  struct Frame {
    u64 return_to = 0;
    std::array<u64, 4> saved = {};  // r6-r9
    u64 stack = 0;                  // the address of its region
  };

  [[nodiscard]] Result<bool> step(std::span<const bpf::Insn> code);  // false: the program ended
  [[nodiscard]] Status load(const bpf::Insn& insn);
  [[nodiscard]] Status store(const bpf::Insn& insn);
  [[nodiscard]] Status atomic(const bpf::Insn& insn);
  [[nodiscard]] Status arithmetic(const bpf::Insn& insn);
  [[nodiscard]] Status call(const bpf::Insn& insn);
  [[nodiscard]] Status enter(u64 return_to);
  bool leave();
  u64& reg(u8 number) { return registers_[number]; }

  std::map<u64, std::vector<std::byte>> memory_;  // by address
  u64 next_address_ = u64{1} << 40;
  std::map<u32, Helper> helpers_;
  std::array<u64, 16> registers_ = {};  // r0-r10; 11-15 exist so that no number is out of range
  std::vector<Frame> frames_;
  u64 at_ = 0;  // the next instruction, slots
};

}  // namespace bpfld::test
