// SPDX-License-Identifier: Apache-2.0
// "Did you mean": the names that resemble one that was not found.
#pragma once

#include <span>
#include <string_view>
#include <vector>

namespace bpfld {

// Number of single-character insertions, deletions, replacements and neighbour swaps that turn `a`
// into `b` (optimal string alignment); stops counting past `limit` and returns limit + 1.
std::size_t edit_distance(std::string_view a, std::string_view b, std::size_t limit);

// The members of `names` closest to `wanted`, best first, at most `count`; only those within a
// third of its length. Equal distances keep the order of `names`. Names over 128 bytes are skipped.
std::vector<std::string_view> nearest(std::string_view wanted,
                                      std::span<const std::string_view> names, std::size_t count);

}  // namespace bpfld
