// SPDX-License-Identifier: Apache-2.0
// See value.h. The rules of what is a string, a flag set or a tail are guesses from how BPF
// programs are written, each stated where it is made.
#include "btf/value.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "btf/shown_as.h"

namespace bpfld::btf {
namespace {

bool is_char(const Type& type) {
  return type.kind == Kind::int_ && type.size() == 1 &&
         (type.name == "char" || (int_info(type).encoding & kIntChar) != 0);
}

// u8, __u8, unsigned char: raw bytes when there are several.
bool is_raw_byte(const Type& type) {
  return type.kind == Kind::int_ && type.size() == 1 && int_info(type).encoding == 0 &&
         !is_char(type);
}

// All values single bits, and one of them at least 4: {0, 1, 2} is more often a plain enumeration.
bool has_flag_values(const View& view, const Type& type) {
  bool large = false;
  for (const Enumerator& e : enumerators(view, type)) {
    if (e.value != 0 && !std::has_single_bit(e.value)) return false;
    large = large || e.value >= 4;
  }
  return large;
}

bool is_network_typedef(std::string_view name) {
  return name == "__be16" || name == "__be32" || name == "__be64";
}

// Whether one of the typedefs between `id` and what it is made of says network order.
bool in_network_order(const View& view, TypeId id) {
  for (u32 steps = 0; steps <= kMaxChain; steps++) {
    const Type type = view.type(id);
    if (type.kind == Kind::typedef_ && is_network_typedef(type.name)) return true;
    if (type.kind != Kind::typedef_ && !is_modifier(type.kind)) return false;
    id = type.type();
  }
  return false;
}

Form int_form(const Type& type) {
  const Int info = int_info(type);
  if (info.bits > 64) return Form::wide;
  if ((info.encoding & kIntBool) != 0) return Form::boolean;
  if (is_char(type)) return Form::character;
  return (info.encoding & kIntSigned) != 0 ? Form::signed_ : Form::unsigned_;
}

Form array_form(const View& view, const Type& type) {
  const Type element = resolved(view, array(type).element);
  return is_char(element) ? Form::text : is_raw_byte(element) ? Form::bytes : Form::array;
}

Form form_of(const View& view, const Type& type) {
  switch (type.kind) {
    case Kind::int_: return int_form(type);
    case Kind::ptr: return Form::pointer;
    case Kind::float_: return Form::floating;
    case Kind::enum_:
    case Kind::enum64: return has_flag_values(view, type) ? Form::flags : Form::enum_;
    case Kind::array: return array_form(view, type);
    case Kind::struct_:
    case Kind::union_: return Form::composite;
    case Kind::void_:
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
    case Kind::unknown: return Form::opaque;
  }
  std::unreachable();
}

// The decl tags for us, of one struct: which member each is about and what it says.
struct MemberTag {
  TypeId owner;
  u32 member;
  std::string_view text;
};

constexpr std::string_view kTagPrefix = "bpfld:";

std::vector<MemberTag> collect_tags(const View& view) {
  std::vector<MemberTag> out;
  for (u32 index = 0; index < view.own_count(); index++) {
    if (info_kind(view.own_record(index).info) != static_cast<u32>(Kind::decl_tag)) continue;
    const Type type = view.type({view.first_id() + index});
    if (!type.name.starts_with(kTagPrefix) || tag_component(type) < 0) continue;
    out.push_back({.owner = type.type(),
                   .member = static_cast<u32>(tag_component(type)),
                   .text = type.name.substr(kTagPrefix.size())});
  }
  return out;
}

// A struct whose members are being listed: the type itself, or an anonymous member of it.
struct Level {
  Type type;
  u64 bit_offset;
  u32 next = 0;
};

Field make_field(const View& view, const Member& member, u64 bit_offset) {
  Field field;
  field.name = member.name;
  field.type = member.type;
  field.shape = shape_of(view, member.type, member.bitfield_size);
  field.bit_offset = bit_offset + member.bit_offset;
  field.padding = is_padding_name(member.name);
  field.hidden = field.padding || member.name.starts_with("__");
  return field;
}

void apply_tags(Field& field, const std::vector<MemberTag>& tags, TypeId owner, u32 member) {
  for (const MemberTag& tag : tags) {
    if (tag.owner != owner || tag.member != member) continue;
    field.tags.emplace_back(tag.text);
    if (tag.text == "hidden") field.hidden = true;
    const std::optional<Show> show = show_of_tag(tag.text);
    if (show && can_show(field.shape, *show)) field.show = *show;
  }
}

// Marks the last member of the struct itself as its tail, if it is an array, and finds its size.
void mark_tail(std::vector<Field>& fields, u64 last_member_offset) {
  if (fields.empty()) return;
  Field& last = fields.back();
  const Form form = last.shape.form;
  const bool is_array = form == Form::text || form == Form::bytes || form == Form::array;
  if (!is_array || last.bit_offset != last_member_offset) return;
  last.tail = true;
  for (const Field& sibling : fields) {
    if (sibling.name != last.name + "_size" && sibling.name != last.name + "_len") continue;
    if (is_integer(sibling.shape.form))
      last.bound = {sibling.bit_offset + sibling.shape.bit_skip, sibling.shape.bits};
  }
  last.many_strings = form == Form::text && (last.shape.bits == 0 || last.bound);
}

}  // namespace

bool is_padding_name(std::string_view name) {
  while (name.starts_with('_'))
    name.remove_prefix(1);
  if (!name.starts_with("pad")) return false;
  name.remove_prefix(3);
  return name.empty() || name == "ding" || name[0] == '_' || (name[0] >= '0' && name[0] <= '9');
}

bool is_integer(Form form) {
  return form == Form::unsigned_ || form == Form::signed_ || form == Form::boolean ||
         form == Form::character || form == Form::pointer || form == Form::enum_ ||
         form == Form::flags;
}

Shape shape_of(const View& view, TypeId type, u32 bitfield_size) {
  const Type inner = resolved(view, type);
  Shape shape;
  shape.form = form_of(view, inner);
  shape.type = inner.id;
  if (shape.form == Form::opaque) return shape;
  const Result<u64> size = size_of(view, inner.id);
  if (!size) {
    shape.form = Form::opaque;
    return shape;
  }
  shape.bits = *size * 8;
  if (bitfield_size != 0) {
    shape.bits = bitfield_size;
  } else if (inner.kind == Kind::int_ && int_info(inner).bits < shape.bits) {
    shape.bits = int_info(inner).bits;
    shape.bit_skip = int_info(inner).bit_offset;
  }
  if (shape.bits > 64 && is_integer(shape.form)) shape.form = Form::opaque;
  shape.network_order = in_network_order(view, type);
  return shape;
}

std::vector<Field> columns(const View& view, TypeId type) {
  const Type outer = resolved(view, type);
  std::vector<Field> fields;
  if (!is_composite(outer.kind)) {
    fields.push_back(make_field(view, {.name = "value", .type = type}, 0));
    mark_tail(fields, 0);
    return fields;
  }
  const std::vector<MemberTag> tags = collect_tags(view);
  u64 last_member_offset = 0;
  std::vector<Level> stack = {{.type = outer, .bit_offset = 0}};
  while (!stack.empty() && fields.size() < kMaxFields) {
    Level& level = stack.back();
    const Entries<Member> list = members(view, level.type);
    if (level.next == list.size()) {
      stack.pop_back();
      continue;
    }
    const u32 index = level.next++;
    const Member member = list[index];
    const Type inner = resolved(view, member.type);
    if (stack.size() == 1) last_member_offset = member.bit_offset;
    if (member.name.empty() && is_composite(inner.kind)) {
      const Level next = {.type = inner, .bit_offset = level.bit_offset + member.bit_offset};
      if (stack.size() <= kMaxChain && !inner.tail.empty()) stack.push_back(next);
      continue;
    }
    fields.push_back(make_field(view, member, level.bit_offset));
    apply_tags(fields.back(), tags, level.type.id, index);
  }
  if (outer.kind == Kind::struct_) mark_tail(fields, last_member_offset);
  return fields;
}

std::optional<u64> read_bits(Bytes record, u64 bit_offset, u64 bits, ByteOrder order) {
  if (bits > 64 || !fits(u64{record.size()} * 8, bit_offset, bits)) return std::nullopt;
  u64 value = 0;
  for (u64 got = 0; got < bits;) {
    const u64 byte = load_checked<u8>(record, (bit_offset + got) / 8);
    const u64 inside = (bit_offset + got) % 8;
    const u64 take = std::min(8 - inside, bits - got);
    const u64 mask = (1u << take) - 1;
    if (order == ByteOrder::little) {
      value |= (byte >> inside & mask) << got;
    } else {
      value = value << take | (byte >> (8 - inside - take) & mask);
    }
    got += take;
  }
  return value;
}

std::optional<u64> read_number(const Shape& shape, Bytes record, u64 bit_offset, bool is_signed) {
  if (!is_integer(shape.form) || shape.bits == 0) return std::nullopt;
  const std::optional<u64> raw = read_bits(record, bit_offset + shape.bit_skip, shape.bits);
  if (!raw) return std::nullopt;
  u64 value = *raw;
  if (shape.network_order && kHostOrder == ByteOrder::little && shape.bits % 16 == 0)
    value = swap_bytes(value) >> (64 - shape.bits);
  const u64 unused = 64 - shape.bits;
  return is_signed ? static_cast<u64>(static_cast<i64>(value << unused) >> unused) : value;
}

std::optional<u64> field_number(const View& view, const Field& field, Bytes record) {
  const bool negative = is_signed(view.type(field.shape.type));
  return read_number(field.shape, record, field.bit_offset, negative);
}

std::optional<Bytes> field_bytes(const Field& field, Bytes record) {
  const u64 start = field.bit_offset / 8;
  if (start > record.size() || (start == record.size() && !(field.tail && field.shape.bits == 0)))
    return std::nullopt;
  u64 size = record.size() - start;
  if (field.shape.bits != 0 || !field.tail) size = std::min(size, field.shape.bits / 8);
  if (field.bound) {
    const std::optional<u64> bound = read_bits(record, field.bound->bit_offset, field.bound->bits);
    if (bound) size = std::min(size, *bound);
  }
  return record.subspan(static_cast<std::size_t>(start), static_cast<std::size_t>(size));
}

}  // namespace bpfld::btf
