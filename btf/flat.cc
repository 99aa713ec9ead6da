// SPDX-License-Identifier: Apache-2.0
// See flat.h. The structs that are open lie on a stack, since their depth is input.
#include "btf/flat.h"

#include "btf/c_layout.h"
#include "btf/c_walk.h"

namespace bpfld::btf {
namespace {

constexpr std::size_t kMaxOpen = 64;

struct Open {
  Type type;
  std::string prefix;
  u64 bit_offset = 0;
  u32 next = 0;
};

// The anonymous struct or union that a member with a name is made of, perhaps in an array.
bool holds_anonymous(const View& view, TypeId id, Type& inner) {
  for (u32 steps = 0; steps <= kMaxChain; steps++) {
    inner = view.type(skip_modifiers(view, id));
    if (inner.kind != Kind::array) return is_composite(inner.kind) && inner.name.empty();
    id = array(inner).element;
  }
  return false;
}

}  // namespace

Result<std::vector<FlatMember>> flat_members(const View& view, TypeId composite,
                                             FlatBudget& budget) {
  std::vector<FlatMember> out;
  std::vector<Open> stack;
  stack.push_back({.type = view.type(resolve(view, composite)), .prefix = {}});
  while (!stack.empty()) {
    Open& open = stack.back();
    const Entries<Member> list = members(view, open.type);
    if (open.next == list.size()) {
      stack.pop_back();
      continue;
    }
    const Member member = list[open.next++];
    const u64 text = open.prefix.size() + member.name.size();
    if (budget.members == 0 || budget.text < text || stack.size() > kMaxOpen)
      return fail(Code::limit, "BTF type [{}]: too many structs inside each other",
                  composite.value);
    budget.members--;
    budget.text -= text;
    Type inner;
    u64 bit = 0;
    const u32 width = bitfield_width(view, member, bit);
    bit += open.bit_offset;
    if (is_unnamed_composite(view, member, inner)) {
      stack.push_back({.type = inner, .prefix = open.prefix, .bit_offset = bit});
      continue;
    }
    const std::string path = open.prefix + std::string(member.name);
    const bool inside = holds_anonymous(view, member.type, inner);
    out.push_back({.path = path,
                   .type = member.type,
                   .bit_offset = bit,
                   .width = width,
                   .depth = static_cast<u32>(stack.size()) - 1,
                   .has_inside = inside});
    if (inside) stack.push_back({.type = inner, .prefix = path + ".", .bit_offset = bit});
  }
  return out;
}

}  // namespace bpfld::btf
