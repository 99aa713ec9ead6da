// SPDX-License-Identifier: Apache-2.0
// Each request is encoded with a different number in every field and compared, byte for byte, with
// the same fields of the system's `union bpf_attr`: a field at a wrong offset, of a wrong width or
// missing shows as a difference, and so does a byte that should be 0.
#include "bpf/encode.h"

#include <cstring>
#include <doctest/doctest.h>

#include <linux/bpf.h>

#include "bpf/tables.h"

using namespace bpfld;
using namespace bpfld::bpf;

namespace {

u64 address(const void* pointer) {
  return static_cast<u64>(reinterpret_cast<std::uintptr_t>(pointer));
}

// Encodes, then lets `expect` fill a zeroed attr with what it wants; the name of the first byte
// that differs, or "same".
template <typename Expect>
std::string compare(const Request& request, Command command, Expect expect) {
  EncodedAttr encoded;
  if (!encode(request, encoded)) return "not encoded";
  if (encoded.command != command) return "command " + name_of(encoded.command);
  bpf_attr want;
  std::memset(&want, 0, sizeof(want));
  expect(want, encoded);
  static_assert(sizeof(want) <= kAttrSize);
  std::array<std::byte, kAttrSize> bytes{};
  std::memcpy(bytes.data(), &want, sizeof(want));
  for (std::size_t i = 0; i < kAttrSize; i++)
    if (bytes[i] != encoded.attr[i])
      return format("byte {} is {:x}, not {:x}", i, static_cast<unsigned>(encoded.attr[i]),
                    static_cast<unsigned>(bytes[i]));
  return "same";
}

std::vector<std::byte> some_bytes(std::size_t size) {
  std::vector<std::byte> out;
  for (std::size_t i = 0; i < size; i++)
    out.push_back(static_cast<std::byte>(i + 1));
  return out;
}

}  // namespace

TEST_CASE("bpf encode: every field of a map is where the kernel reads it") {
  const MapCreate map{.type = MapType::lpm_trie,
                      .name = "a name of more than 15 bytes",
                      .key_size = 0x11121314,
                      .value_size = 0x21222324,
                      .max_entries = 0x31323334,
                      .flags = 0x41424344,
                      .numa_node = 0x51525354,
                      .map_extra = 0x6162636465666768,
                      .inner_map = Fd::number(71),
                      .btf = Fd::number(72),
                      .btf_key_type_id = 0x81828384,
                      .btf_value_type_id = 0x91929394};
  CHECK(compare(map, Command::map_create, [](bpf_attr& a, EncodedAttr&) {
          a.map_type = BPF_MAP_TYPE_LPM_TRIE;
          a.key_size = 0x11121314;
          a.value_size = 0x21222324;
          a.max_entries = 0x31323334;
          a.map_flags = 0x41424344;
          a.numa_node = 0x51525354;
          a.map_extra = 0x6162636465666768;
          a.inner_map_fd = 71;
          a.btf_fd = 72;
          a.btf_key_type_id = 0x81828384;
          a.btf_value_type_id = 0x91929394;
          std::memcpy(a.map_name, "a_name_of_more_", 15);
        }) == "same");
}

TEST_CASE("bpf encode: a struct_ops map names its value's type, and the module that has it") {
  MapCreate map;
  map.type = MapType::struct_ops;
  map.btf_vmlinux_value_type_id = 0xa1a2a3a4;
  CHECK(compare(map, Command::map_create, [](bpf_attr& a, EncodedAttr&) {
          a.map_type = BPF_MAP_TYPE_STRUCT_OPS;
          a.btf_vmlinux_value_type_id = 0xa1a2a3a4;
        }) == "same");
  map.value_type_btf = Fd::number(73);
  EncodedAttr encoded;
  REQUIRE(encode(map, encoded));
  CHECK(load_checked<u32>(encoded.attr, 72) == 73);  // value_type_btf_obj_fd, since v6.9
}

TEST_CASE("bpf encode: descriptors are written into a copy of the value") {
  MapUpdate update;
  update.map = Fd::number(9);
  update.key = some_bytes(4);
  update.value = some_bytes(24);
  update.value_fds = {{.offset = 0, .size = 8, .fd = Fd::number(71)},
                      {.offset = 20, .size = 4, .fd = Fd::number(72)}};
  EncodedAttr encoded;
  REQUIRE(encode(update, encoded));
  CHECK(load_checked<u64>(encoded.attr, 16) == address(encoded.value.data()));
  std::vector<std::byte> want = some_bytes(24);
  const u64 wide = 71;
  const u32 narrow = 72;
  std::memcpy(want.data(), &wide, 8);
  std::memcpy(want.data() + 20, &narrow, 4);
  CHECK(encoded.value == want);
  CHECK(update.value == some_bytes(24));
}

TEST_CASE("bpf encode: a map without an inner map or BTF has 0 there, not -1") {
  MapCreate map;
  map.type = MapType::array;
  CHECK(compare(map, Command::map_create,
                [](bpf_attr& a, EncodedAttr&) { a.map_type = BPF_MAP_TYPE_ARRAY; }) == "same");
}

TEST_CASE("bpf encode: every field of the element commands") {
  const std::vector<std::byte> key = some_bytes(4), value = some_bytes(8);
  const MapUpdate update{.map = Fd::number(9), .key = key, .value = value, .flags = 0x0102030405};
  const Request update_request = update;
  const MapUpdate& stored = std::get<MapUpdate>(update_request);
  CHECK(compare(update_request, Command::map_update_elem, [&](bpf_attr& a, EncodedAttr&) {
          a.map_fd = 9;
          a.key = address(stored.key.data());
          a.value = address(stored.value.data());
          a.flags = 0x0102030405;
        }) == "same");

  const Request element = MapUpdate{.map = Fd::number(9),
                                    .key = key,
                                    .value = {},
                                    .flags = 0,
                                    .value_fd = Fd::number(0x01020304)};
  CHECK(compare(element, Command::map_update_elem, [&](bpf_attr& a, EncodedAttr& out) {
          a.map_fd = 9;
          a.key = address(std::get<MapUpdate>(element).key.data());
          a.value = address(&out.value_fd);
          CHECK(out.value_fd == 0x01020304);
        }) == "same");

  const Request lookup = MapLookup{.map = Fd::number(9), .key = key, .value_size = 24};
  CHECK(compare(lookup, Command::map_lookup_elem, [&](bpf_attr& a, EncodedAttr& out) {
          a.map_fd = 9;
          a.key = address(std::get<MapLookup>(lookup).key.data());
          a.value = address(out.output.data());
          CHECK(out.output.size() == 24);
        }) == "same");

  const Request next = MapNextKey{.map = Fd::number(9), .key = key, .key_size = 4};
  CHECK(compare(next, Command::map_get_next_key, [&](bpf_attr& a, EncodedAttr& out) {
          a.map_fd = 9;
          a.key = address(std::get<MapNextKey>(next).key.data());
          a.next_key = address(out.output.data());
          CHECK(out.output.size() == 4);
        }) == "same");
  const Request first = MapNextKey{.map = Fd::number(9), .key = {}, .key_size = 4};
  CHECK(compare(first, Command::map_get_next_key, [&](bpf_attr& a, EncodedAttr& out) {
          a.map_fd = 9;  // no key: the first one
          a.next_key = address(out.output.data());
        }) == "same");

  const Request remove = MapDelete{.map = Fd::number(9), .key = key};
  CHECK(compare(remove, Command::map_delete_elem, [&](bpf_attr& a, EncodedAttr&) {
          a.map_fd = 9;
          a.key = address(std::get<MapDelete>(remove).key.data());
        }) == "same");
  CHECK(compare(MapFreeze{Fd::number(9)}, Command::map_freeze,
                [](bpf_attr& a, EncodedAttr&) { a.map_fd = 9; }) == "same");
}

TEST_CASE("bpf encode: every field of a program") {
  ProgLoad load;
  load.type = ProgType::sk_lookup;
  load.expected_attach_type = AttachType::sk_lookup;
  load.name = "fourteen chars!.";
  load.license = "Dual BSD/GPL";
  load.insns = {mov64_imm(0, 1), exit_insn()};
  load.kernel_version = 0x01020304;
  load.flags = 0x11121314;
  load.btf = Fd::number(21);
  load.func_info = {.record_size = 8, .count = 3, .bytes = some_bytes(24)};
  load.line_info = {.record_size = 16, .count = 2, .bytes = some_bytes(32)};
  load.attach_btf_id = 0x21222324;
  load.attach_target = Fd::number(22);
  load.log_level = 1;
  load.log_size = 4096;
  const Request request = load;
  const ProgLoad& stored = std::get<ProgLoad>(request);
  CHECK(compare(request, Command::prog_load, [&](bpf_attr& a, EncodedAttr& out) {
          a.prog_type = BPF_PROG_TYPE_SK_LOOKUP;
          a.insn_cnt = 2;
          a.insns = address(out.insns.data());
          a.license = address(stored.license.c_str());
          a.log_level = 1;
          a.log_size = 4096;
          a.log_buf = address(out.log.data());
          a.kern_version = 0x01020304;
          a.prog_flags = 0x11121314;
          std::memcpy(a.prog_name, "fourteen_chars_", 15);
          a.expected_attach_type = BPF_SK_LOOKUP;
          a.prog_btf_fd = 21;
          a.func_info_rec_size = 8;
          a.func_info = address(stored.func_info.bytes.data());
          a.func_info_cnt = 3;
          a.line_info_rec_size = 16;
          a.line_info = address(stored.line_info.bytes.data());
          a.line_info_cnt = 2;
          a.attach_btf_id = 0x21222324;
          a.attach_prog_fd = 22;
          CHECK(out.log.size() == 4096);
          CHECK(out.insns == stored.insns);
        }) == "same");
}

TEST_CASE("bpf encode: a program without a log, info or BTF has zeros there") {
  ProgLoad load;
  load.type = ProgType::xdp;
  load.insns = {exit_insn()};
  load.log_size = 4096;            // means nothing without a level
  load.func_info.record_size = 8;  // nor this without a count
  const Request request = load;
  CHECK(compare(request, Command::prog_load, [&](bpf_attr& a, EncodedAttr& out) {
          a.prog_type = BPF_PROG_TYPE_XDP;
          a.insn_cnt = 1;
          a.insns = address(out.insns.data());
          a.license = address(std::get<ProgLoad>(request).license.c_str());
          CHECK(out.log.empty());
        }) == "same");
}

TEST_CASE("bpf encode: map references become fds in a copy of the instructions") {
  ProgLoad load;
  load.insns = {{kOpLdImm64, 0x11, 0, 0}, {0, 0, 0, 7}, exit_insn()};
  load.map_references = {{.at = InsnIndex{0}, .map = Fd::number(1234)}};
  const Request request = load;
  EncodedAttr out;
  REQUIRE(encode(request, out));
  CHECK(out.insns[0] == Insn{kOpLdImm64, 0x11, 0, 1234});
  CHECK(out.insns[1] == Insn{0, 0, 0, 7});
  CHECK(std::get<ProgLoad>(request).insns[0].imm == 0);
}

TEST_CASE("bpf encode: every field of BTF, links, tracepoints, test runs and ids") {
  const Request btf = BtfLoad{.blob = some_bytes(40), .log_level = 2, .log_size = 128};
  CHECK(compare(btf, Command::btf_load, [&](bpf_attr& a, EncodedAttr& out) {
          a.btf = address(std::get<BtfLoad>(btf).blob.data());
          a.btf_size = 40;
          a.btf_log_buf = address(out.log.data());
          a.btf_log_size = 128;
          a.btf_log_level = 2;
        }) == "same");
  CHECK(compare(ProgBindMap{Fd::number(3), Fd::number(4)}, Command::prog_bind_map,
                [](bpf_attr& a, EncodedAttr&) {
                  a.prog_bind_map.prog_fd = 3;
                  a.prog_bind_map.map_fd = 4;
                }) == "same");
  CHECK(compare(LinkCreate{.program = Fd::number(5),
                           .target = Fd::number(6),
                           .attach_type = AttachType::perf_event,
                           .flags = 0x01020304,
                           .cookie = 0x1112131415161718},
                Command::link_create, [](bpf_attr& a, EncodedAttr&) {
                  a.link_create.prog_fd = 5;
                  a.link_create.target_fd = 6;
                  a.link_create.attach_type = BPF_PERF_EVENT;
                  a.link_create.flags = 0x01020304;
                  a.link_create.perf_event.bpf_cookie = 0x1112131415161718;
                }) == "same");
  const Request open = RawTracepointOpen{.program = Fd::number(7), .name = "sched_switch"};
  CHECK(compare(open, Command::raw_tracepoint_open, [&](bpf_attr& a, EncodedAttr&) {
          a.raw_tracepoint.name = address(std::get<RawTracepointOpen>(open).name.c_str());
          a.raw_tracepoint.prog_fd = 7;
        }) == "same");
  CHECK(compare(RawTracepointOpen{.program = Fd::number(7), .name = ""},
                Command::raw_tracepoint_open,
                [](bpf_attr& a, EncodedAttr&) { a.raw_tracepoint.prog_fd = 7; }) == "same");
  const Request run =
      ProgTestRun{.program = Fd::number(8), .data_in = some_bytes(14), .repeat = 100};
  CHECK(compare(run, Command::prog_test_run, [&](bpf_attr& a, EncodedAttr&) {
          a.test.prog_fd = 8;
          a.test.data_size_in = 14;
          a.test.data_in = address(std::get<ProgTestRun>(run).data_in.data());
          a.test.repeat = 100;
        }) == "same");
  const Request info = ObjectInfo{.object = Fd::number(9), .info_size = 232};
  CHECK(compare(info, Command::obj_get_info_by_fd, [&](bpf_attr& a, EncodedAttr& out) {
          a.info.bpf_fd = 9;
          a.info.info_len = 232;
          a.info.info = address(out.output.data());
        }) == "same");
}

// The system's header is older than some of these: the fields are compared at their offsets, which
// are those in the BTF of Linux 7.2 (union bpf_attr, link_create).
template <typename T>
T field(const EncodedAttr& encoded, u32 offset) {
  return load_checked<T>(Bytes(encoded.attr), offset);
}

TEST_CASE("bpf encode: every field of links to many places and to iterators") {
  const Request kprobes = LinkKprobeMulti{.program = Fd::number(5),
                                          .attach_type = AttachType::trace_kprobe_session,
                                          .at_return = true,
                                          .symbols = {"one", "two"}};
  EncodedAttr k;
  REQUIRE(encode(kprobes, k));
  CHECK(k.command == Command::link_create);
  CHECK(field<u32>(k, 0) == 5);
  CHECK(field<u32>(k, 8) == static_cast<u32>(AttachType::trace_kprobe_session));
  CHECK(field<u32>(k, 16) == 1);
  CHECK(field<u32>(k, 20) == 2);
  CHECK(field<u64>(k, 24) == address(k.pointers.data()));
  REQUIRE(k.pointers.size() == 2);
  CHECK(k.pointers[1] == address(std::get<LinkKprobeMulti>(kprobes).symbols[1].c_str()));

  const Request uprobes = LinkUprobeMulti{.program = Fd::number(5),
                                          .at_return = true,
                                          .path = "/bin/sh",
                                          .offsets = {1, 2},
                                          .semaphores = {3, 4},
                                          .cookies = {5, 6},
                                          .pid = 77};
  const LinkUprobeMulti& asked = std::get<LinkUprobeMulti>(uprobes);
  EncodedAttr u;
  REQUIRE(encode(uprobes, u));
  CHECK(u.command == Command::link_create);
  CHECK(field<u64>(u, 16) == address(asked.path.c_str()));
  CHECK(field<u64>(u, 24) == address(asked.offsets.data()));
  CHECK(field<u64>(u, 32) == address(asked.semaphores.data()));
  CHECK(field<u64>(u, 40) == address(asked.cookies.data()));
  CHECK(field<u32>(u, 48) == 2);
  CHECK(field<u32>(u, 52) == 1);
  CHECK(field<u32>(u, 56) == 77);

  const Request tracing = LinkTracingMulti{.program = Fd::number(5), .ids = {7, 8, 9}};
  EncodedAttr t;
  REQUIRE(encode(tracing, t));
  CHECK(field<u64>(t, 16) == address(std::get<LinkTracingMulti>(tracing).ids.data()));
  CHECK(field<u32>(t, 32) == 3);

  EncodedAttr i;
  REQUIRE(encode(LinkIterator{.program = Fd::number(5), .tid = 6, .pid = 7}, i));
  CHECK(field<u64>(i, 16) == address(i.info.data()));
  CHECK(field<u32>(i, 24) == 16);
  CHECK(i.info == std::array<u32, 4>{6, 7, 0, 0});
  EncodedAttr again;
  REQUIRE(encode(LinkCreate{.program = Fd::number(5), .target = Fd::number(6), .target_type = 9},
                 again));
  CHECK(field<u32>(again, 4) == 6);
  CHECK(field<u32>(again, 16) == 9);
  EncodedAttr process;
  REQUIRE(encode(LinkIterator{.program = Fd::number(5), .process = Fd::number(8)}, process));
  CHECK(process.info == std::array<u32, 4>{0, 0, 8, 0});
  EncodedAttr walked;
  REQUIRE(encode(LinkIterator{.program = Fd::number(5), .map = Fd::number(4)}, walked));
  CHECK(walked.info == std::array<u32, 4>{4, 0, 0, 0});
  EncodedAttr cgroup;
  REQUIRE(
      encode(LinkIterator{.program = Fd::number(5), .order = 3, .cgroup = Fd::number(9)}, cgroup));
  CHECK(cgroup.info == std::array<u32, 4>{3, 9, 0, 0});
  EncodedAttr by_id;
  REQUIRE(
      encode(LinkIterator{.program = Fd::number(5), .order = 4, .cgroup_id = 0x500000007}, by_id));
  CHECK(by_id.info == std::array<u32, 4>{4, 0, 7, 5});
  EncodedAttr plain;
  REQUIRE(encode(LinkIterator{.program = Fd::number(5)}, plain));
  CHECK(field<u64>(plain, 16) == 0);  // old kernels take no more than that
  CHECK(compare(IteratorOpen{Fd::number(9)}, Command::iter_create,
                [](bpf_attr& a, EncodedAttr&) { a.iter_create.link_fd = 9; }) == "same");
}

TEST_CASE("bpf encode: a BTF's name is written behind its info") {
  const Request ask = ObjectInfo{.object = Fd::number(9), .info_size = 32, .name_room = 64};
  CHECK(compare(ask, Command::obj_get_info_by_fd, [&](bpf_attr& a, EncodedAttr& out) {
          a.info.bpf_fd = 9;
          a.info.info_len = 32;
          a.info.info = address(out.output.data());
          REQUIRE(out.output.size() == 96);
          bpf_btf_info info = {};
          info.name = address(out.output.data() + 32);
          info.name_len = 64;
          static_assert(sizeof(info) == 32 && offsetof(bpf_btf_info, id) == kBtfInfoId);
          CHECK(std::memcmp(out.output.data(), &info, sizeof(info)) == 0);
        }) == "same");
  CHECK(compare(ObjectById{ObjectKind::btf, 31}, Command::btf_get_fd_by_id,
                [](bpf_attr& a, EncodedAttr&) { a.btf_id = 31; }) == "same");
}

// The system's header may be older than tokens: offsets as in v6.9's, for BTF by id v6.16's.
TEST_CASE("bpf encode: a token goes with its flag to where each command has it") {
  struct Row {
    Request request;
    u32 flags_at, token_at;
  };
  const Fd token = Fd::number(0x71);
  MapCreate map;
  map.flags = 0x400;
  map.token = token;
  ProgLoad program;
  program.flags = 0x400;
  program.token = token;
  const BtfLoad btf{.blob = some_bytes(24), .token = token};
  const ObjectById by_id{.kind = ObjectKind::btf, .id = 3, .token = token};
  const Row rows[] = {{map, 16, 76}, {program, 44, 144}, {btf, 32, 36}, {by_id, 8, 12}};
  for (const Row& row : rows) {
    EncodedAttr encoded;
    REQUIRE(encode(row.request, encoded));
    const Bytes attr(encoded.attr);
    CHECK_MESSAGE((load_checked<u32>(attr, row.flags_at) & ~0x400u) == 1u << 16,
                  describe(row.request));
    CHECK_MESSAGE(load_checked<u32>(attr, row.token_at) == 0x71, describe(row.request));
  }
  EncodedAttr encoded;
  REQUIRE(encode(TokenCreate{Fd::number(9)}, encoded));
  CHECK(encoded.command == Command::token_create);
  CHECK(load_checked<u32>(Bytes(encoded.attr), 0) == 0);
  CHECK(load_checked<u32>(Bytes(encoded.attr), 4) == 9);
}

TEST_CASE(
    "bpf encode: a module's BTF is an fd in the second slot, or in an array beside the code") {
  ProgLoad load;
  load.insns = {{kOpLdImm64, kPseudoBtfId << 4 | 1, 0, 7}, {}, mov64_imm(0, 0), exit_insn()};
  load.btf_references = {{.at = InsnIndex{0}, .btf = Fd::number(44)}};
  load.fd_array = {Fd(), Fd::number(45)};
  const Request request = load;
  CHECK(compare(request, Command::prog_load, [&](bpf_attr& a, EncodedAttr& out) {
          a.insn_cnt = 4;
          a.insns = address(out.insns.data());
          a.license = address(std::get<ProgLoad>(request).license.c_str());
          a.fd_array = address(out.fds.data());
          CHECK(out.insns[0].imm == 7);
          CHECK(out.insns[1].imm == 44);
          CHECK(out.fds == std::vector<i32>{0, 45});
        }) == "same");
}

TEST_CASE("bpf encode: an id walk asks for its own kind of object") {
  const std::pair<ObjectKind, Command> kinds[] = {{ObjectKind::program, Command::prog_get_next_id},
                                                  {ObjectKind::map, Command::map_get_next_id},
                                                  {ObjectKind::link, Command::link_get_next_id},
                                                  {ObjectKind::btf, Command::btf_get_next_id}};
  for (const auto& [kind, command] : kinds)
    CHECK(compare(NextId{.kind = kind, .after = 77}, command,
                  [](bpf_attr& a, EncodedAttr&) { a.start_id = 77; }) == "same");
}

TEST_CASE("bpf encode: what the kernel writes back is read where it writes") {
  CHECK(kNextIdResult == offsetof(bpf_attr, next_id));
  CHECK(kTestRunResult == offsetof(bpf_attr, test.retval));
  CHECK(kInfoLengthResult == offsetof(bpf_attr, info.info_len));
}

TEST_CASE("bpf encode: what is no bpf(2) call is not encoded") {
  EncodedAttr out;
  CHECK_FALSE(encode(PerfEventOpen{}, out));
  CHECK_FALSE(encode(PerfSetBpf{}, out));
  CHECK_FALSE(encode(TraceProbeOpen{}, out));
  CHECK_FALSE(encode(TraceProbeRemove{}, out));
  CHECK_FALSE(encode(ArenaSetUp{}, out));
  CHECK_FALSE(encode(RaiseMemlock{}, out));
}

TEST_CASE("bpf encode: object names keep what the kernel accepts, up to 15 bytes") {
  CHECK(kernel_object_name("events") == "events");
  CHECK(kernel_object_name("execsnoo.rodata") == "execsnoo.rodata");
  CHECK(kernel_object_name("0123456789abcdefgh") == "0123456789abcde");
  CHECK(kernel_object_name("a-b c/d:e\n") == "a_b_c_d_e_");
  CHECK(kernel_object_name("na\xc3\xafve") == "na__ve");
  CHECK(kernel_object_name("").empty());
}

TEST_CASE("bpf encode: pins are named by their path") {
  const Request pin = ObjPin{.object = Fd::number(7), .path = "/sys/fs/bpf/x"};
  CHECK(compare(pin, Command::obj_pin, [&](bpf_attr& a, EncodedAttr&) {
          a.pathname = address(std::get<ObjPin>(pin).path.c_str());
          a.bpf_fd = 7;
        }) == "same");
  const Request get = ObjGet{.path = "/sys/fs/bpf/x"};
  CHECK(compare(get, Command::obj_get, [&](bpf_attr& a, EncodedAttr&) {
          a.pathname = address(std::get<ObjGet>(get).path.c_str());
        }) == "same");
  EncodedAttr out;
  for (const Request& request : {Request(PinFolder{}), Request(PinRename{}), Request(PinRemove{})})
    CHECK_FALSE(encode(request, out));
}
