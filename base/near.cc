// SPDX-License-Identifier: Apache-2.0
// Optimal string alignment distance over three rows; inputs are short names.
#include "base/near.h"

#include <algorithm>
#include <array>

namespace bpfld {
namespace {

constexpr std::size_t kLongest = 128;

}  // namespace

std::size_t edit_distance(std::string_view a, std::string_view b, std::size_t limit) {
  const std::size_t too_far = limit + 1;
  if (a.size() > kLongest || b.size() > kLongest) return too_far;
  if (std::max(a.size(), b.size()) - std::min(a.size(), b.size()) > limit) return too_far;
  // Cells further than `limit` from the diagonal are too far, and not computed.
  std::array<std::array<std::size_t, kLongest + 1>, 3> rows;
  for (std::size_t j = 0; j <= std::min(b.size(), too_far); j++)
    rows[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); i++) {
    const auto &before = rows[(i + 1) % 3], &previous = rows[(i + 2) % 3];
    auto& current = rows[i % 3];
    const std::size_t first = i > limit ? i - limit : 1, last = std::min(b.size(), i + limit);
    std::size_t least = current[first - 1] = first == 1 ? i : too_far;
    for (std::size_t j = first; j <= last; j++) {
      std::size_t best = previous[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      best = std::min(best, std::min(previous[j], current[j - 1]) + 1);
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        best = std::min(best, before[j - 2] + 1);
      current[j] = best;
      least = std::min(least, best);
    }
    if (last < b.size()) current[last + 1] = too_far;
    if (least > limit) return too_far;
  }
  return std::min(rows[a.size() % 3][b.size()], too_far);
}

std::vector<std::string_view> nearest(std::string_view wanted,
                                      std::span<const std::string_view> names, std::size_t count) {
  struct Scored {
    std::size_t distance;
    std::string_view name;
  };
  if (count == 0) return {};
  std::size_t limit = std::max<std::size_t>(1, wanted.size() / 3);
  std::vector<Scored> best;  // in order
  for (std::string_view name : names) {
    const std::size_t distance = edit_distance(wanted, name, limit);
    if (distance > limit) continue;
    best.insert(std::ranges::upper_bound(best, distance, {}, &Scored::distance), {distance, name});
    if (best.size() > count) best.pop_back();
    if (best.size() < count) continue;
    if (best.back().distance == 0) break;
    limit = best.back().distance - 1;  // only what is nearer than the last of them still matters
  }
  std::vector<std::string_view> out;
  for (const Scored& scored : best)
    out.push_back(scored.name);
  return out;
}

}  // namespace bpfld
