// SPDX-License-Identifier: Apache-2.0
// Exception callbacks: named by a tag, carried along although nothing calls them.
#include <doctest/doctest.h>

#include "loader/collect.h"
#include "loader/link.h"
#include "tests/support/objects.h"

using namespace bpfld;
using namespace bpfld::loader;
using namespace bpfld::test;
using bpf::exit_insn;
using bpf::mov64_imm;

namespace {

// prog calls sub; `handler`, which nothing calls, calls helper.
struct Thrower : ObjectBuilder {
  explicit Thrower(const FunctionOptions& handler = {}) {
    add_function("sub", ".text", {mov64_imm(0, 1), exit_insn()});
    add_function("helper", ".text", {mov64_imm(0, 2), exit_insn()});
    add_function("handler", ".text", {call_function(), exit_insn()}, handler);
    relocate("handler", 0, "helper");
    add_function("prog", "socket", {call_function(), exit_insn()});
    relocate("prog", 0, "sub");
  }
  void tag(std::string_view name, std::string_view text, i32 component = -1) {
    btf.add_decl_tag(text, func_type(name), component);
  }
};

std::vector<std::string> linked_names(Thrower& object) {
  const Result<ObjectSpec> spec = collect(object.build(), "tool");
  REQUIRE_MESSAGE(spec, message(spec));
  std::vector<std::string> out;
  for (const u32 function : reachable_functions(*spec, spec->programs[0].function))
    out.push_back(spec->functions[function].name);
  return out;
}

std::string error_of(Thrower& object) {
  return message(collect(object.build(), "tool"));
}

}  // namespace

TEST_CASE("loader callbacks: an exception callback comes last, with what it calls") {
  Thrower without;
  CHECK(linked_names(without) == std::vector<std::string>{"prog", "sub"});
  Thrower with;
  with.tag("prog", "exception_callback:handler");
  CHECK(linked_names(with) == std::vector<std::string>{"prog", "sub", "handler", "helper"});
}

TEST_CASE("loader callbacks: a callback that the program calls as well is there once") {
  Thrower object;
  object.tag("prog", "exception_callback:sub");
  CHECK(linked_names(object) == std::vector<std::string>{"prog", "sub"});
}

TEST_CASE("loader callbacks: other tags, and tags of other things, name no callback") {
  Thrower object;
  object.tag("prog", "exception_callbacks");
  object.tag("sub", "exception_callback:handler");  // not a program
  CHECK(linked_names(object) == std::vector<std::string>{"prog", "sub"});
}

TEST_CASE("loader callbacks: the callback is one global function") {
  const std::string start = "program \"prog\": its exception callback ";
  Thrower missing;
  missing.tag("prog", "exception_callback:nothing");
  CHECK(error_of(missing) == start + "\"nothing\" is not one global function");
  Thrower nameless;
  nameless.tag("prog", "exception_callback:");
  CHECK(error_of(nameless) == start + "\"\" is not one global function");
  Thrower itself;
  itself.tag("prog", "exception_callback:prog");
  CHECK(error_of(itself) == start + "\"prog\" is not one global function");
  Thrower hidden(kHidden);
  hidden.tag("prog", "exception_callback:handler");
  CHECK(error_of(hidden) == start + "\"handler\" is not one global function");
}

TEST_CASE("loader callbacks: a program with two callbacks is left to the kernel to refuse") {
  Thrower twice;
  twice.tag("prog", "exception_callback:handler");
  twice.tag("prog", "exception_callback:handler");
  twice.tag("prog", "exception_callback:sub");
  CHECK(linked_names(twice) == std::vector<std::string>{"prog", "sub"});
}
