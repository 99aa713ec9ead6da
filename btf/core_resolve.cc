// SPDX-License-Identifier: Apache-2.0
// See core_resolve.h. The names of all root types are gathered first, so that a target's types are
// walked once however many relocations there are.
#include "btf/core_resolve.h"

#include <algorithm>
#include <iterator>
#include <limits>

#include "btf/core_match.h"
#include "btf/index.h"
#include "btf/layout.h"
#include "btf/types.h"

namespace bpfld::btf::core {
namespace {

// Names compared, in all; an honest relocation needs some hundred (see core_match.h).
constexpr u64 kBaseBudget = 4'000'000;
constexpr u64 kBudgetPerRelo = 4096;
constexpr u64 kMaxBudget = 256'000'000;

// The candidates of one local root type; shared by all of its relocations.
struct Pool {
  TypeId local;
  Root root;
  std::vector<Candidate> candidates = {};  // in the order of search
  std::vector<Candidate> out = {};         // lost in an earlier relocation; the first kMaxKept
  u32 out_count = 0;
};

// One pool per root type that has a name, in the order of their ids.
std::vector<Pool> make_pools(const View& local, std::span<const CoreRelo> relos) {
  std::vector<TypeId> roots;
  roots.reserve(relos.size());
  for (const CoreRelo& relo : relos) {
    if (relo.kind != CoreKind::type_id_local) roots.push_back(relo.type);
  }
  std::ranges::sort(roots);
  roots.erase(std::ranges::unique(roots).begin(), roots.end());
  std::vector<Pool> pools;
  pools.reserve(roots.size());
  for (const TypeId root : roots) {
    const Type type = local.type(root);
    if (type.name.empty()) continue;
    pools.push_back(
        {.local = root, .root = {.name = essential_name(type.name), .kind = type.kind}});
  }
  return pools;
}

// Adds one target's types to those pools that have none yet.
void search(const Target& target, u16 number, std::span<Pool* const> open) {
  if (target.view == nullptr) return;
  const Located nothing;
  const Located& before = target.located != nullptr ? *target.located : nothing;
  std::vector<Root> unknown;
  for (const Pool* pool : open)
    if (before.find(pool->root) == nullptr) unknown.push_back(pool->root);
  const Located now(*target.view, unknown);
  for (Pool* pool : open) {
    const std::vector<TypeId>* known = before.find(pool->root);
    const std::vector<TypeId>* types = known != nullptr ? known : now.find(pool->root);
    for (const TypeId type : *types)
      pool->candidates.push_back({.type = type, .target = number});
  }
}

void search_all(std::span<const Target> targets, std::vector<Pool>& pools) {
  std::vector<Pool*> open;
  for (Pool& pool : pools)
    open.push_back(&pool);
  for (std::size_t number = 0; number < targets.size(); number++) {
    search(targets[number], static_cast<u16>(number), open);
    if (number == 0) std::erase_if(open, [](const Pool* p) { return !p->candidates.empty(); });
  }
}

// spec: a relocation's value on one side.
struct Value {
  u64 value = 0;
  u32 load_size = 0;
  TypeId load_type;
  bool skip_old_value = false;
};

bool is_little(const View& view) {
  return (kHostOrder == ByteOrder::little) != view.was_foreign_order();
}

// A load of the unit puts the bitfield's highest bit `left` below bit 63; 32-bit arithmetic, as a
// field of more than 8 bytes makes no sense here but must give everyone the same nonsense.
u32 left_shift(const View& view, const Field& field) {
  const u32 start = field.bit_offset - field.byte_offset * 8;
  if (is_little(view)) return 64 - (start + field.bit_size);
  return (8 - field.byte_size) * 8 + start;
}

Reason field_value(CoreKind kind, const View& view, const AccessPath& path, Value& out) {
  Field field;
  const Reason reason = find_field(view, path, field);
  if (reason != Reason::none) return reason;
  const bool is_size_or_place =
      kind == CoreKind::field_byte_offset || kind == CoreKind::field_byte_size;
  if (field.is_element && !is_size_or_place) return Reason::element_property;
  out.skip_old_value = field.is_bitfield && kind != CoreKind::field_signed;
  if (kind == CoreKind::field_byte_offset) {
    out.value = field.byte_offset;
    out.load_size = field.load_size;  // 0 for a bitfield
    if (!field.is_bitfield) out.load_type = field.type;
  } else if (kind == CoreKind::field_byte_size) {
    out.value = field.byte_size;
  } else if (kind == CoreKind::field_signed) {
    out.value = field.is_signed ? 1 : 0;
  } else if (kind == CoreKind::field_lshift_u64) {
    out.value = left_shift(view, field);
  } else {
    out.value = 64 - field.bit_size;  // 32 bits wide, like left_shift()
  }
  return Reason::none;
}

// BTF from before enums had a sign shows all as unsigned. Compilers wrote negative ones all the
// same, and extended them, so a 32-bit enumerator always counts as signed.
u64 enumerator_value(const View& view, const Step& step) {
  const Type type = view.type(step.type);
  const u64 value = enumerators(view, type)[step.index].value;
  return type.kind == Kind::enum64 ? value : static_cast<u64>(i64{static_cast<i32>(value)});
}

// The value of a path that was followed to its end.
Reason value_of(CoreKind kind, const View& view, const AccessPath& path, Value& out) {
  switch (kind) {
    case CoreKind::field_byte_offset:
    case CoreKind::field_byte_size:
    case CoreKind::field_signed:
    case CoreKind::field_lshift_u64:
    case CoreKind::field_rshift_u64: return field_value(kind, view, path, out);
    case CoreKind::field_exists:
    case CoreKind::type_exists:
    case CoreKind::type_matches:
    case CoreKind::enumval_exists: out.value = 1; return Reason::none;
    case CoreKind::type_id_local:
    case CoreKind::type_id_target:
      out.value = path.root.value;
      out.skip_old_value = true;
      return Reason::none;
    case CoreKind::type_size: {
      const Result<u64> size = size_of(view, path.root);
      if (size) out.value = *size;
      return size ? Reason::none : Reason::no_size;
    }
    case CoreKind::enumval_value:
      out.value = enumerator_value(view, path.last());
      return Reason::none;
  }
  std::unreachable();
}

// What no match means: 0 is a good answer to some questions; for the others there is none.
Verdict verdict_without_match(CoreKind kind) {
  switch (kind) {
    case CoreKind::field_exists:
    case CoreKind::type_id_local:
    case CoreKind::type_id_target:
    case CoreKind::type_exists:
    case CoreKind::type_size:
    case CoreKind::type_matches:
    case CoreKind::enumval_exists: return Verdict::absent;
    case CoreKind::field_byte_offset:
    case CoreKind::field_byte_size:
    case CoreKind::field_signed:
    case CoreKind::field_lshift_u64:
    case CoreKind::field_rshift_u64:
    case CoreKind::enumval_value: return Verdict::poisoned;
  }
  std::unreachable();
}

// Whether a load of the local size may become one of the target's: zero-extension must be right.
bool sizes_conflict(const View& local, const Value& ours, const View& target, const Value& theirs) {
  if (ours.load_size == theirs.load_size) return false;
  const Type a = resolved(local, ours.load_type);
  const Type b = resolved(target, theirs.load_type);
  if (a.kind == Kind::ptr && b.kind == Kind::ptr) return false;
  const bool both_unsigned =
      a.kind == Kind::int_ && b.kind == Kind::int_ && !is_signed(a) && !is_signed(b);
  return !both_unsigned;
}

class Resolver {
 public:
  Resolver(const View& local, std::span<const Target> targets, std::span<const CoreRelo> relos)
      : local_(local), targets_(targets), pools_(make_pools(local, relos)) {
    budget_.left = std::min(kBaseBudget + kBudgetPerRelo * relos.size(), kMaxBudget);
    search_all(targets, pools_);
  }

  Resolution answer(const CoreRelo& relo, u32 number);

 private:
  Pool* pool_of(TypeId root);
  void weigh(const AccessPath& path, const Value& ours, Pool& pool, Resolution& out);
  void prune(Pool& pool, u32 relo);
  void try_candidate(const AccessPath& path, const Value& ours, Candidate& candidate,
                     Resolution& out);

  const View& local_;
  std::span<const Target> targets_;
  std::vector<Pool> pools_;
  std::vector<Candidate> survivors_;  // of the relocation at hand
  Budget budget_;
  u64 first_offset_ = 0;  // of the relocation at hand: where its first match put the field
};

Pool* Resolver::pool_of(TypeId root) {
  const auto found = std::ranges::lower_bound(pools_, root, {}, &Pool::local);
  return found != pools_.end() && found->local == root ? &*found : nullptr;
}

void set_failure(Resolution& out, Verdict verdict, Reason reason) {
  out.verdict = verdict;
  out.reason = reason;
}

// Matches one candidate and compares its value with those before. A failure is left in `out`.
void Resolver::try_candidate(const AccessPath& path, const Value& ours, Candidate& candidate,
                             Resolution& out) {
  const View& target = *targets_[candidate.target].view;
  const CoreKind kind = out.kind;
  AccessPath found;
  const MatchResult match =
      match_candidate({local_, target, budget_}, kind, path, candidate.type, found);
  candidate.reason = match.reason;
  candidate.step = static_cast<u8>(match.step);
  if (is_undecided(match.reason)) set_failure(out, Verdict::undecided, match.reason);
  if (!match.matched()) return;

  Value theirs;
  candidate.reason = value_of(kind, target, found, theirs);
  if (candidate.reason != Reason::none)
    return set_failure(out, Verdict::undecided, candidate.reason);
  candidate.value = theirs.value;
  if (out.winners > 0) {
    if (found.bit_offset != first_offset_)
      set_failure(out, Verdict::ambiguous, Reason::offsets_differ);
    else if (theirs.value != out.target_value)
      set_failure(out, Verdict::ambiguous, Reason::values_differ);
    return;
  }
  first_offset_ = found.bit_offset;
  out.verdict = Verdict::matched;
  out.target = candidate.target;
  out.type = candidate.type;
  out.target_value = theirs.value;
  out.target_size = theirs.load_size;
  out.size_conflict = sizes_conflict(local_, ours, target, theirs);
}

void keep(const Candidate& candidate, u32 count_before, Resolution& out) {
  if (count_before < kMaxKept) out.considered.push_back(candidate);
}

// Asks all candidates. Those that lose are out, unless all do or the verdict is none to rely on.
void Resolver::weigh(const AccessPath& path, const Value& ours, Pool& pool, Resolution& out) {
  out.verdict = verdict_without_match(out.kind);
  survivors_.clear();
  for (Candidate candidate : pool.candidates) {
    try_candidate(path, ours, candidate, out);
    const bool lost = candidate.reason != Reason::none;
    keep(candidate, lost ? out.losers++ : out.winners++, out);
    if (!is_usable(out.verdict)) return;  // nothing that the others say would change it
    if (!lost) survivors_.push_back({.type = candidate.type, .target = candidate.target});
  }
  for (const Candidate& earlier : pool.out)
    keep(earlier, out.losers++, out);
  out.losers += pool.out_count - static_cast<u32>(pool.out.size());
  if (!survivors_.empty() && survivors_.size() < pool.candidates.size()) prune(pool, out.relo);
}

// Leaves only the survivors in the pool.
void Resolver::prune(Pool& pool, u32 relo) {
  std::size_t next = 0;  // survivors are in the pool's order
  for (const Candidate& candidate : pool.candidates) {
    if (next < survivors_.size() && survivors_[next] == candidate) {
      next++;
      continue;
    }
    pool.out_count++;
    if (pool.out.size() == kMaxKept) continue;
    pool.out.push_back(candidate);
    pool.out.back().reason = Reason::lost_earlier;
    pool.out.back().lost_in = relo;
  }
  pool.candidates = survivors_;
}

Verdict verdict_of_local(Reason reason) {
  const bool unsupported = reason == Reason::anonymous_root || reason == Reason::element_property;
  return unsupported ? Verdict::unsupported : Verdict::malformed;
}

Resolution Resolver::answer(const CoreRelo& relo, u32 number) {
  Resolution out;
  out.relo = number;
  out.kind = relo.kind;
  AccessPath path;
  Value ours;
  Reason reason = parse_access(local_, relo, path);
  if (reason == Reason::none) reason = value_of(relo.kind, local_, path, ours);
  out.local_value = ours.value;
  out.local_size = ours.load_size;
  out.skip_old_value = ours.skip_old_value;
  if (reason == Reason::none && relo.kind == CoreKind::type_id_local) {
    out.verdict = Verdict::local;
    out.target_value = ours.value;
    return out;
  }
  Pool* pool = pool_of(relo.type);
  if (reason == Reason::none && pool == nullptr) reason = Reason::anonymous_root;
  if (reason != Reason::none) {
    set_failure(out, verdict_of_local(reason), reason);
    return out;
  }
  weigh(path, ours, *pool, out);
  return out;
}

}  // namespace

Located::Located(const View& view, std::span<const Root> roots) {
  if (roots.empty()) return;
  std::vector<std::string_view> names;
  names.reserve(roots.size());
  for (const Root& root : roots)
    names.push_back(root.name);
  const bool only_structs =
      std::ranges::all_of(roots, [](const Root& root) { return is_composite(root.kind); });
  const std::vector<std::vector<TypeId>> found =
      find_named(view, names, only_structs ? kComposites : KindMask::all(), Match::essential);
  for (std::size_t i = 0; i < roots.size(); i++) {
    std::vector<TypeId>& types = types_[{std::string(roots[i].name), roots[i].kind}];
    types.clear();  // a root may be given twice
    std::ranges::copy_if(found[i], std::back_inserter(types), [&](TypeId type) {
      return kinds_compatible(roots[i].kind, view.kind(type));
    });
  }
}

const std::vector<TypeId>* Located::find(const Root& root) const {
  const auto found = types_.find({std::string(root.name), root.kind});
  return found == types_.end() ? nullptr : &found->second;
}

Result<std::vector<Resolution>> resolve(const View& local, std::span<const Target> targets,
                                        std::span<const CoreRelo> relos) {
  constexpr std::size_t kMaxTargets = std::numeric_limits<u16>::max();
  if (targets.size() > kMaxTargets)
    return fail(Code::limit, "{} BTFs to search are more than {}", targets.size(), kMaxTargets);
  Resolver resolver(local, targets, relos);
  std::vector<Resolution> out;
  out.reserve(relos.size());
  for (const CoreRelo& relo : relos)
    out.push_back(resolver.answer(relo, static_cast<u32>(out.size())));
  return out;
}

}  // namespace bpfld::btf::core
