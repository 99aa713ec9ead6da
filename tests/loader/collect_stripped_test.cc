// SPDX-License-Identifier: Apache-2.0
// Whether it is noticed that an object once had CO-RE relocations.
#include <doctest/doctest.h>

#include "loader/collect.h"
#include "tests/support/objects.h"

using namespace bpfld;
using namespace bpfld::loader;
using namespace bpfld::test;
using bpf::exit_insn;
using bpf::mov64_imm;

namespace {

// A program, and a struct that nothing but a relocation would have put into the BTF.
struct Case {
  ObjectBuilder object;
  TypeId task;
  Case() {
    object.add_function("prog", "socket", {mov64_imm(0, 0), exit_insn()});
    task = object.btf.add_struct("task_struct", 8, {{"pid", object.int_id, 0}});
  }
  // As a tool leaves it that knows nothing of .BTF.ext.
  void remove_ext() {
    object.edit = [](ElfBuilder& elf) {
      elf.edit_section(elf.index_of(".BTF.ext"), [](elf::SectionHeader& s) { s.name = 0; });
    };
  }
  std::optional<LostRelocations> lost() {
    Result<ObjectSpec> spec = collect(object.build(), "test");
    REQUIRE_MESSAGE(spec, message(spec));
    return spec->lost_relocations;
  }
};

}  // namespace

TEST_CASE("loader stripped: a type that nothing leads to was there for a relocation") {
  Case one;
  const LostRelocations expected{
      .ext_is_missing = false, .types = {"struct task_struct"}, .type_count = 1};
  CHECK(one.lost() == expected);
}

TEST_CASE("loader stripped: with one relocation nothing is lost") {
  Case one;
  one.object.ext.add_core("socket", 0, one.task, "0:0", btf::CoreKind::field_byte_offset);
  CHECK(one.lost() == std::nullopt);
}

TEST_CASE("loader stripped: without .BTF.ext it is lost if it was there, and that may be seen") {
  Case one;
  one.remove_ext();
  const LostRelocations seen{
      .ext_is_missing = true, .types = {"struct task_struct"}, .type_count = 1};
  CHECK(one.lost() == seen);
  Case two;
  two.object.btf.add_var("task", two.task);  // and now something leads to it
  two.remove_ext();
  const LostRelocations unseen{.ext_is_missing = true, .types = {}, .type_count = 0};
  CHECK(two.lost() == unseen);
}

TEST_CASE("loader stripped: what a variable or a function leads to says nothing") {
  for (const bool variable : {true, false}) {
    Case one;
    BtfBuilder& btf = one.object.btf;
    const TypeId list = btf.add_array(btf.add_const(one.task), one.object.u32_id, 3);
    const TypeId holder = btf.add_struct("holder", 8, {{"tasks", btf.add_ptr(list), 0}});
    const TypeId pointer = btf.add_ptr(btf.add_typedef("holder_t", holder));
    if (variable)
      btf.add_var("global", pointer);
    else
      btf.add_func("helper", btf.add_func_proto(one.object.int_id, {{"of", pointer}}));
    CHECK(one.lost() == std::nullopt);
  }
}

TEST_CASE("loader stripped: types without a name or without contents say nothing") {
  ObjectBuilder object;
  object.add_function("prog", "socket", {mov64_imm(0, 0), exit_insn()});
  object.btf.add_struct("", 4, {{"a", object.int_id, 0}});
  object.btf.add_struct("empty", 0);
  object.btf.add_fwd("elsewhere");
  object.btf.add_ptr(object.int_id);
  Result<ObjectSpec> spec = collect(object.build(), "test");
  REQUIRE_MESSAGE(spec, message(spec));
  CHECK(spec->lost_relocations == std::nullopt);
}

TEST_CASE("loader stripped: GCC writes every type, so a type that nothing leads to says nothing") {
  Case one;
  one.object.edit = [](ElfBuilder& elf) {
    elf.add_section(".comment", 1, 0, bytes_of(std::string_view("\0GCC: (Debian 12.2.0)\0", 22)));
  };
  CHECK(one.lost() == std::nullopt);
}

TEST_CASE("loader stripped: of many types a few are named, and all are counted") {
  Case one;
  for (int i = 0; i < 9; i++)
    one.object.btf.add_enum(format("e{}", i), {{format("E{}", i), i}});
  const std::optional<LostRelocations> lost = one.lost();
  REQUIRE(lost);
  CHECK(lost->types ==
        std::vector<std::string>{"struct task_struct", "enum e0", "enum e1", "enum e2"});
  CHECK(lost->type_count == 10);
}

TEST_CASE("loader stripped: an object without programs, or without BTF, has nothing to lose") {
  ObjectBuilder maps;
  maps.btf.add_struct("task_struct", 8, {{"pid", maps.int_id, 0}});
  Result<ObjectSpec> spec = collect(maps.build(), "test");
  REQUIRE_MESSAGE(spec, message(spec));
  CHECK(spec->lost_relocations == std::nullopt);
  Case bare;
  bare.object.with_btf = false;
  CHECK(bare.lost() == std::nullopt);
}
