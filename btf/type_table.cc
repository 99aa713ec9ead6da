// SPDX-License-Identifier: Apache-2.0
// See type_table.h. Every instruction of step() is executed 120,000 times per load, so it checks
// nothing but that it stays inside. What else could be wrong shows at the end of a block of
// steps; the block then never was, and is walked again by careful(), which checks everything.
#include "btf/type_table.h"

namespace bpfld::btf {
namespace {

// A block of records has a mark; where there are few records, each has one.
constexpr u32 kBlockShift = 4;
constexpr u32 kBlock = 1 << kBlockShift;
constexpr u32 kNearby = 1024;  // a piece has some thousands of records, the last some hundred
// A kernel's records take 25 bytes on average, and one in ten is a struct or union; tables of blobs
// with more grow.
constexpr u64 kUsualRecordBytes = 24;
constexpr u64 kUsualBytesPerComposite = 200;
constexpr u32 kFewPieces = 16;  // a section of fewer is walked in one
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
  std::vector<u32>& marks;
  Piece* piece = nullptr;  // the one it is in; null: none is left
  u64 at = 0;
  u64 end = 0;
  u32 count = 0;

  bool is_done() const { return at >= end; }
  void begin(Piece& with, u64 to) {
    piece = &with;
    piece->marks_begin = marks.size();
    at = with.start;
    end = to;
    count = 0;
  }
  void finish() {
    piece->stop = at;
    piece->count = count;
    piece = nullptr;
  }
};

// What all steps have in common.
class TypeTable::Walk {
 public:
  Walk(Bytes types, const RecordSizes& sizes, Positions& composites)
      : types_(types), sizes_(sizes), composites_(composites) {}

  u64 size() const { return types_.size(); }

  // Blocks of all lanes in turn, until one would take a lane to its end or past it. Then such
  // lanes, and no others, go there with care.
  void together(std::array<Lane, kLanes>& lanes) {
    Places before, places, ends;
    std::ranges::transform(lanes, places.begin(), &Lane::at);
    std::ranges::transform(lanes, ends.begin(), &Lane::end);
    u32 blocks = 0;
    const u32* composites = nullptr;
    while (true) {
      before = places;
      composites = block(types_, places, composites_.ahead(std::size_t{kLanes} * kBlock + 1));
      if (composites == nullptr || !are_before(places, ends)) break;
      composites_.keep_to(composites);
      for (u32 i = 0; i < kLanes; i++)
        lanes[i].marks.push_back(static_cast<u32>(before[i]));
      blocks++;
    }
    for (u32 i = 0; i < kLanes; i++) {
      lanes[i].at = before[i];
      lanes[i].count += blocks * kBlock;
      if (composites == nullptr || places[i] >= ends[i]) careful(lanes[i], kBlock);
    }
  }

  // At most `records`, with a mark at the first. Where there is no way on the lane is done.
  void careful(Lane& lane, u32 records) {
    lane.marks.push_back(static_cast<u32>(lane.at));
    for (u32 i = 0; i < records && !lane.is_done(); i++) {
      const Head head = load_checked<Head>(types_, lane.at);  // zeros past the end; 0 is no kind
      const u64 length = sizes_.of(head.info);
      if (length == 0 || length % 4 != 0) {
        lane.end = 0;
        return;
      }
      if (kComposites.has(info_kind(head.info))) composites_.push_back(static_cast<u32>(lane.at));
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

  using Places = std::array<u64, kLanes>;

  // `composite` is where the position of the next one goes: written always, kept sometimes, as no
  // processor could foresee a branch on it. False past the end of the section.
  [[gnu::always_inline]] static bool step(Bytes types, u64& at, u32*& composite) {
    prefetch(types, at + kAhead);
    if (!fits(types.size(), at, sizeof(Head))) [[unlikely]]
      return false;
    const Head head = load_checked<Head>(types, at);
    const RecordShape shape = record_shape(head.info);
    *composite = static_cast<u32>(at);
    composite += shape.is_composite_bit();
    at += shape.bytes(info_vlen(head.info));
    return true;
  }

  // A block of each lane; gives where the next position of a composite goes, null when a lane came
  // past the end of the section. By itself, and on copies of everything, so that places stay in
  // registers.
  [[gnu::noinline]] static u32* block(Bytes types, Places& places, u32* composite) {
    auto [a, b, c, d, e, f] = places;
    for (u32 i = 0; i < kBlock; i++) {
      if (!step(types, a, composite)) return nullptr;
      if (!step(types, b, composite)) return nullptr;
      if (!step(types, c, composite)) return nullptr;
      if (!step(types, d, composite)) return nullptr;
      if (!step(types, e, composite)) return nullptr;
      if (!step(types, f, composite)) return nullptr;
    }
    places = {a, b, c, d, e, f};
    return composite;
  }

  static bool are_before(const Places& places, const Places& ends) {
    bool before = true;
    for (u32 i = 0; i < kLanes; i++)
      before = before && places[i] < ends[i];
    return before;
  }

  Bytes types_;
  RecordSizes sizes_;
  Positions& composites_;
};

TypeTable::TypeTable(Bytes types, const RecordSizes& sizes, u32 names, u64 piece_bytes) {
  Walk walk(types, sizes, composites_);
  guess_pieces(walk, names, piece_bytes);
  mark_shift_ = pieces_.size() == 1 ? 0 : kBlockShift;
  reserve_lists(types.size());
  walk_pieces(walk);
  join_pieces(walk);
  const Piece& last = pieces_.back();
  count_ = last.first + last.count;
  whole_ = last.stop == types.size();
}

// The nearer the end the smaller, because the last ones are walked one after the other: when there
// is no next piece for each lane.
void TypeTable::guess_pieces(const Walk& walk, u32 names, u64 piece_bytes) {
  pieces_.push_back({});
  if (walk.size() / kFewPieces < piece_bytes) return;
  for (u64 from = 0; from < walk.size();) {
    const u64 share = (walk.size() - from) / u64{2 * kLanes};
    from += (std::max(piece_bytes, share) + 3) / 4 * 4;
    if (const std::optional<u64> start = walk.guess_start(from, names))
      pieces_.push_back({.start = *start});
  }
}

void TypeTable::reserve_lists(u64 bytes) {
  const u64 lanes = std::min<std::size_t>(pieces_.size(), kLanes);
  for (std::vector<u32>& marks : std::span(marks_).first(lanes))
    marks.reserve((bytes / lanes / kUsualRecordBytes >> mark_shift_) + 1);
  composites_.grow(bytes / kUsualBytesPerComposite);
}

void TypeTable::walk_pieces(Walk& walk) {
  std::size_t next = 0;
  const auto take = [&](Lane& lane, u8 number) {
    if (next == pieces_.size()) return;
    Piece& piece = pieces_[next++];
    piece.lane = number;
    lane.begin(piece, next < pieces_.size() ? pieces_[next].start : walk.size());
  };
  std::array<Lane, kLanes> lanes = {Lane{marks_[0]}, Lane{marks_[1]}, Lane{marks_[2]},
                                    Lane{marks_[3]}, Lane{marks_[4]}, Lane{marks_[5]}};
  for (u8 i = 0; i < kLanes; i++)
    take(lanes[i], i);
  while (std::ranges::all_of(lanes, [](const Lane& lane) { return lane.piece != nullptr; })) {
    walk.together(lanes);
    for (u8 i = 0; i < kLanes; i++) {
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
void TypeTable::join_pieces(Walk& walk) {
  std::vector<Piece> joined;
  joined.reserve(pieces_.size());
  for (std::size_t i = 0; i < pieces_.size(); i++) {
    Piece piece = pieces_[i];
    const u64 from = joined.empty() ? 0 : joined.back().stop;
    if (from < piece.start) break;  // the walk stopped at a record without a length
    if (from > piece.start) {       // the guess was wrong: from there on, once more
      piece = {.start = from};
      Lane lane{marks_[0]};
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
  u64 at = marks_[piece.lane][piece.marks_begin + (within >> mark_shift_)];
  for (u32 steps = within & ((1u << mark_shift_) - 1); steps > 0; steps--)
    at += sizes.of(load_checked<u32>(types, at + 4));
  return at;
}

std::optional<u32> TypeTable::index_at(u64 position, Bytes types, const RecordSizes& sizes) const {
  const auto after = std::ranges::upper_bound(pieces_, position, {}, &Piece::start);
  const Piece& piece = *(after - 1);  // the first piece starts at 0
  const u32 blocks = (piece.count + (1u << mark_shift_) - 1) >> mark_shift_;
  if (blocks == 0) return std::nullopt;
  const std::span<const u32> marks =
      std::span(marks_[piece.lane]).subspan(piece.marks_begin, blocks);
  const auto mark = std::ranges::upper_bound(marks, position) - 1;  // as does its first block
  u32 index = piece.first + (static_cast<u32>(mark - marks.begin()) << mark_shift_);
  for (u64 at = *mark; index < piece.first + piece.count; index++) {
    if (at >= position) return at == position ? std::optional(index) : std::nullopt;
    at += sizes.of(load_checked<u32>(types, at + 4));
  }
  return std::nullopt;
}

}  // namespace bpfld::btf
