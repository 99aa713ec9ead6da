// SPDX-License-Identifier: Apache-2.0
// Map definitions: every member, and every way to get one wrong. Then the maps that data sections
// become.
#include <doctest/doctest.h>

#include "loader/collect.h"
#include "tests/support/objects.h"

using namespace bpfld;
using namespace bpfld::loader;
using namespace bpfld::test;

namespace {

using Members = std::function<std::vector<MapMember>(ObjectBuilder&)>;

Result<ObjectSpec> collect_map(const Members& members) {
  ObjectBuilder object;
  object.add_map("counts", members(object));
  return collect(object.build(), "test");
}

MapSpec good(const Members& members) {
  Result<ObjectSpec> spec = collect_map(members);
  REQUIRE_MESSAGE(spec, message(spec));
  REQUIRE(spec->maps.size() == 1);
  return spec->maps[0];
}

// What is wrong with the map, without the words that name it.
std::string wrong(const Members& members) {
  const std::string text = message(collect_map(members));
  constexpr std::string_view kPrefix = "map \"counts\": ";
  return text.starts_with(kPrefix) ? text.substr(kPrefix.size()) : "not about the map: " + text;
}

const MapSpec& map_named(const ObjectSpec& spec, std::string_view name) {
  for (const MapSpec& map : spec.maps)
    if (map.name == name) return map;
  FAIL("no map " << name);
  return spec.maps.front();
}

}  // namespace

TEST_CASE("loader maps: every member of a definition reaches the spec") {
  const MapSpec map = good([](ObjectBuilder& o) {
    return std::vector<MapMember>{number("type", 5),
                                  number("max_entries", 1024),
                                  number("map_flags", 1u << 7),
                                  number("numa_node", 3),
                                  type("key", o.u32_id),
                                  type("value", o.u64_id),
                                  long_number("map_extra", 0x1'0000'0002),
                                  number("pinning", 1)};
  });
  CHECK(map.name == "counts");
  CHECK(map.kernel_name == "counts");
  CHECK(map.origin == Origin{".maps", 0});
  CHECK(map.source == MapSource::declared);
  CHECK(map.type == bpf::MapType::percpu_hash);
  CHECK(map.max_entries == 1024);
  CHECK(map.flags == 1u << 7);
  CHECK(map.numa_node == 3);
  CHECK(map.key_size == 4);
  CHECK(map.value_size == 8);
  CHECK(map.btf_key_type == 2);
  CHECK(map.btf_value_type == 3);
  CHECK(map.map_extra == 0x1'0000'0002);
  CHECK(map.pin_by_name);
  CHECK(map.contents.empty());
  CHECK_FALSE(map.freeze);
}

TEST_CASE("loader maps: sizes may be given instead of types") {
  const MapSpec map = good([](ObjectBuilder&) {
    return std::vector<MapMember>{number("type", 1), number("key_size", 12),
                                  number("value_size", 100)};
  });
  CHECK(map.key_size == 12);
  CHECK(map.value_size == 100);
  CHECK(map.btf_key_type == 0);
  CHECK(map.btf_value_type == 0);
  CHECK(map.max_entries == 0);
}

TEST_CASE("loader maps: map_extra may be given by __uint, too") {
  CHECK(good([](ObjectBuilder&) {
          return std::vector<MapMember>{number("type", 30), number("map_extra", 5)};
        }).map_extra == 5);
}

TEST_CASE("loader maps: a type and a size that agree are fine, in either order") {
  for (const bool type_first : {true, false}) {
    const MapSpec map = good([=](ObjectBuilder& o) {
      std::vector<MapMember> members = {number("type", 1), number("max_entries", 1)};
      const MapMember by_type = type("value", o.u64_id), by_size = number("value_size", 8);
      members.push_back(type_first ? by_type : by_size);
      members.push_back(type_first ? by_size : by_type);
      return members;
    });
    CHECK(map.value_size == 8);
    CHECK(map.btf_value_type == 3);
  }
}

TEST_CASE("loader maps: a type and a size that disagree are malformed") {
  CHECK(wrong([](ObjectBuilder& o) {
          return std::vector<MapMember>{number("type", 1), type("key", o.u64_id),
                                        number("key_size", 4)};
        }) == "member \"key_size\": says 4 bytes where another member said 8");
  CHECK(wrong([](ObjectBuilder& o) {
          return std::vector<MapMember>{number("type", 1), number("value_size", 4),
                                        type("value", o.u64_id)};
        }) == "member \"value\": says 8 bytes where another member said 4");
  CHECK(wrong([](ObjectBuilder& o) {  // 0 is a size, too
          return std::vector<MapMember>{number("type", 1), number("value_size", 0),
                                        type("value", o.u64_id)};
        }) == "member \"value\": says 8 bytes where another member said 0");
}

TEST_CASE("loader maps: members that are unknown or of the wrong shape are malformed") {
  CHECK(wrong([](ObjectBuilder&) {
          return std::vector<MapMember>{number("type", 1), number("max_entires", 4)};
        }) == "unknown member \"max_entires\"");
  CHECK(wrong([](ObjectBuilder& o) { return std::vector<MapMember>{plain("type", o.u32_id)}; }) ==
        "member \"type\": is not a number (__uint makes `int (*)[N]`)");
  CHECK(wrong([](ObjectBuilder& o) {
          return std::vector<MapMember>{type("max_entries", o.u32_id)};
        }) == "member \"max_entries\": is not a number (__uint makes `int (*)[N]`)");
  CHECK(wrong([](ObjectBuilder& o) { return std::vector<MapMember>{plain("key", o.u32_id)}; }) ==
        "member \"key\": is not a type (__type makes `T *`)");
  CHECK(wrong([](ObjectBuilder& o) {
          return std::vector<MapMember>{plain("map_extra", o.u64_id)};
        }) == "member \"map_extra\": is not a number (__ulong makes an enum, __uint a pointer)");
  CHECK(wrong([](ObjectBuilder&) { return std::vector<MapMember>{number("pinning", 2)}; }) ==
        "member \"pinning\": is 2, neither 0 (none) nor 1 (by name)");
  CHECK(wrong([](ObjectBuilder&) { return std::vector<MapMember>{number("max_entries", 4)}; }) ==
        "it has no type");
}

TEST_CASE("loader maps: a map type that has no name yet is kept as it is") {
  CHECK(good([](ObjectBuilder&) { return std::vector<MapMember>{number("type", 4000)}; }).type ==
        static_cast<bpf::MapType>(4000));
}

TEST_CASE("loader maps: a definition whose type is no struct is malformed") {
  ObjectBuilder object;
  object.add_variable("counts", ".maps", object.u32_id, bytes_vector(u32{0}));
  CHECK(message(collect(object.build(), "test")) ==
        "map \"counts\": its type is not a struct, so it defines nothing");
}

TEST_CASE("loader maps: a definition without a symbol is malformed") {
  ObjectBuilder object;
  object.add_map("counts", {number("type", 1)});
  const TypeId lost = object.btf.add_var("lost", object.btf.add_struct("", 0));
  object.btf.add_datasec(".maps", 0, {{lost, 0, 0}});
  CHECK(message(collect(object.build(), "test")) ==
        "map \"lost\": .maps has no symbol of that name");
}

TEST_CASE("loader maps: a map that is declared extern is one of another object") {
  ObjectBuilder object;
  object.add_map("counts", {number("type", 1)});
  const TypeId shared = object.btf.add_var("shared", object.btf.add_struct("", 0), 2 /* extern */);
  object.btf.add_datasec(".maps", 0, {{shared, 0, 0}});
  const Result<ObjectSpec> spec = collect(object.build(), "test");
  CHECK(message(spec) == "map \"shared\" is one of another object, which must be linked in first");
  CHECK(spec.error().code == Code::unsupported);
}

TEST_CASE("loader maps: without BTF, .maps says nothing") {
  ObjectBuilder object;
  object.add_map("counts", {number("type", 1)});
  object.with_btf = false;
  const std::string text = message(collect(object.build(), "test"));
  CHECK(
      text.find(
          ".maps has no bytes of its own, only .BTF says what it holds, and the object has none") !=
      std::string::npos);
}

TEST_CASE("loader maps: more maps than the cap are refused") {
  ObjectBuilder object;
  for (std::size_t i = 0; i <= kMaxMaps; i++)
    object.add_map(format("m{}", i), {number("type", 1)});
  const Result<ObjectSpec> spec = collect(object.build(), "test");
  REQUIRE_FALSE(spec);
  CHECK(spec.error().code == Code::limit);
}

TEST_CASE("loader data: sections become arrays of one value, and variables get their places") {
  ObjectBuilder object;
  object.add_variable("x", ".data", object.u32_id, bytes_vector(u32{7}));
  object.add_variable("y", ".data", object.u64_id, bytes_vector(u64{9}));
  object.add_variable("limit", ".rodata", object.u32_id, bytes_vector(u32{5}),
                      elf::SymbolBinding::local);
  object.add_variable("hits", ".bss", object.u64_id, bytes_vector(u64{0}));
  object.add_variable("zero", ".data.zero", object.u32_id, bytes_vector(u32{0}));
  const Result<ObjectSpec> spec = collect(object.build(), "execsnoop");
  REQUIRE_MESSAGE(spec, message(spec));
  REQUIRE(spec->maps.size() == 4);

  const MapSpec& data = map_named(*spec, ".data");
  CHECK(data.source == MapSource::data);
  CHECK(data.kernel_name == "execsnoo.data");
  CHECK(data.type == bpf::MapType::array);
  CHECK(data.key_size == 4);
  CHECK(data.value_size == 12);
  CHECK(data.max_entries == 1);
  CHECK(data.flags == bpf::kMapMmapable);
  CHECK(data.contents ==
        std::vector<std::byte>{std::byte{7}, {}, {}, {}, std::byte{9}, {}, {}, {}, {}, {}, {}, {}});
  CHECK_FALSE(data.freeze);
  CHECK(data.btf_value_type != 0);

  const MapSpec& rodata = map_named(*spec, ".rodata");
  CHECK(rodata.source == MapSource::rodata);
  CHECK(rodata.kernel_name == "execsnoo.rodata");
  CHECK(rodata.flags == bpf::kMapReadOnlyProg);  // no global variable: nobody maps it
  CHECK(rodata.freeze);

  const MapSpec& bss = map_named(*spec, ".bss");
  CHECK(bss.source == MapSource::bss);
  CHECK(bss.kernel_name == "execsnoo.bss");
  CHECK(bss.value_size == 8);
  CHECK(bss.contents.empty());
  CHECK(map_named(*spec, ".data.zero").contents.empty());  // zeros need no filling
  CHECK(map_named(*spec, ".data.zero").kernel_name == ".data.zero");

  REQUIRE(spec->variables.size() == 5);
  CHECK(spec->variables[1].name == "y");
  CHECK(spec->variables[1].offset == 4);
  CHECK(spec->variables[1].size == 8);
  CHECK(spec->variables[1].type == object.u64_id.value);
  CHECK(spec->maps[spec->variables[1].map].name == ".data");
}

TEST_CASE("loader data: without BTF a data section is a map all the same") {
  ObjectBuilder object;
  object.add_variable("x", ".data", object.u32_id, bytes_vector(u32{7}));
  object.with_btf = false;
  const Result<ObjectSpec> spec = collect(object.build(), "tool");
  REQUIRE(spec);
  REQUIRE(spec->maps.size() == 1);
  CHECK(spec->maps[0].btf_value_type == 0);
  CHECK(spec->maps[0].kernel_name == "tool.data");
  CHECK(spec->variables.empty());
}

TEST_CASE("loader data: a section larger than a map's value is refused") {
  ObjectBuilder object;
  object.edit = [](ElfBuilder& elf) { elf.add_bss(".bss", u64{1} << 31); };
  const Result<ObjectSpec> spec = collect(object.build(), "test");
  REQUIRE_FALSE(spec);
  CHECK(spec.error().code == Code::limit);
  CHECK(message(spec).find("\".bss\": has 2147483648 bytes, more than a map's value can") !=
        std::string::npos);
}

TEST_CASE("loader data: a variable that reaches past its section is left out") {
  ObjectBuilder object;
  object.add_variable("x", ".data", object.u32_id, bytes_vector(u32{7}));
  const TypeId wide = object.btf.add_var("wide", object.u64_id);
  object.btf.add_datasec(".data", 0, {{wide, 0, 8}});  // the section has 4 bytes
  const Result<ObjectSpec> spec = collect(object.build(), "test");
  REQUIRE_MESSAGE(spec, message(spec));
  CHECK(spec->variables.empty());
}
