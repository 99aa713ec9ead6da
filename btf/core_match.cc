// SPDX-License-Identifier: Apache-2.0
// See core_match.h. Functions that walk a chain of types loop, and loop at most kMaxNesting times.
// Those that fan out (members, parameters) recurse, at most kMaxNesting deep, and pay for each
// entry from the budget.
#include "btf/core_match.h"

#include "btf/index.h"
#include "btf/layout.h"
#include "btf/types.h"

namespace bpfld::btf::core {
namespace {

// What looking at one pair of types costs, in names compared: typedefs may have to be skipped.
constexpr u64 kTypeCost = 8;

bool essential_names_equal(std::string_view a, std::string_view b) {
  return a == b || essential_name(a) == essential_name(b);
}

bool is_old_bitfield(const Type& type) {
  return type.kind == Kind::int_ && int_info(type).bit_offset != 0;
}

// ---- fields ----

// Looks for a member by name, in `container` and in the anonymous structs and unions inside it, and
// appends it to `found`. `field` receives its type.
Reason find_member(const Sides& sides, std::string_view name, TypeId local_type, TypeId container,
                   AccessPath& found, TypeId& field) {
  const Type type = resolved(sides.target, container);
  if (!is_composite(type.kind)) return Reason::no_struct_here;
  if (found.raw_count == kMaxAccess) return Reason::too_deep;
  const u32 depth = found.raw_count++;
  const u64 start = found.bit_offset;
  const Entries<Member> list = members(sides.target, type);
  Reason why = Reason::no_member;
  for (u32 i = 0; i < list.size(); i++) {
    if (!sides.budget.spend(1)) return Reason::too_much_work;
    const Member member = list[i];
    found.raw[depth] = i;
    found.bit_offset = start + member.bit_offset;
    if (member.name.empty()) {
      const Reason inner = find_member(sides, name, local_type, member.type, found, field);
      if (inner == Reason::none || is_undecided(inner)) return inner;
      if (inner == Reason::member_type_differs) why = inner;
    } else if (member.name == name) {
      field = member.type;
      why = fields_compatible(sides, local_type, member.type);
      if (why == Reason::none && !found.push_step({.type = type.id, .index = i, .name = name}))
        return Reason::too_deep;
      if (why == Reason::none || is_undecided(why)) return why;
      break;
    }
  }
  found.raw_count = depth;
  found.bit_offset = start;
  return why;
}

// Appends element `index` of the array `at`; step 0 has no array around it. `at` becomes the
// element's type.
Reason take_element(const View& target, u32 index, bool is_root, TypeId& at, AccessPath& found) {
  if (!is_root) {
    const Type type = resolved(target, at);
    if (type.kind != Kind::array) return Reason::no_array_here;
    const Array list = array(type);
    if (index >= list.count && !is_flexible(target, found.last(), list))
      return Reason::array_too_short;
    at = list.element;
  }
  at = resolve(target, at);
  if (!found.push_raw(index) || !found.push_step({.type = at, .index = index, .name = {}}))
    return Reason::too_deep;
  const Result<u64> size = size_of(target, at);
  if (!size) return Reason::no_size;
  found.bit_offset += *size * index * 8;
  return found.bit_offset > ~u32{0} ? Reason::offset_too_large : Reason::none;
}

// The type of the field that a local step leads to.
TypeId type_of_step(const View& local, const Step& step) {
  return step.name.empty() ? step.type : members(local, local.type(step.type))[step.index].type;
}

MatchResult match_field(const Sides& sides, const AccessPath& path, AccessPath& found) {
  TypeId at = found.root;
  for (u32 i = 0; i < path.step_count; i++) {
    const Step& step = path.steps[i];
    TypeId next = at;
    const Reason reason =
        step.name.empty()
            ? take_element(sides.target, step.index, i == 0, next, found)
            : find_member(sides, step.name, type_of_step(sides.local, step), at, found, next);
    if (reason != Reason::none) return {.reason = reason, .step = i};
    at = next;
  }
  if (found.bit_offset > ~u32{0}) return {.reason = Reason::offset_too_large, .step = 0};
  return {};
}

// ---- enumerators ----

MatchResult match_enumerator(const Sides& sides, std::string_view name, AccessPath& found) {
  const Type type = resolved(sides.target, found.root);
  if (!is_enum(type.kind)) return {.reason = Reason::no_enumerator, .step = 0};
  const Entries<Enumerator> list = enumerators(sides.target, type);
  for (u32 i = 0; i < list.size(); i++) {
    if (!sides.budget.spend(1)) return {.reason = Reason::too_much_work, .step = 0};
    const Enumerator entry = list[i];
    if (!essential_names_equal(entry.name, name)) continue;
    found.push_raw(i);
    found.push_step({.type = type.id, .index = i, .name = entry.name});
    return {};
  }
  return {.reason = Reason::no_enumerator, .step = 0};
}

// ---- shapes ----

Reason shapes_agree(const Sides& sides, TypeId local, TypeId target, u32 nesting);

Reason params_agree(const Sides& sides, const Type& local, const Type& target, u32 nesting,
                    Reason (*compare)(const Sides&, TypeId, TypeId, u32)) {
  const Entries<Param> ours = params(sides.local, local);
  const Entries<Param> theirs = params(sides.target, target);
  if (ours.size() != theirs.size()) return Reason::type_differs;
  for (u32 i = 0; i < ours.size(); i++) {
    const Reason reason = compare(sides, ours[i].type, theirs[i].type, nesting - 1);
    if (reason != Reason::none) return reason;
  }
  return Reason::none;
}

Reason shapes_agree(const Sides& sides, TypeId local_id, TypeId target_id, u32 nesting) {
  if (nesting == 0) return Reason::too_deep;
  for (u32 links = 0; links < kMaxNesting; links++) {
    if (!sides.budget.spend(kTypeCost)) return Reason::too_much_work;
    const Type local = resolved(sides.local, local_id);
    const Type target = resolved(sides.target, target_id);
    if (!kinds_compatible(local.kind, target.kind)) return Reason::type_differs;
    switch (local.kind) {
      case Kind::void_:
      case Kind::struct_:
      case Kind::union_:
      case Kind::enum_:
      case Kind::enum64:
      case Kind::fwd: return Reason::none;
      case Kind::int_:
        return is_old_bitfield(local) || is_old_bitfield(target) ? Reason::type_differs
                                                                 : Reason::none;
      case Kind::ptr:
        local_id = local.type();
        target_id = target.type();
        continue;
      case Kind::array:
        local_id = array(local).element;
        target_id = array(target).element;
        continue;
      case Kind::func_proto: {
        const Reason reason = params_agree(sides, local, target, nesting, &shapes_agree);
        if (reason != Reason::none) return reason;
        local_id = local.type();
        target_id = target.type();
        continue;
      }
      case Kind::float_:
      case Kind::func:
      case Kind::var:
      case Kind::datasec:
      case Kind::decl_tag:
      case Kind::typedef_:
      case Kind::const_:
      case Kind::volatile_:
      case Kind::restrict_:
      case Kind::type_tag:
      case Kind::unknown: return Reason::type_differs;
    }
  }
  return Reason::too_deep;
}

// ---- contents ----

// spec: a pair of types and what is known about how the walk came to it.
struct Pair {
  TypeId local;
  TypeId target;
  bool behind_pointer = false;
};

Reason contents_match(const Sides& sides, Pair pair, u32 nesting);

// Asks `matches` about the entries of a list until one agrees, beginning at `start`: both sides
// mostly have the same order, so that the entry after the last match is the likely one. Moves
// `start` behind the match. Gives the reason of the last entry that said more than no_member.
template <typename Matches>
Reason find_any(const Sides& sides, u32 count, u32& start, Matches matches) {
  Reason why = Reason::no_member;
  for (u32 looked = 0; looked < count; looked++) {
    if (!sides.budget.spend(1)) return Reason::too_much_work;
    const u32 at = start + looked < count ? start + looked : start + looked - count;
    const Reason reason = matches(at);
    if (reason == Reason::none) start = at + 1 == count ? 0 : at + 1;
    if (reason == Reason::none || is_undecided(reason)) return reason;
    if (reason != Reason::no_member) why = reason;
  }
  return why;
}

// Every local enumerator has one of its name in the target.
Reason enumerators_match(const Sides& sides, const Type& local, const Type& target) {
  const Entries<Enumerator> ours = enumerators(sides.local, local);
  const Entries<Enumerator> theirs = enumerators(sides.target, target);
  if (local.size() != target.size() || ours.size() > theirs.size()) return Reason::type_differs;
  u32 start = 0;
  for (const Enumerator& entry : ours) {
    const Reason reason = find_any(sides, theirs.size(), start, [&](u32 at) {
      return essential_names_equal(entry.name, theirs[at].name) ? Reason::none : Reason::no_member;
    });
    if (reason != Reason::none) return reason == Reason::no_member ? Reason::no_enumerator : reason;
  }
  return Reason::none;
}

// Every local member has one of its name and type in the target; anonymous ones try all anonymous
// ones.
Reason members_match(const Sides& sides, const Type& local, const Type& target, u32 nesting) {
  const Entries<Member> ours = members(sides.local, local);
  const Entries<Member> theirs = members(sides.target, target);
  if (ours.size() > theirs.size()) return Reason::no_member;
  u32 start = 0;
  for (const Member& member : ours) {
    const Reason reason = find_any(sides, theirs.size(), start, [&](u32 at) {
      const Member other = theirs[at];
      if (!essential_names_equal(member.name, other.name)) return Reason::no_member;
      const Reason inner =
          contents_match(sides, {.local = member.type, .target = other.type}, nesting - 1);
      return inner == Reason::none || is_undecided(inner) ? inner : Reason::member_type_differs;
    });
    if (reason != Reason::none) return reason;
  }
  return Reason::none;
}

// A struct or union that is only pointed at: its name is enough, and a forward declaration of the
// right keyword stands for it, in both directions.
Reason pointees_match(const Type& local, const Type& target) {
  const auto is_union = [](const Type& type) {
    return type.kind == Kind::union_ || fwd_is_union(type);
  };
  const bool fit = (is_composite(target.kind) || target.kind == Kind::fwd) &&
                   is_union(local) == is_union(target);
  return fit ? Reason::none : Reason::type_differs;
}

// One pair whose names agree. Returns none and sets `next` when the pair that it holds decides.
Reason match_pair(const Sides& sides, const Type& local, const Type& target, Pair& pair,
                  u32 nesting, bool& next) {
  next = false;
  const bool same_kind = local.kind == target.kind;
  switch (local.kind) {
    case Kind::void_: return same_kind ? Reason::none : Reason::type_differs;
    case Kind::fwd:
      if (pair.behind_pointer) return pointees_match(local, target);
      return same_kind && fwd_is_union(local) == fwd_is_union(target) ? Reason::none
                                                                      : Reason::type_differs;
    case Kind::enum_:
    case Kind::enum64:
      return is_enum(target.kind) ? enumerators_match(sides, local, target) : Reason::type_differs;
    case Kind::struct_:
    case Kind::union_:
      if (pair.behind_pointer) return pointees_match(local, target);
      return same_kind ? members_match(sides, local, target, nesting) : Reason::type_differs;
    case Kind::int_:
      return same_kind && local.size() == target.size() && is_signed(local) == is_signed(target)
                 ? Reason::none
                 : Reason::type_differs;
    case Kind::ptr:
    case Kind::array:
    case Kind::func_proto: break;
    case Kind::float_:
    case Kind::func:
    case Kind::var:
    case Kind::datasec:
    case Kind::decl_tag:
    case Kind::typedef_:
    case Kind::const_:
    case Kind::volatile_:
    case Kind::restrict_:
    case Kind::type_tag:
    case Kind::unknown: return Reason::type_differs;
  }
  if (!same_kind) return Reason::type_differs;
  next = true;
  if (local.kind == Kind::array) {
    pair.local = array(local).element;
    pair.target = array(target).element;
    return array(local).count == array(target).count ? Reason::none : Reason::type_differs;
  }
  pair.local = local.type();
  pair.target = target.type();
  if (local.kind == Kind::ptr) {
    pair.behind_pointer = true;
    return Reason::none;
  }
  return params_agree(
      sides, local, target, nesting,
      pair.behind_pointer ? +[](const Sides& s, TypeId a, TypeId b,
                                u32 n) { return contents_match(s, {a, b, true}, n); }
                          : +[](const Sides& s, TypeId a, TypeId b, u32 n) {
                              return contents_match(s, {a, b, false}, n);
                            });
}

Reason contents_match(const Sides& sides, Pair pair, u32 nesting) {
  if (nesting == 0) return Reason::too_deep;
  for (u32 links = 0; links < kMaxNesting; links++) {
    if (!sides.budget.spend(kTypeCost)) return Reason::too_much_work;
    const Type local = resolved(sides.local, pair.local);
    const Type target = resolved(sides.target, pair.target);
    if (!essential_names_equal(local.name, target.name)) return Reason::type_differs;
    bool next = false;
    const Reason reason = match_pair(sides, local, target, pair, nesting, next);
    if (reason != Reason::none || !next) return reason;
  }
  return Reason::too_deep;
}

}  // namespace

bool is_undecided(Reason reason) {
  return reason == Reason::too_deep || reason == Reason::too_much_work ||
         reason == Reason::no_size || reason == Reason::offset_too_large;
}

bool kinds_compatible(Kind local, Kind target) {
  return local == target || (is_enum(local) && is_enum(target));
}

Reason fields_compatible(const Sides& sides, TypeId local_id, TypeId target_id) {
  for (u32 links = 0; links < kMaxNesting; links++) {
    if (!sides.budget.spend(kTypeCost)) return Reason::too_much_work;
    const Type local = resolved(sides.local, local_id);
    const Type target = resolved(sides.target, target_id);
    if (is_composite(local.kind) && is_composite(target.kind)) return Reason::none;
    if (!kinds_compatible(local.kind, target.kind)) return Reason::member_type_differs;
    if (local.kind == Kind::ptr || local.kind == Kind::float_) return Reason::none;
    if (local.kind == Kind::fwd || is_enum(local.kind)) {
      const bool either_anonymous = local.name.empty() || target.name.empty();
      return either_anonymous || essential_names_equal(local.name, target.name)
                 ? Reason::none
                 : Reason::member_type_differs;
    }
    if (local.kind == Kind::int_)
      return is_old_bitfield(local) || is_old_bitfield(target) ? Reason::member_type_differs
                                                               : Reason::none;
    if (local.kind != Kind::array) return Reason::member_type_differs;
    local_id = array(local).element;
    target_id = array(target).element;
  }
  return Reason::too_deep;
}

Reason types_compatible(const Sides& sides, TypeId local, TypeId target) {
  if (!kinds_compatible(sides.local.kind(local), sides.target.kind(target)))
    return Reason::type_differs;
  return shapes_agree(sides, local, target, kMaxNesting);
}

Reason types_match(const Sides& sides, TypeId local, TypeId target) {
  return contents_match(sides, {.local = local, .target = target}, kMaxNesting);
}

MatchResult match_candidate(const Sides& sides, CoreKind kind, const AccessPath& path,
                            TypeId candidate, AccessPath& found) {
  found.root = candidate;
  if (!sides.budget.spend(kTypeCost)) return {.reason = Reason::too_much_work, .step = 0};
  switch (family_of(kind)) {
    case Family::field: return match_field(sides, path, found);
    case Family::enumerator: return match_enumerator(sides, path.steps[0].name, found);
    case Family::type:
      return {.reason = kind == CoreKind::type_matches
                            ? types_match(sides, path.root, candidate)
                            : types_compatible(sides, path.root, candidate),
              .step = 0};
  }
  std::unreachable();
}

}  // namespace bpfld::btf::core
