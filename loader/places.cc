// SPDX-License-Identifier: Apache-2.0
// The table of kinds, and the lines of the kernel's text files; see places.h.
#include "loader/places.h"

#include <algorithm>
#include <array>
#include <compare>
#include <tuple>
#include <utility>

#include "base/escape.h"
#include "base/format.h"
#include "base/glob.h"

namespace bpfld::loader {
namespace {

// clang-format off
constexpr std::array<PlaceKindRow, kPlaceKinds> kKinds = {{
    // kind, name, aliases, sections, what, from BTF
    {PlaceKind::tracepoint, "tracepoint", "tp",                         "tp/{}",               "tracepoints",        false},
    {PlaceKind::raw_tp,     "raw_tp",     "raw_tracepoint tp_btf",      "tp_btf/{} raw_tp/{}", "raw tracepoints",    true},
    {PlaceKind::kprobe,     "kprobe",     "kretprobe",                  "kprobe/{} kretprobe/{}", "functions",       false},
    {PlaceKind::fentry,     "fentry",     "fexit fmod_ret",             "fentry/{} fexit/{}",  "functions with BTF", false},
    {PlaceKind::lsm,        "lsm",        "lsm.s",                      "lsm/{}",              "LSM hooks",          true},
    {PlaceKind::iter,       "iter",       "iterator",                   "iter/{}",             "iterators",          true},
    {PlaceKind::struct_ops, "struct_ops", "",                           ".struct_ops.link",    "struct_ops types",   true},
    {PlaceKind::kfunc,      "kfunc",      "",                           "",                    "kfuncs",             true},
    {PlaceKind::helper,     "helper",     "",                           "",                    "helpers",            true},
}};
// clang-format on

consteval bool in_order() {
  for (std::size_t i = 0; i < kKinds.size(); i++)
    if (static_cast<std::size_t>(kKinds[i].kind) != i) return false;
  return true;
}
static_assert(in_order());

std::string_view next_part(std::string_view& text, char separator) {
  const std::size_t end = text.find(separator);
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return part;
}

// "name [module]", or "name\t[module]".
Place parse_function(std::string_view line) {
  Place place;
  std::size_t end = 0;
  while (end < line.size() && line[end] != ' ' && line[end] != '\t')
    end++;
  place.name = line.substr(0, end);
  if (end == line.size()) return place;
  line.remove_prefix(end);
  const std::size_t open = line.find('['), close = line.find(']');
  if (open != std::string_view::npos && close != std::string_view::npos && open < close)
    place.module = line.substr(open + 1, close - open - 1);
  return place;
}

auto key(const Place& place) {
  return std::tie(place.name, place.module);
}

// The first sixteen bytes as numbers that compare as they do.
using Head = std::array<u64, 2>;

Head head_of(std::string_view name) {
  Head head = {};
  for (std::size_t i = 0; i < std::min<std::size_t>(name.size(), 16); i++)
    head[i / 8] |= u64{static_cast<unsigned char>(name[i])} << (56 - i % 8 * 8);
  return head;
}

// Orders by name and keeps one of each, counting.
void merge_copies(std::vector<Place>& places) {
  order_by_name(places);
  std::size_t kept = 0;
  for (std::size_t i = 0; i < places.size(); i++) {
    if (kept != 0 && key(places[kept - 1]) == key(places[i]))
      places[kept - 1].copies++;
    else
      places[kept++] = places[i];
  }
  places.resize(kept);
}

bool is_text_symbol(std::string_view type) {
  return type == "t" || type == "T" || type == "w" || type == "W";
}

// Not one of the symbols of the text section at which no function starts.
bool is_function_name(std::string_view name) {
  return !name.empty() && !name.starts_with("__pfx_") && !name.starts_with("__cfi_") &&
         !name.starts_with("__SCT__") && name.find('$') == std::string_view::npos &&
         !name.starts_with('.');
}

}  // namespace

std::span<const PlaceKindRow> place_kinds() {
  return kKinds;
}

const PlaceKindRow* find_place_kind(std::string_view name) {
  for (const PlaceKindRow& row : kKinds) {
    if (row.name == name) return &row;
    std::string_view aliases = row.aliases;
    while (!aliases.empty())
      if (next_part(aliases, ' ') == name) return &row;
  }
  return nullptr;
}

std::vector<Place> parse_events(std::string_view text) {
  std::vector<Place> out;
  while (!text.empty()) {
    const std::string_view line = next_part(text, '\n');
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || colon == 0 || colon + 1 == line.size()) continue;
    out.push_back({.name = line, .module = {}, .type = {}});
  }
  order_by_name(out);
  return out;
}

std::vector<Place> parse_traceable(std::string_view text) {
  std::vector<Place> out;
  out.reserve(text.size() / 24);
  while (!text.empty()) {
    const Place place = parse_function(next_part(text, '\n'));
    // "__ftrace_invalid_address___128": a function that was discarded after it was counted.
    if (!place.name.empty() && !place.name.starts_with("__ftrace_invalid_address___"))
      out.push_back(place);
  }
  merge_copies(out);
  return out;
}

std::vector<Place> parse_kallsyms(std::string_view text) {
  std::vector<Place> out;
  out.reserve(text.size() / 64);
  while (!text.empty()) {
    std::string_view line = next_part(text, '\n');  // "ffffffff81000000 T _text\t[module]"
    next_part(line, ' ');
    if (!is_text_symbol(next_part(line, ' '))) continue;
    const Place place = parse_function(line);
    if (is_function_name(place.name)) out.push_back(place);
  }
  merge_copies(out);
  return out;
}

// A kernel has 60,000 functions. The first bytes of two names nearly always tell which comes first,
// and as numbers they tell it without the text; and numbers are moved about faster than places.
void order_by_name(std::vector<Place>& places) {
  struct Entry {
    Head head;
    u32 index;
  };
  std::vector<Entry> entries;
  entries.reserve(places.size());
  for (u32 i = 0; i < places.size(); i++)
    entries.push_back({head_of(places[i].name), i});
  std::ranges::sort(entries, [&](const Entry& left, const Entry& right) {
    if (left.head != right.head) return left.head < right.head;
    const auto order = key(places[left.index]) <=> key(places[right.index]);
    return order != 0 ? order < 0 : left.index < right.index;
  });
  std::vector<Place> ordered;
  ordered.reserve(places.size());
  for (const Entry& entry : entries)
    ordered.push_back(places[entry.index]);
  places = std::move(ordered);
}

std::vector<Place> intersect(std::span<const Place> left, std::span<const Place> right) {
  std::vector<Place> out;
  std::size_t at = 0;
  for (const Place& place : left) {
    std::strong_ordering order = std::strong_ordering::less;
    while (at < right.size() && (order = key(right[at]) <=> key(place)) < 0)
      at++;
    if (order != 0) continue;
    out.push_back(place);
    if (place.type.value == 0) {
      out.back().type = right[at].type;
      out.back().btf = right[at].btf;
    }
  }
  return out;
}

void add_types(std::span<Place> places, std::span<const Place> types) {
  std::size_t at = 0;
  for (Place& place : places) {
    while (at < types.size() && key(types[at]) < key(place))
      at++;
    if (at == types.size()) return;
    if (key(types[at]) != key(place)) continue;
    place.type = types[at].type;
    place.btf = types[at].btf;
  }
}

bool matches_place(std::string_view glob, const PlaceKindRow& row, std::string_view name) {
  if (glob == "*") return true;
  if (row.kind != PlaceKind::tracepoint) return glob_matches(glob, name);
  const std::size_t slash = glob.find('/');
  if (slash != std::string_view::npos && glob.find(':') == std::string_view::npos) {
    std::string with_colon(glob);
    with_colon[slash] = ':';
    return glob_matches(with_colon, name);
  }
  const std::size_t colon = name.find(':');
  if (glob.find(':') != std::string_view::npos || colon == std::string_view::npos)
    return glob_matches(glob, name);
  return glob_matches(glob, name.substr(colon + 1));
}

std::vector<std::string> section_texts(const PlaceKindRow& row, const Place& place) {
  std::string target = escape_terminal(place.name);
  if (row.kind == PlaceKind::tracepoint && target.find(':') != std::string::npos)
    target[target.find(':')] = '/';
  std::vector<std::string> out;
  std::string_view rest = row.sections;
  while (!rest.empty()) {
    std::string text(next_part(rest, ' '));
    const std::size_t hole = text.find("{}");
    if (hole != std::string::npos) text.replace(hole, 2, target);
    out.push_back(format("SEC(\"{}\")", text));
  }
  return out;
}

}  // namespace bpfld::loader
