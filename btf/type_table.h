// SPDX-License-Identifier: Apache-2.0
// Where each record of a type section starts. Records have no index: to know where the next one
// starts, one must have read this one, and a kernel has 120,000 of them. A walk is a chain of loads
// of which each waits for the one before it, about 15 cycles a step, in which the processor could
// do the work of six steps.
//
// So the section is cut into pieces whose starts are *guessed*, and six pieces are walked at a
// time, one step of each in turn. A guess decides nothing: a piece counts only when the walk of
// the piece before it ends exactly where it starts. Otherwise it is dropped, and the piece before
// it walks on. So the answer is that of one walk from the first byte, on any bytes.
#pragma once

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <span>
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
// A position is a number of bytes from the start of the section.
class TypeTable {
 public:
  static constexpr u64 kPieceBytes = 4096;  // the smallest

  TypeTable() = default;
  // Walks all records. When some record breaks a rule (a kind of unknown length, an end past the
  // section's), is_whole() is false and the table of no use: walk once more, slowly, to find which
  // and why. `names`, the first string offset that is not one, helps to guess, and the size of the
  // smallest pieces, not 0, changes how long it takes; neither changes the table.
  TypeTable(Bytes types, const RecordSizes& sizes, u32 names, u64 piece_bytes = kPieceBytes);

  bool is_whole() const { return whole_; }
  u32 count() const { return count_; }
  // The position of a record; index < count(), 0 is the first.
  u64 start_of(u32 index, Bytes types, const RecordSizes& sizes) const;
  // The index of the record that starts at a position; none if none does.
  std::optional<u32> index_at(u64 position, Bytes types, const RecordSizes& sizes) const;
  // The positions of all structs and unions, which are what is mostly looked for. In no order; some
  // twice; and those that a walk came to from a wrong guess are no records' at all: see index_at().
  std::span<const u32> composites() const { return composites_.all(); }

 private:
  static constexpr u32 kLanes = 6;  // walks that take turns
  // A list whose next entries are written before it is known whether they count.
  class Positions {
   public:
    std::span<const u32> all() const { return {items_.get(), size_}; }
    // Where the next `count` entries go; they are added by keep_to().
    u32* ahead(std::size_t count) {
      if (room_ - size_ < count) grow(size_ + std::max(size_, count));
      return items_.get() + size_;
    }
    void keep_to(const u32* end) { size_ = static_cast<std::size_t>(end - items_.get()); }
    void push_back(u32 entry) { *ahead(1) = entry, size_++; }
    void grow(std::size_t room) {
      std::unique_ptr<u32[]> grown = std::make_unique_for_overwrite<u32[]>(room);
      std::ranges::copy(all(), grown.get());
      items_ = std::move(grown);
      room_ = room;
    }

   private:
    std::unique_ptr<u32[]> items_;  // not initialised: the first touch of a page is what costs
    std::size_t size_ = 0, room_ = 0;
  };
  struct Piece {
    u64 start = 0;
    u64 stop = 0;   // where its walk ended
    u32 first = 0;  // the index of its first record
    u32 count = 0;
    u8 lane = 0;  // which walk it was in; its marks are among that one's, from here on:
    std::size_t marks_begin = 0;
  };
  struct Lane;
  class Walk;

  void guess_pieces(const Walk& walk, u32 names, u64 piece_bytes);
  void reserve_lists(u64 bytes);
  void walk_pieces(Walk& walk);
  void join_pieces(Walk& walk);

  bool whole_ = false;
  u32 count_ = 0;
  u32 mark_shift_ = 0;
  std::vector<Piece> pieces_;
  std::vector<u32> nearby_;  // of records 0, kNearby, 2 * kNearby ...: which piece it is in
  // Of each lane the positions of every 2^mark_shift_th record of each piece.
  std::array<std::vector<u32>, kLanes> marks_;
  Positions composites_;
};

}  // namespace bpfld::btf
