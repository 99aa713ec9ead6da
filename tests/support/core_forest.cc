// SPDX-License-Identifier: Apache-2.0
// The made-up types of core_oracle.h: how they grow from choices, and how they are written as BTF.
#include <algorithm>
#include <array>
#include <map>

#include "tests/support/core_oracle.h"

namespace bpfld::test {
namespace {

using btf::CoreKind;

constexpr u32 kMaxDepth = 3;
constexpr u32 kRootNames = 3;  // "s0" ... and the enum "e0"

// Writes trees as BTF, each once.
class Writer {
 public:
  TypeId write(const Tree* tree) {
    const auto known = ids_.find(tree);
    if (known != ids_.end()) return known->second;
    const TypeId id = write_new(*tree);
    ids_[tree] = id;
    return id;
  }
  std::vector<std::byte> bytes() const { return builder_.bytes(); }

 private:
  TypeId write_new(const Tree& tree) {
    switch (tree.shape) {
      case Shape::integer: return builder_.add_int(tree.name, tree.size, tree.is_signed ? 1 : 0);
      case Shape::pointer: return builder_.add_ptr(builder_.add_fwd(tree.name));
      case Shape::enumeration:
        return tree.size == 8 ? builder_.add_enum64(tree.name, tree.values, 8, tree.is_signed)
                              : builder_.add_enum(tree.name, tree.values, 4, tree.is_signed);
      case Shape::array: {
        const TypeId element = write(tree.element);
        return builder_.add_array(element, element, tree.count);
      }
      case Shape::structure:
      case Shape::union_: break;
    }
    std::vector<MemberSpec> members;
    for (const Branch& branch : tree.branches)
      members.push_back({branch.name, write(branch.type), branch.bit_offset, branch.bits});
    return tree.shape == Shape::union_ ? builder_.add_union(tree.name, tree.size, members)
                                       : builder_.add_struct(tree.name, tree.size, members);
  }

  BtfBuilder builder_;
  std::map<const Tree*, TypeId> ids_;
};

}  // namespace

u32 Choices::below(u32 limit) {
  const u32 value = done() ? 0 : static_cast<u8>(bytes_[at_]);
  at_++;
  return limit == 0 ? 0 : value % limit;
}

const Tree* Forest::add(Tree tree) {
  trees_.push_back(std::move(tree));
  return &trees_.back();
}

const Tree* Forest::make_type(Choices& choices, u32 depth) {
  switch (choices.below(depth < kMaxDepth ? 6 : 4)) {
    case 0:
    case 1: {
      const u32 size = 1u << choices.below(4);
      const bool is_signed = choices.one_in(2);
      return add({.name = format("{}{}", is_signed ? "s" : "u", size * 8),
                  .size = size,
                  .is_signed = is_signed});
    }
    case 2: return add({.shape = Shape::pointer, .name = choices.one_in(2) ? "p" : "q", .size = 8});
    case 3: {
      std::vector<EnumeratorSpec> values;
      for (u32 i = choices.below(3) + 1; i > 0; i--)
        values.push_back({format("v{}", choices.below(4)), static_cast<i64>(choices.below(9)) - 4});
      const bool is_signed = choices.one_in(2);
      return add({.shape = Shape::enumeration,
                  .name = choices.one_in(2) ? "e" : "f",
                  .size = 4,
                  .is_signed = is_signed,
                  .values = values});
    }
    case 4: {
      const Tree* element = make_type(choices, depth + 1);
      const u32 count = choices.below(4) + 1;
      return add({.shape = Shape::array,
                  .size = element->size * count,
                  .element = element,
                  .count = count});
    }
    default: {
      u32 names = 0;
      return make_struct(choices, depth + 1, choices.one_in(2) ? "inner" : "", names);
    }
  }
}

// `next_name`: the first name that is free here; anonymous structs share their holder's names.
const Tree* Forest::make_struct(Choices& choices, u32 depth, std::string name, u32& next_name) {
  Tree out = {.shape = choices.one_in(4) ? Shape::union_ : Shape::structure,
              .name = std::move(name),
              .size = 0};
  u32 end = 0;  // bits
  for (u32 left = choices.below(5) + 1; left > 0; left--) {
    Branch branch;
    if (depth < kMaxDepth && choices.one_in(5)) {
      branch.type = make_struct(choices, depth + 1, "", next_name);
    } else {
      next_name += choices.below(2);  // a name that only the other side has
      branch.name = format("m{}", next_name++);
      branch.type = make_type(choices, depth);
    }
    const Tree& type = *branch.type;
    const bool may_be_bits = type.shape == Shape::integer || type.shape == Shape::enumeration;
    const u32 start = out.shape == Shape::union_ ? 0 : end;
    if (may_be_bits && choices.one_in(3)) {
      branch.bits = choices.below(type.size * 8) + 1;
      branch.bit_offset = start + choices.below(8);
      const u32 room = 64 - branch.bit_offset % 64;  // else no load takes it
      branch.bits = std::min(branch.bits, room);
      end = std::max(end, branch.bit_offset + branch.bits);
    } else {
      branch.bit_offset = (start + 7) / 8 * 8 + choices.below(3) * 8;
      end = std::max(end, branch.bit_offset + type.size * 8);
    }
    out.branches.push_back(std::move(branch));
  }
  if (out.shape == Shape::structure && depth == 1 && choices.one_in(4)) {
    const Tree* element = make_type(choices, kMaxDepth);
    const Tree* rest = add({.shape = Shape::array, .size = 0, .element = element, .count = 0});
    out.branches.push_back({format("m{}", next_name++), (end + 7) / 8 * 8, 0, rest});
  }
  out.size = (end + 7) / 8;
  return add(std::move(out));
}

Forest::Forest(Choices& choices, u32 copies) {
  for (u32 i = 0; i < kRootNames; i++) {
    for (u32 copy = choices.below(copies) + 1; copy > 0; copy--) {
      u32 names = 0;
      const Tree* root = make_struct(choices, 1, format("s{}", i), names);
      roots_.push_back(root);
    }
  }
  std::vector<EnumeratorSpec> values;
  for (u32 i = choices.below(4) + 1; i > 0; i--)
    values.push_back(
        {format("v{}", i + choices.below(2) * 9), static_cast<i64>(choices.below(9)) - 4});
  roots_.push_back(add(
      {.shape = Shape::enumeration, .name = "e0", .size = 4, .is_signed = true, .values = values}));
}

std::vector<std::byte> Forest::write(std::vector<TypeId>& ids) const {
  Writer writer;
  for (const Tree* root : roots_)
    ids.push_back(writer.write(root));
  return writer.bytes();
}

std::string Question::access() const {
  std::string out;
  for (const u32 index : path)
    out += format("{}{}", out.empty() ? "" : ":", index);
  return out;
}

Question make_question(Choices& choices, const Forest& local) {
  Question out;
  out.root = choices.below(static_cast<u32>(local.roots().size()));
  const Tree* at = local.roots()[out.root];
  if (at->shape == Shape::enumeration && !choices.one_in(4)) {
    out.kind = choices.one_in(2) ? CoreKind::enumval_exists : CoreKind::enumval_value;
    out.path = {choices.below(static_cast<u32>(at->values.size()))};
    return out;
  }
  if (at->shape == Shape::enumeration || choices.one_in(4)) {
    constexpr std::array kinds = {CoreKind::type_id_local, CoreKind::type_id_target,
                                  CoreKind::type_exists, CoreKind::type_size,
                                  CoreKind::type_matches};
    out.kind = kinds[choices.below(kinds.size())];
    out.path = {0};
    return out;
  }
  out.kind = static_cast<CoreKind>(choices.below(6));
  out.path = {choices.one_in(8) ? choices.below(3) : 0};
  bool stopped = false;
  while (!stopped) {
    if (at->shape == Shape::array) {
      out.path.push_back(choices.below(at->count == 0 ? 5 : at->count));
      at = at->element;
    } else if (!at->branches.empty()) {
      const Branch& branch = at->branches[choices.below(static_cast<u32>(at->branches.size()))];
      out.path.push_back(static_cast<u32>(&branch - at->branches.data()));
      at = branch.type;
      if (branch.name.empty()) continue;  // a path ends at a name
    } else {
      break;
    }
    stopped = choices.one_in(3);
  }
  return out;
}

}  // namespace bpfld::test
