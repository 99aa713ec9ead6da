// SPDX-License-Identifier: Apache-2.0
// The steps of make_plan(), one file each, over one shared working state. A step appends requests
// to plan.load and leaves the slots that later steps refer to. Private to loader/plan*.cc.
#pragma once

#include <array>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "loader/plan.h"

namespace bpfld::loader {

// What the steps share while one plan is being made.
struct Planner {
  const ObjectSpec& spec;
  const Linked& linked;
  const KernelProfile& profile;
  const PlanOptions& options;
  Plan plan;
  std::map<u32, u32> module_slots = {};   // by KernelPlace::module: the fd of its BTF
  std::map<u32, u32> program_slots = {};  // by id: of programs that are loaded already
  // By program and FUNC id: the FUNC that the kernel is told instead; see add_context_types().
  std::map<std::pair<u32, u32>, u32> context_functions = {};

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

// plan_token.cc: the slot of the token that creations carry; empty when there is none to be had.
std::optional<u32> plan_token(Planner& planner);
// In every request of the plan that creates something.
void give_token(Planner& planner, u32 slot);
[[nodiscard]] Status plan_btf(Planner& planner);    // the object's BTF, as this kernel takes it
[[nodiscard]] Status plan_maps(Planner& planner);   // maps, their contents, freezing
[[nodiscard]] Status plan_slots(Planner& planner);  // the programs that maps of programs hold
[[nodiscard]] Status plan_pins_by_name(Planner& planner);
[[nodiscard]] Status plan_programs(Planner& planner);  // programs, with the slots of their maps
// Programs after those that they are about; else in the order of the selection. Errors: usage.
[[nodiscard]] Result<std::vector<const LinkedProgram*>> by_depth(const ObjectSpec& spec,
                                                                 const Linked& linked);

// plan_jump_tables.cc: the maps of a program's jump tables, in `request`.
void add_jump_tables(Planner& planner, const LinkedProgram& program, bpf::ProgLoad& request);

// plan_context.cc: the object's BTF with what old kernels need to know of global functions that
// take the program's context; planner.context_functions says what is used of it.
[[nodiscard]] Result<std::vector<std::byte>> add_context_types(Planner& planner,
                                                               const btf::View& btf);

// plan_struct_ops.cc: the map of a struct of callbacks, if it is wanted.
[[nodiscard]] Status create_struct_ops(Planner& planner, u32 map);
bool is_struct_ops(const ProgramSpec& program);

// plan_kernel.cc: the fd of a module's BTF, asked for once; unset for the kernel's own, which needs
// none. Errors: denied (the module's id is not known).
[[nodiscard]] Result<bpf::Fd> module_btf(Planner& planner, u32 module);
// What the program is bound to, in `request`. Errors: those of binding_of().
[[nodiscard]] Status bind_target(Planner& planner, const ProgramSpec& program,
                                 bpf::ProgLoad& request);

// The BTF of the modules that the program's code names, in `request`. Errors: those of
// module_btf(); limit (more modules than a call can tell apart).
[[nodiscard]] Status add_kernel_references(Planner& planner, const LinkedProgram& program,
                                           bpf::ProgLoad& request);

// Whether the kernel is told the types of the map's keys and values. It wants both or neither.
bool describes_types(const MapSpec& map);

}  // namespace bpfld::loader
