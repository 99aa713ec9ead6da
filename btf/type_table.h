// SPDX-License-Identifier: Apache-2.0
// Where each record of a type section starts. Records have no index: to know where the next one
// starts, one must have read this one, and a kernel has 120,000 of them. A walk is a chain of loads
// of which each waits for the one before it, about 13 cycles a step, in which the processor could
// do the work of two steps.
//
// So the section is cut into pieces whose starts are *guessed*, and two pieces are walked at a
// time, one step of each in turn. A guess decides nothing: a piece counts only when the walk of
// the piece before it ends exactly where it starts. Otherwise it is dropped, and the piece before
// it walks on. So the answer is that of one walk from the first byte, on any bytes.
#pragma once

#include <algorithm>
#include <array>
#include <vector>

#include "base/bytes.h"
#include "btf/format.h"

namespace bpfld::btf {

// view: how long a record is; kinds without a row by the blob's own layout section.
struct RecordSizes {
  Bytes layout;
  ByteOrder order = kHostOrder;  // of the layout section

  // Bytes of a record with that info word; 0 when nobody knows.
  u64 of(u32 info) const {
    const RecordShape shape = record_shape(info);
    return shape.is_known() ? shape.bytes(info_vlen(info)) : by_layout(info);
  }
  u64 by_layout(u32 info) const;
};

// spec: the table. Not of every start: that would be half a megabyte for a kernel, and the first
// touch of each of its pages costs more than the few short steps from a mark to a record ever do.
class TypeTable {
 public:
  // A struct or union that has a name: what is mostly looked for.
  struct Named {
    u32 index;  // 0 is the section's first record
    u32 name;   // string offset
  };

  static constexpr u64 kPieceBytes = 128 * 1024;

  TypeTable() = default;
  // Walks all records. `names` is the first string offset that is not one. When some record breaks
  // a rule (a kind of unknown length, an end past the section's, a name past the strings),
  // is_whole() is false and the table of no use: walk once more, slowly, to find which and why.
  // The size of the pieces changes how long it takes, nothing else.
  TypeTable(Bytes types, const RecordSizes& sizes, u32 names, u64 piece_bytes = kPieceBytes);

  bool is_whole() const { return whole_; }
  u32 count() const { return count_; }
  // Bytes from the start of the section; index < count().
  u64 start_of(u32 index, Bytes types, const RecordSizes& sizes) const;
  // Calls `see(named)` with each, in order.
  template <typename See>
  void each_named(See see) const {
    for (const Piece& piece : pieces_) {
      const std::vector<Named>& all = notes_[piece.lane].named;
      for (std::size_t i = piece.named_begin; i < piece.named_end; i++)
        see(Named{piece.first + all[i].index, all[i].name});
    }
  }

 private:
  struct Piece {
    u64 start = 0;
    u64 stop = 0;   // where its walk ended
    u32 first = 0;  // the index of its first record
    u32 count = 0;
    u32 highest_name = 0;
    u8 lane = 0;  // which of the two walks it was; what it noted is in that one's lists:
    std::size_t marks_begin = 0;
    std::size_t named_begin = 0;
    std::size_t named_end = 0;
  };
  struct Notes {
    std::vector<u32> marks;    // where a piece's records 0, kMarkEvery, 2 * kMarkEvery ... start
    std::vector<Named> named;  // indexes count from the piece's first record
  };
  class Walk;

  void guess_pieces(const Walk& walk, u32 names, u64 piece_bytes);
  void walk_pieces(const Walk& walk);
  void join_pieces(const Walk& walk, u32 names);

  bool whole_ = false;
  u32 count_ = 0;
  std::vector<Piece> pieces_;
  std::vector<u32> nearby_;  // of records 0, kNearby, 2 * kNearby ...: which piece it is in
  std::array<Notes, 2> notes_;
};

}  // namespace bpfld::btf
