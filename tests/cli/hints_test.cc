// SPDX-License-Identifier: Apache-2.0
// Explanations that depend on more than the error: on the object's other programs, on the kernel.
#include "cli/hints.h"

#include <cerrno>
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

TEST_CASE("hints: a map that the kernel refuses is of a type that came later, or lacks a size") {
  loader::ObjectSpec spec;
  spec.maps.resize(1);
  loader::MapSpec& map = spec.maps[0];
  map.name = "seen";
  map.type = bpf::MapType::bloom_filter;  // since 5.16
  Facts facts;
  Error error;
  error.code = Code::kernel;
  error.errno_value = EINVAL;
  error.what = "bpf(BPF_MAP_CREATE): Invalid argument (EINVAL)";
  error.context = "map \"seen\"";
  const auto explained_on = [&](std::string kernel) {
    facts.kernel = std::move(kernel);
    return explain(
        {.phase = Phase::load, .error = error, .facts = facts, .object = "x.bpf.o", .spec = &spec});
  };
  const Report old = explained_on("5.10.0-32-amd64");
  CHECK(old.why == "maps of type bloom_filter came with v5.16, and this kernel is 5.10.0-32-amd64");
  CHECK(old.hint == "`bpfld feature map`: the types that this kernel has");
  const Report unsized = explained_on("6.12.1");
  CHECK(unsized.why.starts_with("its values have no size"));
  CHECK(unsized.hint.starts_with("--map seen.value_size=N"));
  map.value_size = 8;
  CHECK(explained_on("6.12.1").why.find("or the type does not take these sizes") !=
        std::string::npos);
}

TEST_CASE("hints: a map of maps without an example is told how to have one") {
  loader::ObjectSpec spec;
  spec.maps.resize(1);
  spec.maps[0].name = "outer";
  spec.maps[0].type = bpf::MapType::array_of_maps;
  spec.maps[0].value_size = 4;
  Error error;
  error.code = Code::kernel;
  error.errno_value = EINVAL;
  error.what = "bpf(BPF_MAP_CREATE): Invalid argument (EINVAL)";
  error.context = "map \"outer\"";
  Facts facts;
  facts.kernel = "6.12.1";
  const auto why = [&] {
    return explain({.phase = Phase::load,
                    .error = error,
                    .facts = facts,
                    .object = "x.bpf.o",
                    .spec = &spec})
        .why;
  };
  CHECK(why().starts_with("a map of maps is made with one for an example"));
  spec.maps[0].inner.resize(1);
  CHECK(why().find("or the type does not take these sizes") != std::string::npos);
}

TEST_CASE("hints: an object that wants another one is told how objects are linked") {
  Error error;
  error.code = Code::unsupported;
  error.what = "map \"m\" is one of another object, which must be linked in first";
  const Facts facts;
  const Report report =
      explain({.phase = Phase::parse, .error = error, .facts = facts, .object = "x.bpf.o"});
  CHECK(report.id == "E25");
  CHECK(report.hint.find("bpftool gen object") != std::string::npos);
}

TEST_CASE("hints: a program that names no function is told how to be given one") {
  test::ObjectBuilder object;
  object.add_function("early", "fentry", {mov64_imm(0, 0), exit_insn()});
  const loader::ObjectSpec spec = spec_of(object);
  Error error;
  error.code = Code::unsupported;
  error.what = "SEC(\"fentry\") names no function, which must be known when the program is loaded";
  const Facts facts;
  const Report report = explain({.phase = Phase::link,
                                 .error = error,
                                 .facts = facts,
                                 .object = "x.bpf.o",
                                 .spec = &spec,
                                 .program = &spec.programs[0]});
  CHECK(report.hint.starts_with("--attach early=NAME"));
  CHECK(report.hint.find("SEC(\"fentry/NAME\")") != std::string::npos);
}
