// SPDX-License-Identifier: Apache-2.0
// See core_oracle.h. Everything here prefers to be plainly right over being fast.
#include "tests/support/core_oracle.h"

#include <algorithm>
#include <map>
#include <optional>

namespace bpfld::test {
namespace {

using btf::CoreKind;
using btf::core::Verdict;

// A field: its place and type, as one tree says.
struct Leaf {
  u32 bit_offset = 0;
  u32 bits = 0;
  const Tree* type = nullptr;
  bool is_element = false;
};

// The unit that a bitfield is loaded from: the first aligned window, of the declared size or
// larger, that has all its bits.
struct Window {
  u32 start = 0, size = 0;
};
std::optional<Window> window_of(const Leaf& leaf) {
  if (leaf.bits == 0) return Window{leaf.bit_offset / 8, leaf.type->size};
  for (u32 size = leaf.type->size; size <= 8; size *= 2) {
    for (u32 start = 0; start <= leaf.bit_offset / 8; start += size) {
      if (leaf.bit_offset >= start * 8 && leaf.bit_offset + leaf.bits <= (start + size) * 8)
        return Window{start, size};
    }
  }
  return std::nullopt;
}

// All members by name, those of anonymous structs and unions included.
void flatten(const Tree& tree, u32 start, std::map<std::string, Leaf>& out) {
  for (const Branch& branch : tree.branches) {
    if (branch.name.empty())
      flatten(*branch.type, start + branch.bit_offset, out);
    else
      out[branch.name] = {start + branch.bit_offset, branch.bits, branch.type, false};
  }
}

bool is_aggregate(const Tree& tree) {
  return tree.shape == Shape::structure || tree.shape == Shape::union_;
}

bool readable_as(const Tree& local, const Tree& target) {
  if (is_aggregate(local) && is_aggregate(target)) return true;
  if (local.shape != target.shape) return false;
  if (local.shape == Shape::enumeration) return local.name == target.name;
  if (local.shape == Shape::array) return readable_as(*local.element, *target.element);
  return true;
}

// What a local path means: each step is a name or an element's number.
struct Step {
  std::string name;
  u32 element = 0;
  const Tree* type = nullptr;
};
std::vector<Step> steps_of(const Tree& root, const std::vector<u32>& path) {
  std::vector<Step> out;
  const Tree* at = &root;
  for (std::size_t i = 1; i < path.size(); i++) {
    if (at->shape == Shape::array) {
      at = at->element;
      out.push_back({"", path[i], at});
      continue;
    }
    const Branch& branch = at->branches[path[i]];
    at = branch.type;
    if (!branch.name.empty()) out.push_back({branch.name, 0, at});
  }
  return out;
}

// Where the path leads in a target's struct; nothing when it leads nowhere.
std::optional<Leaf> follow(const Tree& root, u32 first, const std::vector<Step>& steps) {
  Leaf at = {first * root.size * 8, 0, &root, true};
  bool is_last_member = false;
  for (const Step& step : steps) {
    if (step.name.empty()) {
      if (at.type->shape != Shape::array) return std::nullopt;
      const bool endless = at.type->count == 0 && is_last_member;
      if (step.element >= at.type->count && !endless) return std::nullopt;
      at = {at.bit_offset + step.element * at.type->element->size * 8, 0, at.type->element, true};
      is_last_member = false;
      continue;
    }
    std::map<std::string, Leaf> members;
    flatten(*at.type, at.bit_offset, members);
    const auto found = members.find(step.name);
    if (found == members.end() || !readable_as(*step.type, *found->second.type))
      return std::nullopt;
    at = found->second;
    is_last_member = true;  // the forest puts arrays of 0 elements nowhere else
  }
  return at;
}

const Tree& innermost(const Tree& tree) {
  return tree.shape == Shape::array ? innermost(*tree.element) : tree;
}

bool same_content(const Tree& local, const Tree& target) {
  if (local.shape != target.shape || local.name != target.name) return false;
  switch (local.shape) {
    case Shape::pointer: return true;
    case Shape::integer: return local.size == target.size && local.is_signed == target.is_signed;
    case Shape::array:
      return local.count == target.count && same_content(*local.element, *target.element);
    case Shape::enumeration:
      return std::ranges::all_of(local.values, [&](const EnumeratorSpec& ours) {
        return std::ranges::any_of(
            target.values, [&](const EnumeratorSpec& theirs) { return ours.name == theirs.name; });
      });
    case Shape::structure:
    case Shape::union_: break;
  }
  if (local.branches.size() > target.branches.size()) return false;
  return std::ranges::all_of(local.branches, [&](const Branch& ours) {
    return std::ranges::any_of(target.branches, [&](const Branch& theirs) {
      return ours.name == theirs.name && same_content(*ours.type, *theirs.type);
    });
  });
}

struct Value {
  u64 value = 0;
  u32 bit_offset = 0;
  bool impossible = false;  // no load takes the bitfield
};

Value field_value(CoreKind kind, const Leaf& leaf) {
  if (kind == CoreKind::field_exists) return {1, leaf.bit_offset};
  if (!window_of(leaf)) return {0, leaf.bit_offset, true};
  const Window window = *window_of(leaf);
  const u32 bits = leaf.bits != 0 ? leaf.bits : window.size * 8;
  const u32 end = leaf.bit_offset - window.start * 8 + bits;  // bits from the unit's start
  switch (kind) {
    case CoreKind::field_byte_offset: return {window.start, leaf.bit_offset};
    case CoreKind::field_byte_size: return {window.size, leaf.bit_offset};
    case CoreKind::field_signed: return {leaf.type->is_signed ? 1u : 0u, leaf.bit_offset};
    case CoreKind::field_lshift_u64: return {64 - end, leaf.bit_offset};
    case CoreKind::field_rshift_u64: return {64 - bits, leaf.bit_offset};
    default: return {1, leaf.bit_offset};
  }
}

// What one candidate says; nothing when it does not match.
std::optional<Value> ask(const Tree& local, const Question& question, const Tree& target,
                         TypeId target_id) {
  switch (question.kind) {
    case CoreKind::type_id_target: return Value{target_id.value, 0};
    case CoreKind::type_exists: return Value{1, 0};
    case CoreKind::type_size: return Value{target.size, 0};
    case CoreKind::type_matches:
      return same_content(local, target) ? std::optional(Value{1, 0}) : std::nullopt;
    case CoreKind::enumval_exists:
    case CoreKind::enumval_value: {
      for (const EnumeratorSpec& value : target.values) {
        if (value.name != local.values[question.path[0]].name) continue;
        return Value{question.kind == CoreKind::enumval_value ? static_cast<u64>(value.value) : 1,
                     0};
      }
      return std::nullopt;
    }
    default: {
      const std::optional<Leaf> leaf =
          follow(target, question.path[0], steps_of(local, question.path));
      return leaf ? std::optional(field_value(question.kind, *leaf)) : std::nullopt;
    }
  }
}

bool loads_conflict(const Tree& local, const Question& question, const Tree& target) {
  if (question.kind != CoreKind::field_byte_offset) return false;
  const std::vector<Step> steps = steps_of(local, question.path);
  const Leaf ours = *follow(local, question.path[0], steps);
  const Leaf theirs = *follow(target, question.path[0], steps);
  const u32 a = ours.bits != 0 ? 0 : innermost(*ours.type).size;
  const u32 b = theirs.bits != 0 ? 0 : innermost(*theirs.type).size;
  const bool fine = ours.bits == 0 && theirs.bits == 0 && ours.type->shape == Shape::integer &&
                    theirs.type->shape == Shape::integer && !ours.type->is_signed &&
                    !theirs.type->is_signed;
  if (ours.bits != 0 || theirs.bits != 0) return a != b;
  return a != b && !fine;
}

bool absent_is_zero(CoreKind kind) {
  return kind == CoreKind::field_exists || kind == CoreKind::enumval_exists ||
         kind == CoreKind::type_id_target || kind == CoreKind::type_exists ||
         kind == CoreKind::type_size || kind == CoreKind::type_matches;
}

bool is_element_property(const Question& question, const Tree& root) {
  if (question.kind != CoreKind::field_signed && question.kind != CoreKind::field_lshift_u64 &&
      question.kind != CoreKind::field_rshift_u64)
    return false;
  const std::vector<Step> steps = steps_of(root, question.path);
  return steps.empty() || steps.back().name.empty();
}

Expected expect_one(const Forest& local, const Forest& target, TypeId local_id,
                    const std::vector<TypeId>& target_ids, const Question& question,
                    std::vector<std::size_t>& alive) {
  const Tree& root = *local.roots()[question.root];
  Expected out;
  if (is_element_property(question, root)) return {.verdict = Verdict::unsupported};
  if (question.kind == CoreKind::type_id_local)
    return {.verdict = Verdict::local, .local = local_id.value, .target = local_id.value};
  const Value ours = *ask(root, question, root, local_id);
  if (ours.impossible) return {.verdict = Verdict::malformed};
  out.local = ours.value;
  out.verdict = absent_is_zero(question.kind) ? Verdict::absent : Verdict::poisoned;
  std::vector<std::size_t> winners;
  std::optional<Value> agreed;
  for (const std::size_t candidate : alive) {
    const Tree& tree = *target.roots()[candidate];
    const std::optional<Value> value = ask(root, question, tree, target_ids[candidate]);
    if (!value) continue;
    winners.push_back(candidate);
    if (value->impossible) return {.verdict = Verdict::undecided, .local = out.local};
    if (agreed && (agreed->value != value->value || agreed->bit_offset != value->bit_offset)) {
      out.verdict = Verdict::ambiguous;
      return out;
    }
    if (agreed) continue;
    agreed = value;
    out.verdict = Verdict::matched;
    out.target = value->value;
    out.size_conflict = loads_conflict(root, question, tree);
  }
  if (!winners.empty()) alive = winners;
  return out;
}

}  // namespace

std::vector<Expected> expect_all(const Forest& local, const Forest& target,
                                 const std::vector<TypeId>& local_ids,
                                 const std::vector<TypeId>& target_ids,
                                 const std::vector<Question>& questions) {
  std::vector<std::vector<std::size_t>> alive(local.roots().size());
  for (std::size_t root = 0; root < alive.size(); root++) {
    for (std::size_t i = 0; i < target.roots().size(); i++) {
      if (local.roots()[root]->name == target.roots()[i]->name &&
          local.roots()[root]->shape == target.roots()[i]->shape)
        alive[root].push_back(i);
    }
  }
  std::vector<Expected> out;
  for (const Question& question : questions)
    out.push_back(expect_one(local, target, local_ids[question.root], target_ids, question,
                             alive[question.root]));
  return out;
}

std::string compare_with_oracle(Bytes bytes) {
  Choices choices(bytes);
  const Forest local(choices, 1), target(choices, 3);
  std::vector<Question> questions;
  for (u32 count = choices.below(12) + 1; count > 0; count--)
    questions.push_back(make_question(choices, local));

  std::vector<TypeId> local_ids, target_ids;
  const std::vector<std::byte> local_blob = local.write(local_ids);
  const std::vector<std::byte> target_blob = target.write(target_ids);
  const Result<btf::View> local_view = btf::View::parse(local_blob);
  const Result<btf::View> target_view = btf::View::parse(target_blob);
  if (!local_view || !target_view) return "the oracle's BTF does not parse";
  std::deque<std::string> accesses;
  std::vector<btf::CoreRelo> relos;
  for (const Question& question : questions) {
    accesses.push_back(question.access());
    relos.push_back({.insn_offset = 0,
                     .type = local_ids[question.root],
                     .access = accesses.back(),
                     .kind = question.kind});
  }
  const btf::core::Target view = {.view = &*target_view, .name = "vmlinux"};
  const Result<std::vector<btf::core::Resolution>> got =
      btf::core::resolve(*local_view, std::span(&view, 1), relos);
  if (!got) return got.error().message();
  const std::vector<Expected> expected =
      expect_all(local, target, local_ids, target_ids, questions);
  for (std::size_t i = 0; i < expected.size(); i++) {
    const btf::core::Resolution& real = (*got)[i];
    const bool compare_values = real.verdict == Verdict::matched || real.verdict == Verdict::local;
    if (real.verdict == expected[i].verdict &&
        (!compare_values ||
         (real.local_value == expected[i].local && real.target_value == expected[i].target &&
          real.size_conflict == expected[i].size_conflict)))
      continue;
    return format("question {}: {}: the oracle says {}, {} -> {}{}", i,
                  btf::core::describe(real, relos[i], *local_view, std::span(&view, 1)),
                  btf::core::verdict_name(expected[i].verdict), expected[i].local,
                  expected[i].target, expected[i].size_conflict ? ", sizes conflict" : "");
  }
  return {};
}

}  // namespace bpfld::test
