// SPDX-License-Identifier: Apache-2.0
// The obvious walk over a type section, from its first byte, to compare TypeTable's with.
#pragma once

#include <algorithm>
#include <optional>
#include <vector>

#include "btf/type_table.h"

namespace bpfld::test {

struct SlowWalk {
  bool whole = true;
  std::vector<u64> starts;
  std::vector<u32> composites;  // the indexes of structs and unions
};

inline SlowWalk walk_slowly(Bytes types, const btf::RecordSizes& sizes) {
  SlowWalk out;
  u64 at = 0;
  while (at < types.size()) {
    const Result<btf::TypeRecord> record = load<btf::TypeRecord>(types, at);
    const u64 length = record ? sizes.of(record->info) : 0;
    if (length == 0 || length % 4 != 0 || length > types.size() - at) {
      out.whole = false;
      return out;
    }
    if (btf::kComposites.has(btf::info_kind(record->info)))
      out.composites.push_back(static_cast<u32>(out.starts.size()));
    out.starts.push_back(at);
    at += length;
  }
  return out;
}

// The indexes of the structs and unions that a table lists.
inline std::vector<u32> listed_composites(const btf::TypeTable& table, Bytes types,
                                          const btf::RecordSizes& sizes) {
  std::vector<u32> out;
  for (const u32 position : table.composites())
    if (const std::optional<u32> index = table.index_at(position, types, sizes))
      out.push_back(*index);
  std::ranges::sort(out);
  out.erase(std::ranges::unique(out).begin(), out.end());
  return out;
}

// What differs between both walks, in words; empty when nothing does.
inline std::string_view compare_walks(Bytes types, const btf::RecordSizes& sizes, u32 names,
                                      u64 piece_bytes) {
  const SlowWalk slow = walk_slowly(types, sizes);
  const btf::TypeTable table(types, sizes, names, piece_bytes);
  if (table.is_whole() != slow.whole) return "one walk stops, the other does not";
  if (!slow.whole) return {};
  if (table.count() != slow.starts.size()) return "the number of records differs";
  for (u32 i = 0; i < table.count(); i++)
    if (table.start_of(i, types, sizes) != slow.starts[i]) return "a start differs";
  u32 next = 0;
  for (u32 at = 0; at < types.size(); at++) {
    const bool starts = next < slow.starts.size() && slow.starts[next] == at;
    const std::optional<u32> index = starts ? std::optional(next++) : std::nullopt;
    if (table.index_at(at, types, sizes) != index) return "an index differs";
  }
  const bool same = listed_composites(table, types, sizes) == slow.composites;
  return same ? "" : "the structs and unions differ";
}

}  // namespace bpfld::test
