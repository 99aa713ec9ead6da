// SPDX-License-Identifier: Apache-2.0
// The story of an object is told whatever is in the object.
#include "cli/explain.h"

#include <doctest/doctest.h>

#include "base/escape.h"
#include "base/mapped_file.h"
#include "cli/hints.h"
#include "cli/report.h"
#include "loader/collect.h"
#include "tests/support/objects.h"

namespace {

using namespace bpfld;

// Empty when the bytes are no object.
std::string story_of(const std::vector<std::byte>& file) {
  const Result<elf::Object> object = elf::Object::parse(file);
  const Result<loader::ObjectSpec> spec = loader::collect(file, "x");
  if (!object || !spec) return {};
  const loader::KernelProfile profile;
  const loader::Selection selection = loader::autoload_programs(*spec);
  cli::Story story = cli::make_story("x.bpf.o", *object, *spec, selection, profile);
  story.all = true;
  std::string text;
  for (const cli::Chapter& chapter : cli::explain_story(story, ""))
    text += cli::to_text(chapter, 1, cli::Style(), 120) + cli::to_json(chapter);
  return text;
}

}  // namespace

TEST_CASE("explain: changed bytes of an object give a story that is safe to print") {
  u32 told = 0;
  for (const char* name : {"fixtures/minimal.bpf.o", "fixtures/subprogs.bpf.o"}) {
    const Result<std::vector<std::byte>> file = read_file(test::build_path(name));
    REQUIRE(file);
    std::vector<std::byte> changed = *file;
    for (std::size_t at = 0; at < changed.size(); at += 31) {
      const std::byte old = changed[at];
      changed[at] = std::byte{0x1b};
      const std::string text = story_of(changed);
      told += text.empty() ? 0 : 1;
      if (escape_lines(text) != text) FAIL("byte " << at << " of " << name << " is printed as is");
      changed[at] = old;
    }
  }
  CHECK(told > 100);
}

TEST_CASE("explain: a step is what --step names, all of them without one") {
  CHECK(cli::explain_steps() ==
        std::vector<std::string_view>{"elf", "maps", "relo", "core", "load", "attach"});
  const Result<std::vector<std::byte>> file = read_file(test::build_path("fixtures/minimal.bpf.o"));
  REQUIRE(file);
  CHECK(!story_of(*file).empty());
}

TEST_CASE("explain: programs that only their names load are said to be left out") {
  test::ObjectBuilder object;
  object.add_function("always", "xdp", {bpf::mov64_imm(0, 1), bpf::exit_insn()});
  object.add_function("asked_for", "?xdp", {bpf::mov64_imm(0, 1), bpf::exit_insn()});
  const std::string text = story_of(object.build());
  CHECK(text.find("begin with a '?': asked_for; --prog NAME takes them in") != std::string::npos);
}

TEST_CASE("explain: a callback that no struct has was not chosen, but left out") {
  test::ObjectBuilder object;
  object.add_function("alone", "struct_ops/x", {bpf::mov64_imm(0, 0), bpf::exit_insn()});
  const std::string text = story_of(object.build());
  CHECK(text.find("program alone: left out") != std::string::npos);
  CHECK(text.find("does not say: program alone") == std::string::npos);
}

TEST_CASE("explain: hints about another kernel's types name its file, not the running kernel") {
  cli::Facts facts;
  facts.kernel = "6.1.0";
  const Error error = fail(Code::not_found,
                           "struct bpf_struct_ops_x, by which BPF implements it, does not exist in "
                           "this kernel")
                          .error();
  const auto text = [&] {
    return cli::to_text(cli::explain({.phase = cli::Phase::link, .error = error, .facts = facts}),
                        cli::Style());
  };
  CHECK(text().find("not built into this kernel (6.1.0)") != std::string::npos);
  CHECK(text().find("`bpfld btf search 'bpf_struct_ops_*'`") != std::string::npos);
  facts.btf = "other.btf";
  CHECK(text().find("6.1.0") == std::string::npos);
  CHECK(text().find("not built into this kernel (other.btf)") != std::string::npos);
  CHECK(text().find("`bpfld btf search 'bpf_struct_ops_*' other.btf`") != std::string::npos);
}

TEST_CASE("explain: a function that the kernel has not is no fault of the object") {
  const Error error =
      fail(Code::not_found, "function nothing does not exist in this kernel").error();
  const cli::Facts facts;
  for (const cli::Phase phase : {cli::Phase::capture, cli::Phase::link}) {
    const cli::Report report = cli::explain({.phase = phase, .error = error, .facts = facts});
    CHECK(report.id == "E22");
    CHECK(report.exit == cli::Exit::kernel);
  }
}

TEST_CASE("explain: what another object has is not looked for in the kernel") {
  const Error error =
      fail(Code::not_found,
           "extern \"x\": the object has no BTF that says what it is; a function or "
           "variable of another object must be linked in first")
          .error();
  const cli::Facts facts;
  const cli::Report report =
      cli::explain({.phase = cli::Phase::link, .error = error, .facts = facts});
  CHECK(report.exit == cli::Exit::bad_object);
  CHECK(report.hint.find("bpftool gen object") != std::string::npos);
}
