// SPDX-License-Identifier: Apache-2.0
// What follows a type's first three words, by kind: members, enumerators, parameters, variables and
// the single words of INT, VAR and DECL_TAG. A struct may have a thousand members and a caller may
// want one, so each list is a range that decodes an entry when it is looked at, and allocates
// nothing.
//
//   for (const Member& member : members(view, type)) ...
//
// Every accessor takes any Type: for a kind that has no such list, the list is empty.
#pragma once

#include <algorithm>
#include <cstddef>
#include <iterator>

#include "base/bytes.h"
#include "btf/view.h"

namespace bpfld::btf {

enum class Linkage : u32 { static_ = 0, global = 1, extern_ = 2, other = 3 };  // of FUNC and of VAR

constexpr bool is_enum(Kind kind) {
  return kind == Kind::enum_ || kind == Kind::enum64;
}
// Kinds that qualify or annotate another type without changing its values. A typedef is not one.
constexpr bool is_modifier(Kind kind) {
  return kind == Kind::const_ || kind == Kind::volatile_ || kind == Kind::restrict_ ||
         kind == Kind::type_tag;
}

// view: a type's list of entries, decoded one at a time. The View must outlive it; the Type need
// not.
template <typename Entry>
class Entries {
 public:
  class Iterator {
   public:
    using value_type = Entry;
    using difference_type = std::ptrdiff_t;
    using iterator_category = std::input_iterator_tag;  // it gives values, not references
    Iterator() = default;
    Iterator(const Entries* list, u32 index) : list_(list), index_(index) {}
    Entry operator*() const { return (*list_)[index_]; }
    Iterator& operator++() {
      index_++;
      return *this;
    }
    Iterator operator++(int) {
      const Iterator before = *this;
      index_++;
      return before;
    }
    bool operator==(const Iterator& other) const { return index_ == other.index_; }

   private:
    const Entries* list_ = nullptr;
    u32 index_ = 0;
  };

  // `words`: u32 words in one entry; 0 makes the list empty.
  Entries(const View& view LIFETIMEBOUND, const Type& type, u32 words)
      : view_(&view), tail_(type.tail), words_(words), flag_(type.kind_flag) {
    if (words != 0)
      size_ = static_cast<u32>(std::min<u64>(type.vlen, type.tail.size() / (4 * u64{words})));
  }

  u32 size() const { return size_; }
  bool empty() const { return size_ == 0; }
  Iterator begin() const LIFETIMEBOUND { return {this, 0}; }
  Iterator end() const LIFETIMEBOUND { return {this, size_}; }
  // The entry; one with all fields 0 when `index` is past the end.
  Entry operator[](u32 index) const {
    if (index >= size_) return {};
    return decode(static_cast<Entry*>(nullptr), u64{index} * words_ * 4);
  }

 private:
  u32 word(u64 at) const { return load_checked<u32>(tail_, at); }

  Member decode(Member*, u64 at) const {
    const u32 offset = word(at + 8);
    return {.name = view_->string(word(at)),
            .type = {word(at + 4)},
            .bit_offset = flag_ ? offset & 0xffffff : offset,
            .bitfield_size = flag_ ? offset >> 24 : 0};
  }
  Enumerator decode(Enumerator*, u64 at) const {
    const u32 low = word(at + 4);
    const u64 extended = flag_ ? static_cast<u64>(i64{static_cast<i32>(low)}) : low;
    return {.name = view_->string(word(at)),
            .value = words_ == 3 ? u64{word(at + 8)} << 32 | low : extended};
  }
  Param decode(Param*, u64 at) const {
    return {.name = view_->string(word(at)), .type = {word(at + 4)}};
  }
  Variable decode(Variable*, u64 at) const {
    return {.type = {word(at)}, .offset = word(at + 4), .size = word(at + 8)};
  }

  const View* view_;
  Bytes tail_;
  u32 words_;
  u32 size_ = 0;
  bool flag_;
};

// Of a STRUCT or UNION, in declaration order.
inline Entries<Member> members(const View& view LIFETIMEBOUND, const Type& type) {
  return {view, type, is_composite(type.kind) ? 3u : 0u};
}
// Of an ENUM or ENUM64.
inline Entries<Enumerator> enumerators(const View& view LIFETIMEBOUND, const Type& type) {
  return {view, type, type.kind == Kind::enum_ ? 2u : type.kind == Kind::enum64 ? 3u : 0u};
}
// Of a FUNC_PROTO; for a FUNC, resolve its type() first.
inline Entries<Param> params(const View& view LIFETIMEBOUND, const Type& type) {
  return {view, type, type.kind == Kind::func_proto ? 2u : 0u};
}
// Of a DATASEC.
inline Entries<Variable> variables(const View& view LIFETIMEBOUND, const Type& type) {
  return {view, type, type.kind == Kind::datasec ? 3u : 0u};
}

// All zero unless the type is an ARRAY.
inline Array array(const Type& type) {
  if (type.kind != Kind::array) return {};
  return {.element = {load_checked<u32>(type.tail, 0)},
          .index = {load_checked<u32>(type.tail, 4)},
          .count = load_checked<u32>(type.tail, 8)};
}

// All zero unless the type is an INT.
inline Int int_info(const Type& type) {
  if (type.kind != Kind::int_) return {};
  const u32 word = load_checked<u32>(type.tail, 0);
  return {.encoding = static_cast<u8>(word >> 24 & 0xf),
          .bit_offset = static_cast<u8>(word >> 16 & 0xff),
          .bits = static_cast<u8>(word & 0xff)};
}

inline Linkage to_linkage(u32 value) {
  return value <= 2 ? static_cast<Linkage>(value) : Linkage::other;
}
inline Linkage func_linkage(const Type& func) {
  return func.kind == Kind::func ? to_linkage(func.vlen) : Linkage::other;
}
inline Linkage var_linkage(const Type& var) {
  return var.kind == Kind::var ? to_linkage(load_checked<u32>(var.tail, 0)) : Linkage::other;
}

// Which member or parameter a DECL_TAG is about; -1 for the whole type, variable or function.
inline i32 tag_component(const Type& tag) {
  return tag.kind == Kind::decl_tag ? load_checked<i32>(tag.tail, 0) : -1;
}

// Whether a plain value of this INT, ENUM or ENUM64 is signed.
inline bool is_signed(const Type& type) {
  if (type.kind == Kind::int_) return (int_info(type).encoding & kIntSigned) != 0;
  return is_enum(type.kind) && type.kind_flag;
}
// An anonymous FWD says which keyword it stands for through its flag.
inline bool fwd_is_union(const Type& type) {
  return type.kind == Kind::fwd && type.kind_flag;
}

}  // namespace bpfld::btf
