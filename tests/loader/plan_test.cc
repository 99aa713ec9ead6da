// SPDX-License-Identifier: Apache-2.0
// The requests of a plan, as text: their order, contents before the freeze, BTF only where the
// kernel takes it. A plan is pure, so a profile written here stands for any kernel.
#include "tests/loader/plan_case.h"

using namespace bpfld;
using namespace bpfld::test;

TEST_CASE("loader plan: the whole plan of a small object") {
  ObjectBuilder object;
  object.add_map("counts", {number("type", 1), number("max_entries", 8), type("key", object.u32_id),
                            type("value", object.u64_id)});
  object.add_variable("limit", ".rodata", object.u32_id, bytes_vector(u32{5}));
  object.add_variable("hits", ".bss", object.u64_id, bytes_vector(u64{0}));
  object.add_function(
      "prog", "tp/syscalls/sys_enter_getppid",
      {load_address(1), kSecondSlot, load_address(2), kSecondSlot, mov64_imm(0, 0), exit_insn()});
  object.relocate("prog", 0, "counts");
  object.relocate("prog", 2, "limit");
  const ObjectSpec spec = spec_of(object);
  const Plan plan = plan_of(spec, profile_with_tracepoint());
  const std::size_t btf_size = spec.btf.size();
  // Type ids: 3 base types, then what add_map and add_variable add, in order.
  const bpf::MapCreate counts = creation(plan, spec, "counts");
  const bpf::MapCreate rodata = creation(plan, spec, ".rodata");
  const bpf::MapCreate bss = creation(plan, spec, ".bss");
  CHECK(text_of_ops(plan.load) ==
        format("the object's BTF: bpf(BPF_BTF_LOAD, {{btf_size={}}}) -> $0\n", btf_size) +
            "map \"counts\": " + bpf::describe(counts) + " -> $1\n" +
            "map \".rodata\": " + bpf::describe(rodata) + " -> $2\n" +
            "map \".rodata\": bpf(BPF_MAP_UPDATE_ELEM, {map_fd=$2, key=00000000, "
            "value=05000000})\n"
            "map \".rodata\": bpf(BPF_MAP_FREEZE, {map_fd=$2})\n" +
            "map \".bss\": " + bpf::describe(bss) + " -> $3\n" +
            "program \"prog\": bpf(BPF_PROG_LOAD, {prog_type=TRACEPOINT, insn_cnt=6, "
            "license=\"GPL\", prog_name=\"prog\", prog_btf_fd=$0, func_info_cnt=1, "
            "line_info_cnt=1}) -> $4\n");
  CHECK(counts.type == bpf::MapType::hash);
  CHECK(counts.key_size == 4);
  CHECK(counts.value_size == 8);
  CHECK(counts.max_entries == 8);
  CHECK(counts.btf == bpf::Fd::slot(0));
  CHECK(counts.btf_key_type_id == object.u32_id.value);
  CHECK(counts.btf_value_type_id == object.u64_id.value);
  CHECK(rodata.name == "tool.rodata");
  CHECK(rodata.btf_key_type_id == 0);
  CHECK(rodata.btf_value_type_id != 0);
  CHECK(rodata.flags == (bpf::kMapReadOnlyProg | bpf::kMapMmapable));

  const bpf::ProgLoad load = std::get<bpf::ProgLoad>(plan.load.back().request);
  REQUIRE(load.map_references.size() == 2);
  CHECK(load.map_references[0] == bpf::MapReference{InsnIndex{0}, bpf::Fd::slot(1)});
  CHECK(load.map_references[1] == bpf::MapReference{InsnIndex{2}, bpf::Fd::slot(2)});
  CHECK(load.func_info.record_size == 8);
  CHECK(load.func_info.bytes.size() == 8);
  CHECK(load_checked<u32>(load.func_info.bytes, 4) == object.func_type("prog").value);
  CHECK(load.line_info.record_size == 16);
  CHECK(load.line_info.bytes.size() == 16);

  REQUIRE(plan.attach.size() == 1);
  CHECK(plan.attach[0].how == "perf link");
  CHECK(text_of_ops(plan.attach[0].ops) ==
        "program \"prog\": perf_event_open({type=TRACEPOINT, config=331}, pid=-1, cpu=0, group=-1, "
        "FD_CLOEXEC) -> $5\n"
        "program \"prog\": bpf(BPF_LINK_CREATE, {prog_fd=$4, target_fd=$5, "
        "attach_type=BPF_PERF_EVENT}) -> $6\n");
  CHECK(plan.slots == 7);
  CHECK(plan.notes.empty());
}

TEST_CASE("loader plan: a kernel without perf links gets the ioctl") {
  ObjectBuilder object;
  object.add_function("prog", "tp/syscalls/sys_enter_getppid", {exit_insn()});
  KernelProfile profile = profile_with_tracepoint();
  profile.features[static_cast<std::size_t>(Feature::perf_link)] = Answer::no;
  const Plan plan = plan_of(spec_of(object), profile);
  REQUIRE(plan.attach.size() == 1);
  CHECK(plan.attach[0].how == "perf event");
  CHECK(text_of_ops(plan.attach[0].ops) ==
        "program \"prog\": perf_event_open({type=TRACEPOINT, config=331}, pid=-1, cpu=0, group=-1, "
        "FD_CLOEXEC) -> $2\n"
        "program \"prog\": ioctl($2, PERF_EVENT_IOC_SET_BPF, $1)\n");
}

TEST_CASE("loader plan: the same object and profile give the same plan") {
  const ObjectSpec spec = fixture("maps_all");
  const Plan a = plan_of(spec), b = plan_of(spec);
  CHECK(a.load == b.load);
  CHECK(a.attach == b.attach);
}

TEST_CASE("loader plan: an object with nothing to describe loads no BTF") {
  ObjectBuilder object;
  object.add_map("m", {number("type", 1), number("key_size", 4), number("value_size", 4),
                       number("max_entries", 1)});
  object.add_function("prog", "socket", {exit_insn()}, kNoInfo);
  const Plan plan = plan_of(spec_of(object));
  CHECK_FALSE(plan.btf_slot.has_value());
  CHECK(plan.load.size() == 2);
}

TEST_CASE("loader plan: without BTF, maps and programs are asked for without it") {
  ObjectBuilder object;
  object.add_map("m", {number("type", 1), number("max_entries", 8), type("key", object.u32_id),
                       type("value", object.u64_id)});
  object.add_function("prog", "socket", {exit_insn()});
  PlanOptions options;
  options.without_btf = true;
  const Plan plan = plan_of(spec_of(object), {}, options);
  REQUIRE(plan.load.size() == 2);
  CHECK_FALSE(std::get<bpf::MapCreate>(plan.load[0].request).btf.is_set());
  const bpf::ProgLoad& load = std::get<bpf::ProgLoad>(plan.load[1].request);
  CHECK_FALSE(load.btf.is_set());
  CHECK(load.func_info.count == 0);
  CHECK(load.line_info.count == 0);
}

TEST_CASE("loader plan: one map without BTF, the others with") {
  ObjectBuilder object;
  for (const char* name : {"a", "b"})
    object.add_map(name, {number("type", 1), number("max_entries", 8), type("key", object.u32_id),
                          type("value", object.u64_id)});
  const ObjectSpec spec = spec_of(object);
  PlanOptions options;
  options.maps_without_btf = {1};
  const Plan plan = plan_of(spec, {}, options);
  CHECK(creation(plan, spec, "a").btf.is_set());
  CHECK_FALSE(creation(plan, spec, "b").btf.is_set());
  CHECK(creation(plan, spec, "b").btf_key_type_id == 0);
}

TEST_CASE("loader plan: a kernel without FUNC gets no func_info, and BTF all the same") {
  ObjectBuilder object;
  object.add_map("m", {number("type", 1), number("max_entries", 8), type("key", object.u32_id),
                       type("value", object.u64_id)});
  PlanOptions options;
  options.raise_memlock = true;
  const Plan plan = plan_of(spec_of(object), {}, options);
  REQUIRE(plan.load.size() == 3);
  CHECK(plan.load[0].request == bpf::Request(bpf::RaiseMemlock{}));
  CHECK(plan.load[0].may_fail);
}

TEST_CASE("loader plan: the section's flags reach the program") {
  const auto load = [](const char* section) {
    ObjectBuilder object;
    object.add_function("prog", section, {exit_insn()});
    const Plan plan = plan_of(spec_of(object));
    return std::get<bpf::ProgLoad>(plan.load.back().request);
  };
  CHECK(load("uprobe.s").flags == bpf::kProgSleepable);
  CHECK(load("xdp.frags").flags == bpf::kProgXdpHasFrags);
  CHECK(load("xdp.frags").expected_attach_type == bpf::AttachType::xdp);
  CHECK(load("xdp").flags == 0);
  CHECK(load("cgroup_skb/egress").expected_attach_type == bpf::AttachType::cgroup_inet_egress);
}

TEST_CASE("loader plan: the kernel version comes from the object, else from the kernel") {
  ObjectBuilder object;
  object.add_function("prog", "kprobe", {exit_insn()});
  ObjectSpec spec = spec_of(object);
  KernelProfile profile;
  profile.version_code = 0x050ae0;
  const auto version = [&] {
    return std::get<bpf::ProgLoad>(plan_of(spec, profile).load.back().request).kernel_version;
  };
  CHECK(version() == 0x050ae0);
  spec.kernel_version = 0x040900;
  CHECK(version() == 0x040900);
}

TEST_CASE("loader plan: an unknown section is refused, and near names are told") {
  const ObjectSpec spec = fixture("unknown_section");
  const Result<Plan> plan = try_plan(spec);
  REQUIRE_FALSE(plan);
  CHECK(plan.error().code == Code::unsupported);
  CHECK(plan.error().message() == "program \"on_unlink\": unknown section \"kprobe2/do_unlinkat\"");
  CHECK(plan.error().detail.find("did you mean: kprobe") == 0);
}

TEST_CASE("loader plan: an object of the other byte order is refused") {
  const Result<Plan> plan = try_plan(fixture("big_endian"));
  REQUIRE_FALSE(plan);
  CHECK(plan.error().code == Code::unsupported);
  CHECK(message(plan) == "the object is big-endian, this machine is little-endian");
}

TEST_CASE(
    "loader plan: a tracepoint that is not there is the attachment's problem, not the load's") {
  const ObjectSpec spec = fixture("missing_tracepoint");
  KernelProfile profile;
  TracepointFact& fact = profile.tracepoints["sched/sched_swich"];
  fact.problem = "tracepoint sched/sched_swich does not exist on this kernel";
  fact.near = {"sched/sched_switch", "sched/sched_wake\x1b"};
  const Plan plan = plan_of(spec, profile);
  REQUIRE(plan.attach.size() == 1);
  REQUIRE(plan.attach[0].problem.has_value());
  CHECK(plan.attach[0].problem->code == Code::not_found);
  CHECK(plan.attach[0].problem->detail.starts_with("did you mean: sched/sched_switch, "));
  CHECK(plan.attach[0].problem->detail.find('\x1b') == std::string::npos);
  CHECK(plan.attach[0].ops.empty());
  CHECK(std::get<bpf::ProgLoad>(plan.load.back().request).type == bpf::ProgType::tracepoint);
}

TEST_CASE("loader plan: a section without a place has no way to attach, and no problem") {
  for (const char* section :
       {"socket", "tp", "raw_tp", "kprobe", "xdp", "tc", "sk_lookup", "lwt_in"}) {
    ObjectBuilder object;
    object.add_function("prog", section, {exit_insn()});
    const Plan plan = plan_of(spec_of(object));
    REQUIRE(plan.attach.size() == 1);
    CAPTURE(section);
    CHECK(plan.attach[0].no_place);
    CHECK_FALSE(plan.attach[0].problem.has_value());
    CHECK(plan.attach[0].ops.empty());
  }
}

TEST_CASE("loader plan: needs() asks for what the selected programs use, once") {
  const ObjectSpec many = fixture("many_programs");
  const Needs all = needs(many, autoload_programs(many));
  CHECK(all.tracepoints ==
        std::vector<std::string>{"syscalls/sys_enter_getppid", "syscalls/sys_exit_getppid"});
  CHECK_FALSE(all.kernel_btf);
  CHECK_FALSE(all.possible_cpus);
  CHECK(autoload_programs(many).size() == 7);  // one of eight is off by default
  CHECK(needs(many, {}) == Needs{});
  const ObjectSpec perf = fixture("perf_getppid");
  CHECK(needs(perf, autoload_programs(perf)).possible_cpus);
  const ObjectSpec core = fixture("core_fields");
  CHECK(needs(core, autoload_programs(core)).kernel_btf);
}
