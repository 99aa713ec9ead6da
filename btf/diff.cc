// SPDX-License-Identifier: Apache-2.0
// See diff.h. Both sides become lists of names with texts; the lists are joined by name.
#include "btf/diff.h"

#include <algorithm>
#include <map>
#include <unordered_map>

#include "btf/flat.h"
#include "btf/layout.h"
#include "btf/show.h"

namespace bpfld::btf {
namespace {

constexpr std::size_t kLookBack = 16;  // entries, for what a new member's old name was

// Which kinds are versions of each other: 's' structs and unions, 'e' enums of either width.
char class_of(Kind kind) {
  if (is_composite(kind)) return 's';
  if (is_enum(kind)) return 'e';
  if (kind == Kind::typedef_) return 't';
  return kind == Kind::func ? 'f' : '\0';
}

Result<std::vector<DiffSide>> sides_of(const View& view, const Type& type, FlatBudget& budget) {
  std::vector<DiffSide> out;
  for (const Enumerator& entry : enumerators(view, type)) {
    if (budget.members == 0 || budget.text < entry.name.size())
      return fail(Code::limit, "BTF type [{}]: too many enumerators", type.id.value);
    budget.members--;
    budget.text -= entry.name.size();
    const bool negative = type.kind_flag && entry.value >> 63 != 0;
    const std::string value =
        negative ? format("{}", static_cast<i64>(entry.value)) : format("{}", entry.value);
    out.push_back({std::string(entry.name), format("{} = {}", entry.name, value)});
  }
  if (!is_composite(type.kind)) return out;
  const std::vector<FlatMember> list = TRY(flat_members(view, type.id, budget));
  for (const FlatMember& member : list) {
    std::string text = declaration(view, member.type, member.path);
    if (member.width != 0) text += format(":{}", member.width);
    out.push_back({member.path, std::move(text), member.bit_offset, member.width});
  }
  return out;
}

std::string_view without_underscores(std::string_view name) {
  while (name.starts_with('_'))
    name.remove_prefix(1);
  while (name.ends_with('_'))
    name.remove_suffix(1);
  return name;
}

// Turns one that went and one that came in the same place into one entry when one name is the
// other's, but for underscores, as in `state` and `__state`.
void join_renamed(std::vector<DiffEntry>& entries) {
  std::vector<DiffEntry> out;
  for (DiffEntry& entry : entries) {
    bool joined = false;
    for (std::size_t back = 1; !entry.before && back <= std::min(out.size(), kLookBack); back++) {
      DiffEntry& gone = out[out.size() - back];
      if (gone.before && gone.after && !gone.renamed) break;  // another place begins
      const DiffSide* old = gone.before ? &*gone.before : nullptr;
      const DiffSide* now = entry.after ? &*entry.after : nullptr;
      if (gone.after || old == nullptr || now == nullptr) continue;
      if (without_underscores(old->name) != without_underscores(now->name)) continue;
      gone.after = std::move(entry.after);
      gone.renamed = joined = true;
      break;
    }
    if (!joined) out.push_back(std::move(entry));
  }
  entries = std::move(out);
}

// All names of both sides: those of the newer in its order, and each that is gone behind the one
// that it stood behind.
std::vector<DiffEntry> join(const std::vector<DiffSide>& before,
                            const std::vector<DiffSide>& after) {
  std::unordered_map<std::string_view, const DiffSide*> old, now;
  for (const DiffSide& side : before)
    old.try_emplace(side.name, &side);
  for (const DiffSide& side : after)
    now.try_emplace(side.name, &side);
  std::unordered_map<std::string_view, std::vector<const DiffSide*>> gone_behind;
  std::string_view last;
  for (const DiffSide& side : before) {
    if (now.contains(side.name))
      last = side.name;
    else
      gone_behind[last].push_back(&side);
  }
  std::vector<DiffEntry> out;
  const auto add_gone = [&](std::string_view name) {
    const auto found = gone_behind.find(name);
    if (found == gone_behind.end()) return;
    for (const DiffSide* side : found->second)
      out.push_back({.before = *side, .after = {}});
    gone_behind.erase(found);
  };
  add_gone("");
  for (const DiffSide& side : after) {
    const auto found = old.find(side.name);
    if (found == old.end())
      out.push_back({.before = {}, .after = side});
    else if (*found->second != side)
      out.push_back({.before = *found->second, .after = side});
    add_gone(side.name);
  }
  join_renamed(out);
  return out;
}

using Key = std::pair<char, std::string_view>;

std::map<Key, std::vector<TypeId>> by_name(const View& view, KindMask kinds,
                                           std::string_view only) {
  std::map<Key, std::vector<TypeId>> out;
  for (u32 id = view.first_id(); id < view.count(); id++) {
    const Kind kind = view.kind({id});
    if (!kinds.has(kind) || class_of(kind) == '\0') continue;
    const std::string_view name = view.type({id}).name;
    if (!name.empty() && (only.empty() || name == only))
      out[{class_of(kind), name}].push_back({id});
  }
  return out;
}

// A type that only one side has.
TypeDiff one_sided(const View& view, TypeId id, bool is_new) {
  const Type type = view.type(id);
  TypeDiff out = {.kind = type.kind, .name = std::string(type.name)};
  const u64 size = third_word(type.kind) == Third::size ? type.size() : 0;
  (is_new ? out.after : out.before) = id;
  (is_new ? out.size_after : out.size_before) = size;
  const bool has_text = type.kind == Kind::func || type.kind == Kind::typedef_;
  if (has_text) (is_new ? out.text_after : out.text_before) = title_of(view, id);
  return out;
}

Result<TypeDiff> diff_pair(const View& before, TypeId a, const View& after, TypeId b,
                           FlatBudget& budget) {
  const Type old = before.type(a);
  const Type now = after.type(b);
  TypeDiff out = {.kind = now.kind, .name = std::string(now.name), .before = a, .after = b};
  if (third_word(old.kind) == Third::size) out.size_before = old.size();
  if (third_word(now.kind) == Third::size) out.size_after = now.size();
  const std::vector<DiffSide> old_sides = TRY(sides_of(before, old, budget));
  const std::vector<DiffSide> now_sides = TRY(sides_of(after, now, budget));
  out.count_before = old.vlen;
  out.count_after = now.vlen;
  out.entries = join(old_sides, now_sides);
  if (old.kind == Kind::func || old.kind == Kind::typedef_ || old.kind != now.kind) {
    out.text_before = title_of(before, a);
    out.text_after = title_of(after, b);
    const bool enums = is_enum(old.kind) && is_enum(now.kind);
    if (out.text_before == out.text_after || enums) out.text_before = out.text_after = {};
  }
  return out;
}

Result<std::vector<TypeDiff>> diff_lists(const View& before, const View& after, KindMask kinds,
                                         std::string_view only) {
  const std::map<Key, std::vector<TypeId>> old = by_name(before, kinds, only);
  const std::map<Key, std::vector<TypeId>> now = by_name(after, kinds, only);
  std::map<Key, bool> keys;
  for (const auto& [key, ids] : old)
    keys[key] = true;
  for (const auto& [key, ids] : now)
    keys[key] = true;
  const std::vector<TypeId> none;
  FlatBudget budget = {.members = 2'000'000, .text = 256u << 20};  // two kernels have 300,000
  std::vector<TypeDiff> out;
  for (const auto& [key, unused] : keys) {
    const auto in_old = old.find(key);
    const auto in_now = now.find(key);
    const std::vector<TypeId>& a = in_old == old.end() ? none : in_old->second;
    const std::vector<TypeId>& b = in_now == now.end() ? none : in_now->second;
    for (std::size_t i = 0; i < std::max(a.size(), b.size()); i++) {
      if (i >= a.size()) {
        out.push_back(one_sided(after, b[i], true));
      } else if (i >= b.size()) {
        out.push_back(one_sided(before, a[i], false));
      } else {
        TypeDiff diff = TRY(diff_pair(before, a[i], after, b[i], budget));
        if (!diff.is_same() || !only.empty()) out.push_back(std::move(diff));
      }
    }
  }
  return out;
}

}  // namespace

Result<TypeDiff> diff_types(const View& before, TypeId a, const View& after, TypeId b) {
  FlatBudget budget;
  return diff_pair(before, a, after, b, budget);
}

Result<std::vector<TypeDiff>> diff_all(const View& before, const View& after, KindMask kinds) {
  return diff_lists(before, after, kinds, {});
}

Result<std::vector<TypeDiff>> diff_named(const View& before, const View& after,
                                         std::string_view name) {
  return diff_lists(before, after, KindMask::all(), name);
}

}  // namespace bpfld::btf
