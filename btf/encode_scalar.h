// SPDX-License-Identifier: Apache-2.0
// The leaves of encode_value(): one word of text as a number, a name, an address or text, checked
// against what the type can hold. Private to btf/encode_*.cc.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "btf/value.h"

namespace bpfld::btf {

// view: one word of the input. `text` is without the quotes, escapes undone.
struct Word {
  std::string text;
  char quote = 0;  // '"' or '\'', 0 for a bare word
};

// Writes the lowest `bits` (at most 64) of `value` at a place as read_bits() reads them.
void write_bits(std::span<std::byte> record, u64 bit_offset, u64 bits, u64 value,
                ByteOrder order = kHostOrder);

// Writes a value that is neither a struct nor an array other than of characters.
// Errors: usage: "\"abc\" is no value of \"int\"; want -2147483648..2147483647".
[[nodiscard]] Status encode_scalar(const View& view, const Shape& shape, const Word& word,
                                   std::span<std::byte> record, u64 bit_offset);

// A decimal or 0x... number that fits into `bits` bits, signed or unsigned.
std::optional<u64> parse_integer(std::string_view text, u64 bits);

// "2a00" -> the two bytes; nothing if it is not made of pairs of hexadecimal digits.
std::optional<std::vector<std::byte>> parse_hex(std::string_view digits);

}  // namespace bpfld::btf
