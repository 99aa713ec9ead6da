// SPDX-License-Identifier: Apache-2.0
// How to write a struct so that a C compiler gives it the layout that BTF says. BTF has offsets and
// sizes; it does not have the attributes that led to them (packed, aligned, a cache line here or
// there). So the compiler's own rules are played through: where they put a member too early,
// padding goes in front of it, as bitfields without a name; where they would put it later than it
// is, the struct must be packed. Struct alignment itself is never asked for: padding does the same,
// and is right wherever the struct is used.
//
// The rules are those of the System V ABI, as in clang's RecordLayoutBuilder for BPF and most other
// targets; tests compile the result and compare.
#pragma once

#include <vector>

#include "btf/layout.h"
#include "btf/types.h"

namespace bpfld::btf {

enum class CShape : u8 {
  natural,
  packed,
  opaque,  // no C struct is like that (members overlap): only its size can be kept
};

// spec: one member, and the padding before it.
struct CPlace {
  u32 member = 0;         // index; the number of members for the padding at the end
  u64 padding_start = 0;  // bits from the start of the struct
  u64 padding_bits = 0;   // 0: the compiler puts it here by itself
};

// spec: a struct's or union's text, in the order it is to be written.
struct CLayout {
  CShape shape = CShape::natural;
  u64 align = 1;               // that the compiler gives to it: bytes
  std::vector<CPlace> places;  // none when opaque
};

// The width of a member that is a bitfield, 0 for others. `bit_offset` is its first bit.
u32 bitfield_width(const View& view, const Member& member, u64& bit_offset);

// handle: the layouts of one BTF's structs; each is found once. The View must outlive it.
class CLayouts {
 public:
  explicit CLayouts(const View& view LIFETIMEBOUND) : view_(&view), known_(view.count(), 0) {}

  // The type must be a struct or union.
  CLayout layout(const Type& composite);
  // Of any type, as C sees what c_decl.h writes; bytes.
  u64 align(TypeId id);

 private:
  struct Slot {  // what placing a member needs to know
    u32 index = 0;
    u32 width = 0;  // of a bitfield; 0: not one
    bool sized = true;
    u64 offset = 0;  // bits
    u64 bits = 0;    // of the whole type
    u64 align = 8;   // bits
  };
  u64 leaf_align(const Type& type) const;
  Slot slot_of(const Member& member);
  bool fill(const Type& composite, bool packed, CLayout& out);
  bool place(const Slot& slot, u32 index, bool packed, u64& position, CLayout& out) const;
  bool find_unknown(const Type& composite, u32& next, TypeId& unknown) const;
  void know(const Type& composite);

  const View* view_;
  std::vector<u8> known_;  // by id: 0 not yet, 1 on the way, else 2 + shape * 8 + log2(align)
  std::vector<Slot> slots_;
};

}  // namespace bpfld::btf
