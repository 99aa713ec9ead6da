// SPDX-License-Identifier: Apache-2.0
// Which kernel facts an object requires. Walks only what the selected programs reach.
#include "loader/profile.h"

#include "bpf/tables.h"
#include "loader/attach_parts.h"
#include "loader/link.h"

namespace bpfld::loader {

Selection autoload_programs(const ObjectSpec& spec) {
  Selection selection;
  for (u32 i = 0; i < spec.programs.size(); i++)
    if (spec.programs[i].autoload) selection.push_back(i);
  return selection;
}

Needs needs(const ObjectSpec& spec, const Selection& selection) {
  Needs out;
  for (u32 index : selection) {
    const ProgramSpec& program = spec.programs[index];
    for (u32 function : reachable_functions(spec, program.function))
      if (!spec.functions[function].core.empty()) out.kernel_btf = true;
    attach_needs(spec, index, out);
  }
  const auto one_for_each_cpu = [](const MapSpec& map) {
    return map.type == bpf::MapType::perf_event_array && map.max_entries == 0;
  };
  for (const MapSpec& map : spec.maps)
    if (one_for_each_cpu(map) || (!map.elements.empty() && bpf::is_per_cpu(map.type)) ||
        std::ranges::any_of(map.inner, one_for_each_cpu))
      out.possible_cpus = true;
  return out;
}

}  // namespace bpfld::loader
