// SPDX-License-Identifier: Apache-2.0
// Finding types when only part of a name is known. Unlike find_named() this looks at every name, as
// it answers people, not programs.
#pragma once

#include <string_view>
#include <vector>

#include "btf/index.h"
#include "btf/view.h"

namespace bpfld::btf {

inline constexpr u32 kWholeType = ~u32{0};

// spec: a type whose name matches, or an enumerator of it.
struct Hit {
  TypeId type;
  u32 enumerator = kWholeType;
  auto operator<=>(const Hit&) const = default;
};

// Types of these kinds, and enumerators if enums are among them, whose names match the pattern of
// base/glob.h; in the order of names, then ids. The base's too.
std::vector<Hit> search(const View& view, std::string_view pattern, KindMask kinds);
// The name that matched.
std::string_view name_of(const View& view, const Hit& hit);

// Names of those kinds that resemble `name`, best first.
std::vector<std::string_view> near_names(const View& view, std::string_view name, KindMask kinds,
                                         std::size_t count);

}  // namespace bpfld::btf
