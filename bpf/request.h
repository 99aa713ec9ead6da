// SPDX-License-Identifier: Apache-2.0
// Every syscall that loads or attaches something, as a value. A plan is a list of these, a
// recording is a list of these with answers, a fake kernel matches on them, and only
// linux_kernel.cc turns one into a syscall. To add a syscall: a struct here, its fds in
// request_fds.h, a row in describe.cc, a case in encode.cc or linux_kernel.cc.
//
// Source: bpf(2), perf_event_open(2), include/uapi/linux/bpf.h `union bpf_attr`.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/units.h"
#include "bpf/insn.h"
#include "bpf/uapi.h"

namespace bpfld::bpf {

// spec: a file descriptor in a request. In a plan it names the result of an earlier request (a
// slot); the executor replaces it by a number before the request is made.
class Fd {
 public:
  constexpr Fd() = default;
  static constexpr Fd number(int fd) { return Fd(fd, false); }
  static constexpr Fd slot(u32 index) { return Fd(static_cast<i32>(index), true); }

  constexpr bool is_slot() const { return slot_; }
  constexpr bool is_set() const { return slot_ || value_ >= 0; }
  constexpr u32 slot_index() const { return static_cast<u32>(value_); }
  constexpr int get() const { return slot_ ? -1 : value_; }  // -1 when unset
  constexpr bool operator==(const Fd&) const = default;

 private:
  constexpr Fd(i32 value, bool slot) : value_(value), slot_(slot) {}
  i32 value_ = -1;
  bool slot_ = false;
};

struct MapCreate {
  MapType type = MapType::unspec;
  std::string name;  // cut to 15 bytes; only [A-Za-z0-9_.] reach the kernel
  u32 key_size = 0, value_size = 0, max_entries = 0, flags = 0;
  u32 numa_node = 0;
  u64 map_extra = 0;
  Fd inner_map;
  Fd btf;
  u32 btf_key_type_id = 0, btf_value_type_id = 0;
  u32 btf_vmlinux_value_type_id = 0;  // struct_ops: the value is a struct of the kernel,
  Fd value_type_btf = {};             // or of the module with that BTF
  Fd token = {};
  bool operator==(const MapCreate&) const = default;
};
// spec: a descriptor inside a value, as a native integer of `size` (4 or 8) bytes.
struct ValueFd {
  u32 offset = 0;  // bytes from the value's start
  u32 size = 4;
  Fd fd;
  bool operator==(const ValueFd&) const = default;
};
struct MapUpdate {
  Fd map;
  std::vector<std::byte> key, value;
  std::vector<ValueFd> value_fds = {};  // written over `value`
  u64 flags = 0;
  Fd value_fd = {};  // the value, instead: a map or a program, as a u32
  bool operator==(const MapUpdate&) const = default;
};
struct MapLookup {  // reply.data: the value
  Fd map;
  std::vector<std::byte> key;
  u32 value_size = 0;  // bytes the kernel will write; per-CPU maps: 8-rounded size x possible CPUs
  bool operator==(const MapLookup&) const = default;
};
struct MapNextKey {  // reply.data: the key after `key`, the first one when `key` is empty
  Fd map;
  std::vector<std::byte> key;
  u32 key_size = 0;
  bool operator==(const MapNextKey&) const = default;
};
struct MapDelete {
  Fd map;
  std::vector<std::byte> key;
  bool operator==(const MapDelete&) const = default;
};
struct MapFreeze {
  Fd map;
  bool operator==(const MapFreeze&) const = default;
};

// spec: an ld_imm64 whose imm is the fd of a map.
struct MapReference {
  InsnIndex at;
  Fd map;
  bool operator==(const MapReference&) const = default;
};
// spec: an ld_imm64 of something in a module: its second imm is the fd of the module's BTF.
struct BtfReference {
  InsnIndex at;
  Fd btf;
  bool operator==(const BtfReference&) const = default;
};
// spec: func_info or line_info: `count` records of `record_size` bytes, as the kernel takes them.
struct InfoRecords {
  u32 record_size = 0, count = 0;
  std::vector<std::byte> bytes;
  bool operator==(const InfoRecords&) const = default;
};
struct ProgLoad {  // reply.fd; reply.log when log_level > 0
  ProgType type = ProgType::unspec;
  AttachType expected_attach_type{};
  std::string name, license;
  std::vector<Insn> insns;
  std::vector<MapReference> map_references;
  std::vector<BtfReference> btf_references;
  std::vector<Fd> fd_array;  // a call of a module's kfunc holds an index into it; 0 is the kernel
  u32 kernel_version = 0, flags = 0;
  Fd btf;
  InfoRecords func_info, line_info;
  u32 attach_btf_id = 0;
  Fd attach_target;  // attach_prog_fd, or attach_btf_obj_fd of a module
  u32 log_level = 0, log_size = 0;
  Fd token = {};
  bool operator==(const ProgLoad&) const = default;
};
struct BtfLoad {  // reply.fd
  std::vector<std::byte> blob;
  u32 log_level = 0, log_size = 0;
  Fd token = {};
  bool operator==(const BtfLoad&) const = default;
};
// Since v6.9: what was delegated to a user namespace when its BPF file system was mounted, as an fd
// that requests carry.
struct TokenCreate {  // reply.fd
  Fd file_system;     // its root folder
  bool operator==(const TokenCreate&) const = default;
};
struct ProgBindMap {
  Fd program, map;
  bool operator==(const ProgBindMap&) const = default;
};
// spec: where a netfilter program is called.
struct NetfilterHook {
  u32 family = 0, hook = 0;  // NFPROTO_*, NF_INET_*
  i32 priority = 0;
  u32 flags = 0;
  bool operator==(const NetfilterHook&) const = default;
};
struct LinkCreate {    // reply.fd
  Fd program, target;  // struct_ops: `program` is the map
  AttachType attach_type{};
  u32 flags = 0;
  u64 cookie = 0;     // for a perf event
  u32 interface = 0;  // instead of `target`
  std::optional<NetfilterHook> netfilter = std::nullopt;
  u32 target_type = 0;  // of a program that replaces: the function, in the BTF of `target`
  bool operator==(const LinkCreate&) const = default;
};
struct LinkKprobeMulti {  // reply.fd; one link for many kernel functions, since v5.18
  Fd program;
  AttachType attach_type = AttachType::trace_kprobe_multi;
  bool at_return = false;  // BPF_F_KPROBE_MULTI_RETURN
  std::vector<std::string> symbols;
  bool operator==(const LinkKprobeMulti&) const = default;
};
struct LinkUprobeMulti {  // reply.fd; one link for many places of a file, since v6.6
  Fd program;
  AttachType attach_type = AttachType::trace_uprobe_multi;
  bool at_return = false;  // BPF_F_UPROBE_MULTI_RETURN
  std::string path;
  std::vector<u64> offsets;     // bytes in the file
  std::vector<u64> semaphores;  // ref_ctr_offsets; empty, or one for each offset, 0: none
  std::vector<u64> cookies;     // empty, or one for each offset
  u32 pid = 0;                  // 0: any process
  bool operator==(const LinkUprobeMulti&) const = default;
};
struct LinkTracingMulti {  // reply.fd; one link for many functions by BTF id
  Fd program;
  AttachType attach_type = AttachType::trace_fentry_multi;
  std::vector<u32> ids;
  bool operator==(const LinkTracingMulti&) const = default;
};
struct LinkIterator {  // reply.fd; what is walked: a map, the tasks of one process, cgroups
  Fd program, map = {};
  u32 tid = 0, pid = 0;
  Fd process = {};  // a pidfd, instead of `pid`
  u32 order = 0;    // BPF_CGROUP_ITER_*; 0: it is not about cgroups
  Fd cgroup = {};
  u64 cgroup_id = 0;  // instead of `cgroup`
  bool operator==(const LinkIterator&) const = default;
};
struct IteratorOpen {  // reply.fd: read(2) runs the program and gives what it wrote
  Fd link;
  bool operator==(const IteratorOpen&) const = default;
};
struct RawTracepointOpen {  // reply.fd: the link
  Fd program;
  std::string name;  // empty for programs that name their target by BTF id
  bool operator==(const RawTracepointOpen&) const = default;
};
struct ProgAttach {  // held by the target, not by an fd: see undo_of()
  Fd target, program;
  AttachType attach_type{};
  u32 flags = 0;
  bool operator==(const ProgAttach&) const = default;
};
struct ProgDetach {
  Fd target, program;
  AttachType attach_type{};
  bool operator==(const ProgDetach&) const = default;
};
struct ProgTestRun {  // reply.value: the program's return value
  Fd program;
  std::vector<std::byte> data_in;
  u32 repeat = 1;
  u32 context_size = 0;  // zeros, for programs whose context is what the caller gives them
  bool operator==(const ProgTestRun&) const = default;
};

enum class ObjectKind : u8 { program, map, link, btf };
struct NextId {  // reply.value: the id after `after`
  ObjectKind kind = ObjectKind::program;
  u32 after = 0;
  bool operator==(const NextId&) const = default;
};
struct ObjectInfo {  // reply.data: struct bpf_{prog,map,link,btf}_info, as much as the kernel knows
  Fd object;
  u32 info_size = 0;
  u32 name_room = 0;  // for BTF: bytes for its name, which follow the info in data
  bool operator==(const ObjectInfo&) const = default;
};
struct ObjectById {  // reply.fd
  ObjectKind kind = ObjectKind::program;
  u32 id = 0;
  Fd token = {};  // for BTF
  bool operator==(const ObjectById&) const = default;
};
inline constexpr u32 kFunctionInfoSize = 8;  // struct bpf_func_info: instruction, type's id
struct ObjectContents {  // reply.data: a program's instructions as the kernel runs them, or BTF
  ObjectKind kind = ObjectKind::program;
  Fd object;
  u32 size = 0;            // bytes to read, at most
  bool functions = false;  // of a program: its func_info instead, `size` bytes of it
  bool operator==(const ObjectContents&) const = default;
};
struct LinkDetach {
  Fd link;
  bool operator==(const LinkDetach&) const = default;
};

// Pins. Paths are of a BPF file system; LinuxKernel follows no symbolic link in them, and refuses
// folders that others may write to.
struct ObjPin {
  Fd object;  // a map, a program or a link
  std::string path;
  bool operator==(const ObjPin&) const = default;
};
struct ObjGet {  // reply.fd
  std::string path;
  bool of_anyone = false;  // to look at it, not to rely on it: any path and any owner will do
  bool operator==(const ObjGet&) const = default;
};
struct PinFolder {  // mkdir, for the owner alone
  std::string path;
  bool operator==(const PinFolder&) const = default;
};
struct PinRename {  // renameat2: fails when `to` exists; with `exchange`, when it does not
  std::string from, to;
  bool exchange = false;
  bool operator==(const PinRename&) const = default;
};
struct PinRemove {  // one pin; or a folder, with the pins and the folders of pins in it
  std::string path;
  bool operator==(const PinRemove&) const = default;
};

struct PerfEventOpen {  // reply.fd
  u32 type = 0;         // PERF_TYPE_*, or the number of a PMU
  u64 config = 0;
  i32 pid = -1, cpu = 0;
  std::string name = {};  // config1 is its address: a kernel function, or the path of a file
  u64 config2 = 0;        // probe_offset, probe_addr
  u64 sample_period = 0;
  bool frequency = false;  // sample_period is a number of samples per second
  bool operator==(const PerfEventOpen&) const = default;
};
struct PerfSetBpf {  // ioctl PERF_EVENT_IOC_SET_BPF
  Fd event, program;
  bool operator==(const PerfSetBpf&) const = default;
};
// A probe by its definition in tracefs, for kernels whose perf has none: writes the definition,
// reads its event's id and opens that. The event stays in tracefs until TraceProbeRemove.
struct TraceProbeOpen {  // reply.fd: the perf event
  bool user = false;     // uprobe_events instead of kprobe_events
  bool at_return = false;
  std::string event;  // "bpfld_1234_0", in group "bpfld"
  std::string place;  // "do_unlinkat+0x4", "/bin/bash:0x1234"
  i32 pid = -1;
  bool operator==(const TraceProbeOpen&) const = default;
};
struct TraceProbeRemove {
  bool user = false;
  std::string event;
  bool operator==(const TraceProbeRemove&) const = default;
};
struct OpenPath {  // reply.fd: read-only; a cgroup's or a file system's folder, a device ...
  std::string path;
  bool operator==(const OpenPath&) const = default;
};
struct PacketSocketOpen {  // reply.fd: a packet socket that gets every packet of the interface
  u32 interface = 0;
  bool operator==(const PacketSocketOpen&) const = default;
};
struct SocketTake {  // reply.fd: another process's socket (pidfd_getfd(2), since v5.6)
  u32 pid = 0, fd = 0;
  bool operator==(const SocketTake&) const = default;
};
enum class SocketProgram : u8 { filter, reuseport };
struct SocketSetBpf {  // setsockopt SO_ATTACH_BPF or SO_ATTACH_REUSEPORT_EBPF
  Fd socket, program;
  SocketProgram kind = SocketProgram::filter;
  bool operator==(const SocketSetBpf&) const = default;
};
struct SocketUnsetBpf {  // setsockopt SO_DETACH_FILTER or SO_DETACH_REUSEPORT_BPF
  Fd socket;
  SocketProgram kind = SocketProgram::filter;
  bool operator==(const SocketUnsetBpf&) const = default;
};

// rtnetlink; encoded in netlink.cc.
struct ClsactAdd {  // reply.value: 1 when it was made, 0 when there was one already
  u32 interface = 0;
  bool operator==(const ClsactAdd&) const = default;
};
struct ClsactDelete {  // reply.value: 1 when it was removed, 0 when others have filters on it
  u32 interface = 0;
  bool operator==(const ClsactDelete&) const = default;
};
// spec: a filter on a clsact qdisc. Priority and handle 0: the kernel chooses.
struct FilterPlace {
  u32 interface = 0;
  bool egress = false;
  u32 priority = 0, handle = 0;
  bool operator==(const FilterPlace&) const = default;
};
struct FilterAdd {  // reply.value: priority << 32 | handle
  FilterPlace place;
  Fd program;
  std::string name;
  bool operator==(const FilterAdd&) const = default;
};
struct FilterDelete {
  FilterPlace place;
  bool operator==(const FilterDelete&) const = default;
};
struct XdpQuery {  // reply.data: the interface's RTM_NEWLINK message; see xdp_programs()
  u32 interface = 0;
  bool operator==(const XdpQuery&) const = default;
};
enum class LwtHook : u8 { in = 1, out, xmit, seg6local };
// spec: a route whose packets a program looks at.
struct LwtRoute {
  std::vector<std::byte> prefix, gateway;  // 4 or 16 bytes; no gateway: empty
  u32 prefix_length = 0, interface = 0;
  bool operator==(const LwtRoute&) const = default;
};
struct RouteAdd {
  LwtRoute route;
  LwtHook hook = LwtHook::in;
  Fd program;
  std::string name;
  bool operator==(const RouteAdd&) const = default;
};
struct RouteDelete {
  LwtRoute route;
  bool operator==(const RouteDelete&) const = default;
};
// mmap of an arena for a moment. The first one fixes the address at which user space sees the
// arena, which the verifier asks for; the memory that is written stays when the mapping goes.
struct ArenaSetUp {
  Fd map;
  u64 address = 0;                  // 0: the kernel chooses
  u64 size = 0;                     // bytes, whole pages
  std::vector<std::byte> contents;  // of its start
  bool operator==(const ArenaSetUp&) const = default;
};
struct RaiseMemlock {  // setrlimit(RLIMIT_MEMLOCK, infinity)
  bool operator==(const RaiseMemlock&) const = default;
};

using Request =
    std::variant<MapCreate, MapUpdate, MapLookup, MapNextKey, MapDelete, MapFreeze, ProgLoad,
                 BtfLoad, TokenCreate, ProgBindMap, LinkCreate, LinkKprobeMulti, LinkUprobeMulti,
                 LinkTracingMulti, LinkIterator, IteratorOpen, RawTracepointOpen, ProgTestRun,
                 NextId, ObjectInfo, ObjectById, ObjectContents, LinkDetach, ObjPin, ObjGet,
                 PinFolder, PinRename, PinRemove, PerfEventOpen, PerfSetBpf, TraceProbeOpen,
                 TraceProbeRemove, ArenaSetUp, RaiseMemlock, ProgAttach, ProgDetach, OpenPath,
                 PacketSocketOpen, SocketTake, SocketSetBpf, SocketUnsetBpf, ClsactAdd,
                 ClsactDelete, FilterAdd, FilterDelete, XdpQuery, RouteAdd, RouteDelete>;

// What the kernel answered. `value` is a raw fd when returns_fd(request): the caller owns it from
// then on.
struct Reply {
  i64 value = 0;
  std::vector<std::byte> data;
  std::string log;
  bool operator==(const Reply&) const = default;
};

bool returns_fd(const Request& request);

// What takes back an attachment that no fd holds: for those that a process's death does not end.
// Empty for all others. The fds of `request` must be open when it is made.
std::optional<Request> undo_of(const Request& request, const Reply& reply);

// The request as strace would print it: `bpf(BPF_MAP_CREATE, {map_type=HASH, key_size=4, ...})`.
std::string describe(const Request& request);
// Only the call's name, for error messages: `bpf(BPF_MAP_CREATE)`, `perf_event_open`.
std::string call_name(const Request& request);

}  // namespace bpfld::bpf
