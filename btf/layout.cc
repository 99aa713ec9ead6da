// SPDX-License-Identifier: Apache-2.0
// See layout.h. None of these functions recurses: the type graph is input. Struct alignment walks
// members with a stack on the heap and remembers every struct's answer, since a graph of n structs
// can hold 2^n paths.
#include "btf/layout.h"

#include <algorithm>
#include <bit>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/escape.h"

namespace bpfld::btf {
namespace {

constexpr u64 kMaxSize = ~u32{0};

TypeId skip(const View& view, TypeId id, bool typedefs) {
  for (u32 steps = 0; steps <= kMaxChain; steps++) {
    const TypeRecord record = view.record(id);
    const Kind kind = kind_of(record);
    if (!is_modifier(kind) && !(typedefs && kind == Kind::typedef_)) return id;
    id = {record.size_or_type};
  }
  return {};
}

std::unexpected<Error> no_size(TypeId id, Kind kind) {
  return fail(Code::malformed, "BTF type [{}]: {} has no size", id.value, kind_name(kind));
}

// One step towards the type whose size or alignment decides, or nothing when `type` is that type.
std::optional<TypeId> inner_type(const Type& type) {
  if (is_modifier(type.kind) || type.kind == Kind::typedef_ || type.kind == Kind::var)
    return type.type();
  if (type.kind == Kind::array) return array(type).element;
  return std::nullopt;
}

// The type that decides the alignment of `id`: through arrays, typedefs, qualifiers and variables.
Result<Type> innermost(const View& view, TypeId id) {
  for (u32 steps = 0; steps <= kMaxChain; steps++) {
    const Type type = view.type(id);
    const std::optional<TypeId> inner = inner_type(type);
    if (!inner) return type;
    id = *inner;
  }
  return fail(Code::malformed, "BTF type [{}]: more than {} types deep", id.value, kMaxChain);
}

// Alignment of a type without members; nothing for a struct or union.
Result<std::optional<u64>> scalar_align(const Type& type) {
  switch (type.kind) {
    case Kind::ptr: return kPointerBytes;
    case Kind::int_:
    case Kind::float_:
    case Kind::enum_:
    case Kind::enum64: return std::bit_ceil(std::clamp<u64>(type.size(), 1, 16));
    case Kind::datasec: return 1;  // its variables have theirs; a section's is the ELF's business
    case Kind::struct_:
    case Kind::union_: return std::nullopt;
    case Kind::void_:
    case Kind::fwd:
    case Kind::func:
    case Kind::func_proto:
    case Kind::decl_tag:
    case Kind::unknown:
    case Kind::array:
    case Kind::typedef_:
    case Kind::volatile_:
    case Kind::const_:
    case Kind::restrict_:
    case Kind::var:
    case Kind::type_tag: return no_size(type.id, type.kind);
  }
  std::unreachable();
}

// A struct on the way: which member is next, what was found so far.
struct Frame {
  Type type;
  u32 next = 0;
  u64 align = 1;
  bool packed = false;
};

constexpr u64 kInProgress = 0;

// Takes in one member's alignment. Where a bitfield starts says nothing about packing; an old-style
// one is to be known by an INT that uses fewer bits than it has.
void note_member(Frame& frame, const Member& member, const Type& type, u64 align) {
  const bool partial = type.kind == Kind::int_ && int_info(type).bits != u64{type.size()} * 8;
  const bool bitfield = member.bitfield_size != 0 || partial;
  frame.align = std::max(frame.align, align);
  if (!bitfield && member.bit_offset % (align * 8) != 0) frame.packed = true;
}

// The struct on top of the stack: its next member is taken in, or is pushed, or it is finished.
Status step(const View& view, std::vector<Frame>& stack, std::unordered_map<u32, u64>& known) {
  Frame& frame = stack.back();
  const Entries<Member> list = members(view, frame.type);
  if (frame.next == list.size()) {
    const bool packed = frame.packed || frame.type.size() % frame.align != 0;
    known[frame.type.id.value] = packed ? 1 : frame.align;
    stack.pop_back();
    return {};
  }
  const Member member = list[frame.next];
  const Type inner = TRY(innermost(view, member.type));
  const std::optional<u64> scalar = TRY(scalar_align(inner));
  if (scalar) {
    note_member(frame, member, inner, *scalar);
    frame.next++;
    return {};
  }
  const auto [entry, is_new] = known.try_emplace(inner.id.value, kInProgress);
  if (is_new) {
    if (stack.size() > kMaxChain)
      return fail(Code::malformed, "BTF type [{}]: more than {} structs deep", frame.type.id.value,
                  kMaxChain);
    stack.push_back({.type = inner});  // `frame` is gone now; the member is looked at again later
    return {};
  }
  if (entry->second == kInProgress)
    return fail(Code::malformed, "BTF type [{}]: {} \"{}\" contains itself", inner.id.value,
                kind_name(inner.kind), escape_terminal(inner.name));
  note_member(frame, member, inner, entry->second);
  frame.next++;
  return {};
}

}  // namespace

TypeId skip_modifiers(const View& view, TypeId id) {
  return skip(view, id, false);
}
TypeId resolve(const View& view, TypeId id) {
  return skip(view, id, true);
}
Type resolved(const View& view, TypeId id) {
  for (u32 steps = 0; steps <= kMaxChain; steps++) {
    const Type type = view.type(id);
    if (!is_modifier(type.kind) && type.kind != Kind::typedef_) return type;
    id = type.type();
  }
  return {};
}

Result<u64> size_of(const View& view, TypeId id) {
  const TypeId asked = id;
  u64 count = 1;
  for (u32 steps = 0; steps <= kMaxChain; steps++) {
    const Type type = view.type(id);
    if (type.kind == Kind::array) {
      const u64 elements = array(type).count;
      if (elements != 0 && count > kMaxSize / elements)
        return fail(Code::limit, "BTF type [{}]: an array of more than 4 GiB", asked.value);
      count *= elements;
    }
    if (const std::optional<TypeId> inner = inner_type(type)) {
      id = *inner;
      continue;
    }
    const bool has_size = third_word(type.kind) == Third::size;
    if (!has_size && type.kind != Kind::ptr) return no_size(id, type.kind);
    const u64 size = type.kind == Kind::ptr ? kPointerBytes : type.size();
    if (size != 0 && count > kMaxSize / size)
      return fail(Code::limit, "BTF type [{}]: an array of more than 4 GiB", asked.value);
    return count * size;
  }
  return fail(Code::malformed, "BTF type [{}]: more than {} types deep", asked.value, kMaxChain);
}

Result<u64> align_of(const View& view, TypeId id) {
  const Type outer = TRY(innermost(view, id));
  const std::optional<u64> scalar = TRY(scalar_align(outer));
  if (scalar) return *scalar;
  std::unordered_map<u32, u64> known = {{outer.id.value, kInProgress}};
  std::vector<Frame> stack = {{.type = outer}};
  while (!stack.empty())
    TRY(step(view, stack, known));
  return known[outer.id.value];
}

}  // namespace bpfld::btf
