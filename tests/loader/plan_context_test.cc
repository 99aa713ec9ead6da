// SPDX-License-Identifier: Apache-2.0
// Global functions that take a program's context: each program's BTF says which one, also to
// kernels that do not know the tag.
#include <algorithm>
#include <doctest/doctest.h>

#include "base/mapped_file.h"
#include "btf/append.h"
#include "btf/types.h"
#include "loader/collect.h"
#include "loader/plan.h"
#include "tests/support/btf_builder.h"
#include "tests/support/objects.h"

namespace {

using namespace bpfld;
using namespace bpfld::loader;
using btf::TypeId;

// The fixture, planned; and what its programs say of their functions.
struct Case {
  ObjectSpec spec;
  Plan plan;
  std::vector<std::byte> blob;

  explicit Case(const KernelProfile& profile = {}, std::string_view replaced = {}) {
    const Result<std::vector<std::byte>> file =
        read_file(test::build_path("fixtures/context_argument.bpf.o"));
    REQUIRE_MESSAGE(file, test::message(file));
    Result<ObjectSpec> collected = collect(*file, "context_argument");
    REQUIRE_MESSAGE(collected, test::message(collected));
    spec = *std::move(collected);
    Selection selection = autoload_programs(spec);
    if (!replaced.empty()) {
      const auto target = std::ranges::find(spec.programs, replaced, &ProgramSpec::name);
      const auto other = std::ranges::find(spec.programs, "other_length", &ProgramSpec::name);
      REQUIRE(target != spec.programs.end());
      REQUIRE(other != spec.programs.end());
      other->target_program.emplace();
      other->target_program->own = static_cast<u32>(target - spec.programs.begin());
      selection.push_back(static_cast<u32>(other - spec.programs.begin()));
    }
    const Result<Linked> linked = link(spec, selection, profile);
    REQUIRE_MESSAGE(linked, test::message(linked));
    Result<Plan> made = make_plan(spec, *linked, profile);
    REQUIRE_MESSAGE(made, test::message(made));
    plan = *std::move(made);
    for (const Op& op : plan.load)
      if (const bpf::BtfLoad* load = std::get_if<bpf::BtfLoad>(&op.request)) blob = load->blob;
  }

  bpf::ProgLoad load_of(std::string_view program) const {
    for (const Op& op : plan.load)
      if (const bpf::ProgLoad* load = std::get_if<bpf::ProgLoad>(&op.request))
        if (load->name == program) return *load;
    FAIL("no such program");
    return {};
  }

  // The type ids of the program's functions, the entry first.
  std::vector<u32> functions(std::string_view program) const {
    const bpf::ProgLoad load = load_of(program);
    std::vector<u32> out;
    for (u32 i = 0; i < load.func_info.count; i++)
      out.push_back(load_checked<u32>(load.func_info.bytes, 8 * i + 4));
    return out;
  }
};

// "length(void*)", with the names of structs that pointers lead to.
std::string prototype(const btf::View& btf, u32 id) {
  const btf::Type func = btf.type({id});
  std::string out = std::string(func.name) + "(";
  for (const btf::Param& param : btf::params(btf, btf.type(func.type()))) {
    const btf::Type type = btf.type(param.type);
    if (!out.ends_with('(')) out += ", ";
    if (type.kind == btf::Kind::ptr)
      out += type.size_or_type == 0 ? "void*" : std::string(btf.type(type.type()).name) + "*";
    else
      out += type.name;
  }
  return out + ")";
}

std::string prototypes(const Case& one, std::string_view program) {
  const Result<btf::View> btf = btf::View::parse(one.blob);
  REQUIRE(btf);
  CHECK(btf->validate());
  std::string out;
  for (const u32 id : one.functions(program))
    out += (out.empty() ? "" : " ") + prototype(*btf, id);
  return out;
}

}  // namespace

TEST_CASE("plan context: a tagged argument points to the context of the program's type") {
  const Case one;
  CHECK(prototypes(one, "on_kprobe") ==
        "on_kprobe(void*) emit(bpf_user_pt_regs_t*) look(int, bpf_user_pt_regs_t*)");
  CHECK(prototypes(one, "on_raw_tp") ==
        "on_raw_tp(void*) emit(bpf_raw_tracepoint_args*) look(int, bpf_raw_tracepoint_args*)");
  CHECK(prototypes(one, "on_perf_event") == "on_perf_event(void*) look(int, bpf_perf_event_data*)");
  CHECK(prototypes(one, "on_socket") == "on_socket(__sk_buff*) length(__sk_buff*)");
  CHECK(one.functions("on_socket")[1] == one.functions("on_tc")[1]);  // one context, one FUNC
  CHECK(one.functions("on_kprobe")[2] != one.functions("on_raw_tp")[2]);
}

TEST_CASE("plan context: who replaces such a function names it as the kernel knows it") {
  const Case one({}, "on_tc");
  CHECK(one.load_of("other_length").attach_btf_id == one.functions("on_tc")[1]);
}

TEST_CASE("plan context: what is added stands behind the object's types, which stay") {
  const Case one;
  const Result<btf::View> before = btf::View::parse(one.spec.btf),
                          after = btf::View::parse(one.blob);
  REQUIRE(before);
  REQUIRE(after);
  CHECK(after->count() > before->count());
  for (u32 id = 1; id < before->count(); id++) {
    CHECK(after->type({id}).name == before->type({id}).name);
    CHECK(after->type({id}).size_or_type == before->type({id}).size_or_type);
  }
}

TEST_CASE("plan context: kernels without tags in BTF get the functions all the same") {
  KernelProfile profile;
  profile.features[static_cast<std::size_t>(Feature::btf_decl_tag)] = Answer::no;
  CHECK(prototypes(Case(profile), "on_tc") == "on_tc(__sk_buff*) length(__sk_buff*)");
}

TEST_CASE("plan context: a tag on the function itself changes nothing") {
  test::ObjectBuilder object;
  object.add_function("sub", ".text", {bpf::mov64_imm(0, 1), bpf::exit_insn()});
  object.add_function("prog", "xdp", {test::call_function(), bpf::exit_insn()});
  object.relocate("prog", 0, "sub");
  object.btf.add_decl_tag("arg:ctx", object.func_type("sub"));
  const Result<ObjectSpec> spec = collect(object.build(), "tool");
  REQUIRE_MESSAGE(spec, test::message(spec));
  const Result<Linked> linked = link(*spec, autoload_programs(*spec), {});
  REQUIRE(linked);
  const Result<Plan> plan = make_plan(*spec, *linked, {});
  REQUIRE_MESSAGE(plan, test::message(plan));
  for (const Op& op : plan->load)
    if (const bpf::BtfLoad* load = std::get_if<bpf::BtfLoad>(&op.request))
      CHECK(load->blob == spec->btf);
}

TEST_CASE("btf append: a longer header is left alone") {
  test::BtfBuilder builder;
  builder.add_int("int", 4);
  std::vector<std::byte> blob = builder.bytes();
  const Result<btf::View> view = btf::View::parse(blob);
  REQUIRE(view);
  btf::Appendix more(*view);
  const u32 name = more.add_string("added");
  const TypeId added = more.add(name, btf::Kind::struct_, 0, 0);
  const Result<std::vector<std::byte>> longer = more.attached_to(blob);
  REQUIRE(longer);
  const Result<btf::View> both = btf::View::parse(*longer);
  REQUIRE(both);
  CHECK(both->type(added).name == "added");
  CHECK(both->type({1}).name == "int");
  blob[4] = std::byte{28};
  CHECK_FALSE(more.attached_to(blob));
  CHECK_FALSE(more.attached_to(Bytes(blob).first(10)));
}
