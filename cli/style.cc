// SPDX-License-Identifier: Apache-2.0
// ECMA-48 colours, wrapping, alignment; see style.h.
#include "cli/style.h"

#include <algorithm>
#include <cstdlib>

#include "base/escape.h"
#include "base/format.h"

namespace bpfld::cli {
namespace {

// clang-format off
constexpr std::string_view code_of(Ink ink) {
  switch (ink) {
    case Ink::plain:   return "";
    case Ink::heading: return "\x1b[1m";
    case Ink::good:    return "\x1b[32m";
    case Ink::warning: return "\x1b[1;33m";
    case Ink::error:   return "\x1b[1;31m";
    case Ink::faint:   return "\x1b[2m";
  }
  return "";
}
// clang-format on

}  // namespace

std::optional<ColorMode> parse_color_mode(std::string_view text) {
  if (text == "auto") return ColorMode::auto_;
  if (text == "always") return ColorMode::always;
  if (text == "never") return ColorMode::never;
  return std::nullopt;
}

Style Style::choose(ColorMode mode, bool is_terminal) {
  if (mode != ColorMode::auto_) return Style(mode == ColorMode::always);
  const char* no_color = std::getenv("NO_COLOR");  // NOLINT(concurrency-mt-unsafe): one thread
  const char* term = std::getenv("TERM");          // NOLINT(concurrency-mt-unsafe)
  const bool unwanted = no_color != nullptr && *no_color != '\0';
  const bool dumb = term == nullptr || std::string_view(term) == "dumb";
  return Style(is_terminal && !unwanted && !dumb);
}

std::string Style::paint(Ink ink, std::string_view text) const {
  const std::string_view code = code_of(ink);
  if (!colored_ || code.empty()) return std::string(text);
  return std::string(code) + std::string(text) + "\x1b[0m";
}

std::string wrap(std::string_view text, std::size_t indent, std::size_t width) {
  std::string out;
  std::size_t column = indent;  // the first line's indentation is the caller's
  bool line_is_empty = true;
  while (!text.empty()) {
    if (text.front() == '\n') {
      out += '\n' + std::string(indent, ' ');
      column = indent;
      line_is_empty = true;
      text.remove_prefix(1);
      continue;
    }
    const std::size_t end = std::min(text.find_first_of(" \n", 1), text.size());
    std::string_view word = text.substr(0, end);
    text.remove_prefix(end);
    if (!line_is_empty && column + display_width(word) > width) {
      while (word.starts_with(' '))
        word.remove_prefix(1);
      out += '\n' + std::string(indent, ' ');
      column = indent;
    }
    out += word;
    column += display_width(word);
    line_is_empty = false;
  }
  return out;
}

std::string count_of(u64 count, std::string_view noun) {
  return format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::string cut(std::string_view text, std::size_t width) {
  if (display_width(text) <= width) return std::string(text);
  if (width == 0) return {};
  std::size_t end = 0;
  // What fits before the ellipsis: bytes that continue a code point take no column.
  for (std::size_t taken = 0; end < text.size(); end++) {
    if (display_width(text.substr(end, 1)) != 0 && ++taken == width) break;
  }
  return std::string(text.substr(0, end)) + "…";
}

std::string cut_lines(std::string_view text, std::size_t width) {
  if (width == 0) return std::string(text);
  std::string out;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    out += cut(line, width);
    text.remove_prefix(line.size());
    if (text.empty()) break;
    out += '\n';
    text.remove_prefix(1);
  }
  return out;
}

std::string pad(std::string_view text, std::size_t width) {
  std::string out(text);
  const std::size_t taken = display_width(text);
  if (taken < width) out.append(width - taken, ' ');
  return out;
}

std::size_t line_width(std::size_t terminal_columns) {
  constexpr std::size_t kNarrowest = 60, kUsual = 120;
  return terminal_columns == 0 ? kUsual : std::max(terminal_columns, kNarrowest);
}

namespace {

// The cells from the first that does not fit go below, where their columns do not matter.
std::string align_row(const std::vector<std::string>& row, const std::vector<std::size_t>& widths,
                      std::size_t indent, std::size_t width) {
  std::string line(indent, ' ');
  std::size_t column = indent, i = 0;
  for (; i < row.size(); i++) {
    if (width != 0 && i != 0 && column + display_width(row[i]) > width) break;
    line += i + 1 == row.size() ? row[i] : pad(row[i], widths[i] + 2);
    column += widths[i] + 2;
  }
  line.erase(line.find_last_not_of(' ') + 1);
  std::string rest;
  for (; i < row.size(); i++)
    if (!row[i].empty()) rest += (rest.empty() ? "" : "  ") + row[i];
  if (rest.empty()) return line + '\n';
  const std::size_t below = indent + 6;
  return line + '\n' + std::string(below, ' ') + wrap(rest, below, width) + '\n';
}

}  // namespace

std::string align(const std::vector<std::vector<std::string>>& rows, std::size_t indent,
                  std::size_t width) {
  std::vector<std::size_t> widths;
  for (const std::vector<std::string>& row : rows) {
    if (widths.size() < row.size()) widths.resize(row.size());
    for (std::size_t i = 0; i < row.size(); i++)
      widths[i] = std::max(widths[i], display_width(row[i]));
  }
  std::string out;
  for (const std::vector<std::string>& row : rows)
    out += align_row(row, widths, indent, width);
  return out;
}

}  // namespace bpfld::cli
