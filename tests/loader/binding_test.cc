// SPDX-License-Identifier: Apache-2.0
// What a program is bound to when it is loaded: which name that is, where it is looked for, and
// what is said when it is not there.
#include "loader/binding.h"

#include <doctest/doctest.h>

#include "loader/plan.h"
#include "tests/loader/session_case.h"
#include "tests/support/made_up_kernel.h"

namespace {

using namespace bpfld;
using namespace bpfld::test;
using bpf::Fd;

// One program of that section that returns 0.
ObjectSpec program_of(std::string_view section) {
  ObjectBuilder object;
  object.add_function("prog", section, {mov64_imm(0, 0), exit_insn()});
  return spec_of(object);
}

// A function, a tracepoint, a hook, an iterator; a function in a module that the kernel has too,
// one that it has not.
struct Kernel : MadeUpKernel {
  TypeId function, tracepoint, hook, iterator, only_in_module, shadow;
  explicit Kernel(u32 module_id = 31) {
    const TypeId number = btf.add_int("int", 4);
    const TypeId proto = btf.add_func_proto(number);
    btf.add_typedef("do_unlinkat", number);  // a type of the same name
    function = btf.add_func("do_unlinkat", proto);
    const TypeId pointer = btf.add_ptr(proto);
    tracepoint = btf.add_typedef("btf_trace_sched_switch", pointer);
    hook = btf.add_func("bpf_lsm_file_open", proto);
    iterator = btf.add_func("bpf_iter_task", proto);
    BtfBuilder& module = add_module("ext4", module_id);
    only_in_module = module.add_func("ext4_open", proto);
    shadow = module.add_func("do_unlinkat", proto);
  }
  KernelProfile facts_for(const ObjectSpec& spec) {
    return facts(needs(spec, autoload_programs(spec)));
  }
};

std::optional<Binding> target_of(Kernel& kernel, std::string_view section) {
  const ObjectSpec spec = program_of(section);
  const KernelProfile profile = kernel.facts_for(spec);
  const Result<std::optional<Binding>> target = binding_of(spec, spec.programs[0], profile);
  REQUIRE_MESSAGE(target, message(target));
  return *target;
}

Error problem_of(Kernel& kernel, std::string_view section) {
  const ObjectSpec spec = program_of(section);
  const KernelProfile profile = kernel.facts_for(spec);
  const std::optional<Error> problem = attach_problem(spec, 0, profile);
  REQUIRE(problem);
  return *problem;
}

Result<Plan> plan_of(Kernel& kernel, const ObjectSpec& spec) {
  const KernelProfile profile = kernel.facts_for(spec);
  Result<Linked> linked = link(spec, autoload_programs(spec), profile);
  REQUIRE_MESSAGE(linked, message(linked));
  return make_plan(spec, *linked, profile);
}

}  // namespace

TEST_CASE("binding: each kind of program finds its kind of type") {
  Kernel kernel;
  CHECK(target_of(kernel, "fentry/do_unlinkat")->type == kernel.function.value);
  CHECK(target_of(kernel, "fexit/do_unlinkat")->type == kernel.function.value);
  CHECK(target_of(kernel, "fmod_ret/do_unlinkat")->type == kernel.function.value);
  CHECK(target_of(kernel, "tp_btf/sched_switch")->type == kernel.tracepoint.value);
  CHECK(target_of(kernel, "lsm/file_open")->type == kernel.hook.value);
  CHECK(target_of(kernel, "lsm.s/file_open")->type == kernel.hook.value);
  CHECK(target_of(kernel, "lsm_cgroup/file_open")->type == kernel.hook.value);
  CHECK(target_of(kernel, "iter/task")->type == kernel.iterator.value);
  CHECK_FALSE(kernel.opened_modules);
}

TEST_CASE("binding: of a hook of a cgroup the section says the hook, and places are cgroups") {
  Kernel kernel;
  ObjectSpec spec = program_of("lsm_cgroup/file_open");
  CHECK(attach_targets(spec, 0).size() == 1);
  CHECK(attach_targets(spec, 0)[0].place.empty());  // the root
  AttachTarget cgroup;
  cgroup.method = AttachMethod::cgroup;
  cgroup.place = "/sys/fs/cgroup/a";
  spec.programs[0].places = {cgroup, cgroup};
  const Result<std::optional<Binding>> target =
      binding_of(spec, spec.programs[0], kernel.facts_for(spec));
  REQUIRE_MESSAGE(target, message(target));
  CHECK((*target)->type == kernel.hook.value);
  CHECK(attach_targets(spec, 0).size() == 2);
}

TEST_CASE("binding: other programs are bound to nothing and need no BTF") {
  Kernel kernel;
  for (std::string_view section : {"kprobe/do_unlinkat", "raw_tp/sched_switch", "xdp", "socket"}) {
    CHECK_FALSE(target_of(kernel, section).has_value());
    CHECK_FALSE(needs(program_of(section), {0}).kernel_btf);
  }
}

TEST_CASE("binding: what the kernel lacks is looked for in modules") {
  Kernel kernel;
  const std::optional<Binding> target = target_of(kernel, "fentry/ext4_open");
  CHECK(kernel.opened_modules);
  CHECK(target->type == kernel.only_in_module.value);
  CHECK(target->module == 1);
}

TEST_CASE("binding: a module that is named is the only place") {
  Kernel kernel;
  const std::optional<Binding> target = target_of(kernel, "fentry/ext4:do_unlinkat");
  CHECK(target->type == kernel.shadow.value);
  CHECK(target->module == 1);
  CHECK(target_of(kernel, "fentry/vmlinux:do_unlinkat")->type == kernel.function.value);
  CHECK_FALSE(kernel.opened_modules);
  // Half of a module's name is not its name.
  const Error error = problem_of(kernel, "fentry/ext:ext4_open");
  CHECK(error.code == Code::not_found);
  CHECK(error.what ==
        "function ext:ext4_open is to be found in module ext, which is not loaded or has no BTF");
}

TEST_CASE("binding: what is nowhere is not found, with names like it") {
  Kernel kernel;
  Error error = problem_of(kernel, "fentry/do_unlinkt");
  CHECK(error.code == Code::not_found);
  CHECK(error.what == "function do_unlinkt does not exist in this kernel");
  CHECK(error.detail == "did you mean: do_unlinkat");
  error = problem_of(kernel, "tp_btf/sched_swich");
  CHECK(error.what == "tracepoint sched_swich does not exist in this kernel");
  CHECK(error.detail == "did you mean: sched_switch");
  CHECK(problem_of(kernel, "lsm/file_opn").what ==
        "LSM hook file_opn does not exist in this kernel");
  CHECK(problem_of(kernel, "iter/tsk").detail == "did you mean: task");
  // Only of the kernel itself, whether or not modules were looked in.
  error = problem_of(kernel, "fentry/ext4_opem");
  CHECK(kernel.opened_modules);
  CHECK(error.what == "function ext4_opem does not exist in this kernel");
  CHECK(error.detail == "");
  error = problem_of(kernel, "fentry/ext4:do_unlinkt");
  CHECK(error.what == "function ext4:do_unlinkt does not exist in module ext4");
  CHECK(error.detail == "did you mean: do_unlinkat");
}

TEST_CASE(
    "binding: names like a missing one are looked for when the error is told, and only then") {
  Kernel kernel;
  const ObjectSpec spec = program_of("fentry/do_unlinkt");
  KernelProfile profile = kernel.facts_for(spec);
  std::optional<Error> error = attach_problem(spec, 0, profile, NearNames::left_out);
  REQUIRE(error);
  CHECK(error->what == "function do_unlinkt does not exist in this kernel");
  CHECK(error->detail == "");
  // The facts hold no near names: the BTF that is there by then has them.
  MadeUpKernel other;
  other.btf.add_func("do_unlink", other.btf.add_func_proto({0}));
  profile.own_btf = other.facts({}).own_btf;
  error = attach_problem(spec, 0, profile);
  REQUIRE(error);
  CHECK(error->what == "function do_unlinkt does not exist in this kernel");
  CHECK(error->detail == "did you mean: do_unlink");
  const Result<Linked> linked = link(spec, {0}, profile);
  REQUIRE(linked);
  const Result<Plan> plan = make_plan(spec, *linked, profile);
  REQUIRE_FALSE(plan);
  CHECK(plan.error().detail == "did you mean: do_unlink");
}

TEST_CASE("binding: without the kernel's BTF the error says what it is needed for") {
  Kernel kernel;
  kernel.has_btf = false;
  const Error error = problem_of(kernel, "fentry/do_unlinkat");
  CHECK(error.code == Code::not_found);
  CHECK(
      error.what ==
      "function do_unlinkat is to be found in BTF, so programs that use it need the kernel's BTF: "
      "open /sys/kernel/btf/vmlinux: ENOENT");
  CHECK(error.detail == "");
}

TEST_CASE("binding: a profile in which nothing was looked up tells why") {
  Kernel kernel;
  const ObjectSpec spec = program_of("fentry/do_unlinkat");
  KernelProfile profile = kernel.facts({});
  std::optional<Error> error = attach_problem(spec, 0, profile);
  REQUIRE(error);
  CHECK(error->code == Code::internal);
  CHECK(error->what == "function do_unlinkat was not looked up");
  profile.btf = profile.own_btf = nullptr;
  profile.btf_problem = "the profile has no types";
  error = attach_problem(spec, 0, profile);
  REQUIRE(error);
  CHECK(error->code == Code::not_found);
  CHECK(error->what ==
        "function do_unlinkat is to be found in BTF, so programs that use it need the kernel's "
        "BTF: the profile has no types");
}

TEST_CASE("binding: a section that names nothing cannot be loaded, and is told so") {
  Kernel kernel;
  const Result<Plan> plan = plan_of(kernel, program_of("fentry"));
  CHECK(message(plan) ==
        "program \"prog\": SEC(\"fentry\") names no function, which must be known when the program "
        "is loaded");
  CHECK(message(plan_of(kernel, program_of("freplace/func"))) ==
        "program \"prog\": SEC(\"freplace/func\") replaces a function of another program, and none "
        "was given");
}

TEST_CASE("binding: an lsm_cgroup program is bound to its hook and attached to a cgroup") {
  Kernel kernel;
  ObjectSpec spec = program_of("lsm_cgroup/file_open");
  CHECK(target_of(kernel, "lsm_cgroup/file_open")->type == kernel.hook.value);
  REQUIRE(attach_targets(spec, 0).size() == 1);
  CHECK(attach_targets(spec, 0)[0].place.empty());  // the root of the hierarchy
  AttachTarget place;
  place.method = AttachMethod::cgroup;
  place.place = "/sys/fs/cgroup/one";
  spec.programs[0].places = {place};
  CHECK(bound_name(spec.programs[0])->name == "bpf_lsm_file_open");
}

TEST_CASE("binding: a program for many functions of a module is loaded for that module") {
  Kernel kernel;
  const auto load_of = [&](const char* place, u32 module) {
    const ObjectSpec spec = program_of("fentry.multi/" + std::string(place));
    KernelProfile profile = kernel.facts_for(spec);
    CHECK(kernel.opened_modules == (module != 0));
    TracedFact fact;
    fact.types = {kernel.only_in_module.value};
    fact.module = module;
    profile.traced.emplace(place, fact);
    const Result<Linked> linked = link(spec, autoload_programs(spec), profile);
    REQUIRE_MESSAGE(linked, message(linked));
    const Result<Plan> plan = make_plan(spec, *linked, profile);
    REQUIRE_MESSAGE(plan, message(plan));
    return std::get<bpf::ProgLoad>(plan->load.back().request);
  };
  const bpf::ProgLoad of_module = load_of("ext4:ext4_*", 1);
  CHECK(of_module.attach_btf_id == 0);  // no function is named yet
  CHECK(of_module.attach_target.is_set());
  CHECK_FALSE(load_of("do_*", 0).attach_target.is_set());
  CHECK_FALSE(load_of("vmlinux:do_*", 0).attach_target.is_set());
}

TEST_CASE("binding: the kernel's own types need no fd, those of a module one") {
  Kernel kernel;
  Result<Plan> plan = plan_of(kernel, program_of("tp_btf/sched_switch"));
  REQUIRE_MESSAGE(plan, message(plan));
  CHECK(std::get<bpf::ProgLoad>(plan->load.back().request).attach_btf_id ==
        kernel.tracepoint.value);
  CHECK_FALSE(std::get<bpf::ProgLoad>(plan->load.back().request).attach_target.is_set());

  ObjectBuilder object;
  for (const char* name : {"one", "two"})
    object.add_function(name, "fentry/ext4_open", {mov64_imm(0, 0), exit_insn()});
  plan = plan_of(kernel, spec_of(object));
  REQUIRE_MESSAGE(plan, message(plan));
  std::vector<u32> asked, slots;
  for (const Op& op : plan->load) {
    if (const auto* get = std::get_if<bpf::ObjectById>(&op.request)) {
      asked.push_back(get->id);
      slots.push_back(*op.result);
    }
    if (const auto* load = std::get_if<bpf::ProgLoad>(&op.request))
      CHECK(load->attach_target == Fd::slot(slots.at(0)));
  }
  CHECK(asked == std::vector<u32>{31});  // once for both
}

TEST_CASE("binding: in a module whose id is unknown nothing can be attached, and why") {
  Kernel kernel(0);
  const ObjectSpec spec = program_of("fentry/ext4_open");
  KernelProfile profile = kernel.facts_for(spec);
  profile.modules_problem = "bpf(BPF_BTF_GET_NEXT_ID): EPERM";
  const Result<Linked> linked = link(spec, {0}, profile);
  REQUIRE(linked);
  CHECK(message(make_plan(spec, *linked, profile)) ==
        "program \"prog\": the id of the BTF of module ext4 is not known: "
        "bpf(BPF_BTF_GET_NEXT_ID): EPERM");
}
