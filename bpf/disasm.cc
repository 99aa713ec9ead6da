// SPDX-License-Identifier: Apache-2.0
// See disasm.h. An opcode is a class in the lowest three bits, and an operation, a size and a mode
// above; each has a table.
#include "bpf/disasm.h"

#include <array>
#include <string_view>

#include "base/format.h"

namespace bpfld::bpf {
namespace {

constexpr u8 kSourceRegister = 0x08;  // of arithmetic and jumps: src, not imm
constexpr u8 kOperation = 0xf0;
constexpr u8 kMode = 0xe0;

// clang-format off
constexpr std::array<std::string_view, 16> kAlu = {
    "+=", "-=", "*=", "/=", "|=", "&=", "<<=", ">>=", "neg", "%=", "^=", "=", "s>>=", "end", "", ""};
constexpr std::array<std::string_view, 16> kJump = {
    "ja", "==", ">", ">=", "&", "!=", "s>", "s>=", "call", "exit", "<", "<=", "s<", "s<=", "may_goto", ""};
constexpr std::array<std::string_view, 4> kSizes = {"u32", "u16", "u8", "u64"};
constexpr std::array<std::string_view, 4> kSignedSizes = {"s32", "s16", "s8", "s64"};
// clang-format on

enum Alu : u8 { kDiv = 3, kNeg = 8, kMod = 9, kMov = 11, kEnd = 13 };
enum Jump : u8 { kJa = 0, kCall = 8, kExit = 9, kMayGoto = 14 };
enum Mode : u8 { kImm = 0, kAbs = 1, kInd = 2, kMem = 3, kMemSigned = 4, kAtomic = 6, kNospec = 6 };

constexpr i32 kFetch = 1;
constexpr i32 kExchange = 0xe1, kCompareExchange = 0xf1;
constexpr i32 kLoadAcquire = 0x100, kStoreRelease = 0x110;
constexpr i16 kAddressSpaceCast = 1;  // offset of a mov64
constexpr i16 kPerCpuAddress = -1;    // likewise; the kernel's own

std::string unknown(const Insn& insn) {
  return format("unknown instruction {:#x}", insn.opcode);
}

std::string reg(u8 number, bool whole = true) {
  return format("{}{}", whole ? "r" : "w", number);
}

// "+8", "-8"
std::string offset_text(i64 offset) {
  return offset < 0 ? format("{}", offset) : format("+{}", offset);
}

std::string_view size_of(const Insn& insn) {
  return kSizes[(insn.opcode >> 3) & 3];
}

// "*(u64 *)(r1 +8)"
std::string memory(std::string_view size, u8 base, i64 offset) {
  return format("*({} *)(r{} {})", size, base, offset_text(offset));
}

// Byte swaps: to big or little endian, or, among the 64-bit operations, whatever it was.
std::string swap_text(const Insn& insn, bool whole) {
  std::string_view to = whole ? "bswap" : "le";
  if (!whole && (insn.opcode & kSourceRegister) != 0) to = "be";
  return format("r{} = {}{} r{}", insn.dst(), to, insn.imm, insn.dst());
}

std::string move_text(const Insn& insn, bool whole) {
  const std::string to = reg(insn.dst(), whole), from = reg(insn.src(), whole);
  if ((insn.opcode & kSourceRegister) == 0) return format("{} = {}", to, insn.imm);
  if (whole && insn.offset == kAddressSpaceCast)
    return format("{} = addr_space_cast({}, {}, {})", to, from, static_cast<u32>(insn.imm) >> 16,
                  static_cast<u32>(insn.imm) & 0xffff);
  if (whole && insn.offset == kPerCpuAddress) return format("{} = this CPU's copy of {}", to, from);
  if (insn.offset != 0) return format("{} = (s{}){}", to, i32{insn.offset}, from);
  return format("{} = {}", to, from);
}

std::string arithmetic(const Insn& insn, bool whole) {
  const u8 operation = (insn.opcode & kOperation) >> 4;
  const std::string to = reg(insn.dst(), whole);
  if (operation == kEnd) return swap_text(insn, whole);
  if (operation == kNeg) return format("{} = -{}", to, to);
  if (operation == kMov) return move_text(insn, whole);
  if (kAlu[operation].empty()) return unknown(insn);
  const bool is_signed = insn.offset == 1 && (operation == kDiv || operation == kMod);
  const std::string by =
      (insn.opcode & kSourceRegister) != 0 ? reg(insn.src(), whole) : format("{}", insn.imm);
  return format("{} {}{} {}", to, is_signed ? "s" : "", kAlu[operation], by);
}

std::string call_text(const Insn& insn) {
  if ((insn.opcode & kSourceRegister) != 0) return format("callx r{}", insn.dst());
  if (insn.src() == kPseudoCall) return format("call pc{}", offset_text(insn.imm));
  if (insn.src() == kPseudoKfuncCall) return format("call kernel-function#{}", insn.imm);
  return format("call #{}", insn.imm);
}

std::string jump_text(const Insn& insn, bool whole) {
  const u8 operation = (insn.opcode & kOperation) >> 4;
  if (operation == kJa && whole && (insn.opcode & kSourceRegister) != 0)
    return format("gotox r{}", insn.dst());
  if (operation == kJa)
    return whole ? format("goto pc{}", offset_text(insn.offset))
                 : format("gotol pc{}", offset_text(insn.imm));
  if (operation == kCall && whole) return call_text(insn);
  if (operation == kExit && whole) return "exit";
  if (operation == kMayGoto && whole) return format("may_goto pc{}", offset_text(insn.offset));
  if (kJump[operation].empty() || operation == kCall || operation == kExit || operation == kMayGoto)
    return unknown(insn);
  const std::string right = (insn.opcode & kSourceRegister) != 0
                                ? reg(insn.src(), whole)
                                : format("{:#x}", static_cast<u32>(insn.imm));
  return format("if {} {} {} goto pc{}", reg(insn.dst(), whole), kJump[operation], right,
                offset_text(insn.offset));
}

// What an operation on memory is called and how it is written: "+=" and "atomic_fetch_add".
std::string atomic_text(const Insn& insn) {
  const std::string_view size = size_of(insn);
  const std::string_view width = size == "u64" ? "64" : "";
  const std::string place = format("({} *)(r{} {})", size, insn.dst(), offset_text(insn.offset));
  switch (insn.imm) {
    case kExchange:
      return format("r{} = atomic{}_xchg({}, r{})", insn.src(), width, place, insn.src());
    case kCompareExchange:
      return format("r0 = atomic{}_cmpxchg({}, r0, r{})", width, place, insn.src());
    case kLoadAcquire:
      return format("r{} = load_acquire(({} *)(r{} {}))", insn.dst(), size, insn.src(),
                    offset_text(insn.offset));
    case kStoreRelease: return format("store_release({}, r{})", place, insn.src());
    default: break;
  }
  struct Row {
    i32 imm;
    std::string_view sign, name;
  };
  constexpr std::array<Row, 4> kRows = {
      {{0x00, "+=", "add"}, {0x40, "|=", "or"}, {0x50, "&=", "and"}, {0xa0, "^=", "xor"}}};
  for (const Row& row : kRows) {
    if (insn.imm == row.imm) return format("lock *{} {} r{}", place, row.sign, insn.src());
    if (insn.imm == (row.imm | kFetch))
      return format("r{} = atomic{}_fetch_{}({}, r{})", insn.src(), width, row.name, place,
                    insn.src());
  }
  return unknown(insn);
}

std::string wide_text(const Insn& insn, const Insn* second) {
  const u64 high = second == nullptr ? 0 : static_cast<u32>(second->imm);
  const u64 value = high << 32 | static_cast<u32>(insn.imm);
  switch (insn.src()) {
    case 0: return format("r{} = {:#x} ll", insn.dst(), value);
    case kPseudoMapFd: return format("r{} = map[{}]", insn.dst(), static_cast<u32>(insn.imm));
    case kPseudoMapValue:
      return format("r{} = map[{}][0] + {}", insn.dst(), static_cast<u32>(insn.imm), high);
    case kPseudoBtfId: return format("r{} = btf_id[{}]", insn.dst(), static_cast<u32>(insn.imm));
    case kPseudoFunc: return format("r{} = subprog[{}]", insn.dst(), offset_text(insn.imm));
    default: return format("r{} = {:#x} ll (pseudo {})", insn.dst(), value, insn.src());
  }
}

// Packet bytes, which only old programs read so.
std::string packet_text(const Insn& insn, u8 mode) {
  if (mode == kAbs) return format("r0 = *({} *)skb[{}]", size_of(insn), insn.imm);
  return format("r0 = *({} *)skb[r{} {}]", size_of(insn), insn.src(), offset_text(insn.imm));
}

}  // namespace

std::string disassemble(const Insn& insn, const Insn* second) {
  const u8 mode = (insn.opcode & kMode) >> 5;
  switch (insn.instruction_class()) {
    case kClassLd:
      if (insn.is_ld_imm64()) return wide_text(insn, second);
      return mode == kAbs || mode == kInd ? packet_text(insn, mode) : unknown(insn);
    case kClassLdx: {
      if (mode != kMem && mode != kMemSigned) return unknown(insn);
      const std::string_view size =
          mode == kMem ? size_of(insn) : kSignedSizes[(insn.opcode >> 3) & 3];
      return format("r{} = {}", insn.dst(), memory(size, insn.src(), insn.offset));
    }
    case kClassSt:
      if (mode == kNospec) return "nospec";  // the kernel's own, against speculation
      if (mode != kMem) return unknown(insn);
      return format("{} = {}", memory(size_of(insn), insn.dst(), insn.offset), insn.imm);
    case kClassStx:
      if (mode == kAtomic) return atomic_text(insn);
      if (mode != kMem) return unknown(insn);
      return format("{} = r{}", memory(size_of(insn), insn.dst(), insn.offset), insn.src());
    case kClassAlu: return arithmetic(insn, false);
    case kClassAlu64: return arithmetic(insn, true);
    case kClassJmp: return jump_text(insn, true);
    case kClassJmp32: return jump_text(insn, false);
    default: return unknown(insn);
  }
}

}  // namespace bpfld::bpf
