// SPDX-License-Identifier: Apache-2.0
// See type_table.h. Every instruction of step() is executed 120,000 times per load, so it checks
// nothing but that it stays inside. What else could be wrong shows at the end of a block of
// steps; the block then never was, and is walked again by careful(), which checks everything.
#include "btf/type_table.h"

#include <optional>

namespace bpfld::btf {
namespace {

// A block of records has a mark; where there are few records, each has one.
constexpr u32 kBlockShift = 4;
constexpr u32 kBlock = 1 << kBlockShift;
constexpr u32 kNearby = 1024;  // a piece has some thousands of records
// A kernel's records take 25 bytes on average, and one in thirteen is a struct with a name; tables
// of blobs with more grow.
constexpr u64 kUsualRecordBytes = 24;
constexpr u64 kUsualBytesPerNamed = 250;
// Memory this far ahead of each walk is asked for. Processors do so themselves, but not across the
// end of a page, which comes every 170 records.
constexpr u64 kAhead = 2048;

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

// spec: a walk over one piece after the other.
struct TypeTable::Lane {
  Lists& lists;
  Piece* piece = nullptr;  // the one it is in; null: none is left
  u64 at = 0;
  u64 end = 0;
  u32 count = 0;

  bool is_done() const { return at >= end; }
  void begin(Piece& with, u64 to) {
    piece = &with;
    piece->marks_begin = lists.marks.size();
    piece->named_begin = lists.named.size();
    at = with.start;
    end = to;
    count = 0;
  }
  void finish() {
    piece->stop = at;
    piece->count = count;
    piece->named_end = lists.named.size();
    piece = nullptr;
  }
};

// What all steps have in common.
class TypeTable::Walk {
 public:
  Walk(Bytes types, const RecordSizes& sizes) : types_(types), sizes_(sizes) {}

  u64 size() const { return types_.size(); }

  // Blocks of all four lanes in turn, until one is at its end or needs care.
  void together(std::array<Lane, kLanes>& lanes) const {
    while (round(lanes)) {
    }
  }

  // At most `records`, with a mark at the first. Where there is no way on the lane is done.
  void careful(Lane& lane, u32 records) const {
    lane.lists.marks.push_back(static_cast<u32>(lane.at));
    for (u32 i = 0; i < records && !lane.is_done(); i++) {
      const Head head = load_checked<Head>(types_, lane.at);  // zeros past the end; 0 is no kind
      const u64 length = sizes_.of(head.info);
      if (length == 0 || length % 4 != 0) {
        lane.end = 0;
        return;
      }
      if (head.name != 0 && kComposites.has(info_kind(head.info)))
        lane.lists.named.push_back({.position = static_cast<u32>(lane.at), .name = head.name});
      lane.at += length;
      lane.count++;
    }
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

  // Where a lane is, and where what it notes next goes.
  struct Place {
    u64 at;
    Named* named;
  };
  using Places = std::array<Place, kLanes>;
  static constexpr u32 kBlocks = 16;  // of a round, for which the lists have room

  // Past the section's end there are zeros, which are no kind, so that the place is past it for
  // good.
  [[gnu::always_inline]] static void step(Bytes types, Place& place) {
    prefetch(types, place.at + kAhead);
    const Head head = load_checked<Head>(types, place.at);
    const RecordShape shape = record_shape(head.info);
    // Written always, kept sometimes: no processor could foresee a branch on this.
    *place.named = {.position = static_cast<u32>(place.at), .name = head.name};
    place.named += shape.is_composite_bit() & u32{head.name != 0};
    place.at += shape.bytes(info_vlen(head.info));
  }

  // A block of each lane. By itself, and on copies of everything, so that places stay in registers.
  [[gnu::noinline]] static void block(Bytes types, Places& places) {
    auto [a, b, c, d] = places;
    for (u32 i = 0; i < kBlock; i++) {
      step(types, a);
      step(types, b);
      step(types, c);
      step(types, d);
    }
    places = {a, b, c, d};
  }

  // As many blocks as there is room for; false when it ended before.
  bool round(std::array<Lane, kLanes>& lanes) const {
    Places places;
    std::array<u32*, kLanes> marks;
    for (u32 i = 0; i < kLanes; i++) {
      marks[i] = lanes[i].lists.marks.ahead(kBlocks);
      places[i] = {.at = lanes[i].at,
                   .named = lanes[i].lists.named.ahead(std::size_t{kBlocks} * kBlock)};
    }
    u32 blocks = 0;
    for (; blocks < kBlocks; blocks++) {
      const Places before = places;
      block(types_, places);
      if (!are_before_ends(places, lanes)) {
        places = before;
        break;
      }
      for (u32 i = 0; i < kLanes; i++)
        *marks[i]++ = static_cast<u32>(before[i].at);
    }
    for (u32 i = 0; i < kLanes; i++) {
      lanes[i].lists.marks.keep_to(marks[i]);
      lanes[i].lists.named.keep_to(places[i].named);
      lanes[i].at = places[i].at;
      lanes[i].count += blocks * kBlock;
    }
    return blocks == kBlocks;
  }

  static bool are_before_ends(const Places& places, const std::array<Lane, kLanes>& lanes) {
    bool before = true;
    for (u32 i = 0; i < kLanes; i++)
      before = before && places[i].at < lanes[i].end;
    return before;
  }

  Bytes types_;
  RecordSizes sizes_;
};

TypeTable::TypeTable(Bytes types, const RecordSizes& sizes, u32 names, u64 piece_bytes) {
  const Walk walk(types, sizes);
  guess_pieces(walk, names, piece_bytes);
  mark_shift_ = pieces_.size() == 1 ? 0 : kBlockShift;
  reserve_lists(types.size());
  walk_pieces(walk);
  join_pieces(walk);
  const Piece& last = pieces_.back();
  count_ = last.first + last.count;
  whole_ = last.stop == types.size();
}

void TypeTable::guess_pieces(const Walk& walk, u32 names, u64 piece_bytes) {
  pieces_.push_back({});
  for (u64 from = piece_bytes; from < walk.size(); from += piece_bytes)
    if (const std::optional<u64> start = walk.guess_start(from, names))
      pieces_.push_back({.start = *start});
}

void TypeTable::reserve_lists(u64 bytes) {
  const u64 lanes = std::min<std::size_t>(pieces_.size(), kLanes);
  for (Lists& lists : std::span(lists_).first(lanes)) {
    lists.marks.grow((bytes / lanes / kUsualRecordBytes >> mark_shift_) + 1);
    lists.named.grow(bytes / lanes / kUsualBytesPerNamed);
  }
}

void TypeTable::walk_pieces(const Walk& walk) {
  std::size_t next = 0;
  const auto take = [&](Lane& lane, u8 number) {
    if (next == pieces_.size()) return;
    Piece& piece = pieces_[next++];
    piece.lane = number;
    lane.begin(piece, next < pieces_.size() ? pieces_[next].start : walk.size());
  };
  std::array<Lane, kLanes> lanes = {Lane{lists_[0]}, Lane{lists_[1]}, Lane{lists_[2]},
                                    Lane{lists_[3]}};
  for (u8 i = 0; i < kLanes; i++)
    take(lanes[i], i);
  while (std::ranges::all_of(lanes, [](const Lane& lane) { return lane.piece != nullptr; })) {
    walk.together(lanes);
    for (u8 i = 0; i < kLanes; i++) {
      if (!lanes[i].is_done()) walk.careful(lanes[i], kBlock);
      if (!lanes[i].is_done()) continue;
      lanes[i].finish();
      take(lanes[i], i);
    }
  }
  for (Lane& lane : lanes) {
    if (lane.piece == nullptr) continue;
    while (!lane.is_done())
      walk.careful(lane, 1u << mark_shift_);
    lane.finish();
  }
}

// Keeps the pieces that start where the one before them ended; the first starts at 0.
void TypeTable::join_pieces(const Walk& walk) {
  std::vector<Piece> joined;
  joined.reserve(pieces_.size());
  for (std::size_t i = 0; i < pieces_.size(); i++) {
    Piece piece = pieces_[i];
    const u64 from = joined.empty() ? 0 : joined.back().stop;
    if (from < piece.start) break;  // the walk stopped at a record without a length
    if (from > piece.start) {       // the guess was wrong: from there on, once more
      piece = {.start = from};
      Lane lane{lists_[0]};
      lane.begin(piece, i + 1 < pieces_.size() ? pieces_[i + 1].start : walk.size());
      while (!lane.is_done())
        walk.careful(lane, 1u << mark_shift_);
      lane.finish();
      if (piece.count == 0) continue;  // the record before reaches over all of it
    }
    if (!joined.empty()) piece.first = joined.back().first + joined.back().count;
    joined.push_back(piece);
  }
  pieces_ = std::move(joined);
  for (u32 i = 0; i < pieces_.size(); i++)
    while (nearby_.size() * kNearby < u64{pieces_[i].first} + pieces_[i].count)
      nearby_.push_back(i);
}

u64 TypeTable::start_of(u32 index, Bytes types, const RecordSizes& sizes) const {
  u32 at_piece = nearby_[index / kNearby];
  while (at_piece + 1 < pieces_.size() && pieces_[at_piece + 1].first <= index)
    at_piece++;
  const Piece& piece = pieces_[at_piece];
  const u32 within = index - piece.first;
  u64 at = lists_[piece.lane].marks[piece.marks_begin + (within >> mark_shift_)];
  for (u32 steps = within & ((1u << mark_shift_) - 1); steps > 0; steps--)
    at += sizes.of(load_checked<u32>(types, at + 4));
  return at;
}

u32 TypeTable::index_of(u64 position, Bytes types, const RecordSizes& sizes) const {
  const auto after = std::ranges::upper_bound(pieces_, position, {}, &Piece::start);
  const Piece& piece = *(after - 1);  // the first piece starts at 0
  const u32 blocks = (piece.count + (1u << mark_shift_) - 1) >> mark_shift_;
  const std::span<const u32> marks =
      lists_[piece.lane].marks.all().subspan(piece.marks_begin, blocks);
  const auto mark = std::ranges::upper_bound(marks, position) - 1;
  u32 index = piece.first + (static_cast<u32>(mark - marks.begin()) << mark_shift_);
  for (u64 at = *mark; at < position; at += sizes.of(load_checked<u32>(types, at + 4)))
    index++;
  return index;
}

}  // namespace bpfld::btf
