// SPDX-License-Identifier: Apache-2.0
// Functions, programs and references: from an object's symbols and relocations to a spec.
#include "loader/collect.h"

#include <doctest/doctest.h>

#include "tests/support/objects.h"

using namespace bpfld;
using namespace bpfld::loader;
using namespace bpfld::test;
using bpf::exit_insn;
using bpf::Insn;
using bpf::mov64_imm;

namespace {

Result<ObjectSpec> collect_object(ObjectBuilder& object) {
  return collect(object.build(), "test");
}

ObjectSpec good(ObjectBuilder& object) {
  Result<ObjectSpec> spec = collect_object(object);
  REQUIRE_MESSAGE(spec, message(spec));
  return *std::move(spec);
}

const FunctionSpec& function(const ObjectSpec& spec, std::string_view name) {
  for (const FunctionSpec& f : spec.functions)
    if (f.name == name) return f;
  FAIL("no function " << name);
  return spec.functions.front();
}

// "call leaf at 1", one line for each reference of the function.
std::string references(const ObjectSpec& spec, std::string_view name) {
  std::string out;
  for (const Reference& r : function(spec, name).references) {
    if (!out.empty()) out += ", ";
    switch (r.kind) {
      case ReferenceKind::map: out += format("map {}", spec.maps[r.index].name); break;
      case ReferenceKind::map_value:
        out += format("value {}+{}", spec.maps[r.index].name, r.offset);
        break;
      case ReferenceKind::call: out += format("call {}", spec.functions[r.index].name); break;
      case ReferenceKind::function:
        out += format("address {}", spec.functions[r.index].name);
        break;
      case ReferenceKind::extern_: out += format("extern {}", spec.externs[r.index].name); break;
      case ReferenceKind::jump_table:
        out += format("table {}", spec.jump_tables[r.index].name);
        break;
    }
    out += format(" at {}", r.at.value);
  }
  return out;
}

// The error without the names that lead to it.
std::string innermost(const Result<ObjectSpec>& result) {
  return result ? "no error" : result.error().what;
}

const std::vector<Insn> kReturnZero = {mov64_imm(0, 0), exit_insn()};

}  // namespace

TEST_CASE("loader collect: a global function of a program's section is a program") {
  ObjectBuilder object;
  object.add_function("on_switch", "tp/sched/sched_switch", kReturnZero);
  object.add_function("off", "?xdp", kReturnZero);
  const ObjectSpec spec = good(object);
  REQUIRE(spec.programs.size() == 2);
  const ProgramSpec& program = spec.programs[0];
  CHECK(program.name == "on_switch");
  CHECK(program.section == "tp/sched/sched_switch");
  REQUIRE(program.row != nullptr);
  CHECK(program.row->name == "tp");
  CHECK(program.target == "sched/sched_switch");
  CHECK(program.autoload);
  CHECK(spec.programs[1].section == "?xdp");
  CHECK(spec.programs[1].row->name == "xdp");
  CHECK_FALSE(spec.programs[1].autoload);
  const FunctionSpec& entry = spec.functions[program.function];
  CHECK(entry.name == "on_switch");
  CHECK(entry.insns == kReturnZero);
  CHECK(entry.origin == Origin{"tp/sched/sched_switch", 0});
  CHECK_FALSE(entry.is_static);
  CHECK(spec.name == "test");
  CHECK(spec.license == "GPL");
}

TEST_CASE("loader collect: an unknown section is a program without a row") {
  ObjectBuilder object;
  object.add_function("prog", "kprobe2/do_unlinkat", kReturnZero);
  object.add_function("off", "?my_section", kReturnZero);
  const ObjectSpec spec = good(object);
  REQUIRE(spec.programs.size() == 2);
  CHECK(spec.programs[0].row == nullptr);
  CHECK(spec.programs[0].autoload);
  CHECK_FALSE(spec.programs[1].autoload);
}

TEST_CASE("loader collect: functions of .text, and local ones anywhere, are subprograms") {
  ObjectBuilder object;
  object.add_function("global", ".text", kReturnZero);
  object.add_function("local", ".text", kReturnZero, kStatic);
  object.add_function("hidden", ".text", kReturnZero, kHidden);
  object.add_function("helper", "socket", kReturnZero, kStatic);
  object.add_function("prog", "socket", kReturnZero);
  const ObjectSpec spec = good(object);
  REQUIRE(spec.programs.size() == 1);
  CHECK(spec.programs[0].name == "prog");
  CHECK(spec.functions.size() == 5);
  CHECK_FALSE(function(spec, "global").is_static);
  CHECK(function(spec, "local").is_static);
  CHECK(function(spec, "hidden").is_static);
  CHECK(function(spec, "helper").is_static);
}

TEST_CASE("loader collect: a call within one section needs no relocation") {
  ObjectBuilder object;
  object.add_function("caller", ".text", {call_function(1), exit_insn()}, kStatic);
  object.add_function("leaf", ".text", kReturnZero, kStatic);
  // This call is slot 4; slot 0 is 5 before the next one.
  object.add_function("back", ".text", {call_function(-5), exit_insn()}, kStatic);
  object.add_function("prog", "socket", kReturnZero);
  const ObjectSpec spec = good(object);
  CHECK(references(spec, "caller") == "call leaf at 0");
  CHECK(references(spec, "back") == "call caller at 0");

  ObjectBuilder other;
  other.add_function("prog", "socket", {call_function(1), exit_insn()});
  other.add_function("local", "socket", kReturnZero, kStatic);
  CHECK(references(good(other), "prog") == "call local at 0");
  ObjectBuilder nowhere;
  nowhere.add_function("prog", "socket", {call_function(1), exit_insn()});
  CHECK(message(collect_object(nowhere)) ==
        "function \"prog\": instruction 0: calls to offset 0x10 of section \"socket\", where no "
        "function starts");
  ObjectBuilder before;
  before.add_function("prog", "socket", {call_function(-2), exit_insn()});
  CHECK(message(collect_object(before)) ==
        "function \"prog\": instruction 0: addend -8 points before the start of the section");
}

TEST_CASE("loader collect: calls are found by symbol, and by section and distance") {
  ObjectBuilder object;
  object.add_function("first", ".text", kReturnZero, kStatic);
  object.add_function("second", ".text", kReturnZero);
  object.add_function("prog", "socket",
                      {call_function(-1), call_function(1), call_function(-1), exit_insn()});
  object.relocate("prog", 0, "second");  // by its own symbol: distance -1
  object.relocate("prog", 1, ".text");   // slot 2 of the section: the addend is 2 - 1
  object.relocate("prog", 2, ".text");   // slot 0
  const ObjectSpec spec = good(object);
  CHECK(references(spec, "prog") == "call second at 0, call second at 1, call first at 2");
}

TEST_CASE("loader collect: a call into the middle of a function is malformed") {
  ObjectBuilder object;
  object.add_function("sub", ".text", kReturnZero, kStatic);
  object.add_function("prog", "socket", {call_function(0), exit_insn()});
  object.relocate("prog", 0, ".text");
  CHECK(
      message(collect_object(object)) ==
      "function \"prog\": relocation at socket+0x0 against section \".text\": calls to offset 0x8 "
      "of section \".text\", where no function starts");
}

TEST_CASE("loader collect: a function's address, through its symbol and through its section") {
  ObjectBuilder object;
  object.add_function("one", ".text", kReturnZero, kStatic);
  object.add_function("two", ".text", kReturnZero);
  object.add_function(
      "prog", "socket",
      {load_address(1), kSecondSlot, load_address(2, 16), kSecondSlot, exit_insn()});
  object.relocate("prog", 0, "two");
  object.relocate("prog", 2, ".text");
  const ObjectSpec spec = good(object);
  CHECK(references(spec, "prog") == "address two at 0, address two at 2");
}

TEST_CASE("loader collect: the address of a map, and of bytes in data sections") {
  ObjectBuilder object;
  object.add_map("first", {number("type", 1), number("max_entries", 1), type("key", object.u32_id),
                           type("value", object.u32_id)});
  object.add_map("second", {number("type", 2), number("max_entries", 1), type("key", object.u32_id),
                            type("value", object.u32_id)});
  object.add_variable("zero", ".bss", object.u64_id, bytes_vector(u64{0}));
  object.add_variable("x", ".data", object.u32_id, bytes_vector(u32{7}));
  object.add_variable("y", ".data", object.u32_id, bytes_vector(u32{8}), elf::SymbolBinding::local);
  object.add_function(
      "prog", "socket",
      {load_address(1), kSecondSlot, load_address(2), kSecondSlot, load_address(3, 4), kSecondSlot,
       load_address(4, 1), kSecondSlot, load_address(5), kSecondSlot, exit_insn()});
  object.relocate("prog", 0, "second");
  object.relocate("prog", 2, "x");
  object.relocate("prog", 4, ".data");  // a static variable: section symbol and addend
  object.relocate("prog", 6, "x");      // a symbol and an addend
  object.relocate("prog", 8, "zero");
  const ObjectSpec spec = good(object);
  CHECK(references(spec, "prog") ==
        "map second at 0, value .data+0 at 2, value .data+4 at 4, value .data+1 at 6, "
        "value .bss+0 at 8");
}

TEST_CASE("loader collect: an address outside its section, or where no map starts, is malformed") {
  const auto with_addend = [](const char* symbol, i32 addend) {
    ObjectBuilder object;
    object.add_map("counts", {number("type", 2), number("max_entries", 1),
                              type("key", object.u32_id), type("value", object.u32_id)});
    object.add_variable("x", ".data", object.u32_id, bytes_vector(u32{7}));
    object.add_function("prog", "socket", {load_address(1, addend), kSecondSlot, exit_insn()});
    object.relocate("prog", 0, symbol);
    return innermost(collect_object(object));
  };
  CHECK(with_addend("counts", 8) == "refers to offset 0x8 of .maps, where no map starts");
  CHECK(with_addend("counts", -8) == "addend -8 points before the start of the section");
  CHECK(with_addend("x", 5) == "refers to offset 0x5 of \".data\", which has 4 bytes");
  CHECK(with_addend("x", -1) == "addend -1 points before the start of the section");
  CHECK(with_addend("x", 4) == "no error");  // one past the end: C allows it
}

TEST_CASE("loader collect: a symbol's value and addend that wrap around are malformed") {
  ObjectBuilder object;
  object.add_function("prog", "socket", {load_address(1, 16), kSecondSlot, exit_insn()});
  object.add_function("sub", ".text", kReturnZero);
  object.edit = [](ElfBuilder& elf) {
    const auto symbol = elf.add_symbol("huge", elf::SymbolType::section, elf::SymbolBinding::local,
                                       elf.index_of(".text"), ~u64{0} - 15, 0);
    elf.add_relocation(elf.index_of("socket"), 0, symbol, 1);
  };
  const std::string text = message(collect_object(object));
  CHECK(text.find("addend 16 points past the end of the section") != std::string::npos);
}

TEST_CASE("loader collect: undefined symbols are externs, once for each name") {
  ObjectBuilder object;
  object.add_extern("CONFIG_HZ");
  object.add_extern("bpf_some_kfunc", elf::SymbolBinding::weak);
  object.add_function(
      "prog", "socket",
      {load_address(1), kSecondSlot, load_address(2), kSecondSlot, call_function(), exit_insn()});
  object.relocate("prog", 0, "CONFIG_HZ");
  object.relocate("prog", 2, "CONFIG_HZ");
  object.relocate("prog", 4, "bpf_some_kfunc");
  const ObjectSpec spec = good(object);
  CHECK(references(spec, "prog") ==
        "extern CONFIG_HZ at 0, extern CONFIG_HZ at 2, extern bpf_some_kfunc at 4");
  REQUIRE(spec.externs.size() == 2);
  CHECK_FALSE(spec.externs[0].weak);
  CHECK(spec.externs[1].weak);
}

TEST_CASE("loader collect: what is in a gap between functions counts for nothing") {
  ObjectBuilder object;
  object.add_extern("gone");
  object.add_function("one", "socket", kReturnZero);
  object.add_gap("socket", {load_address(1), kSecondSlot, exit_insn()});
  object.add_function("two", "socket", kReturnZero);
  object.relocate_at("socket", 16, "gone");
  object.ext.add_line("socket", 16, "test.c", "in the gap", 9);
  const ObjectSpec spec = good(object);
  CHECK(spec.externs.empty());
  CHECK(references(spec, "one").empty());
  CHECK(references(spec, "two").empty());
  CHECK(function(spec, "one").line_info.size() == 1);
  CHECK(function(spec, "two").origin.offset == 40);
  CHECK(function(spec, "two").line_info.size() == 1);
  CHECK(function(spec, "two").line_info[0].at == InsnIndex{0});
}

TEST_CASE("loader collect: of several names for one function the first global one stays") {
  ObjectBuilder object;
  object.add_function("local", ".text", kReturnZero, kStatic);
  object.add_alias("global", "local");
  object.add_alias("later", "local");
  object.add_function("prog", "socket", {call_function(), call_function(), exit_insn()});
  object.relocate("prog", 0, "local");
  object.relocate("prog", 1, "later");
  const ObjectSpec spec = good(object);
  CHECK(spec.functions.size() == 2);
  CHECK(references(spec, "prog") == "call global at 0, call global at 1");
}

TEST_CASE("loader collect: functions that overlap are malformed") {
  ObjectBuilder object;
  object.add_function("outer", "socket", {mov64_imm(0, 0), mov64_imm(0, 1), exit_insn()});
  object.edit = [](ElfBuilder& elf) { elf.add_function("inner", elf.index_of("socket"), 8, 16); };
  CHECK(message(collect_object(object)) ==
        "function \"outer\" in section [1] \"socket\" overlaps \"inner\"");
}

TEST_CASE("loader collect: a function that is empty, or cut, or starts within an instruction") {
  const auto with_symbol = [](u64 value, u64 size) {
    ObjectBuilder object;
    object.add_gap("socket", {mov64_imm(0, 0), exit_insn()});
    object.edit = [=](ElfBuilder& elf) {
      elf.add_function("prog", elf.index_of("socket"), value, size);
    };
    return message(collect_object(object));
  };
  constexpr std::string_view kPrefix = "function \"prog\" in section [1] \"socket\": ";
  CHECK(with_symbol(0, 16) == "no error");
  CHECK(with_symbol(0, 0) == std::string(kPrefix) + "has no instructions (its symbol's size is 0)");
  CHECK(with_symbol(0, 12) ==
        std::string(kPrefix) + "code of 12 bytes is not a whole number of 8-byte instructions");
  CHECK(with_symbol(4, 8) ==
        std::string(kPrefix) + "offset 0x4 is not a multiple of 8, the size of an instruction");
}

TEST_CASE("loader collect: a relocation on an instruction that takes none is malformed") {
  const auto at = [](const std::vector<Insn>& insns, u64 offset) {
    ObjectBuilder object;
    object.add_map("counts", {number("type", 2), number("max_entries", 1),
                              type("key", object.u32_id), type("value", object.u32_id)});
    object.add_function("prog", "socket", insns);
    object.relocate_at("socket", offset, "counts");
    return innermost(collect_object(object));
  };
  const std::vector<Insn> load = {load_address(1), kSecondSlot, exit_insn(), exit_insn()};
  CHECK(at(load, 0) == "no error");
  CHECK(at(load, 8) == "is on an instruction that cannot take one (opcode 0x0)");
  CHECK(at(load, 16) == "is on an instruction that cannot take one (opcode 0x95)");
  CHECK(at(load, 4) == "offset 0x4 is not a multiple of 8, the size of an instruction");
  CHECK(at({bpf::call_helper(1), exit_insn()}, 0) ==
        "is on a call that is not a call of a function");
  CHECK(at({mov64_imm(1, 0), exit_insn()}, 0) ==
        "is on an instruction that cannot take one (opcode 0xb7)");
}

TEST_CASE("loader collect: two relocations on one instruction are malformed") {
  ObjectBuilder object;
  object.add_function("sub", ".text", kReturnZero);
  object.add_function("prog", "socket", {call_function(), exit_insn()});
  object.relocate("prog", 0, "sub");
  object.relocate("prog", 0, "sub");
  CHECK(message(collect_object(object)) == "function \"prog\": instruction 0 has two relocations");
}

TEST_CASE("loader collect: a relocation against a section that is no map, data or code") {
  ObjectBuilder object;
  object.add_function("prog", "socket", {load_address(1), kSecondSlot, exit_insn()});
  object.relocate("prog", 0, "license");
  const std::string text = message(collect_object(object));
  CHECK(text.find("refers to section \"license\", which is no map, data or code") !=
        std::string::npos);
}

TEST_CASE("loader collect: relocations in an object without programs are no trouble") {
  ObjectBuilder object;
  object.add_extern("missing");
  object.add_gap(".text", {load_address(1), kSecondSlot, exit_insn()});
  object.relocate_at(".text", 0, "missing");
  const ObjectSpec spec = good(object);
  CHECK(spec.functions.empty());
  CHECK(spec.programs.empty());
}

TEST_CASE("loader collect: sections of conventions that are not read are refused by name") {
  for (const char* name : {"maps", ".struct_ops.other", "?.struct_ops.other"}) {
    ObjectBuilder object;
    object.add_function("prog", "socket", kReturnZero);
    object.edit = [name](ElfBuilder& elf) { elf.add_data(name, "something"); };
    const Result<ObjectSpec> spec = collect_object(object);
    REQUIRE_FALSE(spec);
    CHECK(spec.error().code == Code::unsupported);
    CHECK(message(spec).find(format("\"{}\"", name)) != std::string::npos);
  }
}

TEST_CASE("loader collect: the license ends at its NUL, and may be missing") {
  ObjectBuilder with;
  with.license = std::string("Dual MIT/GPL\0rest", 17);
  CHECK(good(with).license == "Dual MIT/GPL");
  ObjectBuilder without;
  without.license.clear();
  CHECK(good(without).license.empty());
  ObjectBuilder huge;
  huge.license = std::string(129, 'G');
  CHECK(message(collect_object(huge)).find("holds 129 bytes of text, more than 128") !=
        std::string::npos);
}

TEST_CASE("loader collect: the version section is four bytes") {
  ObjectBuilder object;
  object.edit = [](ElfBuilder& elf) {
    elf.add_data("version", Bytes(bytes_vector(u32{0x050a00})));
  };
  CHECK(good(object).kernel_version == 0x050a00u);
  ObjectBuilder shorter;
  shorter.edit = [](ElfBuilder& elf) { elf.add_data("version", "abc"); };
  CHECK(message(collect_object(shorter)).find("\"version\" has 3 bytes, not 4") !=
        std::string::npos);
  ObjectBuilder none;
  CHECK_FALSE(good(none).kernel_version.has_value());
}

TEST_CASE("loader collect: an object's name is its file's, without directories and suffix") {
  CHECK(object_name("dir/execsnoop.bpf.o") == "execsnoop");
  CHECK(object_name("a.o") == "a");
  CHECK(object_name("/x/y/tool") == "tool");
  CHECK(object_name(".o") == ".o");
  CHECK(object_name(".bpf.o") == ".bpf");
  CHECK(object_name("").empty());
}

TEST_CASE("loader collect: an object with tens of thousands of names is collected") {
  // Look-ups that walk all symbols or all types would take minutes here.
  ObjectBuilder object;
  constexpr u32 kCount = 20'000;
  object.edit = [&](ElfBuilder& elf) {
    const std::vector<std::byte> data(kCount * 4);
    const u32 section = elf.add_data(".data", Bytes(data));
    for (u32 i = 0; i < kCount; i++)
      elf.add_symbol(format("v{}", i), elf::SymbolType::object, elf::SymbolBinding::global, section,
                     u64{i} * 4, 4);
  };
  std::vector<test::VariableSpec> variables;
  for (u32 i = 0; i < kCount; i++)
    variables.push_back({object.btf.add_var(i == 0 ? "v7" : "absent", object.u32_id), 0, 4});
  for (u32 i = 0; i < kCount; i++)
    object.btf.add_datasec(".data", 0, i == 0 ? variables : std::vector<test::VariableSpec>());
  object.add_function("prog", "socket", kReturnZero);
  const ObjectSpec spec = good(object);
  REQUIRE(spec.variables.size() == kCount);
  CHECK(spec.variables[0].name == "v7");
  CHECK(spec.variables[0].offset == 28);
}
