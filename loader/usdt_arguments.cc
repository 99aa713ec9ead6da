// SPDX-License-Identifier: Apache-2.0
// A table of registers and a small grammar for each machine; see usdt_arguments.h.
// Sources: struct pt_regs in arch/*/include/asm/ptrace.h; operands: GNU as.
#include "loader/usdt_arguments.h"

#include <bit>
#include <charconv>
#include <optional>

#include "base/bytes.h"
#include "base/escape.h"

namespace bpfld::loader {
namespace {

using Kind = UsdtArgument::Kind;

// clang-format off
// Names by width, and the offset in struct pt_regs.
struct X86Register { std::string_view names[4]; u16 offset; };
constexpr X86Register kX86[] = {
    {{"r15", "r15d", "r15w", "r15b"},   0}, {{"r14", "r14d", "r14w", "r14b"},   8},
    {{"r13", "r13d", "r13w", "r13b"},  16}, {{"r12", "r12d", "r12w", "r12b"},  24},
    {{"rbp", "ebp",  "bp",   "bpl"},   32}, {{"rbx", "ebx",  "bx",   "bl"},    40},
    {{"r11", "r11d", "r11w", "r11b"},  48}, {{"r10", "r10d", "r10w", "r10b"},  56},
    {{"r9",  "r9d",  "r9w",  "r9b"},   64}, {{"r8",  "r8d",  "r8w",  "r8b"},   72},
    {{"rax", "eax",  "ax",   "al"},    80}, {{"rcx", "ecx",  "cx",   "cl"},    88},
    {{"rdx", "edx",  "dx",   "dl"},    96}, {{"rsi", "esi",  "si",   "sil"},  104},
    {{"rdi", "edi",  "di",   "dil"},  112}, {{"rip", "eip",  "ip",   ""},     128},
    {{"rsp", "esp",  "sp",   "spl"},  152},
};
struct NamedRegister { std::string_view name; u16 offset; };
constexpr NamedRegister kRiscv[] = {
    {"ra", 8}, {"sp", 16}, {"gp", 24}, {"tp", 32}, {"t0", 40}, {"t1", 48}, {"t2", 56}, {"s0", 64},
    {"s1", 72}, {"a0", 80}, {"a1", 88}, {"a2", 96}, {"a3", 104}, {"a4", 112}, {"a5", 120},
    {"a6", 128}, {"a7", 136}, {"s2", 144}, {"s3", 152}, {"s4", 160}, {"s5", 168}, {"s6", 176},
    {"s7", 184}, {"s8", 192}, {"s9", 200}, {"s10", 208}, {"s11", 216}, {"t3", 224}, {"t4", 232},
    {"t5", 240}, {"t6", 248},
};
// clang-format on

template <typename T>
std::optional<T> to_number(std::string_view text) {
  bool negative = false;
  if (text.starts_with('-') || text.starts_with('+')) {
    negative = text.front() == '-';
    text.remove_prefix(1);
  }
  int base = 10;
  if (text.starts_with("0x")) {
    base = 16;
    text.remove_prefix(2);
  }
  u64 value = 0;
  const char* const end = text.data() + text.size();
  const std::from_chars_result done = std::from_chars(text.data(), end, value, base);
  if (text.empty() || done.ec != std::errc() || done.ptr != end) return std::nullopt;
  return static_cast<T>(negative ? 0 - value : value);
}

using RegisterOffset = std::optional<u16>;

RegisterOffset x86_register(std::string_view name) {
  if (!name.starts_with('%')) return std::nullopt;
  name.remove_prefix(1);
  for (const X86Register& row : kX86)
    for (std::string_view one : row.names)
      if (!name.empty() && one == name) return row.offset;
  return std::nullopt;
}

RegisterOffset riscv_register(std::string_view name) {
  for (const NamedRegister& row : kRiscv)
    if (row.name == name) return row.offset;
  return std::nullopt;
}

// "x7" or "w7", "sp": struct user_pt_regs has x0 to x30, then sp.
RegisterOffset arm64_register(std::string_view name) {
  if (name == "sp") return 31 * 8;
  if (name.size() < 2 || (name.front() != 'x' && name.front() != 'w')) return std::nullopt;
  const std::optional<u16> number = to_number<u16>(name.substr(1));
  if (!number || *number > 30 || name[1] == '-') return std::nullopt;
  return static_cast<u16>(*number * 8);
}

// "%r7": psw and one argument come before the general registers.
RegisterOffset s390_register(std::string_view name) {
  if (!name.starts_with("%r")) return std::nullopt;
  const std::optional<u16> number = to_number<u16>(name.substr(2));
  if (!number || *number > 15) return std::nullopt;
  return static_cast<u16>(24 + *number * 8);
}

// spec: "8(%rax,%rbx,4)" taken apart; "[sp, 8]" becomes the same.
struct Parts {
  std::string_view before, base, index, scale;
};

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' '))
    text.remove_prefix(1);
  while (text.ends_with(' '))
    text.remove_suffix(1);
  return text;
}

std::optional<Parts> in_parentheses(std::string_view text) {
  const std::size_t open = text.find('(');
  if (open == std::string_view::npos || !text.ends_with(')')) return std::nullopt;
  Parts parts;
  parts.before = text.substr(0, open);
  std::string_view inside = text.substr(open + 1, text.size() - open - 2);
  for (std::string_view* part : {&parts.base, &parts.index, &parts.scale}) {
    const std::string_view word = inside.substr(0, inside.find(','));
    *part = trimmed(word);
    if (word.size() == inside.size()) return parts;
    inside.remove_prefix(word.size() + 1);
  }
  return std::nullopt;  // a fourth part
}

bool set_memory(UsdtArgument& out, std::string_view displacement, RegisterOffset base) {
  const std::optional<i64> value =
      displacement.empty() ? std::optional<i64>(0) : to_number<i64>(displacement);
  if (!value || !base) return false;
  out.kind = Kind::memory;
  out.value = *value;
  out.reg = *base;
  return true;
}

bool set_register(UsdtArgument& out, RegisterOffset reg) {
  if (!reg) return false;
  out.kind = Kind::register_;
  out.reg = *reg;
  return true;
}

bool set_constant(UsdtArgument& out, std::string_view text) {
  const std::optional<i64> value = to_number<i64>(text);
  if (!value) return false;
  out.kind = Kind::constant;
  out.value = *value;
  return true;
}

bool read_x86(std::string_view text, UsdtArgument& out) {
  if (text.starts_with('$')) return set_constant(out, text.substr(1));
  if (text.starts_with('%')) return set_register(out, x86_register(text));
  const std::optional<Parts> parts = in_parentheses(text);
  // Relative to the instruction: a symbol, or an address that the loader does not know.
  if (!parts || parts->base == "%rip") return false;
  if (!set_memory(out, parts->before, x86_register(parts->base))) return false;
  if (parts->index.empty()) return parts->scale.empty();
  const RegisterOffset index = x86_register(parts->index);
  const u64 scale = parts->scale.empty() ? 1 : to_number<u64>(parts->scale).value_or(0);
  if (!index || (scale != 1 && scale != 2 && scale != 4 && scale != 8)) return false;
  out.kind = Kind::indexed;
  out.index = *index;
  out.scale_shift = static_cast<u8>(std::countr_zero(scale));
  return true;
}

bool read_arm64(std::string_view text, UsdtArgument& out) {
  if (text.starts_with('[') && text.ends_with(']')) {
    const std::string_view inside = text.substr(1, text.size() - 2);
    const std::size_t comma = inside.find(',');
    const std::string_view base = trimmed(inside.substr(0, comma));
    if (comma == std::string_view::npos) return set_memory(out, {}, arm64_register(base));
    const std::string_view displacement = trimmed(inside.substr(comma + 1));
    return !displacement.empty() && set_memory(out, displacement, arm64_register(base));
  }
  return set_register(out, arm64_register(text)) || set_constant(out, text);
}

bool read_riscv(std::string_view text, UsdtArgument& out) {
  if (const std::optional<Parts> parts = in_parentheses(text))
    return parts->index.empty() && set_memory(out, parts->before, riscv_register(parts->base));
  return set_register(out, riscv_register(text)) || set_constant(out, text);
}

bool read_s390(std::string_view text, UsdtArgument& out) {
  if (const std::optional<Parts> parts = in_parentheses(text))
    return parts->index.empty() && set_memory(out, parts->before, s390_register(parts->base));
  return set_register(out, s390_register(text)) || set_constant(out, text);
}

struct MachineRow {
  u16 machine;
  bool (*read)(std::string_view, UsdtArgument&);
};
constexpr MachineRow kMachines[] = {
    {kMachineI386, read_x86},  // on a 64-bit kernel: the same registers, their upper halves 0
    {kMachineS390, read_s390},   {kMachineX86_64, read_x86},
    {kMachineArm64, read_arm64}, {kMachineRiscv, read_riscv},
};

// Cuts the first operand off: it ends at a space that is in no brackets.
std::string_view take_operand(std::string_view& text) {
  std::size_t at = 0;
  int depth = 0;
  for (; at < text.size(); at++) {
    if (text[at] == '[' || text[at] == '(') depth++;
    if (text[at] == ']' || text[at] == ')') depth--;
    if (text[at] == ' ' && depth <= 0) break;
  }
  const std::string_view operand = text.substr(0, at);
  text = trimmed(text.substr(at));
  return operand;
}

bool read_size(std::string_view text, UsdtArgument& out) {
  const std::optional<i64> size = to_number<i64>(text);
  if (!size) return false;
  const i64 bytes = *size < 0 ? -*size : *size;
  if (bytes != 1 && bytes != 2 && bytes != 4 && bytes != 8) return false;
  out.size = static_cast<u8>(bytes);
  out.is_signed = *size < 0;
  return true;
}

template <typename T>
void put(std::vector<std::byte>& out, std::size_t at, T value) {
  std::memcpy(out.data() + at, &value, sizeof value);
}

}  // namespace

Result<std::vector<UsdtArgument>> parse_usdt_arguments(std::string_view text, u16 machine) {
  bool (*read)(std::string_view, UsdtArgument&) = nullptr;
  for (const MachineRow& row : kMachines)
    if (row.machine == machine) read = row.read;
  std::vector<UsdtArgument> out;
  text = trimmed(text);
  if (!text.empty() && read == nullptr)
    return fail(Code::unsupported, "the registers of machine {} are not known", machine);
  while (!text.empty()) {
    const std::string_view operand = take_operand(text);
    const std::size_t at = operand.find('@');
    UsdtArgument argument;
    if (at == std::string_view::npos || !read_size(operand.substr(0, at), argument) ||
        !read(operand.substr(at + 1), argument))
      return fail(Code::unsupported, "argument \"{}\" cannot be read", escape_terminal(operand));
    if (out.size() == kMaxUsdtArguments)
      return fail(Code::unsupported, "it has more than {} arguments", kMaxUsdtArguments);
    out.push_back(argument);
  }
  return out;
}

std::vector<std::byte> usdt_spec_bytes(const std::vector<UsdtArgument>& arguments, u64 cookie) {
  std::vector<std::byte> out(kUsdtSpecSize);
  for (std::size_t i = 0; i < arguments.size() && i < kMaxUsdtArguments; i++) {
    const UsdtArgument& argument = arguments[i];
    const std::size_t at = i * 16;
    put(out, at, argument.value);
    // The kind in the lowest byte; then a second register and its scale, which older headers, whose
    // kind takes all four bytes, do not have.
    put(out, at + 8,
        static_cast<u32>(argument.kind) | u32{argument.index} << 8 |
            u32{argument.scale_shift} << 20);
    put(out, at + 12, argument.reg);
    put(out, at + 14, u8{argument.is_signed});
    put(out, at + 15, static_cast<u8>(64 - argument.size * 8));
  }
  put(out, kMaxUsdtArguments * 16, cookie);
  put(out, kMaxUsdtArguments * 16 + 8, static_cast<u16>(arguments.size()));
  return out;
}

}  // namespace bpfld::loader
