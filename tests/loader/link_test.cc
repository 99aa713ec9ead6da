// SPDX-License-Identifier: Apache-2.0
// From functions to one instruction stream per program: what is appended, where calls lead, what
// happens to positions.
#include "loader/link.h"

#include <doctest/doctest.h>

#include "loader/collect.h"
#include "tests/support/objects.h"

using namespace bpfld;
using namespace bpfld::loader;
using namespace bpfld::test;
using bpf::exit_insn;
using bpf::Insn;
using bpf::mov64_imm;

namespace {

ObjectSpec spec_of(ObjectBuilder& object) {
  Result<ObjectSpec> spec = collect(object.build(), "test");
  REQUIRE_MESSAGE(spec, message(spec));
  return *std::move(spec);
}

Result<Linked> link_all(const ObjectSpec& spec) {
  return link(spec, autoload_programs(spec), KernelProfile{});
}

LinkedProgram linked(const ObjectSpec& spec) {
  Result<Linked> linked = link_all(spec);
  REQUIRE_MESSAGE(linked, message(linked));
  REQUIRE_FALSE(linked->programs.empty());
  return linked->programs.front();
}

// The names of the pieces, each with its start: "prog@0 leaf@3".
std::string pieces(const ObjectSpec& spec, const LinkedProgram& program) {
  std::string out;
  for (const Piece& piece : program.pieces)
    out += format("{}{}@{}", out.empty() ? "" : " ", spec.functions[piece.function].name,
                  piece.start.value);
  return out;
}

// Where the call or function address at `at` leads, as the kernel reads it.
u64 target(const LinkedProgram& program, u64 at) {
  return static_cast<u64>(static_cast<i64>(at) + program.insns[at].imm + 1);
}

}  // namespace

TEST_CASE("loader link: subprograms are appended depth first, each once, calls lead to them") {
  ObjectBuilder object;
  object.add_function("leaf", ".text", {mov64_imm(0, 1), exit_insn()}, kStatic);
  object.add_function("other", ".text", {mov64_imm(0, 2), exit_insn()}, kStatic);
  object.add_function("branch", ".text", {call_function(-5), call_function(-4), exit_insn()},
                      kStatic);
  object.add_function("unused", ".text", {exit_insn()}, kStatic);
  object.add_function("prog", "socket",
                      {call_function(), call_function(), call_function(), exit_insn()});
  object.relocate("prog", 0, "branch");
  object.relocate("prog", 1, "other");
  object.relocate("prog", 2, "leaf");
  const ObjectSpec spec = spec_of(object);
  const LinkedProgram program = linked(spec);
  // branch (slots 4-6) calls leaf (slots 0-1) and other (slots 2-3): it is reached first, then what
  // it calls.
  CHECK(pieces(spec, program) == "prog@0 branch@4 leaf@7 other@9");
  CHECK(program.insns.size() == 11);
  CHECK(target(program, 0) == 4);
  CHECK(target(program, 1) == 9);
  CHECK(target(program, 2) == 7);
  CHECK(target(program, 4) == 7);
  CHECK(target(program, 5) == 9);
  CHECK(program.insns[7] == mov64_imm(0, 1));
  CHECK(program.insns[9] == mov64_imm(0, 2));
  for (const u64 at : {0u, 1u, 2u, 4u, 5u})
    CHECK(program.insns[at].src() == bpf::kPseudoCall);
}

TEST_CASE("loader link: programs share no subprogram, and one may call another") {
  ObjectBuilder object;
  object.add_function("leaf", ".text", {exit_insn()}, kStatic);
  object.add_function("first", "socket", {call_function(), exit_insn()});
  object.add_function("second", "xdp", {mov64_imm(0, 0), call_function(), exit_insn()});
  object.relocate("first", 0, "leaf");
  object.relocate("second", 1, "first");
  const ObjectSpec spec = spec_of(object);
  const Result<Linked> all = link_all(spec);
  REQUIRE_MESSAGE(all, message(all));
  REQUIRE(all->programs.size() == 2);
  CHECK(pieces(spec, all->programs[0]) == "first@0 leaf@2");
  CHECK(pieces(spec, all->programs[1]) == "second@0 first@3 leaf@5");
  CHECK(target(all->programs[1], 1) == 3);
  CHECK(target(all->programs[1], 3) == 5);
}

TEST_CASE("loader link: functions that call each other, or themselves, end") {
  ObjectBuilder object;
  object.add_function("ping", ".text", {call_function(1), exit_insn()}, kStatic);
  object.add_function("pong", ".text", {call_function(-3), call_function(-2), exit_insn()},
                      kStatic);
  object.add_function("prog", "socket", {call_function(), exit_insn()});
  object.relocate("prog", 0, "ping");
  const ObjectSpec spec = spec_of(object);
  const LinkedProgram program = linked(spec);
  CHECK(pieces(spec, program) == "prog@0 ping@2 pong@4");
  CHECK(target(program, 2) == 4);  // ping calls pong
  CHECK(target(program, 4) == 2);  // pong calls ping
  CHECK(target(program, 5) == 4);  // and itself
}

TEST_CASE("loader link: a chain of ten thousand functions does not use up the stack") {
  ObjectSpec spec;
  constexpr u32 kDepth = 10'000;
  for (u32 i = 0; i < kDepth; i++) {
    FunctionSpec function;
    function.name = format("f{}", i);
    function.insns = {call_function(), exit_insn()};
    if (i + 1 < kDepth)
      function.references = {{InsnIndex{0}, ReferenceKind::call, i + 1, 0}};
    else
      function.insns[0] = mov64_imm(0, 0);
    spec.functions.push_back(std::move(function));
  }
  ProgramSpec entry;
  entry.name = "f0";
  spec.programs.push_back(entry);
  const LinkedProgram program = linked(spec);
  REQUIRE(program.pieces.size() == kDepth);
  CHECK(target(program, 0) == 2);
  CHECK(target(program, 2 * (kDepth - 2)) == 2 * (kDepth - 1));
}

TEST_CASE("loader link: a function's address is marked and counted like a call") {
  ObjectBuilder object;
  object.add_function("callback", ".text", {exit_insn()}, kStatic);
  object.add_function("prog", "socket",
                      {mov64_imm(1, 1), load_address(2), kSecondSlot, exit_insn()});
  object.relocate("prog", 1, ".text");
  const ObjectSpec spec = spec_of(object);
  const LinkedProgram program = linked(spec);
  CHECK(pieces(spec, program) == "prog@0 callback@4");
  CHECK(program.insns[1].is_function_address());
  CHECK(program.insns[1].dst() == 2);
  CHECK(target(program, 1) == 4);
  CHECK(program.insns[2] == kSecondSlot);
}

TEST_CASE("loader link: map references keep their order and offsets, in the program's slots") {
  ObjectBuilder object;
  object.add_map("counts", {number("type", 2), number("max_entries", 1), type("key", object.u32_id),
                            type("value", object.u32_id)});
  object.add_variable("x", ".data", object.u32_id, bytes_vector(u32{7}));
  object.add_variable("y", ".data", object.u32_id, bytes_vector(u32{8}));
  object.add_function("sub", ".text", {load_address(1), kSecondSlot, exit_insn()}, kStatic);
  object.relocate("sub", 0, "y");
  object.add_function("prog", "socket",
                      {call_function(), load_address(3), kSecondSlot, exit_insn()});
  object.relocate("prog", 0, ".text");
  object.relocate("prog", 1, "counts");
  const ObjectSpec spec = spec_of(object);
  const LinkedProgram program = linked(spec);
  REQUIRE(program.map_references.size() == 2);
  CHECK(program.map_references[0] == Reference{InsnIndex{1}, ReferenceKind::map, 0, 0});
  CHECK(program.map_references[1] == Reference{InsnIndex{4}, ReferenceKind::map_value, 1, 4});
  CHECK(program.insns[1].src() == bpf::kPseudoMapFd);
  CHECK(program.insns[1].dst() == 3);
  CHECK(program.insns[4].src() == bpf::kPseudoMapValue);
  CHECK(program.insns[4].imm == 0);
  CHECK(program.insns[5].imm == 4);  // the offset in the value
}

TEST_CASE("loader link: a reference whose instruction CO-RE poisoned is left out") {
  // By hand: no compiler puts both on one instruction, but an object from anywhere can.
  ObjectSpec spec;
  FunctionSpec function;
  function.name = "prog";
  function.insns = {kPoison, kPoison, call_function(), exit_insn()};
  function.insns[2] = kPoison;
  function.references = {{InsnIndex{0}, ReferenceKind::map, 0, 0},
                         {InsnIndex{2}, ReferenceKind::call, 0, 0}};
  spec.functions = {function};
  spec.maps.resize(1);
  ProgramSpec entry;
  entry.name = "prog";
  spec.programs = {entry};
  const LinkedProgram program = linked(spec);
  CHECK(program.insns == function.insns);
  CHECK(program.map_references.empty());
}

TEST_CASE("loader link: func_info and line_info move with their functions") {
  ObjectBuilder object;
  object.add_function("sub", ".text", {mov64_imm(0, 1), exit_insn()}, kStatic);
  object.add_function("prog", "socket", {call_function(), mov64_imm(0, 0), exit_insn()});
  object.relocate("prog", 0, ".text");
  object.ext.add_line(".text", 8, "test.c", "sub, second", 7);
  object.ext.add_line("socket", 16, "test.c", "prog, third", 3);
  const ObjectSpec spec = spec_of(object);
  const LinkedProgram program = linked(spec);
  REQUIRE(program.func_info.size() == 2);
  CHECK(program.func_info[0] == FunctionInfo{InsnIndex{0}, object.func_type("prog").value});
  CHECK(program.func_info[1] == FunctionInfo{InsnIndex{3}, object.func_type("sub").value});
  std::vector<u64> places;
  for (const LineInfo& line : program.line_info)
    places.push_back(line.at.value);
  CHECK(places == std::vector<u64>{0, 2, 3, 4});
}

TEST_CASE("loader link: a piece without info takes everyone's away") {
  const auto info = [](const FunctionOptions& sub, const FunctionOptions& prog) {
    ObjectBuilder object;
    object.add_function("sub", ".text", {exit_insn()}, sub);
    object.add_function("prog", "socket", {call_function(), exit_insn()}, prog);
    object.relocate("prog", 0, "sub");
    const LinkedProgram program = linked(spec_of(object));
    return format("{} {}", program.func_info.size(), program.line_info.size());
  };
  CHECK(info({}, {}) == "2 2");
  CHECK(info(kNoInfo, {}) == "0 0");
  CHECK(info({}, kNoInfo) == "0 0");
}

TEST_CASE("loader link: line_info must begin with the function, or there is none") {
  ObjectBuilder object;
  object.add_function("prog", "socket", {mov64_imm(0, 0), exit_insn()});
  ObjectSpec spec = spec_of(object);
  spec.functions[0].line_info[0].at = InsnIndex{1};
  CHECK(linked(spec).func_info.size() == 1);
  CHECK(linked(spec).line_info.empty());
  spec.functions[0].func_info[0].at = InsnIndex{1};
  CHECK(linked(spec).func_info.empty());
}

TEST_CASE("loader link: an extern is refused with its name, the program named") {
  ObjectBuilder object;
  object.add_extern("bpf_kfunc");
  object.add_function("prog", "socket", {call_function(), exit_insn()});
  object.relocate("prog", 0, "bpf_kfunc");
  const Result<Linked> result = link_all(spec_of(object));
  REQUIRE_FALSE(result);
  CHECK(result.error().code == Code::unsupported);
  CHECK(message(result) ==
        "program \"prog\": extern \"bpf_kfunc\": the object has no BTF that says what it is; a "
        "function or variable of another object must be linked in first");
}

TEST_CASE("loader link: only the selected programs, in the order of the selection") {
  ObjectBuilder object;
  object.add_extern("bpf_kfunc");
  object.add_function("broken", "socket", {call_function(), exit_insn()});
  object.relocate("broken", 0, "bpf_kfunc");
  object.add_function("good", "xdp", {exit_insn()});
  const ObjectSpec spec = spec_of(object);
  const Result<Linked> one = link(spec, {1}, KernelProfile{});
  REQUIRE_MESSAGE(one, message(one));
  REQUIRE(one->programs.size() == 1);
  CHECK(one->programs[0].program == 1);
}

TEST_CASE("loader link: programs that together grow past the cap are refused, not built") {
  // A small file: many programs that all carry one large subprogram.
  ObjectSpec spec;
  FunctionSpec large;
  large.name = "large";
  large.insns.assign(100'000, mov64_imm(0, 0));
  spec.functions.push_back(large);
  for (u32 i = 0; i < 1000; i++) {
    FunctionSpec function;
    function.name = format("p{}", i);
    function.insns = {call_function(), exit_insn()};
    function.references = {{InsnIndex{0}, ReferenceKind::call, 0, 0}};
    spec.functions.push_back(function);
    ProgramSpec program;
    program.function = i + 1;
    program.name = function.name;
    spec.programs.push_back(program);
  }
  const Result<Linked> result = link_all(spec);
  REQUIRE_FALSE(result);
  CHECK(result.error().code == Code::limit);
}

TEST_CASE("loader link: a program of more than a million instructions is refused") {
  ObjectSpec spec;
  FunctionSpec half;
  half.insns.assign(600'000, mov64_imm(0, 0));
  half.name = "sub";
  spec.functions.push_back(half);
  half.name = "prog";
  half.insns[0] = call_function();
  half.references = {{InsnIndex{0}, ReferenceKind::call, 0, 0}};
  spec.functions.push_back(half);
  ProgramSpec program;
  program.function = 1;
  program.name = "prog";
  spec.programs.push_back(program);
  CHECK(message(link_all(spec)) ==
        "program \"prog\": has more than 1048576 instructions with its subprograms");
}
