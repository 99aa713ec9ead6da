// SPDX-License-Identifier: Apache-2.0
// See address.h. IPv6 as in RFC 4291, section 2.2; no zone, no embedded IPv4.
#include "loader/address.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/escape.h"

namespace bpfld::loader {
namespace {

std::optional<u32> number(std::string_view text, int base, u32 most) {
  u32 value = 0;
  const char* const end = text.data() + text.size();
  const std::from_chars_result done = std::from_chars(text.data(), end, value, base);
  if (text.empty() || done.ec != std::errc() || done.ptr != end || value > most)
    return std::nullopt;
  return value;
}

std::optional<std::vector<std::byte>> parse_v4(std::string_view text) {
  std::vector<std::byte> out;
  while (true) {
    const std::size_t dot = text.find('.');
    const std::optional<u32> part = number(text.substr(0, dot), 10, 255);
    if (!part || out.size() == 4) return std::nullopt;
    out.push_back(static_cast<std::byte>(*part));
    if (dot == std::string_view::npos) break;
    text.remove_prefix(dot + 1);
  }
  return out.size() == 4 ? std::optional(out) : std::nullopt;
}

// Groups between colons; an empty text has none.
std::optional<std::vector<std::byte>> parse_groups(std::string_view text) {
  std::vector<std::byte> out;
  while (!text.empty()) {
    const std::size_t colon = text.find(':');
    const std::string_view word = text.substr(0, colon);
    const std::optional<u32> group = number(word, 16, 0xffff);
    if (!group || word.size() > 4 || out.size() == 16) return std::nullopt;
    out.push_back(static_cast<std::byte>(*group >> 8));
    out.push_back(static_cast<std::byte>(*group & 0xff));
    if (colon == std::string_view::npos) break;
    text.remove_prefix(colon + 1);
    if (text.empty()) return std::nullopt;  // ends in one colon
  }
  return out;
}

std::optional<std::vector<std::byte>> parse_v6(std::string_view text) {
  const std::size_t gap = text.find("::");
  std::optional<std::vector<std::byte>> head = parse_groups(text.substr(0, gap));
  if (!head) return std::nullopt;
  if (gap == std::string_view::npos) return head->size() == 16 ? head : std::nullopt;
  const std::optional<std::vector<std::byte>> tail = parse_groups(text.substr(gap + 2));
  if (!tail || head->size() + tail->size() > 14) return std::nullopt;
  const std::size_t start = 16 - tail->size();
  head->resize(16);
  std::ranges::copy(*tail, head->begin() + static_cast<std::ptrdiff_t>(start));
  return head;
}

}  // namespace

Result<std::vector<std::byte>> parse_address(std::string_view text) {
  std::optional<std::vector<std::byte>> out =
      text.find(':') == std::string_view::npos ? parse_v4(text) : parse_v6(text);
  if (!out) return fail(Code::not_found, "\"{}\" is no IP address", escape_terminal(text));
  return *std::move(out);
}

Result<Prefix> parse_prefix(std::string_view text) {
  const std::size_t slash = text.find('/');
  Prefix out;
  out.address = TRY(parse_address(text.substr(0, slash)));
  const u32 bits = static_cast<u32>(out.address.size()) * 8;
  out.length = bits;
  if (slash != std::string_view::npos) {
    const std::optional<u32> length = number(text.substr(slash + 1), 10, bits);
    if (!length) return fail(Code::not_found, "\"{}\" is no IP prefix", escape_terminal(text));
    out.length = *length;
  }
  for (u32 bit = out.length; bit < bits; bit++)
    if (((static_cast<u32>(out.address[bit / 8]) >> (7 - bit % 8)) & 1) != 0)
      return fail(Code::not_found, "\"{}\" has bits set behind its prefix", escape_terminal(text));
  return out;
}

}  // namespace bpfld::loader
