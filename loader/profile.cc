// SPDX-License-Identifier: Apache-2.0
// Which kernel facts an object requires. Walks only what the selected programs reach.
#include "loader/profile.h"

#include <algorithm>
#include <set>
#include <span>

#include "bpf/tables.h"
#include "btf/index.h"
#include "loader/attach_parts.h"
#include "loader/binding.h"
#include "loader/externs.h"
#include "loader/link.h"
#include "loader/struct_ops.h"

namespace bpfld::loader {
namespace {

// Those that any of the programs reaches, each once, ascending.
std::vector<u32> reached_functions(const ObjectSpec& spec, const Selection& selection) {
  std::vector<bool> reached(spec.functions.size(), false);
  for (const u32 index : selection)
    for (const u32 function : reachable_functions(spec, spec.programs[index].function))
      reached[function] = true;
  std::vector<u32> out;
  for (u32 i = 0; i < reached.size(); i++)
    if (reached[i]) out.push_back(i);
  return out;
}

// The types that CO-RE asks for; the same roots as btf::core::resolve() looks for.
std::vector<CoreRoot> core_roots(const ObjectSpec& spec, std::span<const u32> functions,
                                 const btf::View& btf) {
  std::vector<bool> asked(btf.count(), false);
  for (const u32 function : functions)
    for (const CoreRelocation& relocation : spec.functions[function].core)
      if (relocation.kind != btf::CoreKind::type_id_local && relocation.type < asked.size())
        asked[relocation.type] = true;
  std::set<std::pair<std::string_view, btf::Kind>> roots;
  for (u32 id = 1; id < asked.size(); id++) {
    if (!asked[id]) continue;
    const btf::Type root = btf.type({id});
    if (!root.name.empty()) roots.emplace(btf::essential_name(root.name), root.kind);
  }
  std::vector<CoreRoot> out;
  for (const auto& [name, kind] : roots)
    out.push_back({.name = std::string(name), .kind = kind});
  return out;
}

template <typename T>
void sort_unique(std::vector<T>& list) {
  std::ranges::sort(list);
  list.erase(std::ranges::unique(list).begin(), list.end());
}

}  // namespace

Selection autoload_programs(const ObjectSpec& spec) {
  Selection selection;
  for (u32 i = 0; i < spec.programs.size(); i++)
    if (spec.programs[i].autoload) selection.push_back(i);
  return selection;
}

Needs needs(const ObjectSpec& spec, const Selection& selection) {
  Needs out;
  const std::vector<u32> functions = reached_functions(spec, selection);
  out.kernel_btf = std::ranges::any_of(
      functions, [&](u32 function) { return !spec.functions[function].core.empty(); });
  if (out.kernel_btf)
    if (const Result<btf::View> btf = btf::View::parse(spec.btf))
      out.core_roots = core_roots(spec, functions, *btf);
  for (const u32 index : selection) {
    attach_needs(spec, index, out);
    if (std::optional<KernelName> name = bound_name(spec.programs[index]))
      out.names.push_back(*name);
    const std::optional<TargetProgram>& target = spec.programs[index].target_program;
    if (target && !target->own) add_once(out.programs, target->loaded);
    for (const TargetProgram& other : spec.programs[index].more_targets)
      if (!other.own) add_once(out.programs, other.loaded);
  }
  extern_needs(spec, functions, out);
  struct_ops_needs(spec, selection, out);
  sort_unique(out.names);
  if (!out.names.empty() || !out.traced_globs.empty()) out.kernel_btf = true;
  const auto one_for_each_cpu = [](const MapSpec& map) {
    return (map.type == bpf::MapType::perf_event_array || map.type == bpf::MapType::cpumap) &&
           map.max_entries == 0;
  };
  for (const MapSpec& map : spec.maps)
    if (one_for_each_cpu(map) || (!map.elements.empty() && bpf::is_per_cpu(map.type)) ||
        std::ranges::any_of(map.inner, one_for_each_cpu))
      out.possible_cpus = true;
  return out;
}

}  // namespace bpfld::loader
