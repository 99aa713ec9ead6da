// SPDX-License-Identifier: Apache-2.0
// See find_function.h.
#include "elf/find_function.h"

#include <algorithm>
#include <charconv>
#include <set>

#include "base/escape.h"
#include "base/glob.h"
#include "base/near.h"
#include "elf/demangle.h"

namespace bpfld::elf {
namespace {

using Functions = std::vector<FunctionSymbol>;

// spec: "name@VERSION" and "name@@VERSION", taken apart.
struct Wanted {
  std::string_view name, version;
};
Wanted take_apart(std::string_view text) {
  const std::size_t at = text.find('@');
  if (at == std::string_view::npos || at == 0) return {text, {}};
  std::string_view version = text.substr(at + 1);
  if (version.starts_with('@')) version.remove_prefix(1);
  return {text.substr(0, at), version};
}

// "ns::f" and "ns::f(int)" both name "ns::f(int)".
bool names_demangled(std::string_view wanted, std::string_view mangled) {
  const std::string text = demangle(mangled);
  return !text.empty() &&
         (text == wanted || (text.starts_with(wanted) && text[wanted.size()] == '('));
}

Functions find_symbols(const Functions& all, std::string_view text) {
  const Wanted wanted = take_apart(text);
  Functions found;
  for (const FunctionSymbol& function : all)
    if (!function.indirect && function.name == wanted.name &&
        (wanted.version.empty() || function.version == wanted.version))
      found.push_back(function);
  if (found.empty() && text.find_first_of(":(") != std::string_view::npos)
    for (const FunctionSymbol& function : all)
      if (!function.indirect && names_demangled(text, function.name)) found.push_back(function);
  return found;
}

// Leaves those that win over the others, if there are any.
void prefer(Functions& found, bool (*wins)(const FunctionSymbol&)) {
  if (std::ranges::any_of(found, wins))
    std::erase_if(found, [&](const FunctionSymbol& f) { return !wins(f); });
}

std::unexpected<Error> missing(const Functions& all, std::string_view wanted) {
  if (all.empty())
    return fail(Code::not_found, "it has no symbols (stripped?), so no \"{}\"",
                escape_terminal(wanted));
  std::unexpected<Error> failure =
      fail(Code::not_found, "it has no function \"{}\"", escape_terminal(wanted));
  std::vector<std::string_view> names;
  for (const FunctionSymbol& function : all)
    names.push_back(function.name);
  names.erase(std::ranges::unique(names).begin(), names.end());
  failure.error().detail = did_you_mean(nearest(take_apart(wanted).name, names, 3));
  return failure;
}

std::optional<u64> read_address(std::string_view text) {
  if (!text.starts_with("0x")) return std::nullopt;
  u64 address = 0;
  const char* const end = text.data() + text.size();
  const std::from_chars_result done = std::from_chars(text.data() + 2, end, address, 16);
  if (done.ec != std::errc() || done.ptr != end) return std::nullopt;
  return address;
}

}  // namespace

Result<FunctionPlace> find_function(const Executable& file, std::string_view wanted) {
  if (const std::optional<u64> address = read_address(wanted)) {
    const std::optional<u64> offset = file.code_offset(*address);
    if (!offset) return fail(Code::not_found, "it has no code at {}", wanted);
    return FunctionPlace{std::string(wanted), *offset};
  }
  const Functions all = TRY(file.functions());
  Functions found = find_symbols(all, wanted);
  if (found.empty()) return missing(all, wanted);
  prefer(found, [](const FunctionSymbol& f) { return f.by_default; });
  prefer(found, [](const FunctionSymbol& f) { return !f.weak; });
  std::set<u64> addresses;
  for (const FunctionSymbol& function : found)
    addresses.insert(function.address);
  if (addresses.size() == 1) return FunctionPlace{std::string(found[0].name), found[0].file_offset};
  std::unexpected<Error> failure = fail(Code::ambiguous, "it has {} functions \"{}\"",
                                        addresses.size(), escape_terminal(wanted));
  std::vector<std::string> texts;
  for (const u64 address : addresses)
    texts.push_back(format("{:#x}", address));
  failure.error().detail = did_you_mean(texts);
  return failure;
}

Result<std::vector<FunctionPlace>> match_functions(const Executable& file, std::string_view glob) {
  const Functions all = TRY(file.functions());
  std::vector<FunctionPlace> out;
  std::set<u64> seen;
  for (const FunctionSymbol& function : all)
    if (!function.indirect && glob_matches(glob, function.name) &&
        seen.insert(function.file_offset).second)
      out.push_back({std::string(function.name), function.file_offset});
  return out;
}

}  // namespace bpfld::elf
