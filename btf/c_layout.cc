// SPDX-License-Identifier: Apache-2.0
// See c_layout.h. Positions are in bits from the start of the struct.
#include "btf/c_layout.h"

#include <algorithm>
#include <bit>

namespace bpfld::btf {
namespace {

constexpr u8 kUnknown = 0, kOnTheWay = 1, kFirst = 2;

u64 align_up(u64 value, u64 align) {
  return (value + align - 1) / align * align;  // values are below 2^36: sizes are u32, in bits
}

// The type at the end of typedefs, qualifiers and arrays.
Type innermost(const View& view, TypeId id) {
  for (u32 steps = 0; steps <= kMaxChain; steps++) {
    const Type type = view.type(id);
    if (type.kind == Kind::array)
      id = array(type).element;
    else if (is_modifier(type.kind) || type.kind == Kind::typedef_)
      id = type.type();
    else
      return type;
  }
  return {};
}

}  // namespace

u32 bitfield_width(const View& view, const Member& member, u64& bit_offset) {
  bit_offset = member.bit_offset;
  if (member.bitfield_size != 0) return member.bitfield_size;
  const TypeId id = resolve(view, member.type);
  if (view.kind(id) != Kind::int_) return 0;
  const Type type = view.type(id);
  const Int info = int_info(type);
  if (info.bits == u64{type.size()} * 8 || info.bits == 0) return 0;
  bit_offset += info.bit_offset;
  return info.bits;
}

u64 CLayouts::leaf_align(const Type& type) const {
  switch (type.kind) {
    case Kind::ptr: return kPointerBytes;
    case Kind::float_: return type.size() == 4 || type.size() == 8 ? type.size() : 1;
    case Kind::int_:
    case Kind::enum_:
    case Kind::enum64: return std::bit_ceil(std::clamp<u64>(type.size(), 1, 16));
    case Kind::struct_:
    case Kind::union_: {
      const u8 known = known_[type.id.value];
      return known < kFirst ? 1 : u64{1} << ((known - kFirst) % 8);
    }
    case Kind::void_:
    case Kind::array:
    case Kind::fwd:
    case Kind::typedef_:
    case Kind::volatile_:
    case Kind::const_:
    case Kind::restrict_:
    case Kind::func:
    case Kind::func_proto:
    case Kind::var:
    case Kind::datasec:
    case Kind::decl_tag:
    case Kind::type_tag:
    case Kind::unknown: return 1;
  }
  return 1;
}

CLayouts::Slot CLayouts::slot_of(const Member& member) {
  Slot slot;
  slot.width = bitfield_width(*view_, member, slot.offset);
  const Result<u64> size = size_of(*view_, member.type);
  slot.sized = size.has_value();
  slot.bits = size.value_or(0) * 8;
  slot.align = leaf_align(innermost(*view_, member.type)) * 8;
  return slot;
}

// Where the compiler puts the next member, and what padding brings it to where it is. False if
// nothing does.
bool CLayouts::place(const Slot& slot, u32 index, bool packed, u64& position, CLayout& out) const {
  const u64 align = packed ? (slot.width != 0 ? 1 : 8) : slot.align;
  // A bitfield goes on where the last one ended, unless it would cross a boundary of its type.
  const bool crosses = slot.width != 0 && position % align + slot.width > slot.bits;
  const u64 natural = slot.width != 0 && !crosses ? position : align_up(position, align);
  CPlace made = {.member = index};
  if (natural != slot.offset) {
    if (slot.offset < position) return false;
    const bool fits_here =
        slot.width != 0 ? slot.offset % align + slot.width <= slot.bits : slot.offset % align == 0;
    if (!fits_here) return false;
    made.padding_start = position;
    made.padding_bits = slot.offset - position;
  }
  out.places.push_back(made);
  position = slot.offset + (slot.width != 0 ? slot.width : slot.bits);
  if (!packed) out.align = std::max(out.align, slot.align / 8);
  return true;
}

bool CLayouts::fill(const Type& composite, bool packed, CLayout& out) {
  out = {.shape = packed ? CShape::packed : CShape::natural, .places = {}};
  const u64 size = u64{composite.size()} * 8;
  u64 end = 0;
  u64 position = 0;
  for (const Slot& slot : slots_) {
    if (!slot.sized || slot.width > slot.bits) return false;
    if (composite.kind == Kind::union_) position = 0;
    if (!place(slot, slot.index, packed, position, out)) return false;
    if (composite.kind == Kind::union_ && out.places.back().padding_bits != 0) return false;
    end = std::max(end, position);
  }
  const u64 natural = align_up(end, out.align * 8);
  if (natural > size || size % (out.align * 8) != 0) return false;
  if (natural < size)
    out.places.push_back({.member = static_cast<u32>(slots_.size()),
                          .padding_start = composite.kind == Kind::union_ ? 0 : end,
                          .padding_bits = composite.kind == Kind::union_ ? size : size - end});
  return true;
}

// The layouts of all structs inside must be known.
CLayout CLayouts::layout(const Type& composite) {
  if (known_[composite.id.value] == kUnknown) align(composite.id);
  slots_.clear();
  u32 index = 0;
  for (const Member& member : members(*view_, composite)) {
    slots_.push_back(slot_of(member));
    slots_.back().index = index++;
  }
  const auto order = [](const Slot& a, const Slot& b) {
    return a.offset != b.offset ? a.offset < b.offset : a.index < b.index;
  };
  if (!std::ranges::is_sorted(slots_, order)) std::ranges::sort(slots_, order);
  CLayout out;
  if (fill(composite, false, out) || fill(composite, true, out)) return out;
  return {.shape = CShape::opaque, .places = {}};
}

// The next struct inside whose layout is not known; `next` is the member to go on with.
bool CLayouts::find_unknown(const Type& composite, u32& next, TypeId& unknown) const {
  const Entries<Member> list = members(*view_, composite);
  while (next < list.size()) {
    const Type inner = innermost(*view_, list[next++].type);
    if (!is_composite(inner.kind) || known_[inner.id.value] != kUnknown) continue;
    unknown = inner.id;
    return true;
  }
  return false;
}

void CLayouts::know(const Type& composite) {
  const CLayout made = layout(composite);
  const auto log = static_cast<u32>(std::countr_zero(made.align));
  known_[composite.id.value] = static_cast<u8>(kFirst + static_cast<u32>(made.shape) * 8 + log);
}

u64 CLayouts::align(TypeId id) {
  const Type outer = innermost(*view_, id);
  if (!is_composite(outer.kind) || known_[outer.id.value] != kUnknown) return leaf_align(outer);
  struct Open {
    TypeId id;
    u32 next = 0;  // member
  };
  std::vector<Open> stack = {{.id = outer.id}};
  known_[outer.id.value] = kOnTheWay;
  while (!stack.empty()) {
    const Type type = view_->type(stack.back().id);
    TypeId inner;
    if (find_unknown(type, stack.back().next, inner)) {
      known_[inner.value] = kOnTheWay;
      stack.push_back({.id = inner});
      continue;
    }
    know(type);
    stack.pop_back();
  }
  return leaf_align(outer);
}

}  // namespace bpfld::btf
