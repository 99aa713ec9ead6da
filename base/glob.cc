// SPDX-License-Identifier: Apache-2.0
// See glob.h. After a mismatch only the last '*' needs to try another length: whatever an earlier
// one could give up, the last one can take.
#include "base/glob.h"

namespace bpfld {
namespace {

constexpr std::size_t kNone = std::string_view::npos;

// A pattern's element: how many characters of the pattern it is, and whether it takes `c`.
struct Element {
  std::size_t length = 1;
  bool takes = false;
};

// pattern[0] is '['. A ']' that comes first is a member of the set.
Element match_set(std::string_view pattern, char c) {
  std::size_t at = 1;
  const bool negated = at < pattern.size() && (pattern[at] == '!' || pattern[at] == '^');
  if (negated) at++;
  bool found = false;
  for (std::size_t first = at; at < pattern.size(); at++) {
    if (pattern[at] == ']' && at != first) return {.length = at + 1, .takes = found != negated};
    const auto low = static_cast<unsigned char>(pattern[at]);
    auto high = low;
    if (at + 2 < pattern.size() && pattern[at + 1] == '-' && pattern[at + 2] != ']') {
      at += 2;
      high = static_cast<unsigned char>(pattern[at]);
    }
    const auto value = static_cast<unsigned char>(c);
    if (low <= value && value <= high) found = true;
  }
  return {.length = 1, .takes = c == '['};
}

Element match_one(std::string_view pattern, char c) {
  if (pattern[0] == '?') return {.length = 1, .takes = true};
  if (pattern[0] == '[') return match_set(pattern, c);
  if (pattern[0] == '\\' && pattern.size() > 1) return {.length = 2, .takes = pattern[1] == c};
  return {.length = 1, .takes = pattern[0] == c};
}

}  // namespace

bool glob_matches(std::string_view pattern, std::string_view text) {
  std::size_t at = 0, taken = 0;
  std::size_t after_star = kNone, star_text = 0;  // where to go on when the rest does not match
  while (taken < text.size()) {
    if (at < pattern.size() && pattern[at] == '*') {
      after_star = ++at;
      star_text = taken;
      continue;
    }
    const Element element =
        at < pattern.size() ? match_one(pattern.substr(at), text[taken]) : Element{};
    if (element.takes) {
      at += element.length;
      taken++;
    } else if (after_star != kNone) {
      at = after_star;
      taken = ++star_text;
    } else {
      return false;
    }
  }
  while (at < pattern.size() && pattern[at] == '*')
    at++;
  return at == pattern.size();
}

bool is_glob(std::string_view pattern) {
  return pattern.find_first_of("*?[\\") != std::string_view::npos;
}

}  // namespace bpfld
