// SPDX-License-Identifier: Apache-2.0
// View::validate(): everything that parse() does not promise. Four sweeps over the types, each with
// the rules of one shape: what a record may hold by itself; what kinds its references must lead to;
// that following references ends (a cycle is fine only through a pointer inside a struct, as in
// list_head); and, from the leaves up, that members lie inside their struct. Graph walks keep their
// own stack.
//
// Rules: kernel/bpf/btf.c btf_check_all_metas(), btf_check_all_types(). Laxer where compilers are:
// a DATASEC's size and offsets may be 0 until the loader fills them in, linkage may be extern,
// ".ksyms" holds functions. Members out of order are accepted, since nothing here depends on the
// order.
#include <algorithm>
#include <bit>
#include <utility>

#include "base/escape.h"
#include "btf/layout.h"
#include "btf/types.h"
#include "btf/view.h"

namespace bpfld::btf {
namespace {

constexpr std::size_t kMaxIdentifier = 511;  // KSYM_NAME_LEN - 1 of the kernel

// A rule that a type breaks. The message starts with the type's number and kind; names in it are
// escaped.
template <typename... Args>
std::unexpected<Error> broken(const Type& type, FormatString<std::type_identity_t<Args>...> rule,
                              const Args&... args) {
  const std::string start = type.name.empty()
                                ? format("BTF type [{}]: {}", type.id.value, kind_name(type.kind))
                                : format("BTF type [{}]: {} \"{}\"", type.id.value,
                                         kind_name(type.kind), escape_terminal(type.name));
  const std::array<FormatArg, sizeof...(Args)> list{FormatArg(args)...};
  std::string text;
  format_to(text, rule.text, list);
  return fail(Code::malformed, "{}", escape_terminal(start + " " + text));
}

bool is_identifier(std::string_view name) {
  if (name.empty() || name.size() > kMaxIdentifier || (name[0] >= '0' && name[0] <= '9'))
    return false;
  return std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.';
  });
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
Status check_is_type(const View& view, const Type& type, const Part& where, TypeId id) {
  TRY(check_id(view, type, where, id));
  const Kind kind = view.kind(id);
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

Status check_members(const View& view, const Type& type) {
  const Entries<Member> list = members(view, type);
  for (u32 i = 0; i < list.size(); i++) {
    TRY(check_entry_name(view, type, "member", i, 3, true));
    const Member member = list[i];
    if (member.type.value == 0)
      return broken(type, "member {} \"{}\" is void", i, escape_terminal(member.name));
    TRY(check_is_type(view, type, part("member", i, member.name), member.type));
    if (type.kind == Kind::union_ && member.bit_offset != 0)
      return broken(type, "member {} \"{}\" is at bit {} of a union", i, member.name,
                    member.bit_offset);
  }
  return {};
}

Status check_params(const View& view, const Type& type) {
  const Entries<Param> list = params(view, type);
  for (u32 i = 0; i < list.size(); i++) {
    TRY(check_entry_name(view, type, "parameter", i, 2, true));
    const Param param = list[i];
    TRY(check_is_type(view, type, part("parameter", i, param.name), param.type));
    const bool variadic = i + 1 == list.size() && param.name.empty();
    if (param.type.value == 0 && !variadic) return broken(type, "parameter {} is void", i);
  }
  return {};
}

Status check_variables(const View& view, const Type& type) {
  const Entries<Variable> list = variables(view, type);
  for (u32 i = 0; i < list.size(); i++) {
    const Variable variable = list[i];
    TRY(check_id(view, type, part("variable", i), variable.type));
    const Kind kind = view.kind(variable.type);
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
Status check_record(const View& view, const Type& type) {
  switch (type.kind) {
    case Kind::int_: return check_int(type);
    case Kind::struct_:
    case Kind::union_: return check_members(view, type);
    case Kind::enum_:
    case Kind::enum64: return check_enum(view, type);
    case Kind::fwd:
      if (type.size_or_type != 0) return broken(type, "refers to type [{}]", type.size_or_type);
      return {};
    case Kind::func: return check_linkage(type, func_linkage(type), type.vlen);
    case Kind::func_proto: return check_params(view, type);
    case Kind::var: return check_linkage(type, var_linkage(type), load_checked<u32>(type.tail, 0));
    case Kind::datasec: return check_variables(view, type);
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
Status check_tag(const View& view, const Type& type) {
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
Status check_references(const View& view, const Type& type) {
  if (type.kind == Kind::array) {
    const Array info = array(type);
    TRY(check_is_type(view, type, part("element"), info.element));
    TRY(check_is_type(view, type, part("index"), info.index));
    const Kind index = view.kind(resolve(view, info.index));
    if (index != Kind::int_) return broken(type, "is indexed by {}", kind_name(index));
    if (info.element.value == 0) return broken(type, "has void elements");
    return {};
  }
  if (third_word(type.kind) != Third::type) return {};
  TRY(check_id(view, type, part("target"), type.type()));
  const Kind target = view.kind(type.type());
  if (type.kind == Kind::decl_tag) return check_tag(view, type);
  if (type.kind == Kind::func && target != Kind::func_proto)
    return broken(type, "has type [{}], which is {}, not FUNC_PROTO", type.type().value,
                  kind_name(target));
  if (type.kind == Kind::var && type.type() == TypeId{}) return broken(type, "is void");
  return check_is_type(view, type, part("target"), type.type());
}

// The only type that a chain can go on to, or void where the chain ends: at structs and functions.
TypeId chain_next(const Type& type) {
  if (is_modifier(type.kind) || type.kind == Kind::typedef_ || type.kind == Kind::ptr)
    return type.type();
  if (type.kind == Kind::array) return array(type).element;
  return {};
}

constexpr u32 kOnPath = ~u32{0};

// Chains of pointers, typedefs, qualifiers and arrays must end, and their by-value stretches must
// be short enough for the bounded walks of layout.h. Each type is visited once: `length` holds how
// many by-value steps are ahead of it, and 1 + that is 0 only for types not seen yet.
Status check_chains(const View& view) {
  const u32 first = view.first_id();
  std::vector<u32> length(view.count() - first, 0);
  std::vector<u32> path;
  for (u32 start = first; start < view.count(); start++) {
    u32 id = start;
    path.clear();
    while (id >= first && length[id - first] == 0) {
      length[id - first] = kOnPath;
      path.push_back(id);
      id = chain_next(view.type({id})).value;
    }
    if (id >= first && length[id - first] == kOnPath)
      return broken(view.type({id}), "refers to itself without a struct in between");
    u32 ahead = id >= first ? length[id - first] : 1;
    for (std::size_t i = path.size(); i-- > 0;) {
      const Type type = view.type({path[i]});
      const bool by_value = chain_next(type) != TypeId{} && type.kind != Kind::ptr;
      ahead = by_value ? ahead + 1 : 1;
      if (ahead > kMaxChain) return broken(type, "is more than {} types deep", kMaxChain);
      length[path[i] - first] = ahead;
    }
  }
  return {};
}

// A member's place within its struct, all sizes being known to be computable.
Status check_place(const View& view, const Type& type, u32 index, const Member& member) {
  const Type inner = resolved(view, member.type);
  const Result<u64> size = size_of(view, member.type);
  if (!size)
    return broken(type, "member {} \"{}\": {}", index, member.name, size.error().message());
  const Int info = int_info(inner);
  const bool partial = inner.kind == Kind::int_ && info.bits < *size * 8;
  u64 bits = *size * 8;
  if (member.bitfield_size != 0) {
    if (inner.kind != Kind::int_ && !is_enum(inner.kind))
      return broken(type, "member {} \"{}\" is a bitfield of {}", index, member.name,
                    kind_name(inner.kind));
    if (member.bitfield_size > bits)
      return broken(type, "member {} \"{}\" has {} bits, its type has {}", index, member.name,
                    member.bitfield_size, bits);
    bits = member.bitfield_size;
  } else if (partial) {
    bits = u64{info.bit_offset} + info.bits;
  } else if (member.bit_offset % 8 != 0) {
    return broken(type, "member {} \"{}\" starts at bit {}, within a byte", index, member.name,
                  member.bit_offset);
  }
  if (!fits(u64{type.size()} * 8, member.bit_offset, bits))
    return broken(type, "member {} \"{}\" at bit {} takes {} bits, past the end ({} bytes)", index,
                  member.name, member.bit_offset, bits, type.size());
  return {};
}

// The struct or union that a by-value member of that type holds, through arrays; void if none.
TypeId held_struct(const View& view, TypeId id) {
  for (u32 steps = 0; steps <= kMaxChain; steps++) {
    const Type type = view.type(id);
    if (is_composite(type.kind)) return id;
    const TypeId next = type.kind == Kind::ptr ? TypeId{} : chain_next(type);
    if (next == TypeId{}) return {};
    id = next;
  }
  return {};
}

// Structs by value, from the inside out.
Status check_structs(const View& view) {
  enum class State : u8 { unseen, open, done };
  struct Open {
    TypeId id;
    u32 next = 0;
  };
  const u32 first = view.first_id();
  std::vector<State> states(view.count() - first, State::unseen);
  std::vector<Open> stack;
  const auto enter = [&](TypeId id) {
    states[id.value - first] = State::open;
    stack.push_back({id});
  };
  for (u32 start = first; start < view.count(); start++) {
    if (is_composite(view.kind({start})) && states[start - first] == State::unseen) enter({start});
    while (!stack.empty()) {
      const Type type = view.type(stack.back().id);
      const Entries<Member> list = members(view, type);
      if (stack.back().next == list.size()) {
        states[type.id.value - first] = State::done;
        stack.pop_back();
        continue;
      }
      const u32 index = stack.back().next++;
      const Member member = list[index];
      TRY(check_place(view, type, index, member));
      const TypeId held = held_struct(view, member.type);
      if (held.value < first) continue;  // the base was checked before
      if (states[held.value - first] == State::open)
        return broken(type, "member {} \"{}\" holds the struct itself, by value", index,
                      escape_terminal(member.name));
      if (states[held.value - first] == State::unseen) enter(held);
    }
  }
  return {};
}

}  // namespace

Status View::validate() const {
  for (u32 id = first_id_; id < count(); id++) {
    const Type own = type({id});
    TRY(check_info(own));
    TRY(check_name(own));
    TRY(check_record(*this, own));
    TRY(check_references(*this, own));
  }
  TRY(check_chains(*this));
  for (u32 id = first_id_; id < count(); id++) {
    if (kind({id}) != Kind::array) continue;
    const Result<u64> size = size_of(*this, {id});
    // __uint(max_entries, 1 << 30) is a pointer to an array of 4 GiB that nothing ever holds; what
    // does hold one is refused below.
    if (!size && size.error().code != Code::limit) return std::unexpected(size.error());
  }
  return check_structs(*this);
}

}  // namespace bpfld::btf
