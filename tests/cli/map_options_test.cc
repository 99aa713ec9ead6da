// SPDX-License-Identifier: Apache-2.0
// --map: what it changes of an object before it is loaded, and what it says about what it does not
// understand.
#include "cli/map_options.h"

#include <doctest/doctest.h>

#include "bpf/uapi.h"
#include "tests/support/btf_builder.h"

namespace {

using namespace bpfld;
using namespace bpfld::cli;
using bpf::MapType;
using loader::MapSlot;
using loader::MapSource;
using loader::MapSpec;
using test::BtfBuilder;
using test::TypeId;

// An object with maps of several types and a program.
struct Object {
  BtfBuilder builder;
  TypeId key, value;
  std::vector<std::byte> blob;
  loader::ObjectSpec spec;
  std::optional<btf::View> view;

  Object() {
    key = builder.add_uint("unsigned int", 4);
    value = builder.add_struct("limits", 8, {{"pid", key, 0}, {"count", key, 32}});
    add("conns", MapType::hash, 4, 8);
    spec.maps[0].btf_key_type = key.value;
    spec.maps[0].btf_value_type = value.value;
    add("counts", MapType::array, 4, 4);
    add("queue", MapType::queue, 0, 4);
    add("events", MapType::ringbuf, 0, 0);
    add("jumps", MapType::prog_array, 4, 4);
    add("outer", MapType::array_of_maps, 4, 4);
    add(".data", MapType::array, 4, 16);
    spec.maps.back().source = MapSource::data;
    spec.maps.back().kernel_name = "object.data";
    loader::ProgramSpec program;
    program.name = "target";
    spec.programs.push_back(program);
    blob = builder.bytes();
    Result<btf::View> parsed = btf::View::parse(blob);
    REQUIRE(parsed);
    view.emplace(std::move(*parsed));
  }

  void add(std::string name, MapType type, u32 key_size, u32 value_size) {
    MapSpec map;
    map.name = map.kernel_name = std::move(name);
    map.type = type;
    map.key_size = key_size;
    map.value_size = value_size;
    map.max_entries = 8;
    spec.maps.push_back(std::move(map));
  }

  // "ok", or what is wrong without the option itself, with the near names after it.
  std::string set(std::string_view text, bool with_btf = true) {
    const Status done = apply_map_option(spec, with_btf ? &*view : nullptr, text);
    if (done) return "ok";
    CHECK(done.error().code == Code::usage);
    CHECK(done.error().context.starts_with("--map "));
    return done.error().what + (done.error().detail.empty() ? "" : " | " + done.error().detail);
  }
};

std::vector<std::byte> words(std::initializer_list<u32> list) {
  std::vector<std::byte> out;
  for (const u32 word : list) {
    const Bytes bytes = bytes_of(word);
    out.insert(out.end(), bytes.begin(), bytes.end());
  }
  return out;
}

}  // namespace

TEST_CASE("--map: the numbers of a map, in the ways in which numbers are written") {
  Object object;
  CHECK(object.set("conns.max_entries=10240") == "ok");
  CHECK(object.spec.maps[0].max_entries == 10240);
  CHECK(object.set("conns.max_entries=0x10") == "ok");
  CHECK(object.spec.maps[0].max_entries == 16);
  CHECK(object.set("conns.max_entries=64K") == "ok");
  CHECK(object.spec.maps[0].max_entries == 65536);
  CHECK(object.set("conns.max_entries=0") == "ok");
  CHECK(object.set("conns.map_flags=1") == "ok");
  CHECK(object.spec.maps[0].flags == 1);
  CHECK(object.set("conns.map_extra=0x100000000") == "ok");
  CHECK(object.spec.maps[0].map_extra == u64{1} << 32);
  CHECK(object.set("conns.numa_node=3") == "ok");
  CHECK(object.spec.maps[0].numa_node == 3);
  CHECK((object.spec.maps[0].flags & bpf::kMapNumaNode) != 0);
}

TEST_CASE("--map: a size that is another one replaces the type that gave it") {
  Object object;
  CHECK(object.set("conns.value_size=8") == "ok");
  CHECK(object.spec.maps[0].btf_value_type == object.value.value);
  CHECK(object.set("conns.value_size=16") == "ok");
  CHECK(object.spec.maps[0].btf_value_type == 0);
  CHECK(object.spec.maps[0].btf_key_type == object.key.value);
  CHECK(object.set("conns.key_size=8") == "ok");
  CHECK(object.spec.maps[0].btf_key_type == 0);
}

TEST_CASE("--map: a number may be set of several maps, but not of what variables are made of") {
  Object object;
  CHECK(object.set("co*.max_entries=5") == "ok");
  CHECK(object.spec.maps[0].max_entries == 5);
  CHECK(object.spec.maps[1].max_entries == 5);
  CHECK(object.spec.maps[2].max_entries == 8);
  CHECK(object.set("*.max_entries=6") == "ok");
  CHECK(object.spec.maps[6].max_entries == 8);
  for (const char* name : {".data.max_entries=2", "object.data.max_entries=2"})
    CHECK(object.set(name) == ".data is made of the object's variables, which say how large it is");
}

TEST_CASE("--map: numbers that are none, or do not fit") {
  Object object;
  for (const char* text : {"", "many", "-1", "1x", "0x", "4294967296"}) {
    CAPTURE(text);
    CHECK(object.set(format("conns.max_entries={}", text))
              .ends_with(" is no max_entries; want 0..4294967295, 0x..., 64K or 4M"));
  }
  CHECK(object.spec.maps[0].max_entries == 8);
}

TEST_CASE("--map: a pinned map to use instead") {
  Object object;
  CHECK(object.set("conns=/sys/fs/bpf/conns") == "ok");
  CHECK(object.spec.maps[0].reuse == "/sys/fs/bpf/conns");
  CHECK(object.set("conns=here") ==
        "\"here\" is neither a path nor is \"conns\" a number of a map");
  CHECK(object.set("conns.entries=5") ==
        "\"5\" is neither a path nor is \"conns.entries\" a number of a map");
}

TEST_CASE("--map: elements by the types of the map, or as bytes without BTF") {
  Object object;
  CHECK(object.set("conns[7]={pid: 1, count: 2}") == "ok");
  REQUIRE(object.spec.maps[0].elements.size() == 1);
  CHECK(object.spec.maps[0].elements[0].key == words({7}));
  CHECK(object.spec.maps[0].elements[0].value == words({1, 2}));
  CHECK(object.set("counts[1]=9", false) == "ok");
  CHECK(object.spec.maps[1].elements[0].value == words({9}));
  CHECK(object.set("queue[]=4") == "ok");
  CHECK(object.spec.maps[2].elements[0].key.empty());
}

TEST_CASE("--map: elements that a map does not take") {
  Object object;
  CHECK(object.set("queue[1]=4") == "a map of type queue has no keys: queue[]=...");
  CHECK(object.set("events[1]=4") == "a map of type ringbuf takes no elements");
  CHECK(object.set(".data[0]=4") == ".data is made of the object's variables; --set sets them");
  CHECK(object.set("conns[7=1") == "want MAP[KEY]=VALUE");
  CHECK(object.set("conns[7]") == "want MAP[KEY]=VALUE");
  CHECK(object.set("conns[7]x=1") == "want MAP[KEY]=VALUE");
  CHECK(object.set("conns[x]=1") != "ok");
  CHECK(object.set("conns[1]={pid: 1, missing: 2}") != "ok");
  for (const MapSpec& map : object.spec.maps)
    CHECK(map.elements.empty());
}

TEST_CASE("--map: a slot of programs or of maps takes a name, the last one counts") {
  Object object;
  CHECK(object.set("jumps[3]=target") == "ok");
  CHECK(object.spec.maps[4].slots ==
        std::vector<MapSlot>{{.key = 3, .is_program = true, .index = 0}});
  CHECK(object.set("outer[0]=conns") == "ok");
  CHECK(object.set("outer[0]=counts") == "ok");
  CHECK(object.spec.maps[5].slots ==
        std::vector<MapSlot>{{.key = 0, .is_program = false, .index = 1}});
  CHECK(object.set("jumps[3]=targte") == "there is no program \"targte\"");
  CHECK(object.set("jumps[x]=target") == "\"x\" is no number of a slot");
  CHECK(object.set("outer[0]=nothing").starts_with("there is no map \"nothing\""));
}

TEST_CASE("--map: a map that is not there gets the names that it resembles") {
  Object object;
  CHECK(object.set("conn.max_entries=5") == "there is no map \"conn\" | did you mean: conns");
  CHECK(object.set("conn[1]=5") == "there is no map \"conn\" | did you mean: conns");
  CHECK(object.set("=5") == "want MAP.max_entries=N, MAP=/PINNED or MAP[KEY]=VALUE");
  CHECK(object.set("max_entries") == "want MAP.max_entries=N, MAP=/PINNED or MAP[KEY]=VALUE");
}
