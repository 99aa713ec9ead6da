// SPDX-License-Identifier: Apache-2.0
// A number and a unit from a table; see values.h.
#include "cli/values.h"

#include <charconv>
#include <optional>
#include <span>
#include <string>

#include "base/escape.h"

namespace bpfld::cli {
namespace {

struct Unit {
  std::string_view name;
  u64 factor;
};
constexpr Unit kTimes[] = {{"ms", 1}, {"s", 1000}, {"", 1000}, {"m", 60'000}, {"h", 3'600'000}};
constexpr Unit kSizes[] = {{"", 1},         {"B", 1},          {"K", 1u << 10}, {"KiB", 1u << 10},
                           {"M", 1u << 20}, {"MiB", 1u << 20}, {"G", 1u << 30}, {"GiB", 1u << 30}};

std::optional<u64> parse(std::string_view text, std::span<const Unit> units, u64 largest) {
  u64 number = 0;
  const char* const end = text.data() + text.size();
  const std::from_chars_result done = std::from_chars(text.data(), end, number);
  if (done.ec != std::errc()) return std::nullopt;
  const std::string_view rest(done.ptr, static_cast<std::size_t>(end - done.ptr));
  for (const Unit& unit : units)
    if (unit.name == rest && number <= largest / unit.factor) return number * unit.factor;
  return std::nullopt;
}

constexpr u64 kLongestMs = 1000ull * 3600 * 24 * 366 * 10;  // ten years: no deadline overflows
constexpr u64 kLargestSize = u64{1} << 40;

}  // namespace

Result<std::chrono::milliseconds> parse_duration(std::string_view text) {
  const std::optional<u64> value = parse(text, kTimes, kLongestMs);
  if (!value)
    return fail(Code::usage, "\"{}\" is not a time; want 10s, 500ms, 2m or 1h",
                escape_terminal(text));
  return std::chrono::milliseconds(*value);
}

Result<u64> parse_size(std::string_view text) {
  const std::optional<u64> value = parse(text, kSizes, kLargestSize);
  if (!value || *value == 0)
    return fail(Code::usage, "\"{}\" is not a size; want 65536, 64K, 4M or 1G",
                escape_terminal(text));
  return *value;
}

Result<u64> parse_count(std::string_view text) {
  static constexpr Unit kNone[] = {{"", 1}};
  const std::optional<u64> value = parse(text, kNone, ~u64{0});
  if (!value || *value == 0)
    return fail(Code::usage, "\"{}\" is not a count; want a number of at least 1",
                escape_terminal(text));
  return *value;
}

}  // namespace bpfld::cli
