// SPDX-License-Identifier: Apache-2.0
// What became of a type between two kernels: members that moved, changed, came and went, told as
// the C code that uses them sees it (see flat.h). CO-RE makes most of this harmless; a member that
// is gone, or has another name, it cannot.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "btf/index.h"
#include "btf/view.h"

namespace bpfld::btf {

// spec: one side of a change.
struct DiffSide {
  std::string name;  // "__state", "u.arg", an enumerator
  std::string text;  // "unsigned int __state", "RED = 1"
  u64 bit_offset = 0;
  u32 width = 0;
  bool operator==(const DiffSide&) const = default;
};

// spec: a member or enumerator that is not the same on both sides; one side is missing when it came
// or went.
struct DiffEntry {
  std::optional<DiffSide> before, after;
  bool renamed = false;  // probably: what went and what came stand in the same place
  bool operator==(const DiffEntry&) const = default;
};

// spec: one type on both sides.
struct TypeDiff {
  Kind kind = Kind::void_;
  std::string name;
  TypeId before = {}, after = {};  // void when it came or went
  u64 size_before = 0, size_after = 0;
  u32 count_before = 0, count_after = 0;          // members, enumerators
  std::string text_before = {}, text_after = {};  // functions and typedefs, when they differ
  std::vector<DiffEntry> entries = {};            // in the order of the newer type
  bool is_same() const {
    return before != TypeId{} && after != TypeId{} && entries.empty() &&
           text_before == text_after && size_before == size_after;
  }
};

// Compares two types, of kinds that go together. Errors: limit.
[[nodiscard]] Result<TypeDiff> diff_types(const View& before, TypeId a, const View& after,
                                          TypeId b);
// All types of these kinds that differ, and those that only one side has, by name. Types of one
// name are paired in the order of their ids. Struct, union, enum, typedef and function only.
// Errors: limit.
[[nodiscard]] Result<std::vector<TypeDiff>> diff_all(const View& before, const View& after,
                                                     KindMask kinds);
// The same for one name; empty when neither side has it.
[[nodiscard]] Result<std::vector<TypeDiff>> diff_named(const View& before, const View& after,
                                                       std::string_view name);

// "struct task_struct   9344 B, 216 members  ->  9728 B, 244 members" and a line for each entry:
//  - volatile long state      @16       + unsigned int __state     @24     (renamed)
//    pid_t tgid               @2236 -> @2420
// Escaped, ends with a newline.
std::string describe(const TypeDiff& diff);
// One line: "~ struct task_struct  9344 -> 9728 B, +30 -2, 184 moved or changed".
std::string summarize(const TypeDiff& diff);

}  // namespace bpfld::btf
