// SPDX-License-Identifier: Apache-2.0
// Which types a C declaration mentions, and how. A declaration at file scope (an item: a struct
// with a tag, an enum, a typedef, a function) spells other items by name and holds the text of
// anonymous types; what it mentions decides the order of items, and how often an anonymous type is
// mentioned decides if it needs a name of its own.
//
// The graph is input. Each anonymous type and prototype is looked into once per item, and all walks
// of one walker draw on one budget of steps, as n items may share one text of n types.
#pragma once

#include <vector>

#include "btf/layout.h"
#include "btf/types.h"

namespace bpfld::btf {

inline constexpr u32 kMaxDeclarator = 256;  // pointers, arrays and functions around one name

// spec: one place where an item's text names, or contains, a type that has a name or a body.
struct CMention {
  TypeId type;
  bool complete = false;  // its definition must come first, not only its name
  bool in_proto = false;  // among a function's parameters, whose scope would swallow a new tag
  bool in_place = false;  // a struct or union whose members are written here
};

// Whether the member is one of -fms-extensions or C11: members without a name of a struct or union,
// which may itself have a name, count as members of the outer one. `inner`, if so, is that struct.
inline bool is_unnamed_composite(const View& view, const Member& member, Type& inner) {
  if (!member.name.empty()) return false;
  inner = resolved(view, member.type);
  return is_composite(inner.kind);
}

// handle: see above; keeps its scratch space between walks.
class CWalker {
 public:
  // `tagged[id]` is 1 for anonymous types that are to be spelled by a tag; borrowed.
  CWalker(const View& view LIFETIMEBOUND, const std::vector<u8>& tagged LIFETIMEBOUND)
      : view_(&view),
        tagged_(&tagged),
        seen_(view.count(), 0),
        steps_(1'000'000 + u64{100} * view.count()) {}

  // Calls `visit` for each mention in the text of the item, in the order of the text by levels.
  template <typename Visit>
  void each_mention(TypeId item, Visit&& visit) {
    round_++;
    queue_.clear();
    const Type type = view_->type(item);
    if (is_composite(type.kind))
      push_members(type);
    else if (type.kind == Kind::typedef_ || type.kind == Kind::func)
      queue_.push_back({.type = type.type()});
    else if (!is_enum(type.kind))
      queue_.push_back({.type = item});
    for (std::size_t next = 0; next < queue_.size(); next++)
      follow(queue_[next], visit);
  }
  // The budget is gone, and the last answers are not whole.
  bool exhausted() const { return steps_ == 0; }

 private:
  bool first_time(TypeId id) {
    if (seen_[id.value] == round_) return false;
    seen_[id.value] = round_;
    return true;
  }
  bool is_tagged(const Type& type) const {
    return !type.name.empty() || (*tagged_)[type.id.value] != 0;
  }

  void push_members(const Type& composite) {
    Type inner;
    for (const Member& member : members(*view_, composite)) {
      const bool in_place = is_unnamed_composite(*view_, member, inner);
      queue_.push_back({.type = member.type, .complete = true, .in_place = in_place});
    }
  }

  // In the queue `in_place` says that the struct at the end is written out even if it has a tag.
  template <typename Visit>
  void follow(CMention at, Visit& visit) {
    bool named = false;  // a typedef was mentioned: what follows is of interest only if by value
    for (u32 steps = 0; steps <= kMaxDeclarator && steps_ > 0; steps++) {
      steps_--;
      const Type type = view_->type(at.type);
      switch (type.kind) {
        case Kind::const_:
        case Kind::volatile_:
        case Kind::restrict_:
        case Kind::type_tag:
        case Kind::var: break;
        case Kind::ptr:
          if (named) return;
          at.complete = at.in_place = false;
          break;
        case Kind::array:
          at.complete = true;
          at.in_place = false;
          at.type = array(type).element;
          continue;
        case Kind::typedef_:
          if (!at.in_place) {
            visit(CMention{.type = type.id, .complete = true, .in_proto = at.in_proto});
            if (!at.complete) return;
            named = true;
          }
          break;
        case Kind::struct_:
        case Kind::union_: {
          const bool write_out = at.in_place || !is_tagged(type);
          if (write_out && named) return;
          at.in_place = write_out;
          visit(at);
          if (write_out && first_time(type.id)) push_members(type);
          return;
        }
        case Kind::enum_:
        case Kind::enum64:
          if (!named || is_tagged(type))
            visit(CMention{.type = type.id, .complete = true, .in_proto = at.in_proto});
          return;
        case Kind::fwd: visit(at); return;
        case Kind::func_proto:
          if (named || !first_time(type.id)) return;
          queue_.push_back({.type = type.type(), .in_proto = true});
          for (const Param& param : params(*view_, type))
            queue_.push_back({.type = param.type, .in_proto = true});
          return;
        case Kind::void_:
        case Kind::int_:
        case Kind::float_:
        case Kind::func:
        case Kind::datasec:
        case Kind::decl_tag:
        case Kind::unknown: return;
      }
      at.type = type.type();
    }
  }

  const View* view_;
  const std::vector<u8>* tagged_;
  std::vector<u32> seen_;
  u32 round_ = 0;
  std::vector<CMention> queue_;
  u64 steps_;  // that are left
};

}  // namespace bpfld::btf
