// SPDX-License-Identifier: Apache-2.0
// A pinned map in place of one that an object asks for: each property that may differ is named.
#include "bpf/map_like.h"

#include <cstring>
#include <doctest/doctest.h>

#include <linux/bpf.h>

using namespace bpfld;
using namespace bpfld::bpf;

namespace {

bpf_map_info kernel_info() {
  bpf_map_info info = {};
  info.type = BPF_MAP_TYPE_HASH;
  info.id = 12;
  info.key_size = 4;
  info.value_size = 8;
  info.max_entries = 16;
  info.map_flags = 1;
  std::memcpy(info.name, "conns", 5);
  info.btf_id = 5;
  info.btf_key_type_id = 6;
  info.btf_value_type_id = 7;
  info.map_extra = 0x100000002;
  return info;
}

MapCreate wanted() {
  MapCreate want;
  want.type = MapType::hash;
  want.name = "another";  // a name does not matter
  want.key_size = 4;
  want.value_size = 8;
  want.max_entries = 16;
  want.flags = 1;
  want.map_extra = 0x100000002;
  return want;
}

std::string difference(const MapCreate& want, std::size_t known = sizeof(bpf_map_info)) {
  const bpf_map_info info = kernel_info();
  const Status same = check_like(decode_map_info(Bytes(bytes_of(info)).first(known)), want);
  return same ? "same" : same.error().message();
}

}  // namespace

TEST_CASE("bpf map like: every field is where the kernel writes it") {
  const bpf_map_info info = kernel_info();
  const MapInfo read = decode_map_info(bytes_of(info));
  CHECK(read.type == MapType::hash);
  CHECK(read.id == 12);
  CHECK(read.name == "conns");
  CHECK(read.btf_id == 5);
  CHECK(read.btf_key_type == 6);
  CHECK(read.btf_value_type == 7);
  CHECK(read.extra == 0x100000002);
  CHECK(read.has_extra);
  CHECK_FALSE(decode_map_info(Bytes(bytes_of(info)).first(80)).has_extra);
  CHECK(decode_map_info({}) == MapInfo{});
}

TEST_CASE("bpf map like: the property that differs is named, with both values") {
  CHECK(difference(wanted()) == "same");
  MapCreate want = wanted();
  want.type = MapType::lru_hash;
  CHECK(difference(want) == "the pinned map is of type hash, the object wants lru_hash");
  want = wanted();
  want.key_size = 8;
  CHECK(difference(want) == "the pinned map has key_size 4, the object wants 8");
  want = wanted();
  want.value_size = 4;
  CHECK(difference(want) == "the pinned map has value_size 8, the object wants 4");
  want = wanted();
  want.max_entries = 17;
  CHECK(difference(want) == "the pinned map has max_entries 16, the object wants 17");
  want = wanted();
  want.flags = 0;
  CHECK(difference(want) == "the pinned map has map_flags 1, the object wants 0");
  want = wanted();
  want.map_extra = 3;
  CHECK(difference(want) == "the pinned map has map_extra 4294967298, the object wants 3");
  CHECK(difference(want, 80) == "same");  // a kernel that does not tell
}

TEST_CASE("bpf map info: a flag that the kernel adds to device maps is no difference") {
  for (const MapType type : {MapType::devmap, MapType::devmap_hash, MapType::hash}) {
    MapInfo have;
    have.type = type;
    have.flags = kMapReadOnlyProg;
    MapCreate want;
    want.type = type;
    CHECK(check_like(have, want).has_value() == (type != MapType::hash));
  }
}
