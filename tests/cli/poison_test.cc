// SPDX-License-Identifier: Apache-2.0
// A refusal because of what a kernel lacks names what that is: a field, a function, a map.
#include "cli/poison.h"

#include <doctest/doctest.h>

#include "loader/collect.h"
#include "loader/externs.h"
#include "loader/plan.h"
#include "tests/support/made_up_kernel.h"
#include "tests/support/objects.h"

namespace {

using namespace bpfld;
using namespace bpfld::cli;
using namespace bpfld::test;
using bpf::exit_insn;
using bpf::mov64_imm;

// A program that reads `task.gone`, of which the kernel's task knows nothing.
struct Case {
  loader::ObjectSpec spec;
  loader::KernelProfile profile;
  loader::Selection selection = {0};

  Case() {
    ObjectBuilder object;
    const TypeId task = object.btf.add_struct("task", 8, {{"gone", object.int_id, 32}});
    object.add_function("prog", "socket", {mov64_imm(0, 0), mov64_imm(1, 4), exit_insn()});
    object.ext.add_core("socket", 8, task, "0:0", btf::CoreKind::field_byte_offset);
    Result<loader::ObjectSpec> collected = loader::collect(object.build(), "test");
    REQUIRE_MESSAGE(collected, message(collected));
    spec = *std::move(collected);
    for (const char* name : {"bpf_before", "bpf_missing"}) {
      loader::ExternSpec external;
      external.name = name;
      spec.externs.push_back(external);
    }
    loader::MapSpec map;
    map.name = "ops";
    spec.maps.push_back(map);
    MadeUpKernel kernel;
    kernel.btf.add_struct("task", 4, {{"here", kernel.btf.add_int("int", 4), 0}});
    profile = kernel.facts(loader::needs(spec, selection));
    profile.release = "6.1.0-test";
  }

  LoadAttempt attempt() const {
    return {.object = "x.o", .spec = spec, .selection = selection, .profile = profile};
  }
  Error refusal(i32 helper, u32 insn = 1) const {
    Error error;
    error.code = Code::rejected;
    error.errno_value = 22;
    error.context = "program \"prog\"";
    error.detail =
        format("{}: (85) call unknown#{}\ninvalid func unknown#{}\n", insn, helper, helper);
    return error;
  }
};

}  // namespace

TEST_CASE("poison: a field that the kernel does not have is told by its path") {
  const Case one;
  const std::string reason = refusal_reason(one.refusal(195896080), one.attempt(), 0);
  CHECK(reason.starts_with("needs what kernel 6.1.0-test does not have: "));
  CHECK(reason.find("task.gone") != std::string::npos);
  const Facts facts;
  const Report report = explain_load_failure(one.refusal(195896080), one.attempt(), facts);
  CHECK(report.id == "E04");
  CHECK(report.what == "program \"prog\" " + reason);
}

TEST_CASE("poison: an instruction that no relocation is about has no name") {
  const Case one;
  CHECK(refusal_reason(one.refusal(195896080, 2), one.attempt(), 0) ==
        "needs what kernel 6.1.0-test does not have");
}

TEST_CASE("poison: a function and a map are told by their names") {
  const Case one;
  CHECK(refusal_reason(one.refusal(loader::kPoisonKfunc + 1), one.attempt(), 0) ==
        "needs what kernel 6.1.0-test does not have: the function bpf_missing()");
  CHECK(refusal_reason(one.refusal(loader::kPoisonMap), one.attempt(), 0) ==
        "needs the struct_ops map ops, which is left out here");
}

TEST_CASE("poison: what is missing is no helper, so nothing is advised about helpers") {
  const Case one;
  const Report report =
      explain_load_failure(one.refusal(loader::kPoisonKfunc + 1), one.attempt(), Facts());
  CHECK(report.what.ends_with("the function bpf_missing()"));
  CHECK(report.why.empty());
  CHECK(report.hint.find("helper") == std::string::npos);
}

TEST_CASE("poison: another number is not ours, and the verifier's sentence stays") {
  const Case one;
  for (const i32 helper : {0, 7, 195896081, loader::kPoisonMap + 1, loader::kPoisonKfunc + 2})
    CHECK(refusal_reason(one.refusal(helper), one.attempt(), 0) ==
          format("invalid func unknown#{}", helper));
  Error other = one.refusal(0);
  other.detail = "1: (95) exit\nR0 !read_ok\n";
  CHECK(refusal_reason(other, one.attempt(), 0) == "R0 !read_ok");
  other.code = Code::kernel;
  CHECK(refusal_reason(other, one.attempt(), 0).empty());
}

TEST_CASE("poison: a helper that the kernel does not know is told with the release that has it") {
  const Case one;
  Facts facts;
  facts.kernel = "5.10.0-test";
  Report report = explain_load_failure(one.refusal(182), one.attempt(), facts);
  CHECK(report.id == "E24");
  CHECK(report.exit == Exit::kernel);
  CHECK(report.what ==
        "program \"prog\" calls helper #182, which kernel 5.10.0-test does not know (it came with "
        "v5.17)");
  for (const i32 helper : {0, -1, 4097, 195896081}) {
    report = explain_load_failure(one.refusal(helper), one.attempt(), facts);
    CHECK(report.id == "E05");
  }
}
