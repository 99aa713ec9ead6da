// SPDX-License-Identifier: Apache-2.0
// See encode_scalar.h.
#include "btf/encode_scalar.h"

#include <algorithm>
#include <bit>
#include <charconv>

#include "base/escape.h"
#include "btf/layout.h"

namespace bpfld::btf {
namespace {

// spec: a number as it was written.
struct Number {
  u64 bits = 0;  // its magnitude
  bool negative = false;
};

std::optional<Number> parse_number(std::string_view text) {
  Number number;
  number.negative = text.starts_with('-');
  if (number.negative || text.starts_with('+')) text.remove_prefix(1);
  const bool hex = text.starts_with("0x") || text.starts_with("0X");
  if (hex) text.remove_prefix(2);
  const char* const end = text.data() + text.size();
  const std::from_chars_result done = std::from_chars(text.data(), end, number.bits, hex ? 16 : 10);
  if (done.ec != std::errc() || done.ptr != end) return std::nullopt;
  return number;
}

// "192.168.1.2" as the number that its bytes are in network order.
std::optional<u64> parse_address(std::string_view text) {
  u64 address = 0;
  for (int part = 0; part < 4; part++) {
    const std::size_t dot = std::min(text.find('.'), text.size());
    const std::optional<Number> number = parse_number(text.substr(0, dot));
    if (!number || number->negative || number->bits > 255) return std::nullopt;
    address = address << 8 | number->bits;
    if ((dot == text.size()) != (part == 3)) return std::nullopt;
    text.remove_prefix(std::min(dot + 1, text.size()));
  }
  return address;
}

std::unexpected<Error> want(const View& view, const Shape& shape, const Word& word,
                            std::string_view wanted) {
  return fail(Code::usage, "\"{}\" is no value of \"{}\"; want {}", escape_terminal(word.text),
              escape_terminal(type_name(view, shape.type)), wanted);
}

u64 largest_of(u64 bits) {
  return bits >= 64 ? ~u64{0} : (u64{1} << bits) - 1;
}

// The number in `bits` bits. All ones is how "none" is often spelled: -1 is that for unsigned types
// too, as in C.
std::optional<u64> fit(const Number& number, u64 bits, bool is_signed) {
  const u64 all = largest_of(bits);
  const u64 largest = is_signed ? all / 2 : all;
  if (!number.negative) return number.bits <= largest ? std::optional(number.bits) : std::nullopt;
  const bool minus_one = number.bits == 1;
  if (number.bits != 0 && !minus_one && (!is_signed || number.bits > all / 2 + 1))
    return std::nullopt;
  return (0 - number.bits) & all;
}

Result<u64> integer(const View& view, const Shape& shape, const Word& word) {
  const bool negative = is_signed(view.type(shape.type));
  if (word.quote == '\'' && word.text.size() == 1) return static_cast<u8>(word.text[0]);
  if (shape.network_order && shape.bits == 32)
    if (const std::optional<u64> address = parse_address(word.text)) return *address;
  const std::optional<Number> number = parse_number(word.text);
  const std::optional<u64> value = number ? fit(*number, shape.bits, negative) : std::nullopt;
  if (value) return *value;
  const u64 all = largest_of(shape.bits);
  if (!negative) return want(view, shape, word, format("0..{}", all));
  return want(view, shape, word, format("-{}..{}", all / 2 + 1, all / 2));
}

// Names of enumerators, with '|' between them for flags.
Result<u64> enumeration(const View& view, const Shape& shape, const Word& word) {
  const Type type = view.type(shape.type);
  const auto value_of = [&](std::string_view name) -> std::optional<u64> {
    for (const Enumerator& one : enumerators(view, type))
      if (one.name == name) return one.value;
    const std::optional<Number> number = parse_number(name);
    return number && !number->negative ? std::optional(number->bits) : std::nullopt;
  };
  u64 value = 0;
  bool named = word.text.find('|') != std::string::npos || value_of(word.text).has_value();
  if (parse_number(word.text)) named = false;
  for (std::string_view rest = word.text; named && !rest.empty();) {
    const std::size_t bar = std::min(rest.find('|'), rest.size());
    const std::optional<u64> part = value_of(rest.substr(0, bar));
    named = part.has_value() && (bar == rest.size() || bar + 1 < rest.size());
    value |= part.value_or(0);
    rest.remove_prefix(std::min(bar + 1, rest.size()));
  }
  if (named) return value & largest_of(shape.bits);
  if (Result<u64> number = integer(view, shape, word)) return number;
  constexpr u32 kShown = 8;
  std::string names = "a number or one of";
  const Entries<Enumerator> list = enumerators(view, type);
  for (u32 i = 0; i < std::min(list.size(), kShown); i++)
    names += " " + escape_terminal(list[i].name);
  return want(view, shape, word, list.size() > kShown ? names + " ..." : names);
}

Result<u64> boolean(const View& view, const Shape& shape, const Word& word) {
  if (word.text == "true" || word.text == "1") return 1;
  if (word.text == "false" || word.text == "0") return 0;
  return want(view, shape, word, "true or false");
}

Result<u64> floating(const View& view, const Shape& shape, const Word& word) {
  double value = 0;
  const char* const end = word.text.data() + word.text.size();
  const std::from_chars_result done = std::from_chars(word.text.data(), end, value);
  if (done.ec != std::errc() || done.ptr != end || (shape.bits != 32 && shape.bits != 64))
    return want(view, shape, word, "a number such as 1.5");
  if (shape.bits == 32) return std::bit_cast<u32>(static_cast<float>(value));
  return std::bit_cast<u64>(value);
}

Status raw_bytes(const View& view, const Shape& shape, const Word& word, Bytes bytes,
                 std::span<std::byte> record, u64 bit_offset, bool all) {
  const u64 size = shape.bits / 8;
  if (bit_offset % 8 != 0 || shape.bits % 8 != 0 || bytes.size() > size ||
      (all && bytes.size() != size) || !fits(record.size(), bit_offset / 8, size))
    return want(view, shape, word, format("{}{} bytes", all ? "" : "at most ", size));
  std::ranges::copy(bytes, record.begin() + static_cast<std::ptrdiff_t>(bit_offset / 8));
  return {};
}

Result<u64> number_of(const View& view, const Shape& shape, const Word& word) {
  switch (shape.form) {
    case Form::boolean: return boolean(view, shape, word);
    case Form::enum_:
    case Form::flags: return enumeration(view, shape, word);
    case Form::floating: return floating(view, shape, word);
    case Form::unsigned_:
    case Form::signed_:
    case Form::character:
    case Form::pointer: return integer(view, shape, word);
    case Form::text:
    case Form::bytes:
    case Form::wide:
    case Form::array:
    case Form::composite:
    case Form::opaque: break;
  }
  return want(view, shape, word, format("hex: and {} digits", shape.bits / 4));
}

}  // namespace

std::optional<u64> parse_integer(std::string_view text, u64 bits) {
  const std::optional<Number> number = parse_number(text);
  return number ? fit(*number, bits, number->negative) : std::nullopt;
}

std::optional<std::vector<std::byte>> parse_hex(std::string_view digits) {
  if (digits.size() % 2 != 0) return std::nullopt;
  std::vector<std::byte> out;
  for (std::size_t i = 0; i < digits.size(); i += 2) {
    u8 value = 0;
    const char* const end = digits.data() + i + 2;
    const std::from_chars_result done = std::from_chars(end - 2, end, value, 16);
    if (done.ec != std::errc() || done.ptr != end) return std::nullopt;
    out.push_back(std::byte{value});
  }
  return out;
}

void write_bits(std::span<std::byte> record, u64 bit_offset, u64 bits, u64 value, ByteOrder order) {
  if (bits > 64 || !fits(u64{record.size()} * 8, bit_offset, bits)) return;
  for (u64 i = 0; i < bits; i++) {
    const u64 place = bit_offset + (order == ByteOrder::little ? i : bits - 1 - i);
    const u64 inside = order == ByteOrder::little ? place % 8 : 7 - place % 8;
    const std::byte bit = std::byte{1} << static_cast<unsigned>(inside);
    std::byte& byte = record[static_cast<std::size_t>(place / 8)];
    byte = (value >> i & 1) != 0 ? byte | bit : byte & ~bit;
  }
}

Status encode_scalar(const View& view, const Shape& shape, const Word& word,
                     std::span<std::byte> record, u64 bit_offset) {
  constexpr std::string_view kHex = "hex:";
  if (word.quote == 0 && word.text.starts_with(kHex)) {
    const std::optional<std::vector<std::byte>> bytes =
        parse_hex(std::string_view(word.text).substr(kHex.size()));
    if (!bytes) return want(view, shape, word, "pairs of hexadecimal digits after hex:");
    return raw_bytes(view, shape, word, *bytes, record, bit_offset, true);
  }
  if (shape.form == Form::text)
    return raw_bytes(view, shape, word, bytes_of(std::string_view(word.text)), record, bit_offset,
                     false);
  if (shape.form == Form::bytes) {
    const std::optional<std::vector<std::byte>> bytes = parse_hex(word.text);
    if (bytes && word.quote == 0 && bytes->size() * 8 == shape.bits)  // as print_text() writes them
      return raw_bytes(view, shape, word, *bytes, record, bit_offset, true);
    return raw_bytes(view, shape, word, bytes_of(std::string_view(word.text)), record, bit_offset,
                     false);
  }
  u64 value = TRY(number_of(view, shape, word));
  if (shape.network_order && kHostOrder == ByteOrder::little && shape.bits % 16 == 0 &&
      shape.bits != 0)
    value = swap_bytes(value) >> (64 - shape.bits);
  write_bits(record, bit_offset + shape.bit_skip, shape.bits, value);
  return {};
}

}  // namespace bpfld::btf
