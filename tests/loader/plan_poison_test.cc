// SPDX-License-Identifier: Apache-2.0
// A program that names a struct_ops map which is not created: it may never use it, so it is given
// an instruction that cannot run in place of one that needs the map.
#include <doctest/doctest.h>

#include "loader/plan.h"
#include "tests/support/objects.h"

using namespace bpfld;
using namespace bpfld::loader;
using namespace bpfld::test;

namespace {

// A program that loads the address of maps[0], a struct of callbacks.
struct Case {
  ObjectSpec spec;
  Linked linked;

  Case() {
    MapSpec map;
    map.name = map.kernel_name = "ops";
    map.source = MapSource::struct_ops;
    map.type = bpf::MapType::struct_ops;
    map.key_size = 4;
    map.max_entries = 1;
    map.struct_ops.emplace().autocreate = false;
    spec.maps.push_back(map);
    ProgramSpec program;
    program.name = "prog";
    program.row = match_section("socket")->row;
    spec.programs.push_back(program);
    spec.functions.emplace_back();
    LinkedProgram code;
    code.insns = {load_address(1), kSecondSlot, bpf::mov64_imm(0, 0), bpf::exit_insn()};
    code.map_references = {{InsnIndex{0}, ReferenceKind::map, 0, 0}};
    linked.programs.push_back(code);
  }

  bpf::ProgLoad load() const {
    const Result<Plan> plan = make_plan(spec, linked, KernelProfile());
    REQUIRE_MESSAGE(plan, message(plan));
    for (const Op& op : plan->load)
      if (const bpf::ProgLoad* found = std::get_if<bpf::ProgLoad>(&op.request)) return *found;
    FAIL("no program is loaded");
    return {};
  }
};

}  // namespace

TEST_CASE("loader plan: a reference to a struct_ops map that is left out becomes poison") {
  const bpf::ProgLoad request = Case().load();
  const bpf::Insn poison = bpf::call_helper(static_cast<u32>(kPoisonMap));
  CHECK(request.map_references.empty());
  CHECK(request.insns ==
        std::vector<bpf::Insn>{poison, poison, bpf::mov64_imm(0, 0), bpf::exit_insn()});
}

TEST_CASE("loader plan: a reference to any other map stays one") {
  Case one;
  one.spec.maps[0].struct_ops.reset();
  one.spec.maps[0].type = bpf::MapType::array;
  one.spec.maps[0].source = MapSource::declared;
  one.spec.maps[0].value_size = 4;
  const bpf::ProgLoad request = one.load();
  REQUIRE(request.map_references.size() == 1);
  CHECK(request.map_references[0].at == InsnIndex{0});
  CHECK(request.insns[0] == load_address(1));
}
