// SPDX-License-Identifier: Apache-2.0
// See kallsyms.h. A line is "ffffffff81000000 T _stext", and of a module's symbol "... [module]".
#include "loader/kallsyms.h"

#include <charconv>
#include <string_view>
#include <unordered_set>

namespace bpfld::loader {
namespace {

struct Line {
  u64 address = 0;
  char type = 0;
  std::string_view name;
};

// False when it is not of that form.
bool read_line(std::string_view text, Line& out) {
  const std::from_chars_result done =
      std::from_chars(text.data(), text.data() + text.size(), out.address, 16);
  if (done.ec != std::errc()) return false;
  text.remove_prefix(static_cast<std::size_t>(done.ptr - text.data()));
  if (text.size() < 4 || text[0] != ' ' || text[2] != ' ') return false;
  out.type = text[1];
  text.remove_prefix(3);
  out.name = text.substr(0, text.find_first_of("\t "));
  // Clang gives a static variable that it moved between files a suffix; it is still that variable.
  if (out.type == 'd') out.name = out.name.substr(0, out.name.find(".llvm."));
  return true;
}

}  // namespace

KernelSymbols find_symbols(std::string_view text, std::span<const std::string> names) {
  KernelSymbols out;
  const std::unordered_set<std::string_view> wanted(names.begin(), names.end());
  bool any = false, any_address = false;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    Line line;
    const bool good = read_line(text.substr(0, end), line);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (!good) continue;
    any = true;
    any_address = any_address || line.address != 0;
    if (!wanted.contains(line.name)) continue;
    const auto [place, added] = out.found.try_emplace(std::string(line.name));
    if (added)
      place->second.address = line.address;
    else if (place->second.address != line.address && place->second.other == 0)
      place->second.other = line.address;
  }
  out.hidden = any && !any_address;
  return out;
}

std::map<u64, std::string> names_at(std::string_view text, const std::set<u64>& wanted) {
  std::map<u64, std::string> out;
  while (!text.empty() && out.size() < wanted.size()) {
    const std::size_t end = text.find('\n');
    Line line;
    const bool good = read_line(text.substr(0, end), line);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (good && wanted.contains(line.address)) out.try_emplace(line.address, line.name);
  }
  return out;
}

}  // namespace bpfld::loader
