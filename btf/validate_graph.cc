// SPDX-License-Identifier: Apache-2.0
// The sweeps of View::validate() that follow references; see validate.cc. They keep their own
// stack: the graph is input.
#include <algorithm>

#include "btf/validate_parts.h"

namespace bpfld::btf {
namespace {

constexpr u32 kOnPath = ~u32{0};

// A member's place within its struct, all sizes being known to be computable.
Status check_place(const Graph& graph, const Type& type, u32 index, const Member& member) {
  const TypeId inner = graph.resolve(member.type);
  const Kind kind = graph.kind(inner);
  const Result<u64> size = graph.size(member.type);
  if (!size)
    return broken(type, "member {} \"{}\": {}", index, member.name, size.error().message());
  u64 bits = *size * 8;
  const Int info = graph.is_partial(inner) ? int_info(graph.view().type(inner)) : Int();
  if (member.bitfield_size != 0) {
    if (kind != Kind::int_ && !is_enum(kind))
      return broken(type, "member {} \"{}\" is a bitfield of {}", index, member.name,
                    kind_name(kind));
    if (member.bitfield_size > bits)
      return broken(type, "member {} \"{}\" has {} bits, its type has {}", index, member.name,
                    member.bitfield_size, bits);
    bits = member.bitfield_size;
  } else if (info.bits != 0 && info.bits < bits) {
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
TypeId held_struct(const Graph& graph, TypeId id) {
  for (u32 steps = 0; steps <= kMaxChain; steps++) {
    const Kind kind = graph.kind(id);
    if (is_composite(kind)) return id;
    const TypeId next = kind == Kind::ptr ? TypeId{} : graph.next(id);
    if (next == TypeId{}) return {};
    id = next;
  }
  return {};
}

}  // namespace

// Chains of pointers, typedefs, qualifiers and arrays must end, and their by-value stretches must
// be short enough for the bounded walks of layout.h. Each type is visited once: `length` holds how
// many by-value steps are ahead of it, and 1 + that is 0 only for types not seen yet.
Status check_chains(const Graph& graph) {
  const u32 first = graph.first();
  std::vector<u32> length(graph.count() - first, 0);
  std::vector<u32> path;
  for (u32 start = first; start < graph.count(); start++) {
    u32 id = start;
    path.clear();
    while (id >= first && length[id - first] == 0) {
      length[id - first] = kOnPath;
      path.push_back(id);
      id = graph.next({id}).value;
    }
    if (id >= first && length[id - first] == kOnPath)
      return broken(graph.view().type({id}), "refers to itself without a struct in between");
    u32 ahead = id >= first ? length[id - first] : 1;
    for (std::size_t i = path.size(); i-- > 0;) {
      const TypeId at = {path[i]};
      const bool by_value = graph.next(at) != TypeId{} && graph.kind(at) != Kind::ptr;
      ahead = by_value ? ahead + 1 : 1;
      if (ahead > kMaxChain)
        return broken(graph.view().type(at), "is more than {} types deep", kMaxChain);
      length[path[i] - first] = ahead;
    }
  }
  return {};
}

// Structs by value, from the inside out.
Status check_structs(const Graph& graph) {
  enum class State : u8 { unseen, open, done };
  struct Open {
    Type type;
    u32 next = 0;
  };
  const u32 first = graph.first();
  std::vector<State> states(graph.count() - first, State::unseen);
  std::vector<Open> stack;
  const auto enter = [&](TypeId id) {
    states[id.value - first] = State::open;
    stack.push_back({.type = graph.view().type(id)});
  };
  for (u32 start = first; start < graph.count(); start++) {
    if (is_composite(graph.kind({start})) && states[start - first] == State::unseen) enter({start});
    while (!stack.empty()) {
      const Type type = stack.back().type;
      const Entries<Member> list = members(graph.view(), type);
      if (stack.back().next == list.size()) {
        states[type.id.value - first] = State::done;
        stack.pop_back();
        continue;
      }
      const u32 index = stack.back().next++;
      const Member member = list[index];
      TRY(check_place(graph, type, index, member));
      const TypeId held = held_struct(graph, member.type);
      if (held.value < first) continue;  // the base was checked before
      if (states[held.value - first] == State::open)
        return broken(type, "member {} \"{}\" holds the struct itself, by value", index,
                      escape_terminal(member.name));
      if (states[held.value - first] == State::unseen) enter(held);
    }
  }
  return {};
}

// Those that something holds must have a size.
Status check_arrays(const Graph& graph) {
  for (u32 id = graph.first(); id < graph.count(); id++) {
    if (graph.kind({id}) != Kind::array) continue;
    const Result<u64> size = size_of(graph.view(), {id});
    // __uint(max_entries, 1 << 30) is a pointer to an array of 4 GiB that nothing ever holds; what
    // does hold one is refused below.
    if (!size && size.error().code != Code::limit) return std::unexpected(size.error());
  }
  return {};
}

}  // namespace bpfld::btf
