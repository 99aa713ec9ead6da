// SPDX-License-Identifier: Apache-2.0
// "Did you mean": the names that resemble one that was not found.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/escape.h"

namespace bpfld {

// Number of single-character insertions, deletions, replacements and neighbour swaps that turn `a`
// into `b` (optimal string alignment); stops counting past `limit` and returns limit + 1.
std::size_t edit_distance(std::string_view a, std::string_view b, std::size_t limit);

// The members of `names` closest to `wanted`, best first, at most `count`; only those within a
// third of its length. Equal distances keep the order of `names`. Names over 128 bytes are skipped.
std::vector<std::string_view> nearest(std::string_view wanted,
                                      std::span<const std::string_view> names, std::size_t count);

// How Error::detail starts when it is a list of near names.
inline constexpr std::string_view kDidYouMean = "did you mean: ";

// "did you mean: a, b", for Error::detail; empty without names.
template <typename Names>
std::string did_you_mean(const Names& names) {
  std::string out;
  for (const std::string_view name : names) {
    out += out.empty() ? kDidYouMean : ", ";
    out += escape_terminal(name);
  }
  return out;
}

}  // namespace bpfld
