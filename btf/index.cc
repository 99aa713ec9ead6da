// SPDX-License-Identifier: Apache-2.0
// See index.h. What makes the search fast is that nearly every type is dismissed by its kind or by
// a byte looked up from the first four letters of its name.
#include "btf/index.h"

#include <algorithm>
#include <array>
#include <string>

namespace bpfld::btf {
namespace {

constexpr u32 kFilterBits = 13;  // 8 KiB: stays in the fastest cache beside the types

// The first four bytes of the string at `offset`, zeros after its end and after the table's. No
// branch depends on the string.
u32 prefix(Bytes strings, u32 offset) {
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

// What is asked for: the names in order, for binary search, and the filter in front of them.
class Wanted {
 public:
  Wanted(std::span<const std::string_view> names, Match match) : match_(match) {
    for (u32 i = 0; i < names.size(); i++) {
      if (names[i].empty()) continue;
      sorted_.push_back({names[i], i});
      add_to_filter(names[i]);
    }
    std::ranges::sort(sorted_, {}, &Entry::name);
  }

  bool empty() const { return sorted_.empty(); }
  bool may_want(u32 prefix_value) const { return filter_[filter_slot(prefix_value)] != 0; }

  // Calls `found(position)` with each position in the caller's list that this type's name answers.
  template <typename Found>
  void look_up(std::string_view type_name, Found found) const {
    const std::string_view name =
        match_ == Match::essential ? essential_name(type_name) : type_name;
    for (const Entry& entry : std::ranges::equal_range(sorted_, name, {}, &Entry::name))
      found(entry.position);
  }

 private:
  struct Entry {
    std::string_view name;
    u32 position;
  };

  void add_to_filter(std::string_view name) {
    const std::string with_nul = std::string(name) + '\0';
    filter_[filter_slot(prefix(bytes_of(with_nul), 0))] = 1;
    if (match_ == Match::essential && name.size() < 4) {  // "fd" is also in "fd___old"
      const std::string flavoured = std::string(name) + "___";
      filter_[filter_slot(prefix(bytes_of(flavoured), 0))] = 1;
    }
  }

  Match match_;
  std::vector<Entry> sorted_;
  std::vector<u8> filter_ = std::vector<u8>(1u << kFilterBits);
};

// prefix() of a view's string offsets; those of split BTF may lie in the base's table.
class NamePrefixes {
 public:
  explicit NamePrefixes(const View& view)
      : view_(view),
        strings_(view.string_bytes()),
        first_(view.string_end() - static_cast<u32>(strings_.size())) {}
  u32 at(u32 offset) const {
    if (offset >= first_) [[likely]]
      return prefix(strings_, offset - first_);
    return prefix(bytes_of(view_.string(offset)), 0);
  }

 private:
  const View& view_;
  Bytes strings_;
  u32 first_;
};

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
  const NamePrefixes prefixes(view);
  const auto see = [&](u32 index, u32 name) {
    if (!wanted.may_want(prefixes.at(name))) return;
    wanted.look_up(view.string(name), [&](u32 position) {
      const TypeId id = {view.first_id() + index};
      if (kinds.has(view.kind(id))) out[position].push_back(id);
    });
  };
  if (kinds.within(kComposites)) {
    for (const View::Named& type : view.named_composites())
      see(type.index, type.name);
  } else {
    view.each_record([&](u32 index, const TypeRecord& record) {
      if (record.name != 0 && kinds.has(info_kind(record.info))) see(index, record.name);
    });
  }
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
