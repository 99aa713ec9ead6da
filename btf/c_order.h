// SPDX-License-Identifier: Apache-2.0
// The order in which C wants declarations: a struct before those that hold it by value, a typedef
// or an enum before whoever mentions it, the tag of a struct before a parameter that points to it.
// Items come in the order of their ids, each after what it needs, so one BTF has one order.
#pragma once

#include <vector>

#include "base/result.h"
#include "btf/c_names.h"
#include "btf/types.h"

namespace bpfld::btf {

// spec: one declaration at file scope.
struct CItem {
  TypeId type;
  bool forward = false;  // only the tag: `struct foo;`
  bool operator==(const CItem&) const = default;
};

// The items that `roots` need, themselves included. Roots that have no declaration (int, char *)
// stand for what they mention.
// Errors: malformed (types that need each other), limit.
[[nodiscard]] Result<std::vector<CItem>> order_declarations(const View& view, const CNames& names,
                                                            const std::vector<TypeId>& roots);

// All that a header of the whole BTF declares: structs, unions, enums, typedefs, forward
// declarations, and functions for BPF programs. Own types only: what they need of the base comes by
// itself.
std::vector<TypeId> all_declarations(const View& view, const CNames& names);

}  // namespace bpfld::btf
