// SPDX-License-Identifier: Apache-2.0
// Recursive descent with a limit, for the little that our output nests; see json.h.
#include "tests/support/json.h"

#include "base/escape.h"

namespace bpfld::test {
namespace {

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  bool document() { return value(0) && (skip(), text_.empty()); }

 private:
  static constexpr int kDeepest = 64;

  void skip() {
    while (!text_.empty() && std::string_view(" \t\r\n").find(text_[0]) != std::string_view::npos)
      text_.remove_prefix(1);
  }
  bool take(char c) {
    skip();
    if (text_.empty() || text_[0] != c) return false;
    text_.remove_prefix(1);
    return true;
  }
  bool word(std::string_view word) {
    if (!text_.starts_with(word)) return false;
    text_.remove_prefix(word.size());
    return true;
  }

  bool value(int depth) {
    skip();
    if (text_.empty() || depth > kDeepest) return false;
    if (text_[0] == '{') return object(depth);
    if (text_[0] == '[') return list(depth);
    if (text_[0] == '"') return string();
    return word("true") || word("false") || word("null") || number();
  }
  bool object(int depth) {
    if (!take('{')) return false;
    if (take('}')) return true;
    do {
      skip();
      if (!string() || !take(':') || !value(depth + 1)) return false;
    } while (take(','));
    return take('}');
  }
  bool list(int depth) {
    if (!take('[')) return false;
    if (take(']')) return true;
    do {
      if (!value(depth + 1)) return false;
    } while (take(','));
    return take(']');
  }
  bool string() {
    if (!word("\"")) return false;
    while (!text_.empty()) {
      const unsigned char c = static_cast<unsigned char>(text_[0]);
      text_.remove_prefix(1);
      if (c == '"') return true;
      if (c < 0x20) return false;
      if (c == '\\' && !escape()) return false;
    }
    return false;
  }
  bool escape() {
    if (text_.empty()) return false;
    const char c = text_[0];
    text_.remove_prefix(1);
    if (c != 'u') return std::string_view("\"\\/bfnrt").find(c) != std::string_view::npos;
    for (int i = 0; i < 4; i++) {
      if (text_.empty() ||
          std::string_view("0123456789abcdefABCDEF").find(text_[0]) == std::string_view::npos)
        return false;
      text_.remove_prefix(1);
    }
    return true;
  }
  bool digits() {
    const std::size_t before = text_.size();
    while (!text_.empty() && text_[0] >= '0' && text_[0] <= '9')
      text_.remove_prefix(1);
    return text_.size() < before;
  }
  bool number() {
    word("-");
    if (!word("0") && !digits()) return false;
    if (word(".") && !digits()) return false;
    if (word("e") || word("E")) {
      if (!word("+")) word("-");
      return digits();
    }
    return true;
  }

  std::string_view text_;
};

}  // namespace

bool is_json(std::string_view text) {
  return Reader(text).document();
}

bool is_json_lines(std::string_view text) {
  if (text.empty()) return false;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    if (!line.starts_with('{') || !is_json(line)) return false;
    if (end == std::string_view::npos) return false;  // a line ends
    text.remove_prefix(end + 1);
  }
  return true;
}

bool is_printable(std::string_view text) {
  return text.find('\t') == std::string_view::npos && escape_lines(text) == text;
}

}  // namespace bpfld::test
