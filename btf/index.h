// SPDX-License-Identifier: Apache-2.0
// From names to ids, for the names that somebody asks for. Indexing all of a kernel's 120,000 types
// costs milliseconds and megabytes to answer ten questions. Instead, structs and unions, which
// CO-RE asks for, are found in the list that View::parse() made while it passed them (~0.1 ms); for
// other kinds the types are walked once more. Only a type whose name starts like a wanted name
// is looked at more closely.
//
// Newer kernels write their BTF sorted by name, and a binary search would do there. It would save
// those 0.1 ms: the walk is needed to know where a type's number is, names or not.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "btf/view.h"

namespace bpfld::btf {

// The name without its flavour: "task_struct" for "task_struct___old". Cut before the last "___"
// that has something other than '_' on both sides; the whole name when there is none.
std::string_view essential_name(std::string_view name);

enum class Match : u8 {
  exact,      // names are equal
  essential,  // equal after the *type's* flavour is cut off; pass essential names
};

// For each name the ids of the types of that name and of a kind in `kinds`, in id order. Looks at
// the view's own types only: ask the base separately. One pass however many names there are; a name
// that is given twice is found twice; an empty name is never found.
std::vector<std::vector<TypeId>> find_named(const View& view,
                                            std::span<const std::string_view> names, KindMask kinds,
                                            Match match = Match::exact);

// The first type of that name and kinds in the view or, when it has none, in its base; void if
// none.
TypeId find_one(const View& view, std::string_view name, KindMask kinds);

}  // namespace bpfld::btf
