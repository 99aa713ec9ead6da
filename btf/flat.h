// SPDX-License-Identifier: Apache-2.0
// A struct's members as C code spells them: those of anonymous structs and unions inside it count
// as its own, and those of a named member without a type name are "member.inner". Offsets are from
// the start of the outermost struct.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "btf/types.h"

namespace bpfld::btf {

// spec: one member.
struct FlatMember {
  std::string path;  // "comm", "u.arg.a"
  TypeId type;
  u64 bit_offset = 0;
  u32 width = 0;            // bits of a bitfield, 0 for others
  u32 depth = 0;            // how many structs it is written inside of, the outermost not counted
  bool has_inside = false;  // the members of its anonymous type follow
};

// spec: how much flat_members() may still write: n anonymous structs can hold 2^n members.
struct FlatBudget {
  u64 members = 200'000;  // the largest struct of a kernel has some 1,000
  u64 text = 16u << 20;   // bytes of all paths
};

// All members, in their order, those that are anonymous structs left out.
// Errors: limit (more than `budget`, which this draws on).
[[nodiscard]] Result<std::vector<FlatMember>> flat_members(const View& view, TypeId composite,
                                                           FlatBudget& budget);

}  // namespace bpfld::btf
