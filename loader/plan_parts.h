// SPDX-License-Identifier: Apache-2.0
// The steps of make_plan(), one file each, over one shared working state. A step appends requests
// to plan.load and leaves the slots that later steps refer to. Private to loader/plan*.cc.
#pragma once

#include <array>
#include <string>

#include "loader/plan.h"

namespace bpfld::loader {

// What the steps share while one plan is being made.
struct Planner {
  const ObjectSpec& spec;
  const Linked& linked;
  const KernelProfile& profile;
  const PlanOptions& options;
  Plan plan;

  u32 new_slot() { return plan.slots++; }
  void add(std::string subject, bpf::Request request, std::optional<u32> result = std::nullopt) {
    plan.load.push_back({std::move(subject), std::move(request), result, false});
  }

  // Something that the loader chose because the object does not say it.
  template <typename... Args>
  void note(FormatString<std::type_identity_t<Args>...> text, const Args&... args) {
    std::string out;
    const std::array<FormatArg, sizeof...(Args)> list{FormatArg(args)...};
    format_to(out, text.text, list);
    plan.notes.push_back(std::move(out));
  }
};

[[nodiscard]] Status plan_btf(Planner& planner);    // the object's BTF, as this kernel takes it
[[nodiscard]] Status plan_maps(Planner& planner);   // maps, their contents, freezing
[[nodiscard]] Status plan_slots(Planner& planner);  // the programs that maps of programs hold
[[nodiscard]] Status plan_pins_by_name(Planner& planner);
[[nodiscard]] Status plan_programs(Planner& planner);  // programs, with the slots of their maps

// Whether the kernel is told the types of the map's keys and values. It wants both or neither.
bool describes_types(const MapSpec& map);

}  // namespace bpfld::loader
