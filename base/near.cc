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
  if (a.size() > kLongest || b.size() > kLongest) return limit + 1;
  if (std::max(a.size(), b.size()) - std::min(a.size(), b.size()) > limit) return limit + 1;
  using Row = std::array<std::size_t, kLongest + 1>;
  Row before{}, previous{}, current{};
  for (std::size_t j = 0; j <= b.size(); j++)
    previous[j] = j;
  for (std::size_t i = 1; i <= a.size(); i++) {
    current[0] = i;
    for (std::size_t j = 1; j <= b.size(); j++) {
      const std::size_t replace = previous[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      current[j] = std::min({previous[j] + 1, current[j - 1] + 1, replace});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        current[j] = std::min(current[j], before[j - 2] + 1);
    }
    before = previous;
    previous = current;
  }
  return std::min(previous[b.size()], limit + 1);
}

std::vector<std::string_view> nearest(std::string_view wanted,
                                      std::span<const std::string_view> names, std::size_t count) {
  struct Scored {
    std::size_t distance;
    std::string_view name;
  };
  const std::size_t limit = std::max<std::size_t>(1, wanted.size() / 3);
  std::vector<Scored> scored;
  for (std::string_view name : names) {
    const std::size_t distance = edit_distance(wanted, name, limit);
    if (distance <= limit) scored.push_back({distance, name});
  }
  std::ranges::stable_sort(scored, {}, &Scored::distance);
  std::vector<std::string_view> out;
  for (const Scored& s : scored)
    if (out.size() < count) out.push_back(s.name);
  return out;
}

}  // namespace bpfld
