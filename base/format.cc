// SPDX-License-Identifier: Apache-2.0
// The worker behind format(): reads one placeholder at a time. See format.h for the grammar.
#include "base/format.h"

#include <charconv>

namespace bpfld {
namespace {

struct Spec {
  bool hex = false;
  bool prefix = false;
  bool zero = false;
  bool align_right = false;
  bool align_left = false;
  std::size_t width = 0;
};

Spec parse_spec(std::string_view text) {
  Spec spec;
  for (char c : text) {
    if (c == '>') {
      spec.align_right = true;
    } else if (c == '<') {
      spec.align_left = true;
    } else if (c == '#') {
      spec.prefix = true;
    } else if (c == 'x') {
      spec.hex = true;
    } else if (c == '0' && spec.width == 0) {
      spec.zero = true;
    } else if (c >= '0' && c <= '9') {
      spec.width = spec.width * 10 + static_cast<std::size_t>(c - '0');
    }
  }
  return spec;
}

template <typename T>
std::string_view digits(std::array<char, 24>& buffer, T value, int base) {
  const std::to_chars_result done =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, base);
  return {buffer.data(), static_cast<std::size_t>(done.ptr - buffer.data())};
}

void append_padded(std::string& out, std::string_view body, const Spec& spec, bool right) {
  const std::size_t fill = spec.width > body.size() ? spec.width - body.size() : 0;
  if (right) out.append(fill, ' ');
  out.append(body);
  if (!right) out.append(fill, ' ');
}

void append_number(std::string& out, const FormatArg& arg, const Spec& spec) {
  std::array<char, 24> buffer;
  const int base = spec.hex ? 16 : 10;
  const bool negative = arg.kind() == FormatArg::Kind::signed_ && arg.signed_value() < 0;
  // -(x+1)+1 is the magnitude without overflowing on the smallest value.
  const u64 magnitude = negative ? static_cast<u64>(-(arg.signed_value() + 1)) + 1
                        : arg.kind() == FormatArg::Kind::signed_
                            ? static_cast<u64>(arg.signed_value())
                            : arg.unsigned_value();
  const std::string_view text = digits(buffer, magnitude, base);
  std::string body = negative ? "-" : "";
  if (spec.prefix) body += "0x";
  if (spec.zero && spec.width > body.size() + text.size())
    body.append(spec.width - body.size() - text.size(), '0');
  body.append(text);
  append_padded(out, body, spec, !spec.align_left);
}

void append_arg(std::string& out, const FormatArg& arg, const Spec& spec) {
  switch (arg.kind()) {
    case FormatArg::Kind::text: return append_padded(out, arg.text(), spec, spec.align_right);
    case FormatArg::Kind::character: {
      const char c = static_cast<char>(arg.unsigned_value());
      return append_padded(out, std::string_view(&c, 1), spec, spec.align_right);
    }
    case FormatArg::Kind::signed_:
    case FormatArg::Kind::unsigned_: return append_number(out, arg, spec);
  }
}

}  // namespace

void format_to(std::string& out, std::string_view text, std::span<const FormatArg> args) {
  std::size_t next = 0;
  for (std::size_t i = 0; i < text.size(); i++) {
    const char c = text[i];
    if ((c == '{' || c == '}') && i + 1 < text.size() && text[i + 1] == c) {
      out.push_back(c);
      i++;
    } else if (c == '{') {
      const std::size_t close = text.find('}', i);
      if (close == std::string_view::npos) return;
      const std::string_view inside = text.substr(i + 1, close - i - 1);
      if (next < args.size())
        append_arg(out, args[next++], parse_spec(inside.starts_with(':') ? inside.substr(1) : ""));
      i = close;
    } else {
      out.push_back(c);
    }
  }
}

}  // namespace bpfld
