// SPDX-License-Identifier: Apache-2.0
// Text building. libstdc++ 12 has no <format>; this is the part of it that an ELF and BPF tool
// needs:
//
//   {}     a string, character, bool or integer        {:x}   hexadecimal, no prefix
//   {:>8}  right-aligned in 8 columns ({:<8} left)      {:#x}  hexadecimal with 0x
//   {{ }}  the braces themselves                        {:02x} zero-padded
//
// The number of {} is compared with the number of arguments at compile time. Nothing here throws or
// knows about terminals: text that came from a file or the kernel goes through base/escape.h first.
#pragma once

#include <array>
#include <concepts>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include "base/int.h"

namespace bpfld {

// view: one argument of format(), borrowed for the duration of the call.
class FormatArg {
 public:
  constexpr FormatArg(std::string_view text) : kind_(Kind::text), text_(text) {}
  FormatArg(const std::string& text) : kind_(Kind::text), text_(text) {}
  constexpr FormatArg(const char* text) : kind_(Kind::text), text_(text) {}
  constexpr FormatArg(char c) : kind_(Kind::character), unsigned_(static_cast<u8>(c)) {}
  constexpr FormatArg(bool b) : kind_(Kind::text), text_(b ? "true" : "false") {}
  template <std::signed_integral T>
  constexpr FormatArg(T value) : kind_(Kind::signed_), signed_(value) {}
  template <std::unsigned_integral T>
  constexpr FormatArg(T value) : kind_(Kind::unsigned_), unsigned_(value) {}

  enum class Kind { text, character, signed_, unsigned_ };
  Kind kind() const { return kind_; }
  std::string_view text() const { return text_; }
  i64 signed_value() const { return signed_; }
  u64 unsigned_value() const { return unsigned_; }

 private:
  Kind kind_;
  std::string_view text_;
  i64 signed_ = 0;
  u64 unsigned_ = 0;
};

// How many arguments `text` asks for; -1 when its braces do not match.
consteval int count_placeholders(std::string_view text) {
  int count = 0;
  for (std::size_t i = 0; i < text.size(); i++) {
    if (text[i] == '}') {
      if (i + 1 == text.size() || text[i + 1] != '}') return -1;
      i++;
    } else if (text[i] == '{') {
      if (i + 1 < text.size() && text[i + 1] == '{') {
        i++;
        continue;
      }
      while (i < text.size() && text[i] != '}')
        i++;
      if (i == text.size()) return -1;
      count++;
    }
  }
  return count;
}

// view: a format string whose placeholders were counted at compile time.
template <typename... Args>
struct FormatString {
  template <std::size_t N>
  consteval FormatString(const char (&literal)[N]) : text(literal, N - 1) {
    if (count_placeholders(text) != static_cast<int>(sizeof...(Args)))
      throw "the number of {} differs from the number of arguments";  // compile-time only
  }
  std::string_view text;
};

// Appends to `out`. The type-erased worker behind format(); extra arguments are ignored.
void format_to(std::string& out, std::string_view text, std::span<const FormatArg> args);

template <typename... Args>
std::string format(FormatString<std::type_identity_t<Args>...> text, const Args&... args) {
  std::string out;
  const std::array<FormatArg, sizeof...(Args)> list{FormatArg(args)...};
  format_to(out, text.text, list);
  return out;
}

}  // namespace bpfld
