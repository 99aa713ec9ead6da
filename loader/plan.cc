// SPDX-License-Identifier: Apache-2.0
// The order: memlock (old kernels), a token (user namespaces), BTF, maps with their contents,
// programs, and how each program is attached. See plan.h; the steps are in plan_*.cc.
#include "loader/plan.h"

#include <algorithm>
#include <functional>

#include "btf/sanitize.h"
#include "loader/plan_parts.h"
#include "loader/program_target.h"

namespace bpfld::loader {
namespace {

// What the kernel's BTF verifier knows; what was not asked counts as known.
btf::KindSupport kind_support(const KernelProfile& profile) {
  btf::KindSupport support;
  support.func = !profile.lacks(Feature::btf_func);
  support.func_global = !profile.lacks(Feature::btf_func_global);
  support.datasec = !profile.lacks(Feature::btf_datasec);
  support.float_ = !profile.lacks(Feature::btf_float);
  support.decl_tag = !profile.lacks(Feature::btf_decl_tag);
  support.type_tag = !profile.lacks(Feature::btf_type_tag);
  support.enum64 = !profile.lacks(Feature::btf_enum64);
  return support;
}

bool wants_btf(const Planner& planner) {
  if (planner.spec.btf.empty() || planner.options.without_btf) return false;
  return std::ranges::any_of(planner.spec.maps, describes_types) ||
         !planner.linked.struct_ops.empty() ||
         std::ranges::any_of(planner.linked.programs,
                             [](const LinkedProgram& p) { return !p.func_info.empty(); });
}

Result<std::vector<const LinkedProgram*>> attach_order(const ObjectSpec& spec,
                                                       const Linked& linked) {
  std::vector<const LinkedProgram*> order = TRY(by_depth(spec, linked));
  std::ranges::stable_sort(order, std::greater<>(), [&](const LinkedProgram* program) {
    return load_depth(spec, program->program).value_or(0);
  });
  return order;
}

// The verifier reads the kernel's BTF when it sees the first program since boot.
void plan_first_program(Planner& planner) {
  bpf::ProgLoad request;
  request.type = bpf::ProgType::socket_filter;
  request.license = "GPL";
  request.insns = {bpf::mov64_imm(0, 0), bpf::exit_insn()};
  planner.plan.load.push_back({"a first program", std::move(request), std::nullopt, true});
}

}  // namespace

Status plan_btf(Planner& planner) {
  if (!wants_btf(planner)) return {};
  const btf::KindSupport support = kind_support(planner.profile);
  bpf::BtfLoad request;
  request.blob = TRY(add_context_types(planner, TRY(btf::View::parse(planner.spec.btf))));
  const btf::View view = TRY(btf::View::parse(request.blob));
  if (needs_sanitizing(view, support)) request.blob = sanitize(view, support);
  planner.plan.btf_slot = planner.new_slot();
  planner.plan.load.push_back(
      {"the object's BTF", std::move(request), planner.plan.btf_slot, false});
  return {};
}

Result<Plan> make_plan(const ObjectSpec& spec, const Linked& linked, const KernelProfile& profile,
                       const PlanOptions& options) {
  if (spec.order != kHostOrder)
    return fail(Code::unsupported, "the object is {}-endian, this machine is {}-endian",
                spec.order == ByteOrder::big ? "big" : "little",
                kHostOrder == ByteOrder::big ? "big" : "little");
  Planner planner{spec, linked, profile, options, {}};
  if (options.raise_memlock)
    planner.plan.load.push_back({"the memory limit", bpf::RaiseMemlock{}, std::nullopt, true});
  const std::optional<u32> token = plan_token(planner);
  if (options.wake_kernel_btf) plan_first_program(planner);
  TRY(plan_btf(planner));
  TRY(plan_maps(planner));
  TRY(plan_programs(planner));
  TRY(plan_slots(planner));
  TRY(plan_pins_by_name(planner));
  if (token) give_token(planner, *token);
  Plan& plan = planner.plan;
  // What looks at a program or replaces a part of it is there before that runs.
  for (const LinkedProgram* linked_program : TRY(attach_order(spec, linked))) {
    const u32 program = linked_program->program;
    if (is_struct_ops(spec.programs[program])) continue;
    const std::size_t places = std::max<std::size_t>(1, attach_targets(spec, program).size());
    for (u32 place = 0; place < places; place++)
      plan.attach.push_back(plan_attach(spec, program, place, profile, plan));
  }
  for (const StructOps& struct_ops : linked.struct_ops)
    plan.attach.push_back(plan_struct_ops(spec, struct_ops, plan, plan.slots));
  return std::move(plan);
}

}  // namespace bpfld::loader
