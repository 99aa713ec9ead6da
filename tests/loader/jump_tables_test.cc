// SPDX-License-Identifier: Apache-2.0
// Jump tables: places in a function, which become a map of instruction numbers for each program.
#include <doctest/doctest.h>

#include "loader/collect.h"
#include "loader/plan.h"
#include "tests/support/objects.h"

using namespace bpfld;
using namespace bpfld::loader;
using namespace bpfld::test;
using bpf::exit_insn;
using bpf::mov64_imm;

namespace {

// prog calls other, which jumps by a table, which is `entries`: bytes from .text's start. other is
// at 16.
struct Jumper : ObjectBuilder {
  explicit Jumper(const std::vector<u64>& entries) {
    add_function("first", ".text", {mov64_imm(0, 0), exit_insn()});
    add_function("other", ".text", {load_address(1), kSecondSlot, mov64_imm(0, 1), exit_insn()});
    add_function("prog", "socket", {mov64_imm(1, 1), call_function(), exit_insn()});
    relocate("prog", 1, "other");
    std::vector<std::byte> bytes;
    for (const u64 entry : entries) {
      const std::vector<std::byte> one = bytes_vector(entry);
      bytes.insert(bytes.end(), one.begin(), one.end());
    }
    add_variable("table", ".jumptables", u64_id, bytes);
    relocate("other", 0, "table");
  }
  std::string error() { return message(collect(build(), "tool")); }
};

}  // namespace

TEST_CASE("loader jump tables: targets move with their function, in a frozen map of the program") {
  Jumper object({32, 40, 32});
  const Result<ObjectSpec> spec = collect(object.build(), "tool");
  REQUIRE_MESSAGE(spec, message(spec));
  REQUIRE(spec->jump_tables.size() == 1);
  CHECK(spec->jump_tables[0].name == "table");
  CHECK(spec->functions[spec->jump_tables[0].function].name == "other");
  CHECK(spec->jump_tables[0].targets ==
        std::vector<InsnIndex>{InsnIndex{2}, InsnIndex{3}, InsnIndex{2}});
  const KernelProfile profile;
  const Result<Linked> linked = link(*spec, {0}, profile);
  REQUIRE_MESSAGE(linked, message(linked));
  const Result<Plan> plan = make_plan(*spec, *linked, profile);
  REQUIRE_MESSAGE(plan, message(plan));
  // prog has three instructions, then other begins.
  std::optional<u32> slot;
  std::vector<u32> targets;
  bool frozen = false;
  for (const Op& op : plan->load) {
    if (const bpf::MapCreate* create = std::get_if<bpf::MapCreate>(&op.request)) {
      CHECK(create->type == bpf::MapType::insn_array);
      CHECK(create->key_size == 4);
      CHECK(create->value_size == 16);
      CHECK(create->max_entries == 3);
      slot = op.result;
    }
    if (const bpf::MapUpdate* update = std::get_if<bpf::MapUpdate>(&op.request)) {
      CHECK_FALSE(frozen);
      CHECK(load_checked<u32>(update->key, 0) == targets.size());
      CHECK(update->value.size() == 16);
      targets.push_back(load_checked<u32>(update->value, 0));
    }
    if (std::holds_alternative<bpf::MapFreeze>(op.request)) frozen = true;
    if (const bpf::ProgLoad* load = std::get_if<bpf::ProgLoad>(&op.request)) {
      CHECK(frozen);
      CHECK(load->insns[3].src() == bpf::kPseudoMapValue);
      CHECK(load->map_references ==
            std::vector<bpf::MapReference>{{InsnIndex{3}, bpf::Fd::slot(slot.value_or(99))}});
    }
  }
  CHECK(targets == std::vector<u32>{5, 6, 5});
}

TEST_CASE("loader jump tables: a table that leads out of its function is malformed") {
  CHECK(Jumper({16}).error() == "no error");
  CHECK(Jumper({8}).error().find(
            "jump table \"table\": entry 0 is 0x8, outside of function \"other\"") !=
        std::string::npos);
  CHECK(Jumper({16, 48}).error() == "no error");  // its end, which the kernel refuses
  CHECK(Jumper({16, 56}).error().find("entry 1 is 0x38, outside of function \"other\"") !=
        std::string::npos);
  CHECK(Jumper({~u64{0}}).error().find("outside of function \"other\"") != std::string::npos);
  CHECK(Jumper({20}).error() != "no error");  // no instruction starts there
  CHECK(Jumper({}).error().find("it has 0 bytes, not some times 8") != std::string::npos);
}
