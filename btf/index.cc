// SPDX-License-Identifier: Apache-2.0
// See index.h. What makes the search fast is that nearly every type is dismissed by its kind or by
// a word looked up from the first four letters of its name.
#include "btf/index.h"

#include <algorithm>
#include <array>
#include <string>

namespace bpfld::btf {
namespace {

// Names are all over a table of megabytes, and each is waited for unless it was asked for in time.
constexpr std::size_t kAhead = 32;
constexpr u32 kFilterBits = 11;  // 8 KiB: stays in the fastest cache beside the types

// The first four bytes of the string at `offset`, zeros after its end and after the table's. No
// branch depends on the string.
[[gnu::always_inline]] inline u32 prefix_at(Bytes strings, u32 offset) {
  u32 text = 0;
  if (fits(strings.size(), offset, 4)) [[likely]] {
    text = load_checked<u32>(strings, offset);
    if (kHostOrder == ByteOrder::big) text = swap_bytes(text);
  } else {
    for (u32 i = 0; i < 4; i++)
      text |= u32{load_checked<u8>(strings, u64{offset} + i)} << (8 * i);
  }
  // The lowest bit set is the top bit of the first zero byte; the subtraction keeps what is below
  // it.
  const u32 zeros = (text - 0x01010101) & ~text & 0x80808080;
  return text & ((zeros & (0 - zeros)) - 1);
}

u32 filter_slot(u32 prefix_value) {
  return prefix_value * 0x9e3779b1u >> (32 - kFilterBits);
}

// What is asked for, by the slot of each name's first letters. Many of a kernel's names start like
// a wanted one ("trace_event_raw_..."); nearly all of these differ in the byte where it ends.
class Wanted {
 public:
  Wanted(std::span<const std::string_view> names, Match match) : names_(names), match_(match) {
    entries_.reserve(names.size());
    for (u32 i = 0; i < names.size(); i++) {
      if (names[i].empty()) continue;
      const u32 slot = add(i, '\0');
      if (match == Match::essential && names[i].size() < 4) add(i, '_', slot);  // also "fd___old"
    }
  }

  bool empty() const { return entries_.empty(); }
  // Whether look_up() could find something for a name that starts so.
  bool may_be(u32 prefix_value) const { return heads_[filter_slot(prefix_value)] != 0; }
  // Calls `found(position)` with each position in the caller's list that a type's name answers.
  // `text` is that name, its NUL and whatever follows.
  template <typename Found>
  void look_up(std::string_view text, Found found) const {
    for (u32 entry = heads_[filter_slot(prefix_at(bytes_of(text), 0))]; entry != 0;) {
      const Entry& one = entries_[entry - 1];
      if (answers(text, names_[one.position])) found(one.position);
      entry = one.next;
    }
  }

 private:
  struct Entry {
    u32 position;
    u32 next;  // plus one; 0 is the end
  };
  static constexpr u32 kNoSlot = ~0u;

  bool answers(std::string_view text, std::string_view name) const {
    if (text.size() <= name.size()) return false;
    const char end = text[name.size()];
    if (end != '\0' && (match_ == Match::exact || end != '_')) return false;
    if (!text.starts_with(name)) return false;
    return match_ == Match::exact || essential_name(text.data()) == name;
  }

  // The slot of the name when it is followed by `after`; not added if that is `known`.
  u32 add(u32 position, char after, u32 known = kNoSlot) {
    const std::string text = std::string(names_[position]).append(4, after);
    const u32 slot = filter_slot(prefix_at(bytes_of(text), 0));
    if (slot == known) return slot;
    entries_.push_back({position, heads_[slot]});
    heads_[slot] = static_cast<u32>(entries_.size());
    return slot;
  }

  std::span<const std::string_view> names_;
  Match match_;
  std::vector<Entry> entries_;
  std::array<u32, 1u << kFilterBits> heads_ = {};
};

// The strings of a view from an offset on; those of split BTF may lie in the base's table.
class Texts {
 public:
  explicit Texts(const View& view)
      : view_(view),
        strings_(text_of(view.string_bytes())),
        first_(view.string_end() - static_cast<u32>(strings_.size())) {}
  // prefix() will be asked about `offset` soon.
  void prefetch(u32 offset) const {
    if (offset >= first_) bpfld::prefetch(bytes_of(strings_), offset - first_);
  }
  u32 prefix(u32 offset) const {
    if (offset >= first_) [[likely]]
      return prefix_at(bytes_of(strings_), offset - first_);
    return prefix_at(bytes_of(from(offset)), 0);
  }
  std::string_view from(u32 offset) const {
    if (offset >= first_) [[likely]]
      return offset - first_ < strings_.size() ? strings_.substr(offset - first_) : "";
    const std::string_view name = view_.string(offset);
    return {name.data(), name.size() + 1};  // with its NUL
  }

 private:
  const View& view_;
  std::string_view strings_;
  u32 first_;  // string offset of the first of them
};

// find_named() among structs and unions. Three steps for each, kAhead others apart: ask for its
// record, ask for its name, look at its name.
void find_composites(const View& view, const Wanted& wanted, KindMask kinds,
                     std::vector<std::vector<TypeId>>& out) {
  const Texts texts(view);
  const Bytes types = view.type_bytes();
  const std::span<const u32> places = view.composites();
  std::array<u32, kAhead> names = {};
  for (std::size_t i = 0; i < places.size() + kAhead; i++) {
    if (i + kAhead < places.size()) prefetch(types, places[i + kAhead]);
    const u32 name = names[i % kAhead];
    if (i < places.size()) {
      names[i % kAhead] = load_checked<u32>(types, places[i]);
      texts.prefetch(names[i % kAhead]);
    }
    if (i < kAhead || !wanted.may_be(texts.prefix(name))) continue;
    wanted.look_up(texts.from(name), [&](u32 one) {
      const TypeId id = view.id_at(places[i - kAhead]);
      if (kinds.has(view.kind(id))) out[one].push_back(id);
    });
  }
  for (std::vector<TypeId>& ids : out) {  // see View::composites()
    std::ranges::sort(ids);
    ids.erase(std::ranges::unique(ids).begin(), ids.end());
  }
}

}  // namespace

std::string_view essential_name(std::string_view name) {
  if (name.size() < 5) return name;  // "x___y"
  // The first of three '_' is at most at size - 4. One of any three neighbours is at a place that
  // this visits, so most names are done with after a third of their letters.
  for (std::size_t probe = name.size() - 2; probe > 0; probe = probe > 3 ? probe - 3 : 0) {
    if (name[probe] != '_') continue;
    for (std::size_t at = std::min(probe, name.size() - 4); at > 0 && at + 2 >= probe; at--) {
      if (name.substr(at, 3) == "___" && name[at - 1] != '_' && name[at + 3] != '_')
        return name.substr(0, at);
    }
  }
  return name;
}

std::vector<std::vector<TypeId>> find_named(const View& view,
                                            std::span<const std::string_view> names, KindMask kinds,
                                            Match match) {
  std::vector<std::vector<TypeId>> out(names.size());
  const Wanted wanted(names, match);
  if (wanted.empty()) return out;
  if (kinds.within(kComposites)) {
    find_composites(view, wanted, kinds, out);
    return out;
  }
  const Texts texts(view);
  view.each_record([&](u32 index, const TypeRecord& record) {
    if (record.name == 0 || !kinds.has(info_kind(record.info))) return;
    if (!wanted.may_be(texts.prefix(record.name))) return;
    wanted.look_up(texts.from(record.name),
                   [&](u32 one) { out[one].push_back({view.first_id() + index}); });
  });
  return out;
}

TypeId find_one(const View& view, std::string_view name, KindMask kinds) {
  for (const View* at = &view; at != nullptr; at = at->base()) {
    const std::array<std::string_view, 1> names = {name};
    const std::vector<std::vector<TypeId>> found = find_named(*at, names, kinds);
    if (!found[0].empty()) return found[0].front();
  }
  return {};
}

}  // namespace bpfld::btf
