// SPDX-License-Identifier: Apache-2.0
// The obvious walk over a type section, from its first byte, to compare TypeTable's with.
#pragma once

#include <vector>

#include "btf/type_table.h"

namespace bpfld::test {

struct SlowWalk {
  bool whole = true;
  std::vector<u64> starts;
  std::vector<u32> named;  // the indexes of structs and unions with a name
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
    const bool composite = btf::kComposites.has(btf::info_kind(record->info));
    if (composite && record->name != 0) out.named.push_back(static_cast<u32>(out.starts.size()));
    out.starts.push_back(at);
    at += length;
  }
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
  for (u32 i = 0; i < table.count(); i++)
    if (table.index_of(slow.starts[i], types, sizes) != i) return "an index differs";
  std::vector<u32> named;
  table.each_named([&](std::span<const btf::TypeTable::Named> list) {
    for (const btf::TypeTable::Named& one : list)
      named.push_back(table.index_of(one.position, types, sizes));
  });
  return named == slow.named ? "" : "the named structs differ";
}

}  // namespace bpfld::test
