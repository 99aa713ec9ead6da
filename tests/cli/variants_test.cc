// SPDX-License-Identifier: Apache-2.0
// Which programs are two ways of one probe, and which of them is taken.
#include "cli/variants.h"

#include <doctest/doctest.h>

using namespace bpfld;
using namespace bpfld::cli;
using loader::ObjectSpec;
using loader::Selection;

namespace {

ObjectSpec object_of(const std::vector<std::string>& sections) {
  ObjectSpec spec;
  for (const std::string& section : sections) {
    loader::ProgramSpec program;
    program.section = section;
    if (const auto match = loader::match_section(section)) {
      program.row = match->row;
      program.target = match->target;
    }
    spec.programs.push_back(std::move(program));
  }
  return spec;
}

Selection all_of(const ObjectSpec& spec) {
  Selection out;
  for (u32 i = 0; i < spec.programs.size(); i++)
    out.push_back(i);
  return out;
}

}  // namespace

TEST_CASE("variants: fentry and kprobe of one function, tp_btf and raw_tp of one event") {
  const ObjectSpec spec =
      object_of({"kprobe/f", "fentry/f", "kretprobe/f", "fexit/f", "raw_tp/e", "tp_btf/e"});
  const std::vector<Variants> found = find_variants(spec, all_of(spec));
  CHECK(found == std::vector<Variants>{
                     {"f", {{1}, {0}}}, {"the return of f", {{3}, {2}}}, {"e", {{5}, {4}}}});
  Selection selection = all_of(spec);
  choose_first_ways(found, selection);
  CHECK(selection == Selection{1, 3, 5});
}

TEST_CASE("variants: other functions, entry and return, and two of one kind are no choice") {
  const ObjectSpec spec = object_of({"kprobe/f", "fentry/g", "kprobe/h", "kretprobe/h", "fentry/i",
                                     "fentry/i", "kprobe", "fentry", "tp/a/b", "xdp", "nonsense"});
  CHECK(find_variants(spec, all_of(spec)).empty());
}

TEST_CASE("variants: a place that the user named is no choice") {
  ObjectSpec spec = object_of({"kprobe/f", "fentry/f"});
  spec.programs[0].places.push_back({});
  CHECK(find_variants(spec, all_of(spec)).empty());
}

TEST_CASE("variants: when one cannot be loaded the next takes its place") {
  const ObjectSpec spec = object_of({"kprobe/f", "kprobe/f", "fentry/f", "xdp"});
  std::vector<Variants> found = find_variants(spec, all_of(spec));
  Selection selection = all_of(spec);
  choose_first_ways(found, selection);
  CHECK(selection == Selection{2, 3});
  CHECK_FALSE(choose_next_way(found, 3, selection));
  CHECK(choose_next_way(found, 2, selection));
  CHECK(selection == Selection{0, 1, 3});
  CHECK_FALSE(choose_next_way(found, 0, selection));
}

TEST_CASE("variants: why a way was taken, and why the others were not") {
  const ObjectSpec spec = object_of({"kprobe/f", "fentry/f", "kprobe/f"});
  const std::string cost = "it sees the same at more cost, and without the types of the arguments";
  loader::KernelProfile profile;
  loader::KernelNameFact& fact = profile.names[{.kind = {}, .name = "f", .module = {}}];
  fact.place = loader::KernelPlace{.type = 7, .module = 0};
  std::vector<Variants> found = find_variants(spec, all_of(spec));
  Selection selection = all_of(spec);
  CHECK(choose_ways(found, spec, profile, selection) ==
        std::vector<WayTaken>{{"f", {1}, {{{0, 2}, cost}}}});
  CHECK(selection == Selection{1});

  profile.names.clear();
  profile.btf_problem = "none";
  found = find_variants(spec, all_of(spec));
  selection = all_of(spec);
  const std::vector<WayTaken> taken = choose_ways(found, spec, profile, selection);
  REQUIRE(taken.size() == 1);
  CHECK(taken[0].taken == Selection{0, 2});
  CHECK(selection == Selection{0, 2});
  REQUIRE(taken[0].left_out.size() == 1);
  CHECK(taken[0].left_out[0].programs == Selection{1});
  CHECK(taken[0].left_out[0].why ==
        "function f is to be found in BTF, so programs that use it need the kernel's BTF: none");
}
