// SPDX-License-Identifier: Apache-2.0
// See slice.h. Leaving things out can turn a candidate that matched into one that does not, never
// the other way round, but for two cases that are taken care of: a pointer that became void * looks
// like one to void, so candidates that are compared by shape keep it all; and an array [0] that
// became the last member looks like a flexible one, so something behind it is kept too.
#include "btf/slice.h"

#include <algorithm>
#include <utility>

#include "btf/core_match.h"
#include "btf/index.h"
#include "btf/layout.h"
#include "btf/types.h"

namespace bpfld::btf {
namespace {

u32 renumber(const std::vector<u32>& new_ids, u32 id) {
  return id < new_ids.size() ? new_ids[id] : 0;
}

// What a match leads through, in the target.
void keep_path(Slicer& slicer, const View& target, const core::AccessPath& found) {
  TypeId at = resolve(target, found.root);
  for (u32 i = 1; i < found.raw_count; i++) {
    const Type type = target.type(at);
    if (is_composite(type.kind)) {
      slicer.keep_member(at, found.raw[i]);
      at = resolve(target, members(target, type)[found.raw[i]].type);
    } else {
      at = resolve(target, array(type).element);
    }
  }
}

// One relocation and one type of its root's name.
Status keep_candidate(Slicer& slicer, const core::Sides& sides, const CoreRelo& relo,
                      const core::AccessPath& path, TypeId candidate) {
  slicer.keep(candidate);
  const core::Family family = core::family_of(relo.kind);
  if (relo.kind == CoreKind::type_matches) {
    slicer.keep_contents(candidate);
  } else if (family == core::Family::type) {
    slicer.keep_shape(candidate);
  } else {
    core::AccessPath found;
    const core::MatchResult match = core::match_candidate(sides, relo.kind, path, candidate, found);
    if (match.reason == core::Reason::too_much_work)
      return fail(Code::limit, "BTF type [{}]: too entangled to be compared with the object's",
                  candidate.value);
    if (!match.matched()) return {};
    if (family == core::Family::field)
      keep_path(slicer, sides.target, found);
    else
      slicer.keep_enumerator(found.last().type, found.last().index);
  }
  return {};
}

}  // namespace

void Slicer::want(TypeId id, u8 how) {
  queue_.emplace_back(id, how);
  while (!queue_.empty()) {
    const auto [next, ways] = queue_.back();
    queue_.pop_back();
    if (next.value == 0 || next.value >= kept_.size()) continue;
    u8& known = kept_[next.value];
    if ((known & ways) == ways) continue;
    known |= ways;
    keep_parts(view_->type(next), known);
  }
}

// Puts what the type needs on the queue.
void Slicer::keep_parts(const Type& type, u8 how) {
  if (type.kind == Kind::ptr) {
    if ((how & kPointees) != 0)
      queue_.emplace_back(type.type(), static_cast<u8>(how & ~u32{kMembers}));
    return;
  }
  if (third_word(type.kind) == Third::type) queue_.emplace_back(type.type(), how);
  if (type.kind == Kind::array) {
    queue_.emplace_back(array(type).element, how);
    queue_.emplace_back(array(type).index, kBare);
  }
  for (const Param& param : params(*view_, type))
    queue_.emplace_back(param.type, how);
  if ((how & kMembers) == 0) return;
  for (const Member& member : members(*view_, type))
    queue_.emplace_back(member.type, how);
}

void Slicer::keep_member(TypeId composite, u32 index) {
  keep(composite);
  const Entries<Member> list = members(*view_, view_->type(composite));
  for (; index < list.size(); index++) {
    const Member member = list[index];
    if (!entries_[composite.value].insert(index).second) return;
    keep(member.type);
    const Type type = resolved(*view_, member.type);
    if (type.kind != Kind::array || array(type).count != 0) return;
  }
}

void Slicer::keep_enumerator(TypeId enumeration, u32 index) {
  keep(enumeration);
  entries_[enumeration.value].insert(index);
}

Status Slicer::keep_for(const View& object, std::span<const CoreRelo> relos) {
  core::Budget budget = {.left = std::min<u64>(4'000'000 + 4096 * relos.size(), 256'000'000)};
  const core::Sides sides = {.local = object, .target = *view_, .budget = budget};
  std::vector<TypeId> roots;
  for (const CoreRelo& relo : relos)
    if (relo.kind != CoreKind::type_id_local) roots.push_back(relo.type);
  std::ranges::sort(roots);
  roots.erase(std::ranges::unique(roots).begin(), roots.end());
  std::vector<std::string_view> names;
  names.reserve(roots.size());
  for (const TypeId root : roots)
    names.push_back(essential_name(object.type(root).name));
  const std::vector<std::vector<TypeId>> candidates =
      find_named(*view_, names, KindMask::all(), Match::essential);
  for (const CoreRelo& relo : relos) {
    core::AccessPath path;
    if (relo.kind == CoreKind::type_id_local) continue;
    if (core::parse_access(object, relo, path) != core::Reason::none) continue;
    const auto root = std::ranges::lower_bound(roots, relo.type);
    for (const TypeId candidate : candidates[static_cast<std::size_t>(root - roots.begin())]) {
      if (!budget.spend(1)) return fail(Code::limit, "too many types of the same names");
      if (!core::kinds_compatible(object.kind(relo.type), view_->kind(candidate))) continue;
      TRY(keep_candidate(*this, sides, relo, path, candidate));
    }
  }
  return {};
}

bool Slicer::keeps(TypeId id, u32 index, u8 all) const {
  if ((kept_[id.value] & all) != 0) return true;
  const auto found = entries_.find(id.value);
  return found != entries_.end() && found->second.contains(index);
}

// The words behind the first three of a record that has no list, with new ids.
std::vector<u32> Slicer::single_words(const Type& type, const std::vector<u32>& new_ids) const {
  if (type.kind == Kind::array) {
    const Array list = array(type);
    return {renumber(new_ids, list.element.value), renumber(new_ids, list.index.value), list.count};
  }
  std::vector<u32> out;
  for (u64 at = 0; at < type.tail.size(); at += 4)
    out.push_back(load_checked<u32>(type.tail, at));
  return out;
}

// The entries of a record that has a list, those that are kept, with new ids and strings.
std::vector<u32> Slicer::list_words(const Type& type, u32 words_per_entry,
                                    const std::vector<u32>& new_ids, Builder& builder) const {
  std::vector<u32> out;
  if (type.kind == Kind::datasec) return out;
  const u8 all = is_enum(type.kind)              ? kEnumerators
                 : type.kind == Kind::func_proto ? kBare
                                                 : kMembers;
  for (u32 i = 0; i < type.vlen; i++) {
    if (!keeps(type.id, i, all)) continue;
    for (u32 w = 0; w < words_per_entry; w++) {
      u32 word = load_checked<u32>(type.tail, (u64{i} * words_per_entry + w) * 4);
      if (w == 0) word = builder.add_string(view_->string(word));
      if (w == 1 && !is_enum(type.kind)) word = renumber(new_ids, word);
      out.push_back(word);
    }
  }
  return out;
}

Result<std::vector<std::byte>> Slicer::build() const {
  std::vector<u32> new_ids(view_->count(), 0);
  u32 next = 0;
  for (u32 id = 1; id < view_->count(); id++)
    if (kept_[id] != 0) new_ids[id] = ++next;
  Builder builder;
  for (u32 id = 1; id < view_->count(); id++) {
    if (kept_[id] == 0) continue;
    const Type type = view_->type({id});
    const KindRow* row = find_kind(type.kind);
    NewType made = {.name = type.name,
                    .kind = type.kind,
                    .vlen = type.vlen,
                    .flag = type.kind_flag,
                    .size_or_type = type.size_or_type};
    if (third_word(type.kind) == Third::type)
      made.size_or_type = renumber(new_ids, type.size_or_type);
    std::vector<u32> tail;
    if (row == nullptr) {  // what it refers to is not known, so it cannot be copied
      made = {.name = type.name, .kind = Kind::fwd};
    } else if (row->words_per_entry == 0) {
      tail = single_words(type, new_ids);
    } else {
      tail = list_words(type, row->words_per_entry, new_ids, builder);
      made.vlen = static_cast<u32>(tail.size() / row->words_per_entry);
    }
    builder.add(made, tail);
  }
  const ByteOrder other = kHostOrder == ByteOrder::little ? ByteOrder::big : ByteOrder::little;
  return builder.bytes(view_->was_foreign_order() ? other : kHostOrder);
}

}  // namespace bpfld::btf
