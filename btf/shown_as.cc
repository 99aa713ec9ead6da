// SPDX-License-Identifier: Apache-2.0
// One row per way; see shown_as.h.
//
// Source: RFC 5952 (the text of IPv6 addresses).
#include "btf/shown_as.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "base/format.h"

namespace bpfld::btf {
namespace {

struct ShowRow {
  std::string_view kind, name;
  Show show;
  u64 nanoseconds;  // of one, where it is a time
};
// clang-format off
constexpr ShowRow kRows[] = {
    {"fmt",  "ip",   Show::ip,           0},
    {"fmt",  "mac",  Show::mac,          0},
    {"fmt",  "port", Show::port,         0},
    {"fmt",  "hex",  Show::hex,          0},
    {"unit", "ns",   Show::nanoseconds,  1},
    {"unit", "us",   Show::microseconds, 1'000},
    {"unit", "ms",   Show::milliseconds, 1'000'000},
    {"unit", "s",    Show::seconds,      1'000'000'000},
};
// clang-format on

u64 nanoseconds_of(Show show) {
  const ShowRow* row = std::ranges::find(kRows, show, &ShowRow::show);
  return row != std::end(kRows) ? row->nanoseconds : 0;
}

bool is_signed(const Shape& shape) {
  return shape.form == Form::signed_;
}

// The bytes of a value that starts at a byte and fills them; nothing when the record is too short.
std::optional<Bytes> whole_bytes(const Field& field, Bytes record) {
  const u64 at = field.bit_offset / 8, size = field.shape.bits / 8;
  if (at > record.size() || size > record.size() - at) return std::nullopt;
  return record.subspan(at, size);
}

u32 number_at(Bytes bytes, std::size_t at) {
  return static_cast<u32>(bytes[at]);
}

std::string ipv4_text(Bytes bytes) {
  return format("{}.{}.{}.{}", number_at(bytes, 0), number_at(bytes, 1), number_at(bytes, 2),
                number_at(bytes, 3));
}

// Where the longest run of two or more zeroes starts, and its length; the first of several.
std::pair<std::size_t, std::size_t> longest_zeroes(const std::array<u32, 8>& groups) {
  std::pair<std::size_t, std::size_t> best{8, 0};
  for (std::size_t i = 0; i < groups.size();) {
    std::size_t end = i;
    while (end < groups.size() && groups[end] == 0)
      end++;
    if (end - i >= 2 && end - i > best.second) best = {i, end - i};
    i = end + 1;
  }
  return best;
}

std::string ipv6_text(Bytes bytes) {
  std::array<u32, 8> groups{};
  for (std::size_t i = 0; i < groups.size(); i++)
    groups[i] = number_at(bytes, 2 * i) << 8 | number_at(bytes, 2 * i + 1);
  const bool mapped = std::ranges::all_of(std::span(groups).first(5), [](u32 g) { return g == 0; });
  if (mapped && groups[5] == 0xffff) return "::ffff:" + ipv4_text(bytes.subspan(12));
  const auto [start, count] = longest_zeroes(groups);
  std::string out;
  for (std::size_t i = 0; i < groups.size(); i++) {
    if (i == start) {
      out += "::";
      i += count - 1;
      continue;
    }
    if (!out.empty() && !out.ends_with(':')) out += ':';
    out += format("{:x}", groups[i]);
  }
  return out;
}

std::string mac_text(Bytes bytes) {
  std::string out;
  for (const std::byte byte : bytes)
    out += format("{}{:02x}", out.empty() ? "" : ":", static_cast<u32>(byte));
  return out;
}

// "812.4us", "2.31ms", "5s": three or four digits, in the largest unit of which there is one.
std::string duration_text(u64 value, u64 nanoseconds) {
  std::string_view unit = "s";
  u64 each = 1'000'000'000;
  for (const ShowRow& row : kRows) {
    if (row.nanoseconds == 0 || row.nanoseconds < nanoseconds) continue;
    const u64 per = row.nanoseconds / nanoseconds;  // values in one of that unit
    if (row.nanoseconds != nanoseconds && value < per) break;
    unit = row.name;
    each = per;
  }
  const u64 whole = value / each;
  u64 hundredths = each < 100 ? 0 : value % each / (each / 100);
  if (whole >= 100) hundredths -= hundredths % 10;
  std::string out = format("{}", whole);
  if (hundredths != 0) {
    out += format(".{}{}", hundredths / 10, hundredths % 10);
    if (out.ends_with('0')) out.pop_back();
  }
  return out + std::string(unit);
}

}  // namespace

std::optional<Show> show_named(std::string_view name) {
  const ShowRow* row = std::ranges::find(kRows, name, &ShowRow::name);
  return row != std::end(kRows) ? std::optional<Show>(row->show) : std::nullopt;
}

std::optional<Show> show_of_tag(std::string_view tag) {
  for (const ShowRow& row : kRows)
    if (tag.starts_with(row.kind) && tag.substr(row.kind.size()).starts_with('=') &&
        tag.substr(row.kind.size() + 1) == row.name)
      return row.show;
  return std::nullopt;
}

std::string show_names() {
  std::string out;
  for (const ShowRow& row : kRows)
    out += format("{}{}", out.empty() ? "" : ", ", row.name);
  return out;
}

bool can_show(const Shape& shape, Show show) {
  const bool number = is_integer(shape.form);
  const bool whole = shape.bit_skip == 0 && shape.bits % 8 == 0;
  switch (show) {
    case Show::plain: return true;
    case Show::ip: return whole && (shape.bits == 32 || shape.bits == 128);
    case Show::mac: return whole && shape.bits == 48;
    case Show::port: return whole && shape.bits == 16;
    case Show::hex:
    case Show::nanoseconds:
    case Show::microseconds:
    case Show::milliseconds:
    case Show::seconds: return number;
  }
  std::unreachable();
}

std::size_t show_width(const Shape& shape, Show show) {
  switch (show) {
    case Show::plain: return 1;
    case Show::ip: return shape.bits == 32 ? 15 : 39;
    case Show::mac: return 17;
    case Show::port: return 5;
    case Show::hex: return 2 + (shape.bits + 3) / 4;
    case Show::nanoseconds:
    case Show::microseconds:
    case Show::milliseconds:
    case Show::seconds: return 8;
  }
  std::unreachable();
}

bool append_shown(std::string& out, const Field& field, Bytes record) {
  if (field.show == Show::ip || field.show == Show::mac || field.show == Show::port) {
    const std::optional<Bytes> bytes = whole_bytes(field, record);
    if (!bytes) return false;
    if (field.show == Show::mac) {
      out += mac_text(*bytes);
    } else if (field.show == Show::port) {
      out += format("{}", number_at(*bytes, 0) << 8 | number_at(*bytes, 1));
    } else {
      out += bytes->size() == 4 ? ipv4_text(*bytes) : ipv6_text(*bytes);
    }
    return true;
  }
  const std::optional<u64> number =
      read_number(field.shape, record, field.bit_offset, is_signed(field.shape));
  if (!number) return false;
  if (field.show == Show::hex) {
    const u64 mask = field.shape.bits >= 64 ? ~u64{0} : (u64{1} << field.shape.bits) - 1;
    out += format("0x{:x}", *number & mask);
    return true;
  }
  const bool negative = is_signed(field.shape) && static_cast<i64>(*number) < 0;
  if (negative) out += '-';
  out += duration_text(negative ? u64{0} - *number : *number, nanoseconds_of(field.show));
  return true;
}

}  // namespace bpfld::btf
