// SPDX-License-Identifier: Apache-2.0
// A line at a time; see event_format.h.
#include "perf/event_format.h"

#include <charconv>
#include <optional>

#include "base/escape.h"

namespace bpfld::perf {
namespace {

constexpr std::size_t kMaxFields = 4096;

std::string_view next_part(std::string_view& text, char separator) {
  const std::size_t end = text.find(separator);
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return part;
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t'))
    text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r'))
    text.remove_suffix(1);
  return text;
}

template <typename T>
std::optional<T> to_number(std::string_view text) {
  T value = 0;
  const std::from_chars_result done =
      std::from_chars(text.data(), text.data() + text.size(), value);
  if (done.ec != std::errc() || done.ptr != text.data() + text.size()) return std::nullopt;
  return value;
}

// The last identifier before an array's bracket: "prev_comm" of "char prev_comm[16]".
std::string_view name_in(std::string_view declaration) {
  // "char[] msg" names the type with its brackets; "char comm[16]" the field.
  std::string_view rest = declaration;
  while (rest.ends_with(']')) {
    const std::size_t open = rest.rfind('[');
    if (open == std::string_view::npos) break;
    rest = trim(rest.substr(0, open));
  }
  const std::size_t start = rest.find_last_of(" *]");
  return start == std::string_view::npos ? rest : rest.substr(start + 1);
}

std::optional<EventField> parse_field(std::string_view line) {
  EventField field;
  bool has_offset = false, has_size = false;
  while (!line.empty()) {
    std::string_view part = trim(next_part(line, ';'));
    const std::string_view key = next_part(part, ':');
    if (key == "field") {
      field.declaration = trim(part);
    } else if (key == "offset" || key == "size") {
      const std::optional<u32> number = to_number<u32>(part);
      if (!number) return std::nullopt;
      (key == "offset" ? field.offset : field.size) = *number;
      (key == "offset" ? has_offset : has_size) = true;
    } else if (key == "signed") {
      field.is_signed = part == "1";
    }
  }
  if (field.declaration.empty() || !has_offset || !has_size) return std::nullopt;
  constexpr std::string_view kDataLoc = "__data_loc ", kRelLoc = "__rel_loc ";
  if (field.declaration.starts_with(kDataLoc)) {
    field.location = Location::data_loc;
    field.declaration = trim(field.declaration.substr(kDataLoc.size()));
  } else if (field.declaration.starts_with(kRelLoc)) {
    field.location = Location::rel_loc;
    field.declaration = trim(field.declaration.substr(kRelLoc.size()));
  }
  field.name = name_in(field.declaration);
  field.common = field.name.starts_with("common_");
  return field;
}

}  // namespace

Result<EventFormat> parse_event_format(std::string_view text) {
  EventFormat out;
  for (u64 number = 1; !text.empty(); number++) {
    const std::string_view line = trim(next_part(text, '\n'));
    if (line.starts_with("name:")) {
      out.name = trim(line.substr(5));
    } else if (line.starts_with("ID:")) {
      const std::optional<u64> id = to_number<u64>(trim(line.substr(3)));
      if (!id) return fail(Code::malformed, "event format, line {}: not a number", number);
      out.id = *id;
    } else if (line.starts_with("field:")) {
      const std::optional<EventField> field = parse_field(line);
      if (!field)
        return fail(Code::malformed, "event format, line {}: \"{}\" is not a field", number,
                    escape_terminal(line.substr(0, 80)));
      if (out.fields.size() == kMaxFields)
        return fail(Code::limit, "event format: more than {} fields", kMaxFields);
      out.fields.push_back(*field);
    } else if (line.starts_with("print fmt:")) {
      break;  // the rest is text
    }
  }
  if (out.name.empty()) return fail(Code::malformed, "event format: there is no name: line");
  return out;
}

}  // namespace bpfld::perf
