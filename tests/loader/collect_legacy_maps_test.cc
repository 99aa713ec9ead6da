// SPDX-License-Identifier: Apache-2.0
// Maps of the section that preceded BTF: their bytes are the definition, its size follows from the
// symbols.
#include <algorithm>
#include <doctest/doctest.h>

#include "loader/collect.h"
#include "tests/support/objects.h"

using namespace bpfld;
using namespace bpfld::loader;
using namespace bpfld::test;
using bpf::exit_insn;
using bpf::mov64_imm;

namespace {

constexpr u64 kPlaceOfSecond = 20;

// An object with two maps of `words` each, and a program that refers to the second.
std::vector<std::byte> object_with(const std::vector<u32>& words, bool alias = false,
                                   bool btf = true) {
  ObjectBuilder object;
  object.with_btf = btf;
  const Bytes bytes = std::as_bytes(std::span(words));
  for (const char* name : {"first", "second"})
    object.add_variable(name, "maps", object.u32_id, {bytes.begin(), bytes.end()});
  object.btf.add_struct("____btf_map_first", 12,
                        {{"key", object.u32_id, 0}, {"value", object.u64_id, 32}});
  object.add_function("prog", "socket",
                      {load_address(1), kSecondSlot, mov64_imm(0, 0), exit_insn()});
  object.relocate("prog", 0, "second");
  if (alias) object.add_alias("again", "second");
  return object.build();
}

std::string wrong(const std::vector<u32>& words) {
  return message(collect(object_with(words), "test"));
}

const std::vector<u32> kHash = {1, 4, 8, 100, 1};

}  // namespace

TEST_CASE("loader legacy maps: the five numbers of a definition, and what refers to it") {
  for (const bool btf : {true, false}) {
    const Result<ObjectSpec> spec = collect(object_with(kHash, false, btf), "test");
    REQUIRE_MESSAGE(spec, message(spec));
    REQUIRE(spec->maps.size() == 2);
    const MapSpec& map = spec->maps[0];
    CHECK(map.name == "first");
    CHECK(map.origin == Origin{"maps", 0});
    CHECK(map.source == MapSource::declared);
    CHECK(map.type == bpf::MapType::hash);
    CHECK(map.key_size == 4);
    CHECK(map.value_size == 8);
    CHECK(map.max_entries == 100);
    CHECK(map.flags == 1);
    CHECK((map.btf_key_type != 0) == btf);
    CHECK((map.btf_value_type != 0) == btf);
    CHECK(spec->maps[1].btf_key_type == 0);
    REQUIRE(spec->functions.size() == 1);
    CHECK(spec->functions[0].references ==
          std::vector<Reference>{{InsnIndex{0}, ReferenceKind::map, 1, 0}});
  }
}

TEST_CASE("loader legacy maps: a shorter definition has no flags, a longer one ends in zeros") {
  const Result<ObjectSpec> shorter = collect(object_with({2, 4, 8, 3}), "test");
  REQUIRE_MESSAGE(shorter, message(shorter));
  CHECK(shorter->maps[1].max_entries == 3);
  CHECK(shorter->maps[1].flags == 0);
  const Result<ObjectSpec> longer = collect(object_with({1, 4, 8, 3, 1, 0, 0}), "test");
  REQUIRE_MESSAGE(longer, message(longer));
  CHECK(longer->maps[1].flags == 1);
}

TEST_CASE("loader legacy maps: numbers that nobody explains are refused") {
  CHECK(
      wrong({1, 4, 8, 3, 1, 7}) ==
      "map \"first\": byte 20 of its definition of 24 bytes is not 0, and nothing says what it is");
  CHECK(wrong({1, 4, 8, 3, 1, 2, 0}) ==
        "map \"first\": its definition is samples/bpf's (28 bytes), and inner_map_idx (byte 20) is "
        "set, which only that loader understands; a map in SEC(\".maps\") can say it to all");
  CHECK(
      wrong({1, 4, 8, 3, 1, 0, 2, 0, 0})
          .starts_with("map \"first\": its definition is iproute2's (36 bytes), and pinning (byte "
                       "24) is set"));
  std::vector<u32> gobpf(70);
  std::ranges::copy(kHash, gobpf.begin());
  gobpf[30] = 0x61;
  CHECK(wrong(gobpf).starts_with(
      "map \"first\": its definition is gobpf's (280 bytes), and namespace "
      "(byte 24) is set"));
  CHECK(wrong({1, 4, 8}) == "map \"first\": its definition has 12 bytes, less than 16");
  CHECK(wrong({0, 4, 8, 3, 1}) == "map \"first\": it has no type");
  CHECK(wrong({12, 4, 4, 3, 0}) ==
        "map \"first\": a map of maps that is defined by bytes does not say what it holds");
}

TEST_CASE("loader legacy maps: iproute2's id says which map others mean, and changes nothing") {
  const Result<ObjectSpec> spec = collect(object_with({1, 4, 8, 3, 1, 5, 0, 0, 0}), "test");
  REQUIRE_MESSAGE(spec, message(spec));
  CHECK(spec->maps[0].flags == 1);
}

TEST_CASE("loader legacy maps: the NUMA node of samples/bpf counts where the flag says so") {
  for (const u32 flags : {0u, 4u}) {
    const Result<ObjectSpec> spec = collect(object_with({1, 4, 8, 3, flags, 0, 2}), "test");
    REQUIRE_MESSAGE(spec, message(spec));
    CHECK(spec->maps[0].numa_node == (flags == 4 ? 2u : 0u));
  }
}

TEST_CASE("loader legacy maps: other loaders' names of sections, one or several of them") {
  const Bytes bytes = std::as_bytes(std::span(kHash));
  ObjectBuilder object;
  object.with_btf = false;
  for (const auto& [name, section] :
       {std::pair("first", "maps/first"), std::pair("second", "maps/2nd"),
        std::pair("third", "lirc_mode2/maps")})
    object.add_variable(name, section, object.u32_id, {bytes.begin(), bytes.end()});
  object.add_variable("no_map", "bitmaps", object.u32_id, {bytes.begin(), bytes.end()});
  object.add_function(
      "prog", "socket",
      {load_address(1), kSecondSlot, load_address(2), kSecondSlot, mov64_imm(0, 0), exit_insn()});
  object.relocate("prog", 0, "second");
  object.relocate("prog", 2, "third");
  const Result<ObjectSpec> spec = collect(object.build(), "test");
  REQUIRE_MESSAGE(spec, message(spec));
  REQUIRE(spec->maps.size() == 3);
  CHECK(spec->maps[1].name == "second");
  CHECK(spec->maps[1].origin == Origin{"maps/2nd", 0});
  CHECK(spec->maps[2].origin == Origin{"lirc_mode2/maps", 0});
  CHECK(spec->functions[0].references ==
        std::vector<Reference>{{InsnIndex{0}, ReferenceKind::map, 1, 0},
                               {InsnIndex{2}, ReferenceKind::map, 2, 0}});
}

TEST_CASE("loader legacy maps: two names of one place are one map") {
  const Result<ObjectSpec> spec = collect(object_with(kHash, true), "test");
  REQUIRE_MESSAGE(spec, message(spec));
  CHECK(spec->maps.size() == 2);
}

TEST_CASE("loader legacy maps: a reference into the middle of a definition is malformed") {
  ObjectBuilder object;
  const Bytes bytes = std::as_bytes(std::span(kHash));
  object.add_variable("first", "maps", object.u32_id, {bytes.begin(), bytes.end()});
  object.add_function("prog", "socket",
                      {load_address(1, 4), kSecondSlot, mov64_imm(0, 0), exit_insn()});
  object.relocate("prog", 0, "first");
  CHECK(message(collect(object.build(), "test"))
            .ends_with("refers to offset 0x4 of maps, where no map starts"));
}

TEST_CASE("loader legacy maps: a symbol past the section's end is malformed") {
  ObjectBuilder object;
  const Bytes bytes = std::as_bytes(std::span(kHash));
  object.add_variable("first", "maps", object.u32_id, {bytes.begin(), bytes.end()});
  object.edit = [](ElfBuilder& elf) {
    elf.add_symbol("far", elf::SymbolType::object, elf::SymbolBinding::global, elf.index_of("maps"),
                   kPlaceOfSecond + 1, 0);
  };
  CHECK_FALSE(collect(object.build(), "test"));
}
