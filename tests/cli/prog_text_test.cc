// SPDX-License-Identifier: Apache-2.0
// The instructions of a loaded program, with what the kernel writes in place of what it was given.
#include "cli/prog_text.h"

#include <doctest/doctest.h>

#include "loader/kallsyms.h"

using namespace bpfld;
using namespace bpfld::cli;
using bpf::exit_insn;
using bpf::Insn;
using bpf::mov64_imm;

namespace {

constexpr Insn kCallSecond{0x85, 0x10, 3, 1};  // subprogram 1, three slots on
const std::vector<Insn> kProgram = {
    {0x18, 0x11, 0, 7},        // 0: map 7
    {},                        //
    {0x18, 0x22, 0, 8},        // 2: value of map 8, +16
    {0, 0, 0, 16},             //
    kCallSecond,               // 4
    bpf::call_helper(100000),  // 5
    {0x18, 0x41, 0, 1},        // 6: address of 8
    {},                        //
    mov64_imm(0, 0),           // 8
    exit_insn(),               // 9
};

}  // namespace

TEST_CASE("prog text: ids, distances and addresses get the names that are known") {
  CHECK(map_ids(kProgram) == std::set<u32>{7, 8});
  CHECK(helper_distances(kProgram) == std::set<i32>{100000});
  const ProgramNames names{.maps = {{7, "counts"}}, .helpers = {{100000, "bpf_ktime_get_ns"}}};
  CHECK(program_text(kProgram, names) ==
        std::vector<std::string>{"r1 = map 7 (counts)", "", "r2 = value of map 8 +16", "", "call 8",
                                 "call bpf_ktime_get_ns", "r1 = address of 8", "", "r0 = 0",
                                 "exit"});
}

TEST_CASE("prog text: a helper without a name is its distance, or nothing where that is withheld") {
  CHECK(program_text(std::vector<Insn>{bpf::call_helper(5)}, {})[0] == "call #5");
  CHECK(program_text(std::vector<Insn>{bpf::call_helper(0)}, {})[0] ==
        "call of a function that the kernel does not tell");
}

TEST_CASE("prog text: subprograms are numbered in the order in which they lie") {
  const std::map<u64, std::string> labels = subprogram_labels(kProgram);
  CHECK(labels == std::map<u64, std::string>{{8, "subprogram 1"}});
}

TEST_CASE("prog text: a call or an address that leads nowhere stays a number") {
  const std::vector<Insn> wild = {{0x85, 0x10, -5, 1}, {0x18, 0x41, 0, 9}, {}, {0x18, 0, 0, 1}};
  CHECK(program_text(wild, {}) ==
        std::vector<std::string>{"call pc+1", "r1 = subprog[+9]", "", "r0 = 0x1 ll"});
  CHECK(subprogram_labels(wild).empty());
}

TEST_CASE("prog text: addresses have the first name that the kernel lists for them") {
  const std::string_view text =
      "ffffffff81000000 T _stext\n"
      "ffffffff81000010 T bpf_one\n"
      "ffffffff81000010 T bpf_other_name\n"
      "no line\n"
      "ffffffff81000030 t bpf_two\t[module]\n";
  CHECK(
      loader::names_at(text, {0xffffffff81000010, 0xffffffff81000020, 0xffffffff81000030}) ==
      std::map<u64, std::string>{{0xffffffff81000010, "bpf_one"}, {0xffffffff81000030, "bpf_two"}});
  CHECK(loader::names_at("", {1}).empty());
}
