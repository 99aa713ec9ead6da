// SPDX-License-Identifier: Apache-2.0
// Lines of /proc/kallsyms and available_filter_functions; see kernel_functions.h.
#include "loader/kernel_functions.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <unordered_map>
#include <unordered_set>

#include "base/escape.h"
#include "base/glob.h"
#include "base/mapped_file.h"
#include "base/near.h"
#include "perf/tracefs.h"

namespace bpfld::loader {
namespace {

constexpr u64 kMaxText = 256u << 20;

// Calls visit(line) for each line, without its end.
template <typename Visit>
void for_each_line(std::string_view text, Visit visit) {
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    visit(line);
    text.remove_prefix(std::min(text.size(), line.size() + 1));
  }
}

// view: "ffffffff81000000 T name\t[module]".
struct SymbolLine {
  std::string_view address, name, module;
};

// Empty for what is no function.
std::optional<SymbolLine> read_symbol(std::string_view line) {
  const std::size_t first = line.find(' ');
  if (first == std::string_view::npos || line.size() < first + 4 || line[first + 2] != ' ')
    return std::nullopt;
  const char type = line[first + 1];
  if (type != 't' && type != 'T' && type != 'w' && type != 'W') return std::nullopt;
  SymbolLine out;
  out.address = line.substr(0, first);
  const std::string_view rest = line.substr(first + 3);
  out.name = rest.substr(0, rest.find('\t'));
  const std::size_t open = rest.find("\t[");
  if (open != std::string_view::npos && rest.ends_with(']'))
    out.module = rest.substr(open + 2, rest.size() - open - 3);
  return out;
}

}  // namespace

Result<KernelFunctions> KernelFunctions::read() {
  const perf::Tracefs tracefs = TRY(perf::Tracefs::open());
  const std::string name = "/available_filter_functions";
  Result<std::string> traceable = read_text(tracefs.path() + name, kMaxText);
  if (!traceable) {  // where a mount of one's own is, says nothing to anybody
    std::unexpected<Error> failure = std::unexpected(std::move(traceable).error());
    failure.error().what = "cannot read " + tracefs.shown_path() + name;
    return failure;
  }
  std::string symbols = TRY(read_text("/proc/kallsyms", kMaxText));
  return KernelFunctions(std::move(symbols), std::move(*traceable));
}

// One function can have several names, and the list of what can be traced has only one of them:
// __do_sys_getppid for __x64_sys_getppid. /proc/kallsyms is ordered by address, so they are
// neighbours there.
FunctionsFact KernelFunctions::matching(std::string_view glob) const {
  std::unordered_set<std::string_view> traceable;
  for_each_line(traceable_, [&](std::string_view line) {
    traceable.insert(line.substr(0, line.find_first_of(" \t")));
  });
  std::unordered_map<std::string_view, u32> copies;  // of names that match
  std::vector<std::string_view> candidates;
  std::string_view address, chosen;  // of the function that is being read
  bool can_be_traced = false;
  const auto finish = [&] {
    if (can_be_traced && !chosen.empty()) candidates.push_back(chosen);
    chosen = {};
    can_be_traced = false;
  };
  for_each_line(symbols_, [&](std::string_view line) {
    const std::optional<SymbolLine> symbol = read_symbol(line);
    if (!symbol) return;
    const bool hidden = symbol->address.find_first_not_of('0') == std::string_view::npos;
    if (hidden || symbol->address != address) finish();
    address = symbol->address;
    can_be_traced |= traceable.contains(symbol->name);
    if (!glob_matches(glob, symbol->name)) return;
    copies[symbol->name]++;
    if (chosen.empty()) chosen = symbol->name;
  });
  finish();
  FunctionsFact out;
  for (std::string_view name : candidates)
    if (copies.at(name) == 1) out.names.emplace_back(name);
  for (const auto& [name, count] : copies)
    if (count > 1) out.doubles++;
  std::ranges::sort(out.names);
  return out;
}

std::vector<NamedFunction> functions_named(std::string_view kallsyms, std::string_view name) {
  std::vector<NamedFunction> out;
  for_each_line(kallsyms, [&](std::string_view line) {
    const std::optional<SymbolLine> symbol = read_symbol(line);
    if (!symbol || symbol->name != name) return;
    NamedFunction found;
    std::from_chars(symbol->address.data(), symbol->address.data() + symbol->address.size(),
                    found.address, 16);
    found.name = symbol->name;
    found.module = symbol->module;
    out.push_back(std::move(found));
  });
  return out;
}

std::vector<std::string> functions_like(std::string_view kallsyms, std::string_view name) {
  std::vector<std::string_view> names;
  std::vector<std::string> out;
  for_each_line(kallsyms, [&](std::string_view line) {
    const std::optional<SymbolLine> symbol = read_symbol(line);
    if (!symbol) return;
    names.push_back(symbol->name);
    // What a compiler made of it: "do_unlinkat.isra.0".
    if (out.size() < 3 && symbol->name.size() > name.size() && symbol->name.starts_with(name) &&
        symbol->name[name.size()] == '.')
      out.emplace_back(symbol->name);
  });
  std::ranges::sort(names);
  names.erase(std::ranges::unique(names).begin(), names.end());
  for (std::string_view near : nearest(name, names, 3))
    if (out.size() < 3) out.emplace_back(near);
  return out;
}

void explain_probe_refusal(std::string_view function, Error& error) {
  const std::string_view name = function.substr(0, function.find('+'));
  if (error.errno_value != ENOENT && error.errno_value != EADDRNOTAVAIL &&
      error.errno_value != EINVAL && error.errno_value != ESRCH)
    return;
  const Result<std::string> kallsyms = read_text("/proc/kallsyms", kMaxText);
  if (!kallsyms) return;
  const std::size_t colon = name.find(':');
  const std::vector<NamedFunction> found =
      functions_named(*kallsyms, colon == std::string_view::npos ? name : name.substr(colon + 1));
  const std::string shown = escape_terminal(name);
  std::vector<std::string> near;
  if (found.empty()) {
    error.what = format("kernel function \"{}\" does not exist here ({})", shown, error.what);
    near = functions_like(*kallsyms, name);
  } else if (found.size() > 1) {
    error.what =
        format("{} kernel functions are called \"{}\" ({})", found.size(), shown, error.what);
    for (const NamedFunction& symbol : found)
      near.push_back(symbol.module.empty()
                         ? format("{:#x}", symbol.address)
                         : format("{:#x} ({}:{})", symbol.address, symbol.module, symbol.name));
  } else if (error.errno_value == EINVAL) {
    error.what = format(
        "kernel function \"{}\" cannot be probed: it is marked notrace or part of "
        "the probes' own code ({})",
        shown, error.what);
  }
  if (!near.empty()) error.detail = did_you_mean(near);
}

}  // namespace bpfld::loader
