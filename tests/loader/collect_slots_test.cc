// SPDX-License-Identifier: Apache-2.0
// Maps that hold maps or programs: what their elements are like, and what they hold from the start.
#include <doctest/doctest.h>

#include "loader/collect.h"
#include "tests/support/objects.h"

using namespace bpfld;
using namespace bpfld::loader;
using namespace bpfld::test;
using bpf::exit_insn;
using bpf::mov64_imm;

namespace {

constexpr u32 kArray = 2, kProgArray = 3, kArrayOfMaps = 12, kHashOfMaps = 13;

std::vector<MapMember> array_members(const ObjectBuilder& o) {
  return {number("type", kArray), number("max_entries", 1), type("key", o.u32_id),
          type("value", o.u64_id)};
}

// Two inner maps, an array of maps with three slots, of which the last holds `two`; a program.
struct Nested : ObjectBuilder {
  explicit Nested(u32 outer_type = kArrayOfMaps) {
    add_map("one", array_members(*this));
    add_map("outer", {number("type", outer_type), number("max_entries", 3), type("key", u32_id),
                      values(map_definition(array_members(*this)), 3)});
    add_map("two", array_members(*this));
    add_function("prog", "socket", {mov64_imm(0, 0), exit_insn()});
  }
};

// A program, one that is static, a subprogram; an array of programs with four slots.
struct Jumps : ObjectBuilder {
  Jumps() {
    add_map("jumps", {number("type", kProgArray), number("max_entries", 4), number("key_size", 4),
                      values(btf.add_func_proto(int_id), 4)});
    add_function("first", "socket", {mov64_imm(0, 0), exit_insn()});
    add_function("second", "socket", {mov64_imm(0, 1), exit_insn()});
    add_function("helper", ".text", {mov64_imm(0, 2), exit_insn()}, kStatic);
  }
};

ObjectSpec good(ObjectBuilder& object) {
  Result<ObjectSpec> spec = collect(object.build(), "test");
  REQUIRE_MESSAGE(spec, message(spec));
  return *std::move(spec);
}

std::string wrong(ObjectBuilder& object) {
  return message(collect(object.build(), "test"));
}

}  // namespace

TEST_CASE("loader slots: a map of maps knows what its elements are like") {
  Nested object;
  const ObjectSpec spec = good(object);
  REQUIRE(spec.maps.size() == 3);
  const MapSpec& outer = spec.maps[1];
  CHECK(outer.type == bpf::MapType::array_of_maps);
  CHECK(outer.value_size == 4);
  REQUIRE(outer.inner.size() == 1);
  MapSpec expected = spec.maps[0];  // defined by the same members
  expected.name = expected.kernel_name = "outer.inner";
  expected.origin = {};
  CHECK(outer.inner[0] == expected);
  CHECK(outer.slots.empty());
}

TEST_CASE("loader slots: relocations of .maps become slots, in the order of their numbers") {
  for (const u32 type : {kArrayOfMaps, kHashOfMaps}) {
    Nested object(type);
    object.fill_slot("outer", 2, "two");  // declared after the map that holds it
    object.fill_slot("outer", 0, "one");
    const ObjectSpec spec = good(object);
    CHECK(spec.maps[1].slots == std::vector<MapSlot>{{0, false, 0}, {2, false, 2}});
  }
}

TEST_CASE("loader slots: a map of programs holds programs, by symbol or by section and addend") {
  Jumps object;
  object.fill_slot("jumps", 1, "second");
  object.fill_slot("jumps", 3, "socket");  // the section's symbol; the data holds the addend 0
  const ObjectSpec spec = good(object);
  REQUIRE(spec.maps.size() == 1);
  CHECK(spec.maps[0].value_size == 4);
  CHECK(spec.maps[0].inner.empty());
  CHECK(spec.maps[0].slots == std::vector<MapSlot>{{1, true, 1}, {3, true, 0}});
}

TEST_CASE("loader slots: what a slot holds must be of its map's kind") {
  Jumps jumps;
  jumps.fill_slot("jumps", 0, "jumps");
  CHECK(wrong(jumps) ==
        "map \"jumps\": relocation at .maps+0x18: slot 0 holds \"jumps\", which is no program");
  Nested nested;
  nested.fill_slot("outer", 1, "prog");
  CHECK(wrong(nested).ends_with("slot 1 holds \"prog\", which is no map"));
  Jumps helper;
  helper.fill_slot("jumps", 0, "helper");
  CHECK(
      wrong(helper).ends_with("slot 0 holds: function \"helper\", which is a subprogram and "
                              "cannot be jumped to"));
  Jumps absent;
  absent.add_extern("elsewhere");
  absent.fill_slot("jumps", 0, "elsewhere");
  CHECK(wrong(absent).ends_with("it holds \"elsewhere\", which is not in this object"));
}

TEST_CASE("loader slots: a relocation outside of every map's values is malformed") {
  Nested before;
  before.relocate_at(".maps", 0, "one");
  CHECK(wrong(before) ==
        "section [1] .maps: the relocation at offset 0x0 is in no map's \"values\"");
  Nested after;
  after.fill_slot("outer", 3, "one");  // the first byte of `two`
  CHECK(wrong(after).find("is in no map's \"values\"") != std::string::npos);
  Nested between;
  between.relocate_at(".maps", 32 + 24 + 4, "one");
  CHECK(wrong(between).ends_with("relocation at .maps+0x3c: a slot does not start there"));
}

TEST_CASE("loader slots: `values` must fit the map's type, be a list, and come last") {
  ObjectBuilder hash;
  hash.add_map("m", {number("type", 1), values(hash.btf.add_func_proto(hash.int_id))});
  CHECK(wrong(hash) == "map \"m\": it has \"values\", but is no map of maps or of programs");
  ObjectBuilder functions;
  functions.add_map("m", {number("type", kArrayOfMaps), values(functions.btf.add_func_proto({0}))});
  CHECK(wrong(functions) == "map \"m\": its \"values\" are functions, not maps");
  ObjectBuilder maps;
  maps.add_map("m", {number("type", kProgArray), values(maps.map_definition(array_members(maps)))});
  CHECK(wrong(maps) == "map \"m\": its \"values\" are maps, not functions");
  ObjectBuilder list;
  list.add_map("m", {number("type", kArrayOfMaps), number("values", 1)});
  CHECK(wrong(list) ==
        "map \"m\": member \"values\": is no list of maps or programs (__array makes `T *[]`)");
  ObjectBuilder last;
  last.add_map("m", {values(last.map_definition(array_members(last))), number("type", 12)});
  CHECK(wrong(last) == "map \"m\": member \"type\" follows \"values\", which must be the last");
  ObjectBuilder sized;
  sized.add_map("m", {number("type", kArrayOfMaps), number("value_size", 8),
                      values(sized.map_definition(array_members(sized)))});
  CHECK(wrong(sized) == "map \"m\": member \"values\": says 4 bytes where another member said 8");
}

TEST_CASE("loader slots: maps nest once, and what is in them is not pinned") {
  ObjectBuilder deep;
  const TypeId middle = deep.map_definition(
      {number("type", kArrayOfMaps), values(deep.map_definition(array_members(deep)))});
  deep.add_map("m", {number("type", kArrayOfMaps), values(middle)});
  CHECK(wrong(deep) ==
        "map \"m\": the maps in it: a map of maps of maps is nothing that the kernel has");
  ObjectBuilder pinned;
  pinned.add_map("m", {number("type", kArrayOfMaps),
                       values(pinned.map_definition({number("type", 1), number("pinning", 1)}))});
  CHECK(wrong(pinned) == "map \"m\": the maps in it: it asks to be pinned, but never exists");
}
