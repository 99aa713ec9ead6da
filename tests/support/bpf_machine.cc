// SPDX-License-Identifier: Apache-2.0
// See bpf_machine.h.
#include "tests/support/bpf_machine.h"

#include <bit>
#include <optional>

namespace bpfld::test {
namespace {

using bpf::Insn;

constexpr u64 kMaxSteps = 1'000'000;
constexpr std::size_t kMaxFrames = 8;
constexpr u64 kStackBytes = 512;
constexpr u64 kGap = u64{1} << 32;
constexpr u8 kModeMask = 0xe0, kModeMem = 0x60, kModeMemSigned = 0x80, kModeAtomic = 0xc0;
constexpr u8 kSourceReg = 0x08;
constexpr u8 kFramePointer = 10;

u32 width_of(u8 opcode) {
  constexpr std::array<u32, 4> kWidths = {4, 2, 1, 8};
  return kWidths[(opcode & bpf::kSizeMask) >> 3];
}

u64 sign_extend(u64 value, u32 bits) {
  return static_cast<u64>(static_cast<i64>(value << (64 - bits)) >> (64 - bits));
}

std::unexpected<Error> unknown(const Insn& insn) {
  return fail(Code::malformed, "opcode {:#x} with offset {} and imm {} is not known", insn.opcode,
              insn.offset, insn.imm);
}

// Division as BPF has it: by zero gives zero, modulo zero nothing changes.
u64 divide(u64 a, u64 b, bool is_signed, bool modulo) {
  if (b == 0) return modulo ? a : 0;
  if (!is_signed) return modulo ? a % b : a / b;
  if (b == ~u64{0}) return modulo ? 0 : 0 - a;  // the one quotient that overflows is here
  const i64 x = static_cast<i64>(a), y = static_cast<i64>(b);
  return static_cast<u64>(modulo ? x % y : x / y);
}

// One ALU operation, wide or 32 bits; `a` and `b` are extended as the operation's sign wants.
std::optional<u64> compute(u8 operation, i16 offset, u64 a, u64 b, u32 bits) {
  const bool is_signed = offset == 1;
  switch (operation) {
    case 0x00: return a + b;
    case 0x10: return a - b;
    case 0x20: return a * b;
    case 0x30:
    case 0x90:
      if (is_signed) {
        a = sign_extend(a, bits);
        b = sign_extend(b, bits);
      }
      return divide(a, b, is_signed, operation == 0x90);
    case 0x40: return a | b;
    case 0x50: return a & b;
    case 0x60: return a << (b & (bits - 1));
    case 0x70: return a >> (b & (bits - 1));
    case 0x80: return 0 - a;
    case 0xa0: return a ^ b;
    case 0xb0:
      if (offset == 0) return b;
      if (offset != 8 && offset != 16 && offset != 32) return std::nullopt;
      return sign_extend(b, static_cast<u32>(offset));
    case 0xc0: return static_cast<u64>(static_cast<i64>(sign_extend(a, bits)) >> (b & (bits - 1)));
    default: return std::nullopt;
  }
}

std::optional<u64> swapped(u64 value, i32 bits, bool swap) {
  switch (bits) {
    case 16: return swap ? swap_bytes(static_cast<u16>(value)) : static_cast<u16>(value);
    case 32: return swap ? swap_bytes(static_cast<u32>(value)) : static_cast<u32>(value);
    case 64: return swap ? swap_bytes(value) : value;
    default: return std::nullopt;
  }
}

std::optional<bool> compare(u8 operation, u64 a, u64 b) {
  const i64 x = static_cast<i64>(a), y = static_cast<i64>(b);
  switch (operation) {
    case 0x10: return a == b;
    case 0x20: return a > b;
    case 0x30: return a >= b;
    case 0x40: return (a & b) != 0;
    case 0x50: return a != b;
    case 0x60: return x > y;
    case 0x70: return x >= y;
    case 0xa0: return a < b;
    case 0xb0: return a <= b;
    case 0xc0: return x < y;
    case 0xd0: return x <= y;
    default: return std::nullopt;
  }
}

}  // namespace

u64 BpfMachine::add_memory(std::vector<std::byte> bytes) {
  const u64 address = next_address_;
  next_address_ += (bytes.size() / kGap + 2) * kGap;
  memory_.emplace(address, std::move(bytes));
  return address;
}

Result<u64> BpfMachine::read(u64 address, u32 size) const {
  const auto after = memory_.upper_bound(address);
  if (after != memory_.begin()) {
    const auto& [start, bytes] = *std::prev(after);
    if (fits(bytes.size(), address - start, size)) {
      u64 value = 0;
      for (u32 i = 0; i < size; i++) {
        const u32 shift = kHostOrder == ByteOrder::little ? 8 * i : 8 * (size - 1 - i);
        value |= std::to_integer<u64>(bytes[address - start + i]) << shift;
      }
      return value;
    }
  }
  return fail(Code::malformed, "{} bytes at {:#x} are outside of memory", size, address);
}

Status BpfMachine::write(u64 address, u32 size, u64 value) {
  static_cast<void>(TRY(read(address, size)));
  auto& [start, bytes] = *std::prev(memory_.upper_bound(address));
  for (u32 i = 0; i < size; i++) {
    const u32 shift = kHostOrder == ByteOrder::little ? 8 * i : 8 * (size - 1 - i);
    bytes[address - start + i] = static_cast<std::byte>(value >> shift);
  }
  return {};
}

Status BpfMachine::load(const Insn& insn) {
  const u64 address = reg(insn.src()) + static_cast<u64>(i64{insn.offset});
  const u32 width = width_of(insn.opcode);
  const u8 mode = insn.opcode & kModeMask;
  if (mode != kModeMem && (mode != kModeMemSigned || width == 8)) return unknown(insn);
  const u64 value = TRY(read(address, width));
  reg(insn.dst()) = mode == kModeMemSigned ? sign_extend(value, 8 * width) : value;
  return {};
}

Status BpfMachine::store(const Insn& insn) {
  const bool from_reg = insn.instruction_class() == bpf::kClassStx;
  if (from_reg && (insn.opcode & kModeMask) == kModeAtomic) return atomic(insn);
  if ((insn.opcode & kModeMask) != kModeMem) return unknown(insn);
  const u64 address = reg(insn.dst()) + static_cast<u64>(i64{insn.offset});
  return write(address, width_of(insn.opcode),
               from_reg ? reg(insn.src()) : static_cast<u64>(i64{insn.imm}));
}

Status BpfMachine::atomic(const Insn& insn) {
  constexpr i32 kFetch = 1, kExchange = 0xe1, kCompareExchange = 0xf1;
  const u32 width = width_of(insn.opcode);
  if (width < 4) return unknown(insn);
  const u64 address = reg(insn.dst()) + static_cast<u64>(i64{insn.offset});
  const u64 old = TRY(read(address, width));
  const u64 mask = width == 8 ? ~u64{0} : 0xffffffff;
  const u64 operand = reg(insn.src());
  if (insn.imm == kCompareExchange) {
    if (old == (reg(0) & mask)) TRY(write(address, width, operand));
    reg(0) = old;
    return {};
  }
  const i32 operation = insn.imm & ~kFetch;
  const bool is_known = insn.imm == kExchange || operation == 0x00 || operation == 0x40 ||
                        operation == 0x50 || operation == 0xa0;
  if (!is_known) return unknown(insn);
  const u64 value =
      insn.imm == kExchange ? operand : *compute(static_cast<u8>(operation), 0, old, operand, 64);
  TRY(write(address, width, value));
  if ((insn.imm & kFetch) != 0) reg(insn.src()) = old;
  return {};
}

Status BpfMachine::arithmetic(const Insn& insn) {
  const bool wide = insn.instruction_class() == bpf::kClassAlu64;
  const u8 operation = insn.opcode & 0xf0;
  u64& target = reg(insn.dst());
  if (insn.dst() == kFramePointer) return fail(Code::malformed, "r10 is read-only");
  if (operation == 0xd0) {
    const bool big = (insn.opcode & kSourceReg) != 0;
    if (wide && big) return unknown(insn);
    const bool swap = wide || big == (kHostOrder == ByteOrder::little);
    const std::optional<u64> value = swapped(target, insn.imm, swap);
    if (!value) return unknown(insn);
    target = *value;
    return {};
  }
  const u64 operand =
      (insn.opcode & kSourceReg) != 0 ? reg(insn.src()) : static_cast<u64>(i64{insn.imm});
  const u64 mask = wide ? ~u64{0} : 0xffffffff;
  const std::optional<u64> value =
      compute(operation, insn.offset, target & mask, operand & mask, wide ? 64 : 32);
  if (!value) return unknown(insn);
  target = *value & mask;
  return {};
}

Status BpfMachine::enter(u64 return_to) {
  if (frames_.size() == kMaxFrames) return fail(Code::limit, "more than {} calls deep", kMaxFrames);
  Frame frame;
  frame.return_to = return_to;
  for (u8 i = 0; i < 4; i++)
    frame.saved[i] = reg(static_cast<u8>(6 + i));
  frame.stack = add_memory(std::vector<std::byte>(kStackBytes));
  reg(kFramePointer) = frame.stack + kStackBytes;
  frames_.push_back(frame);
  return {};
}

bool BpfMachine::leave() {
  const Frame frame = frames_.back();
  frames_.pop_back();
  memory_.erase(frame.stack);
  for (u8 i = 0; i < 4; i++)
    reg(static_cast<u8>(6 + i)) = frame.saved[i];
  at_ = frame.return_to;
  if (!frames_.empty()) reg(kFramePointer) = frames_.back().stack + kStackBytes;
  return !frames_.empty();
}

Status BpfMachine::call(const Insn& insn) {
  if (insn.is_subprogram_call()) {
    TRY(enter(at_));
    at_ += static_cast<u64>(i64{insn.imm});
    return {};
  }
  const auto helper = helpers_.find(static_cast<u32>(insn.imm));
  if (!insn.is_helper_call() || helper == helpers_.end())
    return fail(Code::malformed, "there is no function {} to call", insn.imm);
  reg(0) = TRY(helper->second(*this, {reg(1), reg(2), reg(3), reg(4), reg(5)}));
  return {};
}

Result<bool> BpfMachine::step(std::span<const Insn> code) {
  if (at_ >= code.size()) return fail(Code::malformed, "there is no such instruction");
  const Insn insn = code[at_++];
  switch (insn.instruction_class()) {
    case bpf::kClassLd: {
      if (!insn.is_ld_imm64() || insn.src() != 0 || at_ >= code.size()) return unknown(insn);
      const u64 high = static_cast<u32>(code[at_++].imm);
      reg(insn.dst()) = high << 32 | static_cast<u32>(insn.imm);
      return true;
    }
    case bpf::kClassLdx: TRY(load(insn)); return true;
    case bpf::kClassSt:
    case bpf::kClassStx: TRY(store(insn)); return true;
    case bpf::kClassAlu:
    case bpf::kClassAlu64: TRY(arithmetic(insn)); return true;
    default: break;
  }
  if (insn.is_exit()) return leave();
  if (insn.is_call()) {
    TRY(call(insn));
    return true;
  }
  const bool narrow = insn.instruction_class() == bpf::kClassJmp32;
  const u8 operation = insn.opcode & 0xf0;
  if (operation == 0) {
    at_ += static_cast<u64>(narrow ? i64{insn.imm} : i64{insn.offset});
    return true;
  }
  u64 a = reg(insn.dst());
  u64 b = (insn.opcode & kSourceReg) != 0 ? reg(insn.src()) : static_cast<u64>(i64{insn.imm});
  if (narrow) {  // sign extension keeps the order of unsigned numbers, too
    a = sign_extend(a, 32);
    b = sign_extend(b, 32);
  }
  const std::optional<bool> taken = compare(operation, a, b);
  if (!taken) return unknown(insn);
  if (*taken) at_ += static_cast<u64>(i64{insn.offset});
  return true;
}

Result<u64> BpfMachine::run(std::span<const Insn> code, const Arguments& arguments) {
  registers_ = {};
  for (u8 i = 0; i < arguments.size(); i++)
    reg(static_cast<u8>(1 + i)) = arguments[i];
  at_ = 0;
  while (!frames_.empty())
    leave();  // of a run that failed
  at_ = 0;
  TRY(enter(code.size()));
  for (u64 steps = 0; steps < kMaxSteps; steps++) {
    const u64 at = at_;
    const bool goes_on =
        TRY(with_context(step(code), [&] { return format("instruction {}", at); }));
    if (!goes_on) return reg(0);
  }
  return fail(Code::limit, "more than {} instructions", kMaxSteps);
}

}  // namespace bpfld::test
