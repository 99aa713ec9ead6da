// SPDX-License-Identifier: Apache-2.0
// Symbols of type FUNC cut the code sections into functions. Those in a section with a program's
// name are entry points; those in .text are subprograms, which a program carries along only if it
// calls them.
#include <algorithm>

#include "base/escape.h"
#include "loader/collect.h"
#include "loader/collect_parts.h"

namespace bpfld::loader {
namespace {

struct Found {
  const elf::Symbol* symbol;
  const elf::Section* section;
};

bool is_static(const elf::Symbol& symbol) {
  return symbol.binding == elf::SymbolBinding::local ||
         symbol.visibility == elf::SymbolVisibility::hidden ||
         symbol.visibility == elf::SymbolVisibility::internal;
}

// FUNC symbols of code sections, ordered by place; of several names for one place the first global
// stays.
std::vector<Found> function_symbols(const elf::Object& object) {
  std::vector<Found> found;
  for (const elf::Symbol& symbol : object.symbols()) {
    if (symbol.type != elf::SymbolType::function || symbol.section == elf::kUndefinedSection ||
        symbol.section >= object.sections().size())
      continue;
    const elf::Section& section = object.sections()[symbol.section];
    if (section.is_code()) found.push_back({&symbol, &section});
  }
  std::ranges::stable_sort(found, [](const Found& a, const Found& b) {
    const bool a_local = a.symbol->binding == elf::SymbolBinding::local;
    const bool b_local = b.symbol->binding == elf::SymbolBinding::local;
    return std::tie(a.symbol->section, a.symbol->value, a_local) <
           std::tie(b.symbol->section, b.symbol->value, b_local);
  });
  const auto [first, last] = std::ranges::unique(found, [](const Found& a, const Found& b) {
    return a.symbol->section == b.symbol->section && a.symbol->value == b.symbol->value;
  });
  found.erase(first, last);
  return found;
}

std::string label(const Found& f) {
  return format("function \"{}\" in section [{}] \"{}\"", escape_terminal(f.symbol->name),
                f.section->index, escape_terminal(f.section->name));
}

Result<FunctionSpec> read_function(const Found& f, ByteOrder order) {
  FunctionSpec function;
  function.name = f.symbol->name;
  function.origin = {std::string(f.section->name), f.symbol->value};
  function.is_static = is_static(*f.symbol);
  if (f.symbol->size == 0)
    return fail(Code::malformed, "has no instructions (its symbol's size is 0)");
  TRY(to_insn(f.symbol->value));
  const Bytes code = TRY(slice(f.section->data, f.symbol->value, f.symbol->size));
  function.insns = TRY(bpf::decode_insns(code, order));
  return function;
}

ProgramSpec make_program(const FunctionSpec& function, u32 index) {
  ProgramSpec program;
  program.function = index;
  program.name = function.name;
  program.section = function.origin.section;
  program.autoload = !program.section.starts_with('?');
  if (const std::optional<SectionMatch> match = match_section(program.section)) {
    program.row = match->row;
    program.target = match->target;
    program.autoload = match->autoload;
  }
  return program;
}

}  // namespace

Status collect_functions(Collector& state) {
  u64 total = 0;
  const std::vector<Found> found = function_symbols(state.elf);
  for (std::size_t i = 0; i < found.size(); i++) {
    const Found& f = found[i];
    FunctionSpec function =
        TRY(with_context(read_function(f, state.elf.order()), [&] { return label(f); }));
    total += function.insns.size();
    if (total > kMaxInsns)
      return fail(Code::limit, "the object has more than {} instructions", kMaxInsns);
    if (i + 1 < found.size() && found[i + 1].section == f.section &&
        found[i + 1].symbol->value - f.symbol->value < f.symbol->size)
      return fail(Code::malformed, "{} overlaps \"{}\"", label(f),
                  escape_terminal(found[i + 1].symbol->name));
    const bool entry = f.section->name != ".text" && f.symbol->binding != elf::SymbolBinding::local;
    if (entry) {
      if (state.spec.programs.size() == kMaxPrograms)
        return fail(Code::limit, "the object has more than {} programs", kMaxPrograms);
      state.spec.programs.push_back(make_program(function, static_cast<u32>(i)));
    }
    state.places.push_back({f.section->index, f.symbol->value, f.symbol->size, entry});
    state.spec.functions.push_back(std::move(function));
  }
  return {};
}

std::optional<u32> Collector::function_at(u32 section, u64 offset) const {
  const auto after = std::ranges::upper_bound(
      places, std::pair(section, offset), {},
      [](const Place& place) { return std::pair(place.section, place.start); });
  if (after == places.begin()) return std::nullopt;
  const Place& place = *(after - 1);
  if (place.section != section || offset - place.start >= place.size) return std::nullopt;
  return static_cast<u32>(after - 1 - places.begin());
}

}  // namespace bpfld::loader
