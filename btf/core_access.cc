// SPDX-License-Identifier: Apache-2.0
// See core_access.h. A path is at most kMaxAccess levels long and each level is one look at one
// type, so nothing here needs a budget.
#include "btf/core_access.h"

#include <charconv>

#include "btf/layout.h"
#include "btf/types.h"

namespace bpfld::btf::core {
namespace {

constexpr u64 kMaxBits = ~u32{0};

// "0:1:2" into path.raw. Only digits and single colons.
Reason split(std::string_view text, AccessPath& path) {
  const char* at = text.data();
  const char* const end = at + text.size();
  while (true) {
    u32 index = 0;
    const std::from_chars_result read = std::from_chars(at, end, index);
    if (read.ec != std::errc{}) return Reason::bad_access;
    if (!path.push_raw(index)) return Reason::too_many_indices;
    if (read.ptr == end) return Reason::none;
    if (*read.ptr != ':') return Reason::bad_access;
    at = read.ptr + 1;
  }
}

// Moves the path on by `count` elements of `element`.
Reason add_elements(const View& view, TypeId element, u32 count, AccessPath& path) {
  const Result<u64> size = size_of(view, element);
  if (!size) return Reason::no_size;
  const u64 bytes = *size * count;  // both are below 2^32
  if (bytes > (kMaxBits - path.bit_offset) / 8) return Reason::offset_too_large;
  path.bit_offset += bytes * 8;
  return Reason::none;
}

Reason parse_enumerator(const View& local, AccessPath& path) {
  const Type type = resolved(local, path.root);
  if (!is_enum(type.kind)) return Reason::not_an_enum;
  if (path.raw_count != 1) return Reason::bad_access;
  if (path.raw[0] >= enumerators(local, type).size()) return Reason::enumerator_past_end;
  const Enumerator named = enumerators(local, type)[path.raw[0]];
  path.push_step({.type = type.id, .index = path.raw[0], .name = named.name});
  return Reason::none;
}

// One number after the first: a member of a struct or an element of an array. `at` is where the
// path stands, and moves on.
Reason parse_index(const View& local, u32 index, TypeId& at, AccessPath& path) {
  const Type type = resolved(local, at);
  if (is_composite(type.kind)) {
    const Entries<Member> list = members(local, type);
    if (index >= list.size()) return Reason::member_past_end;
    const Member member = list[index];
    if (member.bit_offset > kMaxBits - path.bit_offset) return Reason::offset_too_large;
    path.bit_offset += member.bit_offset;
    if (!member.name.empty())
      path.push_step({.type = type.id, .index = index, .name = member.name});
    at = member.type;
    return Reason::none;
  }
  if (type.kind != Kind::array) return Reason::not_a_container;
  const Array list = array(type);
  if (index >= list.count && !is_flexible(local, path.last(), list))
    return Reason::element_past_end;
  at = resolve(local, list.element);
  path.push_step({.type = at, .index = index, .name = {}});
  return add_elements(local, at, index, path);
}

Reason parse_field(const View& local, AccessPath& path) {
  TypeId at = resolve(local, path.root);
  path.push_step({.type = at, .index = path.raw[0], .name = {}});
  const Reason root = add_elements(local, at, path.raw[0], path);
  if (root != Reason::none) return root == Reason::no_size ? Reason::root_has_no_size : root;
  for (u32 i = 1; i < path.raw_count; i++) {
    const Reason reason = parse_index(local, path.raw[i], at, path);
    if (reason != Reason::none) return reason;
  }
  return Reason::none;
}

// How many bits of its storage an INT, ENUM or bitfield member uses; 0 when it is no bitfield.
// Compilers of old put the number into an INT of its own instead of into the member.
u32 bitfield_bits(const Member& member, const Type& type) {
  if (member.bitfield_size != 0) return member.bitfield_size;
  const u32 bits = int_info(type).bits;
  return bits < u64{type.size()} * 8 ? bits : 0;
}

// The smallest aligned unit, of the declared type's size or larger, that holds all bits.
Reason find_unit(const Type& type, Field& field) {
  if ((type.kind != Kind::int_ && !is_enum(type.kind)) || type.size() == 0) return Reason::no_size;
  for (u64 unit = type.size();; unit *= 2) {
    const u64 start = field.bit_offset / 8 / unit * unit;
    if (u64{field.bit_offset} + field.bit_size - start * 8 <= unit * 8) {
      field.byte_offset = static_cast<u32>(start);
      field.byte_size = static_cast<u32>(unit);
      return Reason::none;
    }
    if (unit >= 8) return Reason::bitfield_too_wide;
  }
}

// The bytes that one load of `type` takes: an array is read an element at a time.
Result<u64> load_size_of(const View& view, TypeId type) {
  for (u32 depth = 0; depth < kMaxChain; depth++) {
    const Type inner = resolved(view, type);
    if (inner.kind != Kind::array) return size_of(view, type);
    type = array(inner).element;
  }
  return fail(Code::malformed, "BTF type [{}]: arrays nested too deeply", type.value);
}

}  // namespace

Family family_of(CoreKind kind) {
  switch (kind) {
    case CoreKind::field_byte_offset:
    case CoreKind::field_byte_size:
    case CoreKind::field_exists:
    case CoreKind::field_signed:
    case CoreKind::field_lshift_u64:
    case CoreKind::field_rshift_u64: return Family::field;
    case CoreKind::type_id_local:
    case CoreKind::type_id_target:
    case CoreKind::type_exists:
    case CoreKind::type_size:
    case CoreKind::type_matches: return Family::type;
    case CoreKind::enumval_exists:
    case CoreKind::enumval_value: return Family::enumerator;
  }
  std::unreachable();
}

bool AccessPath::push_raw(u32 index) {
  if (raw_count == kMaxAccess) return false;
  raw[raw_count++] = index;
  return true;
}
bool AccessPath::push_step(const Step& step) {
  if (step_count == kMaxAccess) return false;
  steps[step_count++] = step;
  return true;
}

bool is_flexible(const View& view, const Step& holder, const Array& array) {
  if (holder.name.empty() || array.count != 0) return false;
  return u64{holder.index} + 1 == members(view, view.type(holder.type)).size();
}

Reason parse_access(const View& local, const CoreRelo& relo, AccessPath& path) {
  path.root = relo.type;
  const Reason reason = split(relo.access, path);
  if (reason != Reason::none) return reason;
  switch (family_of(relo.kind)) {
    case Family::type: return relo.access == "0" ? Reason::none : Reason::not_whole_type;
    case Family::enumerator: return parse_enumerator(local, path);
    case Family::field: return parse_field(local, path);
  }
  std::unreachable();
}

Reason find_field(const View& view, const AccessPath& path, Field& field) {
  const Step& last = path.last();
  field.bit_offset = static_cast<u32>(path.bit_offset);
  field.is_element = last.name.empty();
  const Member member =
      field.is_element ? Member{} : members(view, view.type(last.type))[last.index];
  field.type = field.is_element ? last.type : member.type;
  const Type type = resolved(view, field.type);
  field.is_signed = is_signed(type);

  const u32 bits = field.is_element ? 0 : bitfield_bits(member, type);
  if (bits != 0) {
    field.is_bitfield = true;
    field.bit_size = bits;
    return find_unit(type, field);
  }
  const Result<u64> size = size_of(view, field.type);
  const Result<u64> load_size = load_size_of(view, field.type);
  if (!size || !load_size) return Reason::no_size;
  if (!field.is_element && field.bit_offset % 8 != 0) return Reason::misaligned;
  field.byte_offset = field.bit_offset / 8;
  field.byte_size = static_cast<u32>(*size);
  field.bit_size = field.byte_size * 8;
  field.load_size = static_cast<u32>(*load_size);
  return Reason::none;
}

std::string path_text(const View& local, const CoreRelo& relo) {
  AccessPath path;
  const Reason reason = parse_access(local, relo, path);
  const Family family = family_of(relo.kind);
  const Type root = local.type(relo.type);
  std::string text = family == Family::field && !root.name.empty() ? std::string(root.name)
                                                                   : type_name(local, relo.type);
  for (u32 i = 0; i < path.step_count; i++) {
    const Step& step = path.steps[i];
    if (!step.name.empty()) {
      text += '.';
      text += step.name;
    } else if (i > 0 || step.index != 0) {
      text += format("[{}]", step.index);
    }
  }
  if (reason != Reason::none) text += format(".? (\"{}\")", relo.access);
  return text;
}

std::string_view reason_text(Reason reason) {
  switch (reason) {
    case Reason::none: return "no reason";
    case Reason::bad_access: return "the access string is not numbers between colons";
    case Reason::too_many_indices: return "the access string has more than 64 numbers";
    case Reason::root_has_no_size: return "the root type has no size";
    case Reason::member_past_end: return "the access string names a member past the struct's last";
    case Reason::element_past_end: return "the access string names an element past the array's end";
    case Reason::not_a_container: return "the access string enters a type without members";
    case Reason::not_an_enum: return "the type is not an enum";
    case Reason::enumerator_past_end:
      return "the access string names an enumerator past the enum's last";
    case Reason::not_whole_type: return "the access string of a type is not \"0\"";
    case Reason::anonymous_root: return "the root type has no name to look for";
    case Reason::element_property:
      return "an array element has only an offset, a size and existence";
    case Reason::no_size: return "the field's type has no size";
    case Reason::offset_too_large: return "the field lies past the first 512 MiB";
    case Reason::misaligned: return "the field starts inside a byte but is no bitfield";
    case Reason::bitfield_too_wide: return "the bitfield does not fit into one load of 8 bytes";
    case Reason::no_member: return "has no such member";
    case Reason::member_type_differs: return "a member has a type of another kind";
    case Reason::no_struct_here: return "has no struct or union at this place";
    case Reason::no_array_here: return "has no array at this place";
    case Reason::array_too_short: return "the array is too short";
    case Reason::no_enumerator: return "has no such enumerator";
    case Reason::type_differs: return "the type is not compatible";
    case Reason::lost_earlier: return "lost to another in an earlier relocation";
    case Reason::offsets_differ: return "the candidates put the field at different offsets";
    case Reason::values_differ: return "the candidates give different values";
    case Reason::too_deep: return "types are nested too deeply";
    case Reason::too_much_work: return "the types are too entangled to compare in bounded time";
  }
  std::unreachable();
}

}  // namespace bpfld::btf::core
