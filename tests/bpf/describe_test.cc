// SPDX-License-Identifier: Apache-2.0
// Requests as text. People compare these lines with strace's by eye, and error messages name a call
// by call_name(), so both are pinned here for every kind of request.
#include <doctest/doctest.h>

#include "bpf/request.h"
#include "bpf/request_fds.h"

using namespace bpfld;
using namespace bpfld::bpf;

namespace {

std::vector<std::byte> zeros(std::size_t size) {
  return std::vector<std::byte>(size);
}

struct Case {
  Request request;
  std::string text, call;
  bool gives_fd;
};

std::vector<Case> cases() {
  ProgLoad load;
  load.type = ProgType::tracepoint;
  load.name = "on_exec";
  load.license = "GPL";
  load.insns = {mov64_imm(0, 0), exit_insn()};
  load.btf = Fd::slot(0);
  load.func_info.count = 1;
  load.flags = kProgSleepable;
  load.log_level = 1;
  load.log_size = 65536;
  // clang-format off
  return {
      {MapCreate{.type = MapType::hash, .name = "execs", .key_size = 4, .value_size = 8, .max_entries = 16, .flags = 1, .inner_map = {}, .btf = Fd::slot(0), .btf_key_type_id = 2, .btf_value_type_id = 3},
       "bpf(BPF_MAP_CREATE, {map_type=HASH, key_size=4, value_size=8, max_entries=16, map_flags=0x1, map_name=\"execs\", btf_fd=$0, btf_key_type_id=2, btf_value_type_id=3})",
       "bpf(BPF_MAP_CREATE)", true},
      {MapUpdate{.map = Fd::slot(2), .key = zeros(4), .value = {}, .flags = 0,
                 .value_fd = Fd::slot(7)},
       "bpf(BPF_MAP_UPDATE_ELEM, {map_fd=$2, key=00000000, value=fd $7})",
       "bpf(BPF_MAP_UPDATE_ELEM)", false},
      {MapUpdate{.map = Fd::slot(2), .key = zeros(4), .value = zeros(40), .flags = 0},
       "bpf(BPF_MAP_UPDATE_ELEM, {map_fd=$2, key=00000000, value=0000000000000000...(40 bytes)})",
       "bpf(BPF_MAP_UPDATE_ELEM)", false},
      {MapUpdate{.map = Fd::slot(2), .key = zeros(4), .value = zeros(4), .value_fds = {{.offset = 0, .size = 4, .fd = Fd::slot(3)}, {.offset = 8, .size = 8, .fd = Fd::number(7)}}},
       "bpf(BPF_MAP_UPDATE_ELEM, {map_fd=$2, key=00000000, value=00000000, value_fds={+0: $3, +8: 7}})",
       "bpf(BPF_MAP_UPDATE_ELEM)", false},
      {MapLookup{.map = Fd::number(5), .key = zeros(2), .value_size = 4},
       "bpf(BPF_MAP_LOOKUP_ELEM, {map_fd=5, key=0000})", "bpf(BPF_MAP_LOOKUP_ELEM)", false},
      {ObjPin{.object = Fd::slot(4), .path = "/sys/fs/bpf/a\x1b"},
       "bpf(BPF_OBJ_PIN, {pathname=\"/sys/fs/bpf/a\\x1b\", bpf_fd=$4})", "bpf(BPF_OBJ_PIN)", false},
      {ObjGet{.path = "/sys/fs/bpf/a"}, "bpf(BPF_OBJ_GET, {pathname=\"/sys/fs/bpf/a\"})",
       "bpf(BPF_OBJ_GET)", true},
      {PinFolder{.path = "/sys/fs/bpf/a"}, "mkdirat(\"/sys/fs/bpf/a\", 0700)", "mkdirat", false},
      {PinRename{.from = "a", .to = "b", .exchange = false},
       "renameat2(\"a\", \"b\", RENAME_NOREPLACE)", "renameat2", false},
      {PinRename{.from = "a", .to = "b", .exchange = true},
       "renameat2(\"a\", \"b\", RENAME_EXCHANGE)", "renameat2", false},
      {PinRemove{.path = "a"}, "unlinkat(\"a\")", "unlinkat", false},
      {MapNextKey{.map = Fd::number(5), .key = {}, .key_size = 4},
       "bpf(BPF_MAP_GET_NEXT_KEY, {map_fd=5, key=})", "bpf(BPF_MAP_GET_NEXT_KEY)", false},
      {MapDelete{.map = Fd::number(5), .key = zeros(1)},
       "bpf(BPF_MAP_DELETE_ELEM, {map_fd=5, key=00})", "bpf(BPF_MAP_DELETE_ELEM)", false},
      {MapFreeze{Fd::number(5)}, "bpf(BPF_MAP_FREEZE, {map_fd=5})", "bpf(BPF_MAP_FREEZE)", false},
      {load,
       "bpf(BPF_PROG_LOAD, {prog_type=TRACEPOINT, insn_cnt=2, license=\"GPL\", log_level=1, log_size=65536, prog_flags=0x10, prog_name=\"on_exec\", prog_btf_fd=$0, func_info_cnt=1})",
       "bpf(BPF_PROG_LOAD)", true},
      {BtfLoad{.blob = zeros(24)}, "bpf(BPF_BTF_LOAD, {btf_size=24})", "bpf(BPF_BTF_LOAD)", true},
      {BtfLoad{.blob = zeros(24), .token = Fd::slot(1)}, "bpf(BPF_BTF_LOAD, {btf_size=24, btf_token_fd=$1})", "bpf(BPF_BTF_LOAD)", true},
      {TokenCreate{Fd::slot(0)}, "bpf(BPF_TOKEN_CREATE, {bpffs_fd=$0})", "bpf(BPF_TOKEN_CREATE)", true},
      {ProgBindMap{Fd::number(3), Fd::number(4)}, "bpf(BPF_PROG_BIND_MAP, {prog_fd=3, map_fd=4})", "bpf(BPF_PROG_BIND_MAP)", false},
      {LinkCreate{.program = Fd::slot(7), .target = Fd::slot(9), .attach_type = AttachType::perf_event, .flags = 0, .cookie = 5},
       "bpf(BPF_LINK_CREATE, {prog_fd=$7, target_fd=$9, attach_type=BPF_PERF_EVENT, bpf_cookie=5})", "bpf(BPF_LINK_CREATE)", true},
      {RawTracepointOpen{.program = Fd::slot(7), .name = "sys_enter"},
       "bpf(BPF_RAW_TRACEPOINT_OPEN, {name=\"sys_enter\", prog_fd=$7})", "bpf(BPF_RAW_TRACEPOINT_OPEN)", true},
      {ProgTestRun{.program = Fd::number(7), .data_in = zeros(14), .repeat = 1},
       "bpf(BPF_PROG_TEST_RUN, {prog_fd=7, data_size_in=14, repeat=1})", "bpf(BPF_PROG_TEST_RUN)", false},
      {NextId{.kind = ObjectKind::link, .after = 12}, "bpf(BPF_LINK_GET_NEXT_ID, {start_id=12})", "bpf(BPF_LINK_GET_NEXT_ID)", false},
      {ObjectInfo{.object = Fd::number(7), .info_size = 8}, "bpf(BPF_OBJ_GET_INFO_BY_FD, {bpf_fd=7})", "bpf(BPF_OBJ_GET_INFO_BY_FD)", false},
      {LinkKprobeMulti{.program = Fd::slot(4), .at_return = true, .symbols = {"a", "b", "c", "d", "e"}},
       "bpf(BPF_LINK_CREATE, {prog_fd=$4, attach_type=BPF_TRACE_KPROBE_MULTI, flags=RETURN, syms=[\"a\", \"b\", \"c\", \"d\", ...], cnt=5})",
       "bpf(BPF_LINK_CREATE)", true},
      {LinkUprobeMulti{.program = Fd::slot(4), .attach_type = AttachType::trace_uprobe_session, .path = "/bin/sh", .offsets = {16, 32}, .semaphores = {0, 64}, .cookies = {1, 2}, .pid = 7},
       "bpf(BPF_LINK_CREATE, {prog_fd=$4, attach_type=BPF_TRACE_UPROBE_SESSION, path=\"/bin/sh\", offsets=[0x10, 0x20], ref_ctr_offsets=[0x0, 0x40], cookies=[0x1, 0x2], cnt=2, pid=7})",
       "bpf(BPF_LINK_CREATE)", true},
      {LinkTracingMulti{.program = Fd::slot(4), .ids = {5, 6}},
       "bpf(BPF_LINK_CREATE, {prog_fd=$4, attach_type=BPF_TRACE_FENTRY_MULTI, ids=[5, 6], cnt=2})",
       "bpf(BPF_LINK_CREATE)", true},
      {LinkCreate{.program = Fd::slot(4), .target = Fd::slot(6), .attach_type = AttachType::cgroup_inet_ingress, .target_type = 9},
       "bpf(BPF_LINK_CREATE, {prog_fd=$4, target_fd=$6, attach_type=BPF_CGROUP_INET_INGRESS, target_btf_id=9})",
       "bpf(BPF_LINK_CREATE)", true},
      {LinkIterator{.program = Fd::slot(4), .map = Fd::slot(1), .tid = 3, .pid = 2},
       "bpf(BPF_LINK_CREATE, {prog_fd=$4, attach_type=BPF_TRACE_ITER, map_fd=$1, tid=3, pid=2})",
       "bpf(BPF_LINK_CREATE)", true},
      {LinkIterator{.program = Fd::slot(4), .order = 3, .cgroup = Fd::slot(6)},
       "bpf(BPF_LINK_CREATE, {prog_fd=$4, attach_type=BPF_TRACE_ITER, order=DESCENDANTS_POST, cgroup_fd=$6})",
       "bpf(BPF_LINK_CREATE)", true},
      {IteratorOpen{Fd::slot(5)}, "bpf(BPF_ITER_CREATE, {link_fd=$5})", "bpf(BPF_ITER_CREATE)", true},
      {PerfEventOpen{.type = 8, .config = 1, .name = "do_unlinkat", .config2 = 4},
       "perf_event_open({type=8, config=1, config1=\"do_unlinkat\", config2=0x4}, pid=-1, cpu=0, group=-1, FD_CLOEXEC)",
       "perf_event_open", true},
      {PerfEventOpen{.type = 1, .pid = 7, .cpu = -1, .sample_period = 49, .frequency = true},
       "perf_event_open({type=SOFTWARE, config=0, sample_freq=49}, pid=7, cpu=-1, group=-1, FD_CLOEXEC)",
       "perf_event_open", true},
      {TraceProbeOpen{.at_return = true, .event = "e_1", .place = "do_unlinkat"},
       "write(kprobe_events, \"r:bpfld/e_1 do_unlinkat\")", "write", true},
      {TraceProbeRemove{.user = true, .event = "e_1"}, "write(uprobe_events, \"-:bpfld/e_1\")",
       "write", false},
      {ObjectById{ObjectKind::map, 12}, "bpf(BPF_MAP_GET_FD_BY_ID, {id=12})", "bpf(BPF_MAP_GET_FD_BY_ID)", true},
      {ObjectContents{ObjectKind::btf, Fd::number(7), 100}, "bpf(BPF_OBJ_GET_INFO_BY_FD, {bpf_fd=7, btf_size=100})", "bpf(BPF_OBJ_GET_INFO_BY_FD)", false},
      {ObjectContents{ObjectKind::program, Fd::number(7), 24, true}, "bpf(BPF_OBJ_GET_INFO_BY_FD, {bpf_fd=7, nr_func_info=3})", "bpf(BPF_OBJ_GET_INFO_BY_FD)", false},
      {LinkDetach{Fd::slot(9)}, "bpf(BPF_LINK_DETACH, {link_fd=$9})", "bpf(BPF_LINK_DETACH)", false},
      {PerfEventOpen{.type = 2, .config = 331, .pid = -1, .cpu = 0},
       "perf_event_open({type=TRACEPOINT, config=331}, pid=-1, cpu=0, group=-1, FD_CLOEXEC)", "perf_event_open", true},
      {PerfSetBpf{Fd::slot(8), Fd::slot(7)}, "ioctl($8, PERF_EVENT_IOC_SET_BPF, $7)", "ioctl(PERF_EVENT_IOC_SET_BPF)", false},
      {ArenaSetUp{.map = Fd::slot(3), .address = 0, .size = 65536, .contents = zeros(40)},
       "mmap(NULL, 65536, PROT_READ|PROT_WRITE, MAP_SHARED, $3, 0), write 40 bytes", "mmap", false},
      {ArenaSetUp{.map = Fd::number(3), .address = 0x100000000000, .size = 4096, .contents = {}},
       "mmap(0x100000000000, 4096, PROT_READ|PROT_WRITE, MAP_SHARED, 3, 0)", "mmap", false},
      {RaiseMemlock{}, "setrlimit(RLIMIT_MEMLOCK, infinity)", "setrlimit", false},
  };
  // clang-format on
}

std::vector<Case> network_cases() {
  const LwtRoute route{
      .prefix = zeros(4), .gateway = zeros(16), .prefix_length = 24, .interface = 3};
  const FilterPlace place{.interface = 3, .egress = true, .priority = 1, .handle = 2};
  // clang-format off
  return {
      {ProgAttach{.target = Fd::slot(1), .program = Fd::slot(2), .attach_type = AttachType::cgroup_device, .flags = 2},
       "bpf(BPF_PROG_ATTACH, {target_fd=$1, attach_bpf_fd=$2, attach_type=BPF_CGROUP_DEVICE, attach_flags=0x2})", "bpf(BPF_PROG_ATTACH)", false},
      {ProgDetach{.target = Fd::slot(1), .program = Fd::slot(2), .attach_type = AttachType::cgroup_device},
       "bpf(BPF_PROG_DETACH, {target_fd=$1, attach_bpf_fd=$2, attach_type=BPF_CGROUP_DEVICE})", "bpf(BPF_PROG_DETACH)", false},
      {OpenPath{"/a\x1b"}, "open(\"/a\\x1b\", O_RDONLY|O_CLOEXEC)", "open", true},
      {PacketSocketOpen{3}, "socket(AF_PACKET, SOCK_RAW|SOCK_CLOEXEC, ETH_P_ALL), bound to ifindex 3", "socket", true},
      {SocketTake{.pid = 12, .fd = 3}, "pidfd_getfd(pidfd_open(12), 3)", "pidfd_getfd", true},
      {SocketSetBpf{.socket = Fd::slot(1), .program = Fd::slot(2), .kind = SocketProgram::filter}, "setsockopt($1, SO_ATTACH_BPF, $2)", "setsockopt(SO_ATTACH_BPF)", false},
      {SocketUnsetBpf{.socket = Fd::slot(1), .kind = SocketProgram::reuseport}, "setsockopt($1, SO_DETACH_REUSEPORT_BPF)", "setsockopt(SO_DETACH_REUSEPORT_BPF)", false},
      {ClsactAdd{3}, "netlink(RTM_NEWQDISC, {ifindex=3, kind=clsact})", "netlink(RTM_NEWQDISC)", false},
      {ClsactDelete{3}, "netlink(RTM_DELQDISC, {ifindex=3, kind=clsact})", "netlink(RTM_DELQDISC)", false},
      {FilterAdd{.place = place, .program = Fd::slot(2), .name = "p"},
       "netlink(RTM_NEWTFILTER, {ifindex=3, parent=egress, prio=1, handle=2, kind=bpf, fd=$2, name=\"p\", direct-action})", "netlink(RTM_NEWTFILTER)", false},
      {FilterDelete{place}, "netlink(RTM_DELTFILTER, {ifindex=3, parent=egress, prio=1, handle=2, kind=bpf})", "netlink(RTM_DELTFILTER)", false},
      {XdpQuery{3}, "netlink(RTM_GETLINK, {ifindex=3})", "netlink(RTM_GETLINK)", false},
      {RouteAdd{.route = route, .hook = LwtHook::out, .program = Fd::slot(2), .name = "p"},
       "netlink(RTM_NEWROUTE, {dst=0.0.0.0/24, oif=3, gateway=0000:0000:0000:0000:0000:0000:0000:0000, encap={bpf out, fd=$2, name=\"p\"}})", "netlink(RTM_NEWROUTE)", false},
      {RouteDelete{route}, "netlink(RTM_DELROUTE, {dst=0.0.0.0/24, oif=3, gateway=0000:0000:0000:0000:0000:0000:0000:0000})", "netlink(RTM_DELROUTE)", false},
  };
  // clang-format on
}

}  // namespace

TEST_CASE("bpf describe: every request as text, and its call's name") {
  std::vector<bool> seen(std::variant_size_v<Request>, false);
  std::vector<Case> all = cases();
  for (Case& c : network_cases())
    all.push_back(std::move(c));
  for (const Case& c : all) {
    CHECK(describe(c.request) == c.text);
    CHECK(call_name(c.request) == c.call);
    CHECK(returns_fd(c.request) == c.gives_fd);
    seen[c.request.index()] = true;
  }
  for (std::size_t i = 0; i < seen.size(); i++)
    CHECK_MESSAGE(seen[i], "no case for request number " << i);
}

TEST_CASE("bpf describe: names from an object reach the text escaped") {
  MapCreate map;
  map.name = "a\x1b[31m\n";
  const std::string text = describe(map);
  CHECK(text.find('\x1b') == std::string::npos);
  CHECK(text.find('\n') == std::string::npos);
  CHECK(call_name(map) == "bpf(BPF_MAP_CREATE)");
}

TEST_CASE("bpf describe: types without a row are told by number") {
  MapCreate map;
  map.type = static_cast<MapType>(999);
  CHECK(describe(map).find("map_type=MAP TYPE 999") != std::string::npos);
}

TEST_CASE("bpf request: every fd is visited, unset ones too") {
  const auto fds = [](Request request) {
    std::vector<Fd> out;
    for_each_fd(request, [&](Fd& fd) { out.push_back(fd); });
    return out;
  };
  ProgLoad load;
  load.map_references = {{InsnIndex{0}, Fd::slot(1)}, {InsnIndex{2}, Fd::slot(2)}};
  load.btf_references = {{InsnIndex{4}, Fd::slot(5)}};
  load.fd_array = {Fd(), Fd::slot(6)};
  load.btf = Fd::slot(3);
  load.token = Fd::slot(8);
  CHECK(fds(load) == std::vector<Fd>{Fd::slot(1), Fd::slot(2), Fd::slot(5), Fd(), Fd::slot(6),
                                     Fd::slot(3), Fd(), Fd::slot(8)});
  CHECK(fds(LinkCreate{.program = Fd::slot(1), .target = Fd::slot(2)}) ==
        std::vector<Fd>{Fd::slot(1), Fd::slot(2)});
  CHECK(fds(RaiseMemlock{}).empty());
}

TEST_CASE("bpf request: a slot is not an fd, and an unset one is neither") {
  CHECK_FALSE(Fd().is_set());
  CHECK(Fd().get() == -1);
  CHECK(Fd::slot(0).is_set());
  CHECK(Fd::slot(0).get() == -1);
  CHECK(Fd::slot(4).slot_index() == 4);
  CHECK(Fd::number(0).is_set());
  CHECK(Fd::number(0).get() == 0);
  CHECK_FALSE(Fd::number(3) == Fd::slot(3));
}
