// SPDX-License-Identifier: Apache-2.0
// See search.h.
#include "btf/search.h"

#include <algorithm>
#include <utility>

#include "base/glob.h"
#include "base/near.h"
#include "btf/types.h"

namespace bpfld::btf {

std::vector<Hit> search(const View& view, std::string_view pattern, KindMask kinds) {
  std::vector<std::pair<std::string_view, Hit>> found;
  for (u32 id = 1; id < view.count(); id++) {
    const Kind kind = view.kind({id});
    if (!kinds.has(kind)) continue;
    const Type type = view.type({id});
    if (!type.name.empty() && glob_matches(pattern, type.name))
      found.push_back({type.name, {.type = {id}}});
    const Entries<Enumerator> list = enumerators(view, type);
    for (u32 i = 0; i < list.size(); i++) {
      const std::string_view name = list[i].name;
      if (glob_matches(pattern, name)) found.push_back({name, {.type = {id}, .enumerator = i}});
    }
  }
  std::ranges::sort(found);
  std::vector<Hit> out;
  out.reserve(found.size());
  for (const auto& [name, hit] : found)
    out.push_back(hit);
  return out;
}

std::string_view name_of(const View& view, const Hit& hit) {
  const Type type = view.type(hit.type);
  return hit.enumerator == kWholeType ? type.name : enumerators(view, type)[hit.enumerator].name;
}

std::vector<std::string_view> near_names(const View& view, std::string_view name, KindMask kinds,
                                         std::size_t count) {
  std::vector<std::string_view> names;
  for (u32 id = 1; id < view.count(); id++) {
    if (!kinds.has(view.kind({id}))) continue;
    const std::string_view other = view.type({id}).name;
    if (!other.empty() && other != name) names.push_back(other);
  }
  std::ranges::sort(names);
  const auto rest = std::ranges::unique(names);
  names.erase(rest.begin(), rest.end());
  return nearest(name, names, count);
}

}  // namespace bpfld::btf
