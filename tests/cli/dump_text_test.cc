// SPDX-License-Identifier: Apache-2.0
// What `bpfld dump` prints, from specs that are written here.
#include "cli/dump_text.h"

#include <doctest/doctest.h>

#include "tests/support/btf_builder.h"

namespace bpfld::cli {
namespace {

using bpf::Insn;
using loader::ReferenceKind;

// A program that loads a map's address, calls `helper`, and reads a variable; `helper` returns.
loader::ObjectSpec example() {
  loader::ObjectSpec spec;
  spec.maps.resize(2);
  spec.maps[0].name = "events";
  spec.maps[1].name = ".bss";
  loader::FunctionSpec entry;
  entry.name = "on_exec";
  entry.insns = {{bpf::kOpLdImm64, 1, 0, 0}, {}, {bpf::kOpCall, 0x10, 0, -1},
                 {bpf::kOpLdImm64, 2, 0, 0}, {}, bpf::exit_insn()};
  entry.references = {{InsnIndex{0}, ReferenceKind::map, 0, 0},
                      {InsnIndex{2}, ReferenceKind::call, 1, 0},
                      {InsnIndex{3}, ReferenceKind::map_value, 1, 0x102}};
  loader::FunctionSpec helper;
  helper.name = "helper";
  helper.insns = {bpf::mov64_imm(0, 0x1234), bpf::exit_insn()};
  spec.functions = {entry, helper};
  loader::ProgramSpec program;
  program.name = "on_exec";
  program.section = "tp/x";
  spec.programs = {program};
  return spec;
}

TEST_CASE("dump: a function has one line per slot, with what it refers to beside it") {
  const loader::ObjectSpec spec = example();
  const Listing listing = list_function(spec, 0, {}, nullptr);
  CHECK(to_text(listing, spec, Style()) ==
        "on_exec:\n"
        "     0: 18 01 00 00 00 00 00 00   ; map events\n"
        "     1: 00 00 00 00 00 00 00 00\n"
        "     2: 85 10 00 00 ff ff ff ff   ; call helper\n"
        "     3: 18 02 00 00 00 00 00 00   ; map_value .bss + 258\n"
        "     4: 00 00 00 00 00 00 00 00\n"
        "     5: 95 00 00 00 00 00 00 00\n");
}

TEST_CASE("dump: a linked program has its subprograms behind it, and references where they went") {
  const loader::ObjectSpec spec = example();
  const Result<loader::Linked> linked = loader::link(spec, {0}, {});
  REQUIRE(linked);
  const Listing listing = list_program(spec, linked->programs[0], {}, linked->core);
  CHECK(to_text(listing, spec, Style()) ==
        "on_exec:\n"
        "     0: 18 11 00 00 00 00 00 00   ; map events\n"
        "     1: 00 00 00 00 00 00 00 00\n"
        "     2: 85 10 00 00 03 00 00 00   ; call helper\n"
        "     3: 18 22 00 00 00 00 00 00   ; map_value .bss + 258\n"
        "     4: 00 00 00 00 02 01 00 00\n"
        "     5: 95 00 00 00 00 00 00 00\n"
        "helper:\n"
        "     6: b7 00 00 00 34 12 00 00\n"
        "     7: 95 00 00 00 00 00 00 00\n");
}

TEST_CASE("dump: a source line is printed once for the instructions it became") {
  loader::ObjectSpec spec = example();
  test::BtfBuilder btf;
  const u32 file = btf.add_string("x.bpf.c"), text = btf.add_string("\treturn \x1b[2J;");
  spec.btf = btf.bytes();
  spec.functions[1].line_info = {{InsnIndex{0}, file, text, 7u << 10 | 3},
                                 {InsnIndex{1}, file, text, 7u << 10 | 9}};
  CHECK(to_text(list_function(spec, 1, {}, nullptr), spec, Style()) ==
        "helper:\n"
        "; 7       return \\x1b[2J;\n"
        "     0: b7 00 00 00 34 12 00 00\n"
        "     1: 95 00 00 00 00 00 00 00\n");
}

TEST_CASE("dump: names from the object cannot reach the terminal as they are") {
  loader::ObjectSpec spec = example();
  spec.functions[0].name = "on\x1b[2Jexec";
  spec.maps[0].name = "ev\nents";
  const std::string text = to_text(list_function(spec, 0, {}, nullptr), spec, Style());
  CHECK(text.find('\x1b') == std::string::npos);
  CHECK(text.find("; map ev\\nents\n") != std::string::npos);
}

TEST_CASE("dump: a CO-RE relocation is listed as a question when there is no kernel to answer it") {
  loader::ObjectSpec spec = example();
  spec.functions[1].core = {{.at = InsnIndex{0},
                             .number = 0,
                             .type = 5,
                             .access = "0:1",
                             .kind = btf::CoreKind::field_byte_offset}};
  const std::string text = to_text(list_function(spec, 1, {}, nullptr), spec, Style());
  CHECK(text.find("34 12 00 00   ; core byte_off of type 5, 0:1\n") != std::string::npos);
}

}  // namespace
}  // namespace bpfld::cli
