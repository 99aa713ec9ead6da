// SPDX-License-Identifier: Apache-2.0
// One UTF-8 decoder (RFC 3629: no overlong forms, no surrogates) and the two ways of writing what
// it finds.
#include "base/escape.h"

#include "base/format.h"
#include "base/int.h"

namespace bpfld {
namespace {

struct Decoded {
  u32 code_point;
  std::size_t length;  // bytes consumed, at least 1
  bool valid;
};

Decoded decode(std::string_view text) {
  const u8 first = static_cast<u8>(text[0]);
  if (first < 0x80) return {first, 1, true};
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) return {first, 1, false};
  u32 code = first & (0xffu >> (length + 1));
  for (std::size_t i = 1; i < length; i++) {
    const u8 next = static_cast<u8>(text[i]);
    if ((next & 0xc0) != 0x80) return {first, 1, false};
    code = code << 6 | (next & 0x3fu);
  }
  const u32 smallest = length == 4 ? 0x10000 : length == 3 ? 0x800 : 0x80;
  const bool surrogate = code >= 0xd800 && code <= 0xdfff;
  if (code < smallest || code > 0x10ffff || surrogate) return {first, 1, false};
  return {code, length, true};
}

// Unicode's Cc and the Cf ranges that reorder or hide text (UAX #9, zero-width and tag characters).
bool is_unsafe(u32 c) {
  return c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0xad || c == 0x61c || c == 0x180e ||
         (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
         (c >= 0x2060 && c <= 0x206f) || c == 0xfeff || (c >= 0xfff9 && c <= 0xfffb) ||
         (c >= 0xe0000 && c <= 0xe007f);
}

std::string escape(std::string_view text, bool keep_newlines) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Decoded d = decode(text);
    if (!d.valid || (d.code_point < 0x100 && is_unsafe(d.code_point))) {
      if (keep_newlines && d.code_point == '\n') {
        out.push_back('\n');
      } else if (d.code_point == '\n') {
        out += "\\n";
      } else if (d.code_point == '\t') {
        out += keep_newlines ? "\t" : "\\t";
      } else {
        out += format("\\x{:02x}", d.code_point);
      }
    } else if (is_unsafe(d.code_point)) {
      out += format("\\u{{{:x}}}", d.code_point);
    } else {
      out.append(text.substr(0, d.length));
    }
    text.remove_prefix(d.length);
  }
  return out;
}

}  // namespace

std::string escape_terminal(std::string_view text) {
  return escape(text, false);
}
std::string escape_lines(std::string_view text) {
  return escape(text, true);
}

std::string json_string(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    const Decoded d = decode(text);
    if (!d.valid) {
      out += "\\ufffd";
    } else if (d.code_point == '"' || d.code_point == '\\') {
      out.push_back('\\');
      out.push_back(static_cast<char>(d.code_point));
    } else if (d.code_point == '\n') {
      out += "\\n";
    } else if (d.code_point == '\t') {
      out += "\\t";
    } else if (is_unsafe(d.code_point) && d.code_point < 0x10000) {
      out += format("\\u{:04x}", d.code_point);
    } else if (is_unsafe(d.code_point)) {  // outside the BMP: a surrogate pair
      const u32 rest = d.code_point - 0x10000;
      out += format("\\u{:04x}\\u{:04x}", 0xd800 + (rest >> 10), 0xdc00 + (rest & 0x3ff));
    } else {
      out.append(text.substr(0, d.length));
    }
    text.remove_prefix(d.length);
  }
  out.push_back('"');
  return out;
}

std::size_t display_width(std::string_view escaped) {
  std::size_t width = 0;
  for (char c : escaped)
    if ((static_cast<u8>(c) & 0xc0) != 0x80) width++;
  return width;
}

}  // namespace bpfld
