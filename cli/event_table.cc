// SPDX-License-Identifier: Apache-2.0
// Widths by name and by type, then rows; see event_table.h.
#include "cli/event_table.h"

#include <algorithm>
#include <utility>

#include "base/escape.h"
#include "btf/print_value.h"
#include "btf/shown_as.h"

namespace bpfld::cli {
namespace {

using btf::Field;
using btf::Form;

// What fields of these names hold needs less room than their types could.
struct NamedWidth {
  std::string_view name;
  std::size_t width;
};
// clang-format off
constexpr NamedWidth kNamedWidths[] = {
    {"pid", 7}, {"tid", 7}, {"tgid", 7}, {"ppid", 7}, {"tpid", 7}, {"target_pid", 7},  // PID_MAX_LIMIT has 7 digits
    {"uid", 6}, {"gid", 6}, {"ret", 4}, {"err", 4}, {"errno", 4}, {"fd", 4}, {"cpu", 4},
    {"port", 5}, {"sport", 5}, {"dport", 5}, {"lport", 5}, {"rport", 5},
};
// clang-format on

constexpr std::size_t kWidestText = 32;
constexpr std::size_t kComposite = 24;

// Digits of the largest number of that many bits, but for 64: what nanoseconds since boot take.
std::size_t digits_of(u64 bits) {
  return bits <= 8 ? 3 : bits <= 16 ? 5 : bits <= 32 ? 10 : 15;
}

std::size_t enum_width(const btf::View& btf, const Field& field) {
  std::size_t widest = 1;
  for (const btf::Enumerator& e : btf::enumerators(btf, btf.type(field.shape.type)))
    widest = std::max(widest, e.name.size());
  return std::min(widest, kComposite);
}

std::size_t width_of(const btf::View& btf, const Field& field) {
  for (const NamedWidth& row : kNamedWidths)
    if (row.name == field.name && btf::is_integer(field.shape.form)) return row.width;
  const u64 bytes = field.shape.bits / 8;
  switch (field.shape.form) {
    case Form::unsigned_:
    case Form::signed_: return digits_of(field.shape.bits) + (field.shape.form == Form::signed_);
    case Form::boolean: return 5;
    case Form::character: return 1;
    case Form::pointer: return 18;
    case Form::floating: return 12;
    case Form::enum_:
    case Form::flags: return enum_width(btf, field);
    case Form::text: return static_cast<std::size_t>(std::min<u64>(bytes, kWidestText));
    case Form::bytes: return static_cast<std::size_t>(std::min<u64>(bytes * 2, kWidestText));
    case Form::wide: return kWidestText + 2;
    case Form::array:
    case Form::composite: return kComposite;
    case Form::opaque: return 1;
  }
  return 1;
}

std::string upper(std::string_view text) {
  std::string out = escape_terminal(text);
  for (char& c : out)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return out;
}

// A key for what we add to a record, different from the record's own.
std::string free_key(std::string_view key, const std::vector<Field>& fields) {
  std::string out(key);
  while (std::ranges::any_of(fields, [&](const Field& field) { return field.name == out; }))
    out.insert(out.begin(), '_');
  return out;
}

// Cuts what starts at `from` to that many columns.
void cut_from(std::string& out, std::size_t from, std::size_t width) {
  if (display_width(std::string_view(out).substr(from)) <= width) return;
  const std::string shorter = cut(std::string_view(out).substr(from), width);
  out.resize(from);
  out += shorter;
}

void add_hex(std::string& out, Bytes bytes) {
  for (std::byte byte : bytes)
    out += format("{:02x}", static_cast<u32>(byte));
}

}  // namespace

EventTable::EventTable(std::string map_name, const btf::View* btf, std::optional<btf::TypeId> type,
                       std::string object)
    : map_name_(std::move(map_name)), object_(std::move(object)), btf_(btf), type_(type) {
  if (!type_) return;
  fields_ = btf::columns(*btf_, *type_);
  object_key_ = free_key("object", fields_);
  map_key_ = free_key("map", fields_);
  cpu_key_ = free_key("cpu", fields_);
  for (std::size_t i = 0; i < fields_.size(); i++)
    if (!fields_[i].hidden) add_column(i);
  for (std::size_t i = 0; columns_.empty() && i < fields_.size(); i++)
    add_column(i);  // hidden is better than nothing
}

void EventTable::add_column(std::size_t field) {
  std::string title = upper(fields_[field].name);
  const std::size_t width = column_width(fields_[field], title);
  columns_.push_back({.field = field, .title = std::move(title), .width = width});
}

std::size_t EventTable::column_width(const Field& field, std::string_view title) const {
  const std::size_t width = field.show == btf::Show::plain
                                ? width_of(*btf_, field)
                                : btf::show_width(field.shape, field.show);
  return std::max(width, display_width(title));
}

Status EventTable::show(std::string_view name, std::string_view way) {
  const auto field = std::ranges::find(fields_, name, &Field::name);
  if (field == fields_.end()) return {};
  const std::optional<btf::Show> show = btf::show_named(way);
  if (!show)
    return fail(Code::usage, "there is no format \"{}\"; want one of {}", escape_terminal(way),
                btf::show_names());
  if (!btf::can_show(field->shape, *show))
    return fail(Code::usage, "its type cannot be shown as {}", way);
  field->show = *show;
  for (Column& column : columns_)
    if (&fields_[column.field] == &*field) column.width = column_width(*field, column.title);
  return {};
}

bool EventTable::choose(std::span<const std::string> names) {
  columns_.clear();
  for (const std::string& name : names) {
    const auto field = std::ranges::find(fields_, name, &Field::name);
    if (field != fields_.end()) add_column(static_cast<std::size_t>(field - fields_.begin()));
  }
  return !columns_.empty();
}

std::vector<std::string_view> EventTable::field_names() const {
  std::vector<std::string_view> names;
  for (const Field& field : fields_)
    names.push_back(field.name);
  return names;
}

std::string EventTable::header(std::size_t line) const {
  std::string out;
  for (std::size_t i = 0; i < columns_.size(); i++)
    out += i + 1 == columns_.size() ? columns_[i].title
                                    : pad(columns_[i].title, columns_[i].width + 2);
  return cut(out, line);
}

std::string EventTable::type_text() const {
  return type_ ? btf::type_name(*btf_, *type_) : std::string();
}

bool EventTable::has_flexible_tail() const {
  return std::ranges::any_of(
      fields_, [](const Field& field) { return field.tail && field.shape.bits == 0; });
}

void EventTable::add_row(std::string& out, std::optional<u32> cpu, Bytes record,
                         std::size_t line) const {
  if (!type_) {
    out += format("{}  {}", escape_terminal(title()), count_of(record.size(), "byte"));
    out += cpu ? format("  cpu {}\n", *cpu) : "\n";
    out += hexdump(record);
    return;
  }
  const std::size_t start = out.size();
  add_cells(out, record, kNoLimit);
  if (line != kNoLimit && display_width(std::string_view(out).substr(start)) > line) {
    out.resize(start);
    add_cells(out, record, line);
  }
  out += '\n';
}

// With a limit no value is wider than its column, but for the last one, which has the rest of the
// line.
void EventTable::add_cells(std::string& out, Bytes record, std::size_t line) const {
  const std::size_t start = out.size();
  for (std::size_t i = 0; i < columns_.size(); i++) {
    const std::size_t cell = out.size();
    btf::format_field(*btf_, fields_[columns_[i].field], record, out);
    if (i + 1 == columns_.size()) break;
    const std::size_t width = columns_[i].width;
    if (line != kNoLimit) cut_from(out, cell, width);
    const std::size_t taken = display_width(std::string_view(out).substr(cell));
    out.append(taken < width ? width - taken + 2 : 2, ' ');
  }
  while (out.size() > start && out.back() == ' ')
    out.pop_back();
  if (line != kNoLimit) cut_from(out, start, line);
}

void EventTable::add_json(std::string& out, std::optional<u32> cpu, Bytes record) const {
  out += '{';
  if (!object_.empty()) out += format("\"{}\":{},", object_key_, json_string(object_));
  out += format("\"{}\":{}", map_key_, json_string(map_name_));
  if (cpu) out += format(",\"{}\":{}", cpu_key_, *cpu);
  if (!type_) {
    out += format(",\"size\":{},\"hex\":\"", record.size());
    add_hex(out, record);
    out += "\"}\n";
    return;
  }
  const std::size_t at = out.size();
  btf::format_record_json(*btf_, fields_, record, out);
  // The record's own braces: "{...}" becomes ",...}", and "{}" becomes "}".
  if (out.size() - at == 2) {
    out.erase(at, 1);
  } else {
    out[at] = ',';
  }
  out += '\n';
}

std::string hexdump(Bytes bytes) {
  constexpr std::size_t kPerLine = 16;
  std::string out;
  bool in_repeats = false;
  for (std::size_t at = 0; at < bytes.size(); at += kPerLine) {
    const Bytes line = bytes.subspan(at, std::min(kPerLine, bytes.size() - at));
    // The last line says how long it all is.
    const bool repeats = at != 0 && at + kPerLine < bytes.size() &&
                         std::ranges::equal(line, bytes.subspan(at - kPerLine, kPerLine));
    if (repeats) {
      if (!std::exchange(in_repeats, true)) out += "  *\n";
      continue;
    }
    in_repeats = false;
    std::string text;
    out += format("  {:04x} ", at);
    for (std::size_t i = 0; i < kPerLine; i++) {
      if (i % 8 == 0) out += ' ';
      if (i >= line.size()) {
        out += "   ";
        continue;
      }
      const u32 byte = static_cast<u32>(line[i]);
      out += format("{:02x} ", byte);
      text += byte >= 0x20 && byte < 0x7f ? static_cast<char>(byte) : '.';
    }
    out += format(" |{}|\n", text);
  }
  return out;
}

}  // namespace bpfld::cli
