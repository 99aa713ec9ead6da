// SPDX-License-Identifier: Apache-2.0
// View::validate(): everything that parse() does not promise. Four sweeps over the types, each with
// the rules of one shape. Here: what a record may hold by itself, and what kinds its references
// must lead to. In validate_graph.cc: that following references ends (a cycle is fine only through
// a pointer inside a struct, as in list_head); and, from the leaves up, that members lie inside
// their struct.
//
// Rules: kernel/bpf/btf.c btf_check_all_metas(), btf_check_all_types(). Laxer where compilers are:
// a DATASEC's size and offsets may be 0 until the loader fills them in, linkage may be extern,
// ".ksyms" holds functions. Members out of order are accepted, since nothing here depends on the
// order.
#include <algorithm>
#include <bit>
#include <utility>

#include "btf/validate_parts.h"

namespace bpfld::btf {
namespace {

constexpr std::size_t kMaxIdentifier = 511;  // KSYM_NAME_LEN - 1 of the kernel

constexpr std::array<bool, 256> kIdentifierBytes = [] {
  std::array<bool, 256> out = {};
  for (const char c : std::string_view("_.0123456789abcdefghijklmnopqrstuvwxyz"
                                       "ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
    out[static_cast<u8>(c)] = true;
  return out;
}();

bool is_identifier(std::string_view name) {
  if (name.empty() || name.size() > kMaxIdentifier || (name[0] >= '0' && name[0] <= '9'))
    return false;
  return std::ranges::all_of(name, [](char c) { return kIdentifierBytes[static_cast<u8>(c)]; });
}

bool is_power_of_two(u32 value, u32 max) {
  return std::has_single_bit(value) && value <= max;
}

enum class NameRule : u8 { any, none, identifier, identifier_or_none, text };

NameRule name_rule(Kind kind) {
  switch (kind) {
    case Kind::ptr:
    case Kind::array:
    case Kind::volatile_:
    case Kind::const_:
    case Kind::restrict_:
    case Kind::func_proto: return NameRule::none;
    case Kind::struct_:
    case Kind::union_:
    case Kind::enum_:
    case Kind::enum64: return NameRule::identifier_or_none;
    case Kind::fwd:
    case Kind::typedef_:
    case Kind::func:
    case Kind::var: return NameRule::identifier;
    case Kind::datasec:
    case Kind::decl_tag:
    case Kind::type_tag: return NameRule::text;
    case Kind::int_:
    case Kind::float_:  // "long unsigned int", "__int128": spaces are usual
    case Kind::void_:
    case Kind::unknown: return NameRule::any;
  }
  std::unreachable();
}

Status check_name(const Type& type) {
  const NameRule rule = name_rule(type.kind);
  if (rule == NameRule::none && !type.name.empty()) return broken(type, "must not have a name");
  if (rule == NameRule::identifier && !is_identifier(type.name))
    return broken(type, "has no valid identifier as its name");
  if (rule == NameRule::identifier_or_none && !type.name.empty() && !is_identifier(type.name))
    return broken(type, "has no valid identifier as its name");
  if (rule == NameRule::text && type.name.empty()) return broken(type, "has no name");
  return {};
}

// vlen and the flag of kinds that give them no meaning.
Status check_info(const Type& type) {
  const KindRow* row = find_kind(type.kind);
  const bool counts = row == nullptr || row->words_per_entry != 0 || type.kind == Kind::func;
  const bool flags = is_composite(type.kind) || is_enum(type.kind) || type.kind == Kind::fwd ||
                     type.kind == Kind::decl_tag || type.kind == Kind::type_tag ||
                     type.kind == Kind::unknown;
  if (!counts && type.vlen != 0)
    return broken(type, "has {} entries, its kind has none", type.vlen);
  if (!flags && type.kind_flag)
    return broken(type, "has the kind flag, which means nothing for it");
  return {};
}

Status check_entry_name(const View& view, const Type& type, std::string_view what, u32 index,
                        u32 words, bool may_be_empty) {
  const u32 offset = load_checked<u32>(type.tail, u64{index} * words * 4);
  if (!view.has_string(offset))
    return broken(type, "{} {}: name offset {} is past the string table ({} bytes)", what, index,
                  offset, view.string_end());
  const std::string_view name = view.string(offset);
  if (name.empty() ? !may_be_empty : !is_identifier(name))
    return broken(type, "{} {} has no valid identifier as its name", what, index);
  return {};
}

// Which reference of a record is looked at; put into words only when it is wrong.
struct Part {
  std::string_view what;
  u32 index = 0;
  std::string_view name = {};
  bool numbered = false;
};
Part part(std::string_view what) {
  return {.what = what};
}
Part part(std::string_view what, u32 index, std::string_view name = {}) {
  return {.what = what, .index = index, .name = name, .numbered = true};
}
std::string describe(const Part& p) {
  if (!p.numbered) return std::string(p.what);
  return p.name.empty() ? format("{} {}", p.what, p.index)
                        : format("{} {} \"{}\"", p.what, p.index, escape_terminal(p.name));
}

Status check_id(const View& view, const Type& type, const Part& where, TypeId id) {
  if (id.value >= view.count())
    return broken(type, "{} is type [{}], the last one is [{}]", describe(where), id.value,
                  view.count() - 1);
  return {};
}

// In range, and something that a value can have as its type.
Status check_is_type(const Graph& graph, const Type& type, const Part& where, TypeId id) {
  TRY(check_id(graph.view(), type, where, id));
  const Kind kind = graph.kind(id);
  const bool is_other_thing =
      kind == Kind::func || kind == Kind::var || kind == Kind::datasec || kind == Kind::decl_tag;
  if (is_other_thing)
    return broken(type, "{} is [{}], which is {}, not a type", describe(where), id.value,
                  kind_name(kind));
  return {};
}

Status check_int(const Type& type) {
  const u32 word = load_checked<u32>(type.tail, 0);
  const Int info = int_info(type);
  if ((word & 0xf0000000) != 0) return broken(type, "has unknown encoding bits {:#x}", word);
  if (info.encoding != 0 && !std::has_single_bit(info.encoding))
    return broken(type, "has unknown encoding {:#x}", info.encoding);
  const u32 last_bit = u32{info.bit_offset} + info.bits;
  if (info.bits == 0 || last_bit > 128 || (last_bit + 7) / 8 > type.size() || type.size() > 16)
    return broken(type, "has {} bits at bit {} in {} bytes", info.bits, info.bit_offset,
                  type.size());
  return {};
}

Status check_enum(const View& view, const Type& type) {
  // `enum e;`, as clang writes it. The kernel refuses that, so such BTF stays here.
  const bool forward = type.size() == 0 && type.vlen == 0;
  if (!forward && !is_power_of_two(type.size(), 8))
    return broken(type, "has a size of {}", type.size());
  const u32 words = type.kind == Kind::enum_ ? 2 : 3;
  for (u32 i = 0; i < type.vlen; i++)
    TRY(check_entry_name(view, type, "enumerator", i, words, false));
  return {};
}

Status check_members(const Graph& graph, const Type& type) {
  const Entries<Member> list = members(graph.view(), type);
  for (u32 i = 0; i < list.size(); i++) {
    TRY(check_entry_name(graph.view(), type, "member", i, 3, true));
    const Member member = list[i];
    if (member.type.value == 0)
      return broken(type, "member {} \"{}\" is void", i, escape_terminal(member.name));
    TRY(check_is_type(graph, type, part("member", i, member.name), member.type));
    if (type.kind == Kind::union_ && member.bit_offset != 0)
      return broken(type, "member {} \"{}\" is at bit {} of a union", i, member.name,
                    member.bit_offset);
  }
  return {};
}

Status check_params(const Graph& graph, const Type& type) {
  const Entries<Param> list = params(graph.view(), type);
  for (u32 i = 0; i < list.size(); i++) {
    TRY(check_entry_name(graph.view(), type, "parameter", i, 2, true));
    const Param param = list[i];
    TRY(check_is_type(graph, type, part("parameter", i, param.name), param.type));
    const bool variadic = i + 1 == list.size() && param.name.empty();
    if (param.type.value == 0 && !variadic) return broken(type, "parameter {} is void", i);
  }
  return {};
}

Status check_variables(const Graph& graph, const Type& type) {
  const Entries<Variable> list = variables(graph.view(), type);
  for (u32 i = 0; i < list.size(); i++) {
    const Variable variable = list[i];
    TRY(check_id(graph.view(), type, part("variable", i), variable.type));
    const Kind kind = graph.kind(variable.type);
    if (kind != Kind::var && kind != Kind::func)
      return broken(type, "variable {} is {} [{}]", i, kind_name(kind), variable.type.value);
    if (type.size() != 0 && !fits(type.size(), variable.offset, variable.size))
      return broken(type, "variable {} at {}..+{} is past the section's end ({} bytes)", i,
                    variable.offset, variable.size, type.size());
  }
  return {};
}

Status check_linkage(const Type& type, Linkage linkage, u32 value) {
  if (linkage == Linkage::other) return broken(type, "has unknown linkage {}", value);
  return {};
}

// What one record may hold, references excepted.
Status check_record(const Graph& graph, const Type& type) {
  switch (type.kind) {
    case Kind::int_: return check_int(type);
    case Kind::struct_:
    case Kind::union_: return check_members(graph, type);
    case Kind::enum_:
    case Kind::enum64: return check_enum(graph.view(), type);
    case Kind::fwd:
      if (type.size_or_type != 0) return broken(type, "refers to type [{}]", type.size_or_type);
      return {};
    case Kind::func: return check_linkage(type, func_linkage(type), type.vlen);
    case Kind::func_proto: return check_params(graph, type);
    case Kind::var: return check_linkage(type, var_linkage(type), load_checked<u32>(type.tail, 0));
    case Kind::datasec: return check_variables(graph, type);
    case Kind::float_:
      if (!is_power_of_two(type.size(), 16) && type.size() != 12)
        return broken(type, "has a size of {}", type.size());
      return {};
    case Kind::array:
      if (type.size_or_type != 0) return broken(type, "has a size of {}", type.size_or_type);
      return {};
    case Kind::void_:
    case Kind::ptr:
    case Kind::typedef_:
    case Kind::volatile_:
    case Kind::const_:
    case Kind::restrict_:
    case Kind::decl_tag:
    case Kind::type_tag:
    case Kind::unknown: return {};
  }
  std::unreachable();
}

// A tag sits on something that has a declaration, and on a part of it that exists.
Status check_tag(const Graph& graph, const Type& type) {
  const View& view = graph.view();
  const Type target = view.type(type.type());
  const i32 component = tag_component(type);
  u32 parts = 0;
  if (is_composite(target.kind)) {
    parts = target.vlen;
  } else if (target.kind == Kind::func) {
    parts = params(view, view.type(target.type())).size();
  } else if (target.kind != Kind::var && target.kind != Kind::typedef_) {
    return broken(type, "tags [{}], which is {}", target.id.value, kind_name(target.kind));
  }
  if (component < -1 || (component >= 0 && static_cast<u32>(component) >= parts))
    return broken(type, "tags part {} of [{}], which has {}", component, target.id.value, parts);
  return {};
}

// Where one record's references lead.
Status check_references(const Graph& graph, const Type& type) {
  if (type.kind == Kind::array) {
    const Array info = array(type);
    TRY(check_is_type(graph, type, part("element"), info.element));
    TRY(check_is_type(graph, type, part("index"), info.index));
    const Kind index = graph.kind(graph.resolve(info.index));
    if (index != Kind::int_) return broken(type, "is indexed by {}", kind_name(index));
    if (info.element.value == 0) return broken(type, "has void elements");
    return {};
  }
  if (third_word(type.kind) != Third::type) return {};
  TRY(check_id(graph.view(), type, part("target"), type.type()));
  const Kind target = graph.kind(type.type());
  if (type.kind == Kind::decl_tag) return check_tag(graph, type);
  if (type.kind == Kind::func && target != Kind::func_proto)
    return broken(type, "has type [{}], which is {}, not FUNC_PROTO", type.type().value,
                  kind_name(target));
  if (type.kind == Kind::var && type.type() == TypeId{}) return broken(type, "is void");
  return check_is_type(graph, type, part("target"), type.type());
}

// A name that string() would not find reads as none, which some kinds may have.
Status check_name_offsets(const View& view) {
  Status good;
  view.each_record([&](u32 index, const TypeRecord& record) {
    if (good && !view.has_string(record.name))
      good =
          fail(Code::malformed, "BTF type [{}]: name offset {} is past the string table ({} bytes)",
               view.first_id() + index, record.name, view.string_end());
  });
  return good;
}

}  // namespace

Status View::validate() const {
  const Graph graph(*this);
  TRY(check_name_offsets(*this));
  TRY(each_type([&](const Type& own) -> Status {
    TRY(check_info(own));
    TRY(check_name(own));
    TRY(check_record(graph, own));
    return check_references(graph, own);
  }));
  TRY(check_chains(graph));
  TRY(check_arrays(graph));
  return check_structs(graph);
}

}  // namespace bpfld::btf
