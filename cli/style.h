// SPDX-License-Identifier: Apache-2.0
// How output looks: colour only where somebody sees it, text wrapped and columns aligned.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/int.h"

namespace bpfld::cli {

enum class ColorMode : u8 { auto_, always, never };
// "auto", "always", "never".
std::optional<ColorMode> parse_color_mode(std::string_view text);

// What a piece of text is; the colours are decided in one place.
enum class Ink : u8 { plain, heading, good, warning, error, faint };

// spec: whether to colour.
class Style {
 public:
  explicit Style(bool colored = false) : colored_(colored) {}
  // auto: on a terminal, unless NO_COLOR is set (no-color.org) or TERM is "dumb".
  static Style choose(ColorMode mode, bool is_terminal);

  // `text` in the ink's colour; itself when colours are off. It must be escaped already.
  std::string paint(Ink ink, std::string_view text) const;

 private:
  bool colored_;
};

// Lines of at most `width` columns, broken at spaces; those after the first start with `indent`
// spaces. A word that is longer stays whole. Newlines in `text` are kept.
std::string wrap(std::string_view text, std::size_t indent, std::size_t width = 80);

// Rows as aligned columns, two spaces apart, the last one unpadded; each line starts with `indent`
// spaces. Cells must be escaped already. Of a row that is wider than `width` (0: none is) what does
// not fit stands below it, indented and wrapped.
std::string align(const std::vector<std::vector<std::string>>& rows, std::size_t indent = 0,
                  std::size_t width = 0);

// How wide lines may be: as the terminal is, or where there is none as most are.
std::size_t line_width(std::size_t terminal_columns);

// "1 event", "2 events".
std::string count_of(u64 count, std::string_view noun);

// `text`, or as much of it as `width` columns hold with "…" at its end. It must be escaped already.
std::string cut(std::string_view text, std::size_t width);

// Each line of a table cut so; as it is when `width` is 0, which is no terminal's.
std::string cut_lines(std::string_view text, std::size_t width);

// `text` and spaces up to `width` columns.
std::string pad(std::string_view text, std::size_t width);

}  // namespace bpfld::cli
