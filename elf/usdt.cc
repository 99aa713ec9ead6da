// SPDX-License-Identifier: Apache-2.0
// See usdt.h. A note is three words (sizes of name and description, type), then both, each padded
// to four bytes.
#include "elf/usdt.h"

#include <algorithm>

namespace bpfld::elf {
namespace {

constexpr u32 kStapsdtType = 3;
constexpr std::string_view kStapsdtName("stapsdt\0", 8);

// The padding that brings `size` to a multiple of 4; what is left when the section ends before.
Status skip_padding(Cursor& cursor, u64 size) {
  const u64 padding = (4 - size % 4) % 4;
  TRY(cursor.take(std::min(padding, cursor.left())));
  return {};
}

Result<UsdtProbe> parse_description(Bytes description, const Executable& executable,
                                    const NamedSection* base_section) {
  Cursor cursor(description, executable.order());
  const auto next_address = [&]() -> Result<u64> {
    if (executable.is_64_bit()) return cursor.next<u64>();
    return u64{TRY(cursor.next<u32>())};
  };
  const u64 location = TRY(next_address());
  const u64 base = TRY(next_address());
  const u64 semaphore = TRY(next_address());
  UsdtProbe probe;
  probe.provider = TRY(cursor.next_string());
  probe.name = TRY(cursor.next_string());
  probe.arguments = TRY(cursor.next_string());
  // A prelinker moves sections but not notes. Unsigned: the difference may be negative.
  const u64 mask = executable.is_64_bit() ? ~u64{0} : 0xffffffff;
  const u64 shift = base_section != nullptr ? base_section->address - base : 0;
  probe.address = (location + shift) & mask;
  probe.file_offset = executable.code_offset(probe.address);
  if (semaphore == 0) return probe;
  probe.semaphore = (semaphore + shift) & mask;
  probe.semaphore_offset = executable.file_offset(probe.semaphore);
  return probe;
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// Whether an argument starts there: "8@", "-4@", "8f@".
bool starts_argument(std::string_view text) {
  std::size_t at = text.starts_with('-') ? 1 : 0;
  const std::size_t digits = at;
  while (at < text.size() && is_digit(text[at]))
    at++;
  if (at == digits) return false;
  if (at < text.size() && text[at] == 'f') at++;
  return at < text.size() && text[at] == '@';
}

UsdtArgument parse_argument(std::string_view text) {
  UsdtArgument out;
  out.place = text;
  if (!starts_argument(text)) return out;
  out.is_signed = text.starts_with('-');
  const std::size_t at = text.find('@');
  for (const char c : text.substr(0, at)) {
    if (is_digit(c) && out.size < 1000) out.size = out.size * 10 + static_cast<u32>(c - '0');
    if (c == 'f') out.is_float = true;
  }
  out.place = text.substr(at + 1);
  return out;
}

}  // namespace

Result<std::vector<UsdtProbe>> read_usdt(const Executable& executable) {
  std::vector<UsdtProbe> out;
  const NamedSection* notes = executable.find_section(".note.stapsdt");
  if (notes == nullptr) return out;
  const NamedSection* base = executable.find_section(".stapsdt.base");
  Cursor cursor(notes->data, executable.order());
  while (!cursor.done()) {
    const u64 start = cursor.offset();
    const auto read = [&]() -> Status {
      const u32 name_size = TRY(cursor.next<u32>());
      const u32 size = TRY(cursor.next<u32>());
      const u32 type = TRY(cursor.next<u32>());
      const Bytes name = TRY(cursor.take(name_size));
      TRY(skip_padding(cursor, name_size));
      const Bytes description = TRY(cursor.take(size));
      TRY(skip_padding(cursor, size));
      if (type != kStapsdtType || text_of(name) != kStapsdtName) return {};
      out.push_back(TRY(parse_description(description, executable, base)));
      return {};
    };
    TRY(with_context(read(), [&] { return format(".note.stapsdt: note at {:#x}", start); }));
    if (out.size() > kMaxProbes)
      return fail(Code::limit, ".note.stapsdt: more than {} probes", kMaxProbes);
  }
  return out;
}

std::vector<UsdtArgument> split_arguments(std::string_view text) {
  std::vector<UsdtArgument> out;
  while (true) {
    while (text.starts_with(' '))
      text.remove_prefix(1);
    if (text.empty()) return out;
    // An operand may hold spaces ("4@[sp, 16]"): it ends where the next argument starts.
    std::size_t end = text.find(' ');
    while (end != std::string_view::npos && !starts_argument(text.substr(end + 1)))
      end = text.find(' ', end + 1);
    out.push_back(parse_argument(text.substr(0, end)));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end);
  }
}

}  // namespace bpfld::elf
