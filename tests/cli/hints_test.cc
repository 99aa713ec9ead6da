// SPDX-License-Identifier: Apache-2.0
// Explanations that depend on more than the error: on the object's other programs, on the kernel.
#include "cli/hints.h"

#include <doctest/doctest.h>

#include "loader/collect.h"
#include "tests/support/objects.h"

namespace {

using namespace bpfld;
using namespace bpfld::cli;
using bpf::exit_insn;
using bpf::mov64_imm;

Report explained(const loader::ObjectSpec& spec, u32 program, std::string what) {
  Error error;
  error.code = Code::not_found;
  error.what = std::move(what);
  const Facts facts;
  return explain({.phase = Phase::capture,
                  .error = error,
                  .facts = facts,
                  .object = "x.bpf.o",
                  .spec = &spec,
                  .program = &spec.programs[program]});
}

loader::ObjectSpec spec_of(test::ObjectBuilder& object) {
  Result<loader::ObjectSpec> spec = loader::collect(object.build(), "tool");
  REQUIRE_MESSAGE(spec, test::message(spec));
  return *std::move(spec);
}

}  // namespace

TEST_CASE("hints: a function of another program is not looked for in the kernel") {
  test::ObjectBuilder object;
  object.add_function("measure", ".text", {mov64_imm(0, 1), exit_insn()});
  object.add_function("on_packet", "xdp", {test::call_function(), exit_insn()});
  object.relocate("on_packet", 0, "measure");
  object.add_function("at_exit", "fexit/measure", {mov64_imm(0, 0), exit_insn()});
  const loader::ObjectSpec spec = spec_of(object);
  REQUIRE(spec.programs[1].name == "at_exit");
  const Report report = explained(spec, 1, "function measure does not exist in this kernel");
  CHECK(report.why.starts_with("it is a function of on_packet in this object"));
  CHECK(report.hint == "--target at_exit=on_packet");
}

// Tools of bcc name their fentry programs like the function.
TEST_CASE("hints: a program that is named like the kernel function it is about does not own it") {
  test::ObjectBuilder object;
  object.add_function("do_page_cache_ra", "fentry/do_page_cache_ra",
                      {mov64_imm(0, 0), exit_insn()});
  object.add_function("at_exit", "fexit/do_page_cache_ra", {mov64_imm(0, 0), exit_insn()});
  const loader::ObjectSpec spec = spec_of(object);
  const Report report =
      explained(spec, 1, "function do_page_cache_ra does not exist in this kernel");
  CHECK(report.why.empty());
  CHECK(report.hint.find("--target") == std::string::npos);
}

TEST_CASE("hints: a variable without a symbol may be one that the kernel keeps to itself") {
  test::ObjectBuilder object;
  object.add_function("prog", "kprobe/x", {mov64_imm(0, 0), exit_insn()});
  const loader::ObjectSpec spec = spec_of(object);
  const Report report = explained(spec, 0, "extern \"init_net\": this kernel has no such symbol");
  CHECK(report.id == "E25");
  CHECK(report.why.find("CONFIG_KALLSYMS_ALL") != std::string::npos);
}
