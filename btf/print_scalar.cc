// SPDX-License-Identifier: Apache-2.0
// See print_scalar.h.
#include "btf/print_scalar.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>

#include "base/escape.h"
#include "btf/print_value.h"

namespace bpfld::btf {
namespace {

constexpr std::string_view kDigits = "0123456789abcdef";
constexpr u64 kLargestSafe = u64{1} << 53;  // RFC 8259, section 6: what a double holds exactly

template <typename T>
void append_digits(std::string& out, T value, int base = 10) {
  std::array<char, 24> buffer;
  const std::to_chars_result done =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, base);
  out.append(buffer.data(), done.ptr);
}

void append_hex(std::string& out, u64 value) {
  out += "0x";
  append_digits(out, value, 16);
}

// A decimal number; in JSON a string when a reader could lose digits.
void append_number(std::string& out, u64 value, bool negative_possible, Notation notation) {
  const bool negative = negative_possible && static_cast<i64>(value) < 0;
  const u64 magnitude = negative ? 0 - value : value;
  const bool quoted = notation == Notation::json && magnitude > kLargestSafe;
  if (quoted) out += '"';
  if (negative) {
    append_digits(out, static_cast<i64>(value));
  } else {
    append_digits(out, value);
  }
  if (quoted) out += '"';
}

bool is_plain_ascii(std::string_view text) {
  return std::ranges::all_of(text,
                             [](char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; });
}

bool is_printable(u64 value) {
  return value >= 0x20 && value < 0x7f;
}

// "READ|WRITE", "READ|0x80"; empty when no bit has a name.
std::string flag_names(const View& view, const Type& type, u64 value) {
  std::string out;
  u64 left = value;
  for (const Enumerator& e : enumerators(view, type)) {
    if (e.value == 0 || (left & e.value) == 0) continue;
    if (!out.empty()) out += '|';
    out += e.name;
    left &= ~e.value;
  }
  if (!out.empty() && left != 0) {
    out += '|';
    append_hex(out, left);
  }
  return out;
}

std::string enum_text(const View& view, const Shape& shape, u64 value) {
  const Type type = view.type(shape.type);
  const std::string_view name = enumerator_name(view, type, value);
  if (!name.empty() || shape.form != Form::flags) return std::string(name);
  return flag_names(view, type, value);
}

bool append_float(std::string& out, const Shape& shape, Bytes record, u64 bit_offset,
                  Notation notation) {
  const std::optional<u64> bits = read_bits(record, bit_offset, shape.bits);
  if (shape.bits != 32 &&
      shape.bits != 64) {  // half, long double: no C++ type is sure to be theirs
    const Result<Bytes> raw = slice(record, bit_offset / 8, shape.bits / 8);
    if (raw) append_bytes(out, *raw, notation);
    return raw.has_value();
  }
  if (!bits) return false;
  const float single = std::bit_cast<float>(static_cast<u32>(*bits));
  const double value = shape.bits == 32 ? single : std::bit_cast<double>(*bits);
  const bool quoted = notation == Notation::json && !std::isfinite(value);
  if (quoted) out += '"';
  std::array<char, 40> buffer;
  char* const end = buffer.data() + buffer.size();
  // A float is written as one, so that 0.1f is "0.1".
  const std::to_chars_result done = shape.bits == 32 ? std::to_chars(buffer.data(), end, single)
                                                     : std::to_chars(buffer.data(), end, value);
  out.append(buffer.data(), done.ptr);
  if (quoted) out += '"';
  return true;
}

// An integer of more than 64 bits, in hexadecimal.
bool append_wide(std::string& out, const Shape& shape, Bytes record, u64 bit_offset,
                 Notation notation) {
  const u64 start = bit_offset + shape.bit_skip;
  const bool little = kHostOrder == ByteOrder::little;
  const u64 high_bits = shape.bits > 64 ? std::min<u64>(shape.bits - 64, 64) : 0;
  const std::optional<u64> high = read_bits(record, little ? start + 64 : start, high_bits);
  const std::optional<u64> low = read_bits(record, little ? start : start + high_bits, 64);
  if (!high || !low) return false;
  if (notation == Notation::json) out += '"';
  if (*high != 0) {
    append_hex(out, *high);
    out += format("{:016x}", *low);
  } else {
    append_hex(out, *low);
  }
  if (notation == Notation::json) out += '"';
  return true;
}

void append_enum(std::string& out, const View& view, const Shape& shape, u64 value, bool is_signed,
                 Notation notation) {
  const std::string name = notation == Notation::json ? "" : enum_text(view, shape, value);
  if (name.empty()) return append_number(out, value, is_signed, notation);
  append_string(out, name, Notation::plain);
}

void append_character(std::string& out, u64 value, bool is_signed, Notation notation) {
  if (notation == Notation::json || !is_printable(value))
    return append_number(out, value, is_signed, notation);
  const char c = static_cast<char>(value);
  if (notation == Notation::plain) {
    out += c;
  } else {
    out += '\'';
    out += c;
    out += '\'';
  }
}

}  // namespace

void append_string(std::string& out, std::string_view text, Notation notation) {
  const bool quoted = notation == Notation::quoted;
  if (notation == Notation::json && !is_plain_ascii(text)) {
    out += json_string(text);
  } else if (notation == Notation::json || (quoted && is_plain_ascii(text))) {
    out += '"';
    out += text;
    out += '"';
  } else if (is_plain_ascii(text)) {
    out += text;
  } else {
    // In quotes, a quote of the text's own must not look like the end.
    if (quoted) out += '"';
    for (const char c : escape_terminal(text)) {
      if (quoted && (c == '"' || c == '\\')) out += '\\';
      out += c;
    }
    if (quoted) out += '"';
  }
}

std::string join_strings(std::string_view text) {
  while (text.ends_with('\0'))
    text.remove_suffix(1);
  std::string out(text);
  std::ranges::replace(out, '\0', ' ');
  return out;
}

std::string_view first_string(std::string_view text) {
  return text.substr(0, text.find('\0'));
}

void append_bytes(std::string& out, Bytes bytes, Notation notation) {
  if (notation == Notation::json) out += '[';
  bool first = true;
  for (const std::byte byte : bytes) {
    const u8 value = std::to_integer<u8>(byte);
    if (notation == Notation::json) {
      if (!first) out += ',';
      append_digits(out, value);
    } else {
      out += kDigits[value >> 4];
      out += kDigits[value & 0xf];
    }
    first = false;
  }
  if (notation == Notation::json) out += ']';
}

bool append_scalar(std::string& out, const View& view, const Shape& shape, Bytes record,
                   u64 bit_offset, Notation notation) {
  if (shape.form == Form::floating) return append_float(out, shape, record, bit_offset, notation);
  if (shape.form == Form::wide) return append_wide(out, shape, record, bit_offset, notation);
  if (shape.form == Form::opaque) {
    out += notation == Notation::json ? "null" : "?";
    return true;
  }
  const bool negative = is_signed(view.type(shape.type));
  const std::optional<u64> value = read_number(shape, record, bit_offset, negative);
  if (!value) return false;
  if (shape.form == Form::enum_ || shape.form == Form::flags) {
    append_enum(out, view, shape, *value, negative, notation);
  } else if (shape.form == Form::character) {
    append_character(out, *value, negative, notation);
  } else if (shape.form == Form::boolean && *value <= 1) {
    out += *value != 0 ? "true" : "false";
  } else if (shape.form == Form::pointer) {
    if (notation == Notation::json) out += '"';
    append_hex(out, *value);
    if (notation == Notation::json) out += '"';
  } else {
    append_number(out, *value, negative, notation);
  }
  return true;
}

std::string scalar_name(const View& view, const Shape& shape, Bytes record, u64 bit_offset) {
  const bool is_named = shape.form == Form::enum_ || shape.form == Form::flags;
  if (!is_named && shape.form != Form::character) return "";
  const bool negative = is_signed(view.type(shape.type));
  const std::optional<u64> value = read_number(shape, record, bit_offset, negative);
  if (!value) return "";
  if (is_named) return enum_text(view, shape, *value);
  return is_printable(*value) ? std::string(1, static_cast<char>(*value)) : "";
}

std::string_view enumerator_name(const View& view, const Type& type, u64 value) {
  for (const Enumerator& e : enumerators(view, type))
    if (e.value == value) return e.name;
  return {};
}

}  // namespace bpfld::btf
