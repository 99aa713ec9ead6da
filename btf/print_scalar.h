// SPDX-License-Identifier: Apache-2.0
// The leaves of print_value.h: one number, string or run of bytes, in either notation. Internal to
// btf/.
#pragma once

#include <string>

#include "btf/value.h"

namespace bpfld::btf {

enum class Notation : u8 {
  plain,   // a column: strings without quotes
  quoted,  // inside {...} and [...]: strings with quotes
  json,
};

// Strings, escaped for the notation.
void append_string(std::string& out, std::string_view text, Notation notation);
// Several strings with NULs between them, as one with spaces.
std::string join_strings(std::string_view text);
// What is before the first NUL.
std::string_view first_string(std::string_view text);
// "00ff12" in text, [0,255,18] in JSON.
void append_bytes(std::string& out, Bytes bytes, Notation notation);

// The value of a shape that is neither array nor composite. False, with nothing appended, when the
// record is too short for it.
bool append_scalar(std::string& out, const View& view, const Shape& shape, Bytes record,
                   u64 bit_offset, Notation notation);
// The text that goes into <member>_str beside the number: an enum's name, a printable character.
// Empty when there is none.
std::string scalar_name(const View& view, const Shape& shape, Bytes record, u64 bit_offset);

}  // namespace bpfld::btf
