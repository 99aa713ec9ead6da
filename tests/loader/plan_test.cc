// SPDX-License-Identifier: Apache-2.0
// The requests of a plan, as text: sizes filled in, rings rounded, contents before the freeze, BTF
// only where the kernel takes it. A plan is pure, so a profile written here stands for any kernel.
#include "loader/plan.h"

#include <doctest/doctest.h>

#include "base/mapped_file.h"
#include "loader/collect.h"
#include "tests/support/objects.h"

using namespace bpfld;
using namespace bpfld::loader;
using namespace bpfld::test;
using bpf::exit_insn;
using bpf::mov64_imm;

namespace {

ObjectSpec spec_of(ObjectBuilder& object) {
  Result<ObjectSpec> spec = collect(object.build(), "tool");
  REQUIRE_MESSAGE(spec, message(spec));
  return *std::move(spec);
}

ObjectSpec fixture(const char* name) {
  const Result<std::vector<std::byte>> file =
      read_file(build_path(format("fixtures/{}.bpf.o", name)));
  REQUIRE_MESSAGE(file, message(file));
  Result<ObjectSpec> spec = collect(*file, name);
  REQUIRE_MESSAGE(spec, message(spec));
  return *std::move(spec);
}

Result<Plan> try_plan(const ObjectSpec& spec, const KernelProfile& profile = {},
                      const PlanOptions& options = {}) {
  const Result<Linked> linked = link(spec, autoload_programs(spec), profile);
  REQUIRE_MESSAGE(linked, message(linked));
  return make_plan(spec, *linked, profile, options);
}

Plan plan_of(const ObjectSpec& spec, const KernelProfile& profile = {},
             const PlanOptions& options = {}) {
  Result<Plan> plan = try_plan(spec, profile, options);
  REQUIRE_MESSAGE(plan, message(plan));
  return *std::move(plan);
}

// One line for each op: its subject, the request, and the slot that gets the fd.
std::string text_of_ops(const std::vector<Op>& ops) {
  std::string out;
  for (const Op& op : ops)
    out += format("{}: {}{}\n", op.subject, bpf::describe(op.request),
                  op.result ? format(" -> ${}", *op.result) : "");
  return out;
}

// The request that creates the map.
bpf::MapCreate creation(const Plan& plan, const ObjectSpec& spec, std::string_view name) {
  for (u32 i = 0; i < spec.maps.size(); i++)
    if (spec.maps[i].name == name)
      for (const Op& op : plan.load)
        if (op.result == plan.map_slots[i]) return std::get<bpf::MapCreate>(op.request);
  FAIL("no map " << name);
  return {};
}

// The request for a map of these members alone.
bpf::MapCreate create(const std::function<std::vector<MapMember>(ObjectBuilder&)>& members,
                      const KernelProfile& profile = {}, std::string* notes = nullptr) {
  ObjectBuilder object;
  object.add_map("m", members(object));
  const ObjectSpec spec = spec_of(object);
  const Plan plan = plan_of(spec, profile);
  if (notes != nullptr)
    for (const std::string& note : plan.notes)
      *notes += note + "\n";
  return creation(plan, spec, "m");
}

KernelProfile profile_with_tracepoint() {
  KernelProfile profile;
  profile.tracepoints["syscalls/sys_enter_getppid"].id = 331;
  return profile;
}

}  // namespace

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
        "attach_type=BPF_PERF_EVENT}) -> $6\n"
        "program \"prog\": ioctl($5, PERF_EVENT_IOC_ENABLE)\n");
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
        "program \"prog\": ioctl($2, PERF_EVENT_IOC_SET_BPF, $1)\n"
        "program \"prog\": ioctl($2, PERF_EVENT_IOC_ENABLE)\n");
}

TEST_CASE("loader plan: the same object and profile give the same plan") {
  const ObjectSpec spec = fixture("maps_all");
  const Plan a = plan_of(spec), b = plan_of(spec);
  CHECK(a.load == b.load);
  CHECK(a.attach == b.attach);
}

TEST_CASE("loader plan: a perf event array without a size has one entry per possible CPU") {
  KernelProfile profile;
  profile.possible_cpus = 12;
  const auto members = [](u32 entries) {
    return [=](ObjectBuilder&) {
      return std::vector<MapMember>{number("type", 4), number("key_size", 4),
                                    number("value_size", 4), number("max_entries", entries)};
    };
  };
  std::string notes;
  CHECK(create(members(0), profile, &notes).max_entries == 12);
  CHECK(create(members(3), profile, &notes).max_entries == 3);
  CHECK(notes.empty());  // everybody leaves it out
}

TEST_CASE(
    "loader plan: a cpumap without a size has one entry per possible CPU, which is asked for") {
  ObjectBuilder object;
  object.add_map("m", {number("type", 16), number("key_size", 4), number("value_size", 8)});
  const ObjectSpec spec = spec_of(object);
  CHECK(needs(spec, {}).possible_cpus);
  KernelProfile profile;
  profile.possible_cpus = 12;
  const Plan plan = plan_of(spec, profile);
  CHECK(creation(plan, spec, "m").max_entries == 12);
  CHECK(plan.notes == std::vector<std::string>{"map m: no max_entries given, using 12"});
}

TEST_CASE("loader plan: a ring's size becomes a power of two of at least a page") {
  ObjectBuilder object;
  object.add_map("m", {number("type", 27), number("max_entries", 1)});
  ObjectSpec spec = spec_of(object);
  const auto size = [&](u32 entries, u32 page) {
    KernelProfile profile;
    profile.page_size = page;
    spec.maps[0].max_entries = entries;
    return creation(plan_of(spec, profile), spec, "m").max_entries;
  };
  CHECK(size(1, 4096) == 4096);
  CHECK(size(4096, 4096) == 4096);
  CHECK(size(4097, 4096) == 8192);
  CHECK(size(100'000, 4096) == 131'072);
  CHECK(size(4096, 65'536) == 65'536);
  CHECK(size(0x40000001, 4096) == 0x80000000);
  CHECK(size(0x80000000, 4096) == 0x80000000);
  CHECK(size(0xffffffff, 4096) == 0xffffffff);  // no such power: the kernel may answer
  CHECK(size(0, 4096) == 256u << 10);
}

TEST_CASE(
    "loader plan: a ring has no key and value, whatever the source says, and a note its size") {
  std::string notes;
  const bpf::MapCreate ring = create(
      [](ObjectBuilder& o) {
        return std::vector<MapMember>{number("type", 27), type("value", o.u64_id)};
      },
      {}, &notes);
  CHECK(ring.key_size == 0);
  CHECK(ring.value_size == 0);
  CHECK_FALSE(ring.btf.is_set());
  CHECK(notes == "map m: no size given, using 262144 bytes\n");
}

TEST_CASE("loader plan: sizes that the object leaves out are chosen, and told") {
  std::string notes;
  const bpf::MapCreate hash = create(
      [](ObjectBuilder& o) {
        return std::vector<MapMember>{number("type", 1), type("key", o.u32_id),
                                      type("value", o.u64_id)};
      },
      {}, &notes);
  CHECK(hash.max_entries == 10240);
  CHECK(notes == "map m: no max_entries given, using 10240\n");

  notes.clear();
  const bpf::MapCreate stacks = create(
      [](ObjectBuilder&) {
        return std::vector<MapMember>{number("type", 7), number("key_size", 4)};
      },
      {}, &notes);
  CHECK(stacks.value_size == 127 * 8);
  CHECK(stacks.max_entries == 16384);
  CHECK(notes ==
        "map m: no value_size given, using 1016 (127 frames)\n"
        "map m: no max_entries given, using 16384\n");
}

TEST_CASE("loader plan: storage maps have no number of entries") {
  for (const u32 kind : {19u, 21u, 24u, 28u, 29u, 32u}) {
    std::string notes;
    const bpf::MapCreate map = create(
        [=](ObjectBuilder& o) {
          return std::vector<MapMember>{number("type", kind), type("key", o.u32_id),
                                        type("value", o.u64_id)};
        },
        {}, &notes);
    CHECK(map.max_entries == 0);
    CHECK(notes.empty());
    CHECK(map.btf.is_set());  // they need it
  }
}

TEST_CASE("loader plan: map types whose contents BTF may not describe get none") {
  for (const u32 kind :
       {4u, 7u, 8u, 12u, 13u, 14u, 15u, 16u, 17u, 18u, 20u, 22u, 23u, 25u, 27u, 31u, 33u}) {
    const bpf::MapCreate map = create([=](ObjectBuilder& o) {
      return std::vector<MapMember>{number("type", kind), number("max_entries", 4096),
                                    type("key", o.u32_id), type("value", o.u32_id)};
    });
    CAPTURE(kind);
    CHECK_FALSE(map.btf.is_set());
    CHECK(map.btf_key_type_id == 0);
    CHECK(map.btf_value_type_id == 0);
  }
}

TEST_CASE("loader plan: the kernel is told both types or none, except of maps without keys") {
  const auto has_btf = [](u32 kind, bool key, bool value) {
    return create([=](ObjectBuilder& o) {
             return std::vector<MapMember>{
                 number("type", kind), number("max_entries", 8),
                 key ? type("key", o.u32_id) : number("key_size", kind == 30 ? 0 : 4),
                 value ? type("value", o.u32_id) : number("value_size", 4)};
           })
        .btf.is_set();
  };
  CHECK(has_btf(1, true, true));
  CHECK_FALSE(has_btf(1, true, false));
  CHECK_FALSE(has_btf(1, false, true));
  CHECK_FALSE(has_btf(1, false, false));
  CHECK(has_btf(30, false, true));  // bloom filter
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

TEST_CASE("loader plan: a map of maps is made after its template, which is closed then") {
  const ObjectSpec spec = fixture("maps_nested");
  const Plan plan = plan_of(spec);
  std::string text;
  for (const Op& op : plan.load) {
    const bpf::MapCreate* create = std::get_if<bpf::MapCreate>(&op.request);
    const bpf::MapUpdate* update = std::get_if<bpf::MapUpdate>(&op.request);
    if (create == nullptr && update == nullptr) {
      if (std::holds_alternative<bpf::ProgLoad>(op.request))
        text += format("{} -> ${}\n", op.subject, *op.result);
      continue;
    }
    text += op.subject;
    if (create != nullptr && create->inner_map.is_set())
      text += format(" of ${}", create->inner_map.slot_index());
    if (update != nullptr)
      text += format(" of ${} = ${}", update->map.slot_index(), update->value_fd.slot_index());
    if (op.result) text += format(" -> ${}", *op.result);
    if (op.closes) text += format(", closes ${}", *op.closes);
    text += "\n";
  }
  CHECK(text ==
        "map \"one\" -> $1\n"
        "map \"two\" -> $2\n"
        "map \"by_index.inner\" -> $3\n"
        "map \"by_index\" of $3 -> $4, closes $3\n"
        "map \"jumps\" -> $5\n"
        "map \"by_key.inner\" -> $6\n"
        "map \"by_key\" of $6 -> $7, closes $6\n"
        "map \"by_index\": slot 0 of $4 = $1\n"
        "map \"by_index\": slot 3 of $4 = $2\n"
        "program \"jumped_to\" -> $8\n"
        "program \"jump\" -> $9\n"
        "map \"jumps\": slot 2 of $5 = $8\n");
  CHECK(plan.notes.empty());
}

TEST_CASE("loader plan: a slot whose program is not loaded stays empty, and that is said") {
  const ObjectSpec spec = fixture("maps_nested");
  const Selection only_jump = {1};
  const Result<Linked> linked = link(spec, only_jump, {});
  REQUIRE(linked);
  const Result<Plan> plan = make_plan(spec, *linked, {});
  REQUIRE(plan);
  CHECK(plan->notes ==
        std::vector<std::string>{
            "map jumps: slot 2 stays empty, its program \"jumped_to\" is not loaded"});
}

TEST_CASE("loader plan: an arena is mapped once, where it wants, and its variables are its start") {
  ObjectBuilder object;
  object.add_map("arena", {number("type", 33), number("map_flags", 1024), number("max_entries", 3),
                           long_number("map_extra", u64{1} << 44)});
  object.add_variable("one", ".addr_space.1", object.u32_id, bytes_vector(u32{7}));
  object.add_variable("two", ".addr_space.1", object.u32_id, bytes_vector(u32{9}));
  object.add_function("prog", "socket",
                      {load_address(1), kSecondSlot, mov64_imm(0, 0), exit_insn()});
  object.relocate("prog", 0, "two");
  const ObjectSpec spec = spec_of(object);
  REQUIRE(spec.variables.size() == 2);
  CHECK(spec.variables[1].name == "two");
  CHECK(spec.variables[1].map == 0);
  CHECK(spec.variables[1].offset == 4);
  KernelProfile profile;
  profile.page_size = 16384;
  const Plan plan = plan_of(spec, profile);
  const bpf::MapCreate create = creation(plan, spec, "arena");
  CHECK(create.type == bpf::MapType::arena);
  CHECK(create.value_size == 0);
  CHECK(create.max_entries == 3);
  CHECK_FALSE(create.btf.is_set());
  std::vector<bpf::ArenaSetUp> set_up;
  for (const Op& op : plan.load)
    if (const bpf::ArenaSetUp* request = std::get_if<bpf::ArenaSetUp>(&op.request))
      set_up.push_back(*request);
  REQUIRE(set_up.size() == 1);
  CHECK(set_up[0].map == bpf::Fd::slot(plan.map_slots[0]));
  CHECK(set_up[0].address == u64{1} << 44);
  CHECK(set_up[0].size == u64{3} * 16384);
  CHECK(set_up[0].contents.size() == 8);
  CHECK(load_checked<u32>(set_up[0].contents, 4) == 9);
  const bpf::ProgLoad load = std::get<bpf::ProgLoad>(plan.load.back().request);
  CHECK(load.map_references == std::vector<bpf::MapReference>{{InsnIndex{0}, set_up[0].map}});
  CHECK(load.insns[0].src() == bpf::kPseudoMapValue);
  CHECK(load.insns[1].imm == 4);
}

TEST_CASE("loader plan: an arena's variables fit into its pages") {
  ObjectBuilder object;
  object.add_map("arena", {number("type", 33), number("max_entries", 1)});
  object.add_variable("big", ".addr_space.1", object.u32_id, std::vector<std::byte>(4097));
  const ObjectSpec spec = spec_of(object);
  CHECK(message(try_plan(spec)) ==
        "map \"arena\": its variables take 4097 bytes, and its 1 pages have 4096");
}

TEST_CASE("loader collect: variables of an arena need one arena") {
  const auto with = [](u32 arenas) {
    ObjectBuilder object;
    for (u32 i = 0; i < arenas; i++)
      object.add_map(format("arena{}", i), {number("type", 33), number("max_entries", 1)});
    object.add_variable("one", ".addr_space.1", object.u32_id, bytes_vector(u32{7}));
    return message(collect(object.build(), "tool"));
  };
  CHECK(with(0).find("\".addr_space.1\": holds variables of an arena, but .maps declares no map of "
                     "type ARENA") != std::string::npos);
  CHECK(with(1) == "no error");
  CHECK(with(2).find("declares more than one to choose from") != std::string::npos);
}
