// SPDX-License-Identifier: Apache-2.0
// See type_table.h. Every instruction of Walk::step() is executed 120,000 times per load, so what
// can be checked once per piece (the highest name) or shows by itself (a record that ends past the
// section's end) is not checked there.
#include "btf/type_table.h"

#include <array>
#include <optional>

namespace bpfld::btf {
namespace {

constexpr u32 kMarkEvery = 8;
constexpr u32 kNearby = 1024;  // a piece has some thousands of records
// A kernel's records take 25 bytes on average, and one in thirteen is a struct with a name; tables
// of blobs with more grow.
constexpr u64 kUsualRecordBytes = 24;
constexpr u64 kUsualBytesPerNamed = 300;

// The two words of a record that a walk reads.
struct Head {
  u32 name;
  u32 info;
};

}  // namespace

u64 RecordSizes::by_layout(u32 info) const {
  const u32 kind = info_kind(info);
  const Result<LayoutRow> row = load<LayoutRow>(layout, u64{kind} * sizeof(LayoutRow), order);
  if (kind == 0 || !row) return 0;
  return kRecordBytes + row->info_bytes + u64{row->entry_bytes} * info_vlen(info);
}

// What all steps have in common.
class TypeTable::Walk {
 public:
  Walk(Bytes types, const RecordSizes& sizes) : types_(types), sizes_(sizes) {}

  u64 size() const { return types_.size(); }

  // From where the piece stopped on to `end`, or to the first record that starts past it.
  void one(Piece& piece, u64 end, Notes& notes) const {
    const Bytes types = types_;
    if (types.size() < kRecordBytes) return;
    Block block;
    Place place(piece, end);
    while (!place.is_done()) {
      for (u32 i = 0; i < kBlock && !place.is_done(); i++)
        step(types, sizes_, place, block);
      keep(place, block, piece, notes);
    }
  }

  // The same for two, until one of them is there. Whether the first and the second are.
  std::pair<bool, bool> two(Piece& first, u64 first_end, Piece& second, u64 second_end,
                            std::array<Notes, 2>& notes) const {
    const Bytes types = types_;  // a copy: the compiler need not look again after each store
    if (types.size() < kRecordBytes) return {true, true};
    Block first_block, second_block;
    Place a(first, first_end), b(second, second_end);
    while (!a.is_done() && !b.is_done()) {
      for (u32 i = 0; i < kBlock && !a.is_done() && !b.is_done(); i++) {
        step(types, sizes_, a, first_block);
        step(types, sizes_, b, second_block);
      }
      keep(a, first_block, first, notes[0]);
      keep(b, second_block, second, notes[1]);
    }
    return {a.is_done(), b.is_done()};
  }

  // The first place from `from` on where a record could start; none when it is not near.
  std::optional<u64> guess_start(u64 from, u32 names) const {
    constexpr u64 kNear = 4096;
    for (u64 at = from; at < size() && at - from < kNear; at += 4)
      if (may_start(at, names)) return at;
    return std::nullopt;
  }

 private:
  // Whether a run of records could start here. Words that are no info word (names, type ids,
  // offsets) are small numbers and read as kind 0, so nearly every place that passes is one.
  bool may_start(u64 at, u32 names) const {
    constexpr u32 kRun = 8;
    constexpr u32 kReserved = 0x60ff0000;  // 0 in everything but giants
    for (u32 i = 0; i < kRun; i++) {
      const Head head = load_checked<Head>(types_, at);
      const RecordShape shape = record_shape(head.info);
      const u64 length = shape.bytes(info_vlen(head.info));
      if (!shape.is_known() || (head.info & kReserved) != 0 || head.name >= names) return false;
      if (length > size() - at) return false;
      at += length;
    }
    return true;
  }

  // Where a walk is. Nothing holds its address, so that it stays in registers.
  struct Place {
    u64 at;
    u64 end;
    u32 index;
    u32 highest_name;
    u32 named = 0;
    u32 marks = 0;

    Place(const Piece& piece, u64 to)
        : at(piece.stop), end(to), index(piece.count), highest_name(piece.highest_name) {}
    bool is_done() const { return at >= end; }
  };
  // What a few steps note, until keep() puts it into the lists.
  static constexpr u32 kBlock = 64;
  struct Block {
    std::array<Named, kBlock + 1> named;
    std::array<u32, kBlock / kMarkEvery + 1> marks;
  };

  [[gnu::always_inline]] inline static void step(Bytes types, const RecordSizes& sizes,
                                                 Place& place, Block& block) {
    const Head head = load_checked<Head>(types, place.at);  // zeros past the end; 0 is no kind
    const RecordShape shape = record_shape(head.info);
    u64 length = shape.bytes(info_vlen(head.info));
    if (!shape.is_known()) [[unlikely]] {
      length = sizes.by_layout(head.info);
      if (length == 0 || length % 4 != 0) {
        place.end = 0;  // there is no way on
        return;
      }
    }
    if (place.index % kMarkEvery == 0) block.marks[place.marks++] = static_cast<u32>(place.at);
    // Written always, kept sometimes: no processor could foresee a branch on this.
    block.named[place.named] = {place.index, head.name};
    place.named += shape.is_composite_bit() & u32{head.name != 0};
    place.highest_name = std::max(place.highest_name, head.name);
    place.at += length;
    place.index++;
  }

  static void keep(Place& place, const Block& block, Piece& piece, Notes& notes) {
    notes.named.insert(notes.named.end(), block.named.begin(), block.named.begin() + place.named);
    notes.marks.insert(notes.marks.end(), block.marks.begin(), block.marks.begin() + place.marks);
    place.named = place.marks = 0;
    piece.stop = place.at;
    piece.count = place.index;
    piece.highest_name = place.highest_name;
    piece.named_end = notes.named.size();
  }

  Bytes types_;
  RecordSizes sizes_;
};

TypeTable::TypeTable(Bytes types, const RecordSizes& sizes, u32 names, u64 piece_bytes) {
  const Walk walk(types, sizes);
  guess_pieces(walk, names, piece_bytes);
  walk_pieces(walk);
  join_pieces(walk, names);
}

void TypeTable::guess_pieces(const Walk& walk, u32 names, u64 piece_bytes) {
  pieces_.push_back({});
  for (u64 from = piece_bytes; from < walk.size(); from += piece_bytes)
    if (const std::optional<u64> start = walk.guess_start(from, names))
      pieces_.push_back({.start = *start, .stop = *start});
}

void TypeTable::walk_pieces(const Walk& walk) {
  const auto end_of = [&](std::size_t piece) {
    return piece + 1 < pieces_.size() ? pieces_[piece + 1].start : walk.size();
  };
  std::size_t next = 0;
  const auto take = [&](u8 lane) {
    if (next < pieces_.size()) {
      pieces_[next].lane = lane;
      pieces_[next].marks_begin = notes_[lane].marks.size();
      pieces_[next].named_begin = pieces_[next].named_end = notes_[lane].named.size();
    }
    return next++;
  };
  for (Notes& notes : notes_) {
    const u64 share = walk.size() / std::min<std::size_t>(pieces_.size(), 2);
    notes.marks.reserve(share / kUsualRecordBytes / kMarkEvery + 1);
    notes.named.reserve(share / kUsualBytesPerNamed);
    if (pieces_.size() == 1) break;
  }
  std::size_t first = take(0), second = take(1);
  while (first < pieces_.size() && second < pieces_.size()) {
    const auto [first_done, second_done] =
        walk.two(pieces_[first], end_of(first), pieces_[second], end_of(second), notes_);
    if (first_done) first = take(0);
    if (second_done) second = take(1);
  }
  const std::size_t last = std::min(first, second);
  if (last < pieces_.size()) walk.one(pieces_[last], end_of(last), notes_[pieces_[last].lane]);
}

// Keeps the pieces that start where the one before them ended; the first starts at 0.
void TypeTable::join_pieces(const Walk& walk, u32 names) {
  std::vector<Piece> joined;
  joined.reserve(pieces_.size());
  for (std::size_t i = 0; i < pieces_.size(); i++) {
    Piece piece = pieces_[i];
    const u64 from = joined.empty() ? 0 : joined.back().stop;
    if (from < piece.start) return;  // the walk stopped at a record without a length
    if (from > piece.start) {        // the guess was wrong: from there on, once more
      piece = {.start = from, .stop = from, .marks_begin = notes_[0].marks.size()};
      piece.named_begin = piece.named_end = notes_[0].named.size();
      walk.one(piece, i + 1 < pieces_.size() ? pieces_[i + 1].start : walk.size(), notes_[0]);
      if (piece.count == 0) continue;  // the record before reaches over all of it
    }
    if (!joined.empty()) piece.first = joined.back().first + joined.back().count;
    joined.push_back(piece);
  }
  pieces_ = std::move(joined);
  const Piece& last = pieces_.back();
  count_ = last.first + last.count;
  for (u32 i = 0; i < pieces_.size(); i++)
    while (nearby_.size() * kNearby < u64{pieces_[i].first} + pieces_[i].count)
      nearby_.push_back(i);
  whole_ = last.stop == walk.size() && std::ranges::all_of(pieces_, [&](const Piece& piece) {
             return piece.highest_name < names;
           });
}

u64 TypeTable::start_of(u32 index, Bytes types, const RecordSizes& sizes) const {
  u32 at_piece = nearby_[index / kNearby];
  while (at_piece + 1 < pieces_.size() && pieces_[at_piece + 1].first <= index)
    at_piece++;
  const Piece& piece = pieces_[at_piece];
  const u32 within = index - piece.first;
  u64 at = notes_[piece.lane].marks[piece.marks_begin + within / kMarkEvery];
  for (u32 steps = within % kMarkEvery; steps > 0; steps--)
    at += sizes.of(load_checked<u32>(types, at + 4));
  return at;
}

}  // namespace bpfld::btf
