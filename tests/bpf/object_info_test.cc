// SPDX-License-Identifier: Apache-2.0
// struct bpf_*_info at the offsets of the UAPI header, from kernels that tell more and less.
#include "bpf/object_info.h"

#include <cstring>
#include <doctest/doctest.h>
#include <vector>

using namespace bpfld;
using namespace bpfld::bpf;

namespace {

template <typename T>
void put(std::vector<std::byte>& info, std::size_t at, T value) {
  std::memcpy(info.data() + at, &value, sizeof value);
}

}  // namespace

TEST_CASE("object info: a program's, as v6.1 tells it") {
  std::vector<std::byte> info(232);
  put(info, 0, u32{5});
  put(info, 4, u32{77});
  put(info, 8, u64{0x0807060504030201});
  put(info, 20, u32{16});
  put(info, 64, u64{0x0065657268747962});  // "bythree"
  put(info, 84, u32{1});
  put(info, 200, u64{9});
  put(info, 216, u32{123});
  const ProgramInfo program = decode_program_info(info);
  CHECK(program.type == ProgType::tracepoint);
  CHECK(program.id == 77);
  CHECK(program.tag == "0102030405060708");
  CHECK(program.xlated_size == 16);
  CHECK(program.name == "bythree");
  CHECK(program.gpl);
  CHECK(program.runs == 9);
  CHECK(program.verified_insns == 123);
}

TEST_CASE("object info: what an older kernel does not tell is 0") {
  std::vector<std::byte> info(24);
  put(info, 4, u32{3});
  CHECK(decode_program_info(info) == [] {
    ProgramInfo want;
    want.id = 3;
    want.tag = "0000000000000000";
    return want;
  }());
  CHECK(decode_map_info({}) == MapInfo{});
  CHECK(decode_link_info({}) == LinkInfo{});
  CHECK(decode_btf_info({}) == BtfInfo{});
}

TEST_CASE("object info: a name without an end has sixteen bytes") {
  std::vector<std::byte> info(88, std::byte{'x'});
  CHECK(decode_map_info(info).name == std::string(16, 'x'));
}

TEST_CASE("object info: link types have names, new ones numbers") {
  CHECK(link_type_name(7) == "perf_event");
  CHECK(link_type_name(11) == "tcx");
  CHECK(link_type_name(0) == "link type 0");
  CHECK(link_type_name(99) == "link type 99");
}
