// SPDX-License-Identifier: Apache-2.0
// Whether a type of the target can stand for one of the object's. Three questions of growing
// strictness, one per family of relocation kinds: does the path of names lead to a field that can
// be read in the same way; is the type of the same shape (names below the root do not matter); does
// the type have everything that the object's has (names do matter).
//
// The type graphs are input: they may be cyclic, and n types can span 2^n paths. So chains and
// nesting end after 32 levels, and all comparisons of one resolve() draw on one budget.
#pragma once

#include "btf/core_access.h"
#include "btf/view.h"

namespace bpfld::btf::core {

inline constexpr u32 kMaxNesting = 32;

// spec: how many names may still be compared.
struct Budget {
  u64 left = 0;
  bool spend(u64 amount) {
    if (amount > left) return false;
    left -= amount;
    return true;
  }
};

// view: the two sides of a comparison.
struct Sides {
  const View& local;
  const View& target;
  Budget& budget;
};

// spec: how a candidate did. `reason` is none when it matched.
struct MatchResult {
  Reason reason = Reason::none;
  u32 step = 0;  // of the local path, where it lost
  bool matched() const { return reason == Reason::none; }
};
// Whether a reason says that nobody knows if the candidate matches, rather than that it does not.
bool is_undecided(Reason reason);

// Looks in `candidate` for what `path` names in the object. On a match `found` is the path in the
// target; its last step is the field or the enumerator.
MatchResult match_candidate(const Sides& sides, CoreKind kind, const AccessPath& path,
                            TypeId candidate, AccessPath& found);

// Whether a field of the target's type may be read as one of the object's: structs and unions as
// each other, any pointer, any integer, enums of one name, arrays by their elements.
Reason fields_compatible(const Sides& sides, TypeId local, TypeId target);
// Whether types have the same shape, through pointers, arrays and prototypes; the names of structs
// and the sizes of integers do not count.
Reason types_compatible(const Sides& sides, TypeId local, TypeId target);
// Whether all that the local type has is in the target's: members and enumerators by name, integers
// of one size and sign; behind a pointer only the names count.
Reason types_match(const Sides& sides, TypeId local, TypeId target);

// Whether a type of kind `target` is looked at when the object's root is of kind `local`.
bool kinds_compatible(Kind local, Kind target);

}  // namespace bpfld::btf::core
