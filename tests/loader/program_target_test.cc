// SPDX-License-Identifier: Apache-2.0
// Programs about programs: which function is meant, in which order they are loaded and attached,
// and what is refused before the kernel is asked.
#include "loader/program_target.h"

#include <doctest/doctest.h>
#include <utility>

#include "loader/capture_parts.h"
#include "loader/plan.h"
#include "tests/loader/session_case.h"

namespace {

using namespace bpfld;
using namespace bpfld::test;
using bpf::Fd;

// `about` comes first in the file and calls a global and a static function; `watch` has that
// section.
ObjectSpec object_with(std::string_view section) {
  ObjectBuilder object;
  object.add_function("helper", ".text", {mov64_imm(0, 1), exit_insn()}, kStatic);
  object.add_function("parse", ".text", {mov64_imm(0, 1), exit_insn()});
  object.add_function("watch", section, {mov64_imm(0, 0), exit_insn()});
  object.add_function("about", "xdp", {call_function(), call_function(), exit_insn()});
  object.relocate("about", 0, "parse");
  object.relocate("about", 1, "helper");
  return spec_of(object);
}

u32 index_of(const ObjectSpec& spec, std::string_view name) {
  for (u32 i = 0; i < spec.programs.size(); i++)
    if (spec.programs[i].name == name) return i;
  FAIL("no program ", std::string(name));
  return 0;
}

u32 type_of(const ObjectSpec& spec, std::string_view function) {
  for (const FunctionSpec& one : spec.functions)
    if (one.name == function) return one.func_info.at(0).type;
  FAIL("no function ", std::string(function));
  return 0;
}

ObjectSpec about_own(std::string_view section, std::string function = {}) {
  ObjectSpec spec = object_with(section);
  spec.programs[index_of(spec, "watch")].target_program =
      TargetProgram{.own = index_of(spec, "about"), .loaded = {}, .function = std::move(function)};
  return spec;
}

Result<Plan> plan_with(const ObjectSpec& spec, const KernelProfile& profile = {}) {
  const Linked linked = TRY(link(spec, autoload_programs(spec), profile));
  return make_plan(spec, linked, profile);
}

std::string problem(const ObjectSpec& spec, const KernelProfile& profile = {}) {
  const Result<Plan> plan = plan_with(spec, profile);
  REQUIRE_FALSE(plan);
  return plan.error().message() +
         (plan.error().detail.empty() ? "" : " (" + plan.error().detail + ")");
}

// A program that is loaded: an entry and two functions.
KernelProfile with_program(ProgramFact fact) {
  KernelProfile profile;
  fact.id = 7;
  profile.programs["id:7"] = std::move(fact);
  return profile;
}
ProgramFact loaded_program() {
  return {.id = 7,
          .type = bpf::ProgType::xdp,
          .name = "on_packet",
          .is_jited = true,
          .has_btf = true,
          .functions = {{"on_packet", 10, true}, {"parse", 11, true}, {"inner", 12, false}},
          .problem = {},
          .errno_value = 0};
}
ObjectSpec about_loaded(std::string_view section) {
  ObjectSpec spec = object_with(section);
  spec.programs[index_of(spec, "watch")].target_program =
      TargetProgram{.own = {}, .loaded = "id:7", .function = {}};
  return spec;
}

}  // namespace

TEST_CASE("target program: one of the same object is loaded first and attached last") {
  for (const char* section : {"freplace/parse", "fentry/parse", "fexit.s/parse"}) {
    INFO(section);
    const ObjectSpec spec = about_own(section);
    const Result<Plan> plan = plan_with(spec);
    REQUIRE_MESSAGE(plan, message(plan));
    std::vector<const bpf::ProgLoad*> loads;
    for (const Op& op : plan->load)
      if (const auto* load = std::get_if<bpf::ProgLoad>(&op.request)) loads.push_back(load);
    REQUIRE(loads.size() == 2);
    CHECK(loads[0]->name == "about");
    CHECK(loads[1]->name == "watch");
    CHECK(loads[1]->attach_btf_id == type_of(spec, "parse"));
    CHECK(loads[1]->attach_target == Fd::slot(*plan->program_slots[index_of(spec, "about")]));
    REQUIRE(plan->attach.size() == 2);
    CHECK(plan->attach[0].program == index_of(spec, "watch"));
    CHECK_FALSE(plan->attach[0].problem);
    CHECK_FALSE(plan->attach[0].no_place);
  }
}

TEST_CASE("target program: the function is the section's, the option's, or the entry") {
  const auto bound = [](const ObjectSpec& spec) {
    const Result<std::optional<Binding>> binding =
        binding_of(spec, spec.programs[index_of(spec, "watch")], {});
    REQUIRE_MESSAGE(binding, message(binding));
    return **binding;
  };
  ObjectSpec spec = about_own("fentry/parse");
  CHECK(bound(spec).type == type_of(spec, "parse"));
  spec = about_own("fentry/parse", "helper");  // a static one can be traced
  CHECK(bound(spec).type == type_of(spec, "helper"));
  spec = about_own("fentry");
  CHECK(bound(spec).type == type_of(spec, "about"));
  CHECK(bound(spec).note.empty());
}

TEST_CASE("target program: a program of one function leaves no doubt which is traced") {
  ObjectSpec spec = about_loaded("fentry/netlink_extack");
  ProgramFact fact = loaded_program();
  fact.functions.resize(1);
  const Result<std::optional<Binding>> binding =
      binding_of(spec, spec.programs[index_of(spec, "watch")], with_program(fact));
  REQUIRE_MESSAGE(binding, message(binding));
  CHECK((*binding)->type == 10);
  CHECK((*binding)->note ==
        "program \"on_packet\" (id 7) has no function netlink_extack: its only one, on_packet, is "
        "taken");
  // What is replaced must be named.
  spec = about_loaded("freplace/netlink_extack");
  CHECK(problem(spec, with_program(fact)) ==
        "program \"watch\": program \"on_packet\" (id 7) has no function \"netlink_extack\" (its "
        "functions: on_packet)");
}

TEST_CASE("target program: one that is loaded is opened by its id") {
  const ObjectSpec spec = about_loaded("freplace/parse");
  CHECK(needs(spec, autoload_programs(spec)).programs == std::vector<std::string>{"id:7"});
  CHECK_FALSE(needs(spec, autoload_programs(spec)).kernel_btf);
  const Result<Plan> plan = plan_with(spec, with_program(loaded_program()));
  REQUIRE_MESSAGE(plan, message(plan));
  std::optional<u32> slot;
  for (const Op& op : plan->load) {
    if (const auto* get = std::get_if<bpf::ObjectById>(&op.request)) {
      CHECK(*get == bpf::ObjectById{bpf::ObjectKind::program, 7});
      slot = op.result;
    }
    if (const auto* load = std::get_if<bpf::ProgLoad>(&op.request); load && load->name == "watch") {
      REQUIRE(slot);
      CHECK(load->attach_target == Fd::slot(*slot));
      CHECK(load->attach_btf_id == 11);
    }
  }
  CHECK(slot);
}

TEST_CASE("target program: what cannot be traced or replaced is told") {
  const ObjectSpec spec = about_loaded("freplace/parse");
  ProgramFact fact = loaded_program();
  fact.has_btf = false;
  fact.functions.clear();
  CHECK(problem(spec, with_program(fact)) ==
        "program \"watch\": program \"on_packet\" (id 7) was loaded without BTF, which tells the "
        "kernel where its functions are");
  fact = loaded_program();
  fact.is_jited = false;
  CHECK(problem(spec, with_program(fact)) ==
        "program \"watch\": program \"on_packet\" (id 7) is interpreted, and only programs that "
        "are compiled can be traced or replaced");
  fact = loaded_program();
  fact.type = bpf::ProgType::ext;
  CHECK(
      problem(spec, with_program(fact)) ==
      "program \"watch\": program \"on_packet\" (id 7) replaces a function itself, and the kernel "
      "lets nobody replace a replacement");
  fact = {};
  fact.problem = "target id:7: no program has the id 7";
  CHECK(problem(spec, with_program(fact)) ==
        "program \"watch\": target id:7: no program has the id 7");
  CHECK(problem(about_loaded("freplace/inner"), with_program(loaded_program())) ==
        "program \"watch\": function \"inner\" of program \"on_packet\" (id 7) is static, and only "
        "global functions can be replaced: the verifier looks at them alone");
  CHECK(problem(about_loaded("freplace/pasre"), with_program(loaded_program())) ==
        "program \"watch\": program \"on_packet\" (id 7) has no function \"pasre\" (did you mean: "
        "parse)");
  CHECK(problem(about_loaded("fmod_ret/parse"), with_program(loaded_program())) ==
        "program \"watch\": SEC(\"fmod_ret\") changes what functions of the kernel return; program "
        "\"on_packet\" (id 7) is no function of the kernel");
}

TEST_CASE("target program: nobody is about itself, however long the way") {
  ObjectBuilder object;
  for (const char* name : {"one", "two", "three"})
    object.add_function(name, "fentry", {mov64_imm(0, 0), exit_insn()});
  ObjectSpec spec = spec_of(object);
  for (u32 i = 0; i < 3; i++)
    spec.programs[i].target_program =
        TargetProgram{.own = (i + 1) % 3, .loaded = {}, .function = {}};
  CHECK(problem(spec) == "program \"one\" is, in the end, about itself");
  spec.programs[2].target_program.reset();
  CHECK(load_depth(spec, 0).value() == 2);
  CHECK(load_depth(spec, 2).value() == 0);
  CHECK(with_target_programs(spec, {1}) == Selection{1, 2});
  CHECK(with_target_programs(spec, {0}) == Selection{0, 1, 2});
}

TEST_CASE("target program: a replacement is attached once for each of its targets") {
  ObjectSpec spec = about_own("freplace/parse");
  ProgramSpec& watch = spec.programs[index_of(spec, "watch")];
  watch.more_targets = {{.own = {}, .loaded = "id:7", .function = {}},
                        {.own = {}, .loaded = "id:7", .function = "inner"}};
  CHECK(needs(spec, {index_of(spec, "watch")}).programs == std::vector<std::string>{"id:7"});
  const Result<Plan> plan = plan_with(spec, with_program(loaded_program()));
  REQUIRE_MESSAGE(plan, message(plan));
  std::vector<const AttachPlan*> attach;
  for (const AttachPlan& one : plan->attach)
    if (one.program == index_of(spec, "watch")) attach.push_back(&one);
  REQUIRE(attach.size() == 3);
  const auto& first = std::get<bpf::LinkCreate>(attach[0]->ops.back().request);
  CHECK(first.target_type == 0);  // for which it was loaded
  CHECK_FALSE(first.target.is_set());
  REQUIRE(attach[1]->ops.size() == 2);
  CHECK(std::get<bpf::ObjectById>(attach[1]->ops[0].request).id == 7);
  const auto& second = std::get<bpf::LinkCreate>(attach[1]->ops[1].request);
  CHECK(second.target_type == 11);
  CHECK(second.target == Fd::slot(*attach[1]->ops[0].result));
  REQUIRE(attach[2]->problem);
  CHECK(attach[2]->problem->what.find("is static, and only global functions") != std::string::npos);
}

TEST_CASE("target program: other targets of the same object are loaded as well, and must be") {
  ObjectSpec spec = about_loaded("freplace/parse");
  ProgramSpec& watch = spec.programs[index_of(spec, "watch")];
  watch.more_targets = {{.own = index_of(spec, "about"), .loaded = {}, .function = {}}};
  const Selection alone = {index_of(spec, "watch")};
  CHECK(with_target_programs(spec, alone).size() == 2);
  const KernelProfile profile = with_program(loaded_program());
  const Result<Linked> linked = link(spec, alone, profile);
  REQUIRE(linked);
  const Result<Plan> plan = make_plan(spec, *linked, profile);
  REQUIRE_MESSAGE(plan, message(plan));
  REQUIRE(plan->attach.size() == 2);
  REQUIRE(plan->attach[1].problem);
  CHECK(plan->attach[1].problem->what == "program \"about\", which it is about, is not loaded");
}

TEST_CASE("target program: a target that is left out is told") {
  const ObjectSpec spec = about_own("fentry/parse");
  const Result<Linked> linked = link(spec, {index_of(spec, "watch")}, {});
  REQUIRE(linked);
  const Result<Plan> plan = make_plan(spec, *linked, {});
  CHECK(message(plan) == "program \"watch\": program \"about\", which it is about, is not loaded");
}

TEST_CASE("target program: the kernel is asked which functions it has, and lies are harmless") {
  ObjectSpec spec = object_with("fentry/parse");
  const btf::View btf = *btf::View::parse(spec.btf);
  FakeKernel kernel;
  u32 records = 3;
  bool pins_are_maps = false, is_map = false;
  std::vector<u32> types = {type_of(spec, "about"), type_of(spec, "parse"), 0xffffffff};
  kernel.add_rule([&](const bpf::Request& request) -> std::optional<Result<bpf::Reply>> {
    if (std::holds_alternative<bpf::ObjGet>(request)) is_map = pins_are_maps;
    if (const auto* info = std::get_if<bpf::ObjectInfo>(&request)) {
      bpf::Reply reply;
      reply.data.resize(info->info_size);
      const auto put = [&](std::size_t at, u32 value) {
        const Bytes bytes = bytes_of(value);
        std::copy(bytes.begin(), bytes.end(), reply.data.begin() + static_cast<long>(at));
      };
      put(4, 7);
      // Of BTF its size, of a program its tag, of a map the size of its keys.
      put(8, std::exchange(is_map, false) ? 4 : static_cast<u32>(spec.btf.size()));
      put(16, 100);
      put(128, 5);
      put(144, records);
      return reply;
    }
    if (const auto* contents = std::get_if<bpf::ObjectContents>(&request)) {
      bpf::Reply reply;
      if (contents->kind == bpf::ObjectKind::btf) {
        reply.data = spec.btf;
        return reply;
      }
      CHECK(contents->functions);
      for (const u32 type : types)
        for (const u32 word : {0u, type}) {
          const Bytes bytes = bytes_of(word);
          reply.data.insert(reply.data.end(), bytes.begin(), bytes.end());
        }
      return reply;
    }
    return std::nullopt;
  });
  Needs needs;
  needs.programs = {"id:7", "id:seven", "/sys/fs/bpf/pin"};
  KernelProfile profile;
  capture_programs(profile, needs, &kernel);
  const ProgramFact& fact = profile.programs.at("id:7");
  CHECK(fact.problem == "");
  CHECK(fact.id == 7);
  CHECK(fact.name == "about");
  REQUIRE(fact.functions.size() == 2);
  CHECK(fact.functions[1].name == "parse");
  CHECK(fact.functions[1].is_global);
  CHECK(profile.programs.at("id:seven").problem ==
        "target id:seven: \"seven\" is no id of a program");
  CHECK(profile.programs.at("/sys/fs/bpf/pin").id == 7);
  pins_are_maps = true;
  profile.programs.clear();
  capture_programs(profile, needs, &kernel);
  CHECK(profile.programs.at("/sys/fs/bpf/pin").problem ==
        "target /sys/fs/bpf/pin: what is pinned there is no program");
  records = 1u << 30;
  profile.programs.clear();
  capture_programs(profile, needs, &kernel);
  CHECK(profile.programs.at("id:7").problem == "target id:7: it has 1073741824 functions");
  profile.programs.clear();
  capture_programs(profile, needs, nullptr);
  CHECK(profile.programs.at("id:7").problem ==
        "target id:7: the kernel is not asked about its programs");
  CHECK(kernel.open_fds() == 0);
}
