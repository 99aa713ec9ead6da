// SPDX-License-Identifier: Apache-2.0
// See map_options.h.
#include "cli/map_options.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "base/escape.h"
#include "base/glob.h"
#include "base/near.h"
#include "bpf/tables.h"
#include "bpf/uapi.h"
#include "btf/encode_value.h"
#include "cli/values.h"

namespace bpfld::cli {
namespace {

using bpf::MapType;
using loader::MapSource;
using loader::MapSpec;
using loader::ObjectSpec;

constexpr u64 kMostU32 = 0xffffffffu;

struct NumberRow {
  std::string_view name;
  u64 largest;
  void (*set)(MapSpec&, u64);
};

// A size that is given replaces the type that gave it before, which the kernel would compare.
constexpr std::array<NumberRow, 6> kNumbers = {{
    {"max_entries", kMostU32, [](MapSpec& m, u64 v) { m.max_entries = static_cast<u32>(v); }},
    {"key_size", kMostU32,
     [](MapSpec& m, u64 v) {
       if (m.key_size != v) m.btf_key_type = 0;
       m.key_size = static_cast<u32>(v);
     }},
    {"value_size", kMostU32,
     [](MapSpec& m, u64 v) {
       if (m.value_size != v) m.btf_value_type = 0;
       m.value_size = static_cast<u32>(v);
     }},
    {"map_flags", kMostU32, [](MapSpec& m, u64 v) { m.flags = static_cast<u32>(v); }},
    {"map_extra", ~u64{0}, [](MapSpec& m, u64 v) { m.map_extra = v; }},
    {"numa_node", kMostU32,
     [](MapSpec& m, u64 v) {
       m.numa_node = static_cast<u32>(v);
       m.flags |= bpf::kMapNumaNode;
     }},
}};

// "10240", "0x400", "64K", "4M".
std::optional<u64> parse_number(std::string_view text) {
  u64 value = 0;
  if (text.starts_with("0x")) {
    const char* const end = text.data() + text.size();
    const std::from_chars_result done = std::from_chars(text.data() + 2, end, value, 16);
    return done.ec == std::errc() && done.ptr == end ? std::optional(value) : std::nullopt;
  }
  if (text == "0") return 0;
  const Result<u64> size = parse_size(text);
  return size ? std::optional(*size) : std::nullopt;
}

std::unexpected<Error> unknown_map(const ObjectSpec& spec, std::string_view name) {
  std::unexpected<Error> failure =
      fail(Code::usage, "there is no map \"{}\"", escape_terminal(name));
  std::vector<std::string_view> names;
  for (const MapSpec& map : spec.maps)
    names.push_back(map.name);
  std::vector<std::string_view> near = nearest(name, names, 3);
  if (near.empty() && names.size() <= 8) near = names;
  failure.error().detail = did_you_mean(near);
  return failure;
}

// The map's name in the object, or as the kernel shows it.
Result<u32> find_map(const ObjectSpec& spec, std::string_view name) {
  for (u32 i = 0; i < spec.maps.size(); i++)
    if (spec.maps[i].name == name || spec.maps[i].kernel_name == name) return i;
  return unknown_map(spec, name);
}

Status set_number(ObjectSpec& spec, const NumberRow& row, std::string_view glob,
                  std::string_view text) {
  const std::optional<u64> value = parse_number(text);
  if (!value || *value > row.largest)
    return fail(Code::usage, "\"{}\" is no {}; want 0..{}, 0x..., 64K or 4M", escape_terminal(text),
                row.name, row.largest);
  bool any = false;
  for (MapSpec& map : spec.maps) {
    if (!glob_matches(glob, map.name) && map.kernel_name != glob) continue;
    any = true;
    if (map.source == MapSource::declared) {
      row.set(map, *value);
    } else if (map.name == glob || map.kernel_name == glob) {
      return fail(Code::usage, "{} is made of the object's variables, which say how large it is",
                  escape_terminal(map.name));
    }
  }
  if (!any) return unknown_map(spec, glob);
  return {};
}

// A map or a program as a slot of one that holds such.
Status add_slot(ObjectSpec& spec, MapSpec& map, std::string_view key, std::string_view name) {
  loader::MapSlot slot;
  const std::optional<u64> number = parse_number(key);
  if (!number || *number > kMostU32)
    return fail(Code::usage, "\"{}\" is no number of a slot", escape_terminal(key));
  slot.key = static_cast<u32>(*number);
  slot.is_program = map.type == MapType::prog_array;
  if (slot.is_program) {
    const auto program = std::ranges::find(spec.programs, name, &loader::ProgramSpec::name);
    if (program == spec.programs.end())
      return fail(Code::usage, "there is no program \"{}\"", escape_terminal(name));
    slot.index = static_cast<u32>(program - spec.programs.begin());
  } else {
    slot.index = TRY(find_map(spec, name));
  }
  std::erase_if(map.slots, [&](const loader::MapSlot& old) { return old.key == slot.key; });
  map.slots.push_back(slot);
  return {};
}

Result<std::vector<std::byte>> encode(const btf::View* btf, u32 type, u32 size,
                                      std::string_view text) {
  if (btf == nullptr || type == 0) return btf::encode_bytes(size, text);
  return btf::encode_value(*btf, {type}, text);
}

Status add_element(ObjectSpec& spec, const btf::View* btf, u32 index, std::string_view key,
                   std::string_view value) {
  MapSpec& map = spec.maps[index];
  if (map.source != MapSource::declared)
    return fail(Code::usage, "{} is made of the object's variables; --set sets them",
                escape_terminal(map.name));
  if (loader::is_map_of_maps(map.type) || map.type == MapType::prog_array)
    return add_slot(spec, map, key, value);
  if (map.type == MapType::ringbuf || map.type == MapType::user_ringbuf ||
      map.type == MapType::perf_event_array || map.type == MapType::stack_trace ||
      map.type == MapType::arena)
    return fail(Code::usage, "a map of type {} takes no elements", bpf::name_of(map.type));
  loader::MapElement element;
  if (map.key_size == 0 && !key.empty())
    return fail(Code::usage, "a map of type {} has no keys: {}[]=...", bpf::name_of(map.type),
                escape_terminal(map.name));
  if (map.key_size != 0)
    element.key = TRY(with_context(encode(btf, map.btf_key_type, map.key_size, key),
                                   [] { return std::string("the key"); }));
  element.value = TRY(with_context(encode(btf, map.btf_value_type, map.value_size, value),
                                   [] { return std::string("the value"); }));
  map.elements.push_back(std::move(element));
  return {};
}

// Where the bracket that is open at `at` is closed: brackets nest, and quotes hide them.
std::size_t closing_bracket(std::string_view text, std::size_t at) {
  std::size_t depth = 0;
  char quote = 0;
  for (; at < text.size(); at++) {
    const char c = text[at];
    if (quote != 0) {
      if (c == '\\')
        at++;
      else if (c == quote)
        quote = 0;
    } else if (c == '"' || c == '\'') {
      quote = c;
    } else if (c == '[' || c == '{') {
      depth++;
    } else if ((c == ']' || c == '}') && --depth == 0) {
      return at;
    }
  }
  return std::string_view::npos;
}

Status apply(ObjectSpec& spec, const btf::View* btf, std::string_view text) {
  const std::size_t equals = text.find('='), bracket = text.find('[');
  if (bracket < equals) {
    const std::size_t close = closing_bracket(text, bracket);
    if (close == std::string_view::npos || close + 1 >= text.size() || text[close + 1] != '=')
      return fail(Code::usage, "want MAP[KEY]=VALUE");
    const u32 map = TRY(find_map(spec, text.substr(0, bracket)));
    return add_element(spec, btf, map, text.substr(bracket + 1, close - bracket - 1),
                       text.substr(close + 2));
  }
  if (equals == std::string_view::npos || equals == 0)
    return fail(Code::usage, "want MAP.max_entries=N, MAP=/PINNED or MAP[KEY]=VALUE");
  const std::string_view name = text.substr(0, equals), value = text.substr(equals + 1);
  const std::size_t dot = name.rfind('.');
  if (dot != std::string_view::npos)
    for (const NumberRow& row : kNumbers)
      if (row.name == name.substr(dot + 1))
        return set_number(spec, row, name.substr(0, dot), value);
  if (!value.starts_with('/') && !value.starts_with("./"))
    return fail(Code::usage, "\"{}\" is neither a path nor is \"{}\" a number of a map",
                escape_terminal(value), escape_terminal(name));
  MapSpec& map = spec.maps[TRY(find_map(spec, name))];
  map.reuse = value;
  return {};
}

}  // namespace

Status apply_map_option(ObjectSpec& spec, const btf::View* btf, std::string_view text) {
  return with_context(apply(spec, btf, text),
                      [&] { return format("--map {}", escape_terminal(text)); });
}

}  // namespace bpfld::cli
