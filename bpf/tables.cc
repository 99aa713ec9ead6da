// SPDX-License-Identifier: Apache-2.0
// The rows behind tables.h. Order is by number; a static_assert proves that row i is number i.
#include "bpf/tables.h"

#include <array>

#include "base/format.h"

namespace bpfld::bpf {
namespace {

// clang-format off
constexpr std::array<NameRow, 39> kCommands = {{
    {0, "BPF_MAP_CREATE", "map_create", "3.18"},
    {1, "BPF_MAP_LOOKUP_ELEM", "map_lookup_elem", "3.18"},
    {2, "BPF_MAP_UPDATE_ELEM", "map_update_elem", "3.18"},
    {3, "BPF_MAP_DELETE_ELEM", "map_delete_elem", "3.18"},
    {4, "BPF_MAP_GET_NEXT_KEY", "map_get_next_key", "3.18"},
    {5, "BPF_PROG_LOAD", "prog_load", "3.18"},
    {6, "BPF_OBJ_PIN", "obj_pin", "4.4"},
    {7, "BPF_OBJ_GET", "obj_get", "4.4"},
    {8, "BPF_PROG_ATTACH", "prog_attach", "4.10"},
    {9, "BPF_PROG_DETACH", "prog_detach", "4.10"},
    {10, "BPF_PROG_TEST_RUN", "prog_test_run", "4.12"},
    {11, "BPF_PROG_GET_NEXT_ID", "prog_get_next_id", "4.13"},
    {12, "BPF_MAP_GET_NEXT_ID", "map_get_next_id", "4.13"},
    {13, "BPF_PROG_GET_FD_BY_ID", "prog_get_fd_by_id", "4.13"},
    {14, "BPF_MAP_GET_FD_BY_ID", "map_get_fd_by_id", "4.13"},
    {15, "BPF_OBJ_GET_INFO_BY_FD", "obj_get_info_by_fd", "4.13"},
    {16, "BPF_PROG_QUERY", "prog_query", "4.15"},
    {17, "BPF_RAW_TRACEPOINT_OPEN", "raw_tracepoint_open", "4.17"},
    {18, "BPF_BTF_LOAD", "btf_load", "4.18"},
    {19, "BPF_BTF_GET_FD_BY_ID", "btf_get_fd_by_id", "4.18"},
    {20, "BPF_TASK_FD_QUERY", "task_fd_query", "4.18"},
    {21, "BPF_MAP_LOOKUP_AND_DELETE_ELEM", "map_lookup_and_delete_elem", "4.20"},
    {22, "BPF_MAP_FREEZE", "map_freeze", "5.2"},
    {23, "BPF_BTF_GET_NEXT_ID", "btf_get_next_id", "5.4"},
    {24, "BPF_MAP_LOOKUP_BATCH", "map_lookup_batch", "5.6"},
    {25, "BPF_MAP_LOOKUP_AND_DELETE_BATCH", "map_lookup_and_delete_batch", "5.6"},
    {26, "BPF_MAP_UPDATE_BATCH", "map_update_batch", "5.6"},
    {27, "BPF_MAP_DELETE_BATCH", "map_delete_batch", "5.6"},
    {28, "BPF_LINK_CREATE", "link_create", "5.7"},
    {29, "BPF_LINK_UPDATE", "link_update", "5.7"},
    {30, "BPF_LINK_GET_FD_BY_ID", "link_get_fd_by_id", "5.8"},
    {31, "BPF_LINK_GET_NEXT_ID", "link_get_next_id", "5.8"},
    {32, "BPF_ENABLE_STATS", "enable_stats", "5.8"},
    {33, "BPF_ITER_CREATE", "iter_create", "5.8"},
    {34, "BPF_LINK_DETACH", "link_detach", "5.9"},
    {35, "BPF_PROG_BIND_MAP", "prog_bind_map", "5.10"},
    {36, "BPF_TOKEN_CREATE", "token_create", "6.9"},
    {37, "BPF_PROG_STREAM_READ_BY_FD", "prog_stream_read_by_fd", "6.17"},
    {38, "BPF_PROG_ASSOC_STRUCT_OPS", "prog_assoc_struct_ops", "7.0"},
}};

constexpr std::array<NameRow, 36> kMapTypes = {{
    {0, "BPF_MAP_TYPE_UNSPEC", "unspec", "3.18"},
    {1, "BPF_MAP_TYPE_HASH", "hash", "3.19"},
    {2, "BPF_MAP_TYPE_ARRAY", "array", "3.19"},
    {3, "BPF_MAP_TYPE_PROG_ARRAY", "prog_array", "4.2"},
    {4, "BPF_MAP_TYPE_PERF_EVENT_ARRAY", "perf_event_array", "4.3"},
    {5, "BPF_MAP_TYPE_PERCPU_HASH", "percpu_hash", "4.6"},
    {6, "BPF_MAP_TYPE_PERCPU_ARRAY", "percpu_array", "4.6"},
    {7, "BPF_MAP_TYPE_STACK_TRACE", "stack_trace", "4.6"},
    {8, "BPF_MAP_TYPE_CGROUP_ARRAY", "cgroup_array", "4.8"},
    {9, "BPF_MAP_TYPE_LRU_HASH", "lru_hash", "4.10"},
    {10, "BPF_MAP_TYPE_LRU_PERCPU_HASH", "lru_percpu_hash", "4.10"},
    {11, "BPF_MAP_TYPE_LPM_TRIE", "lpm_trie", "4.11"},
    {12, "BPF_MAP_TYPE_ARRAY_OF_MAPS", "array_of_maps", "4.12"},
    {13, "BPF_MAP_TYPE_HASH_OF_MAPS", "hash_of_maps", "4.12"},
    {14, "BPF_MAP_TYPE_DEVMAP", "devmap", "4.14"},
    {15, "BPF_MAP_TYPE_SOCKMAP", "sockmap", "4.14"},
    {16, "BPF_MAP_TYPE_CPUMAP", "cpumap", "4.15"},
    {17, "BPF_MAP_TYPE_XSKMAP", "xskmap", "4.18"},
    {18, "BPF_MAP_TYPE_SOCKHASH", "sockhash", "4.18"},
    {19, "BPF_MAP_TYPE_CGROUP_STORAGE", "cgroup_storage", "4.19"},
    {20, "BPF_MAP_TYPE_REUSEPORT_SOCKARRAY", "reuseport_sockarray", "4.19"},
    {21, "BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE", "percpu_cgroup_storage", "4.20"},
    {22, "BPF_MAP_TYPE_QUEUE", "queue", "4.20"},
    {23, "BPF_MAP_TYPE_STACK", "stack", "4.20"},
    {24, "BPF_MAP_TYPE_SK_STORAGE", "sk_storage", "5.2"},
    {25, "BPF_MAP_TYPE_DEVMAP_HASH", "devmap_hash", "5.4"},
    {26, "BPF_MAP_TYPE_STRUCT_OPS", "struct_ops", "5.6"},
    {27, "BPF_MAP_TYPE_RINGBUF", "ringbuf", "5.8"},
    {28, "BPF_MAP_TYPE_INODE_STORAGE", "inode_storage", "5.10"},
    {29, "BPF_MAP_TYPE_TASK_STORAGE", "task_storage", "5.11"},
    {30, "BPF_MAP_TYPE_BLOOM_FILTER", "bloom_filter", "5.16"},
    {31, "BPF_MAP_TYPE_USER_RINGBUF", "user_ringbuf", "6.1"},
    {32, "BPF_MAP_TYPE_CGRP_STORAGE", "cgrp_storage", "6.2"},
    {33, "BPF_MAP_TYPE_ARENA", "arena", "6.9"},
    {34, "BPF_MAP_TYPE_INSN_ARRAY", "insn_array", "6.19"},
    {35, "BPF_MAP_TYPE_RHASH", "rhash", "7.2"},
}};

constexpr std::array<NameRow, 33> kProgTypes = {{
    {0, "BPF_PROG_TYPE_UNSPEC", "unspec", "3.18"},
    {1, "BPF_PROG_TYPE_SOCKET_FILTER", "socket_filter", "3.19"},
    {2, "BPF_PROG_TYPE_KPROBE", "kprobe", "4.1"},
    {3, "BPF_PROG_TYPE_SCHED_CLS", "sched_cls", "4.1"},
    {4, "BPF_PROG_TYPE_SCHED_ACT", "sched_act", "4.1"},
    {5, "BPF_PROG_TYPE_TRACEPOINT", "tracepoint", "4.7"},
    {6, "BPF_PROG_TYPE_XDP", "xdp", "4.8"},
    {7, "BPF_PROG_TYPE_PERF_EVENT", "perf_event", "4.9"},
    {8, "BPF_PROG_TYPE_CGROUP_SKB", "cgroup_skb", "4.10"},
    {9, "BPF_PROG_TYPE_CGROUP_SOCK", "cgroup_sock", "4.10"},
    {10, "BPF_PROG_TYPE_LWT_IN", "lwt_in", "4.10"},
    {11, "BPF_PROG_TYPE_LWT_OUT", "lwt_out", "4.10"},
    {12, "BPF_PROG_TYPE_LWT_XMIT", "lwt_xmit", "4.10"},
    {13, "BPF_PROG_TYPE_SOCK_OPS", "sock_ops", "4.13"},
    {14, "BPF_PROG_TYPE_SK_SKB", "sk_skb", "4.14"},
    {15, "BPF_PROG_TYPE_CGROUP_DEVICE", "cgroup_device", "4.15"},
    {16, "BPF_PROG_TYPE_SK_MSG", "sk_msg", "4.17"},
    {17, "BPF_PROG_TYPE_RAW_TRACEPOINT", "raw_tracepoint", "4.17"},
    {18, "BPF_PROG_TYPE_CGROUP_SOCK_ADDR", "cgroup_sock_addr", "4.17"},
    {19, "BPF_PROG_TYPE_LWT_SEG6LOCAL", "lwt_seg6local", "4.18"},
    {20, "BPF_PROG_TYPE_LIRC_MODE2", "lirc_mode2", "4.18"},
    {21, "BPF_PROG_TYPE_SK_REUSEPORT", "sk_reuseport", "4.19"},
    {22, "BPF_PROG_TYPE_FLOW_DISSECTOR", "flow_dissector", "4.20"},
    {23, "BPF_PROG_TYPE_CGROUP_SYSCTL", "cgroup_sysctl", "5.2"},
    {24, "BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE", "raw_tracepoint_writable", "5.2"},
    {25, "BPF_PROG_TYPE_CGROUP_SOCKOPT", "cgroup_sockopt", "5.3"},
    {26, "BPF_PROG_TYPE_TRACING", "tracing", "5.5"},
    {27, "BPF_PROG_TYPE_STRUCT_OPS", "struct_ops", "5.6"},
    {28, "BPF_PROG_TYPE_EXT", "ext", "5.6"},
    {29, "BPF_PROG_TYPE_LSM", "lsm", "5.7"},
    {30, "BPF_PROG_TYPE_SK_LOOKUP", "sk_lookup", "5.9"},
    {31, "BPF_PROG_TYPE_SYSCALL", "syscall", "5.14"},
    {32, "BPF_PROG_TYPE_NETFILTER", "netfilter", "6.4"},
}};

constexpr std::array<NameRow, 62> kAttachTypes = {{
    {0, "BPF_CGROUP_INET_INGRESS", "cgroup_inet_ingress", "4.10"},
    {1, "BPF_CGROUP_INET_EGRESS", "cgroup_inet_egress", "4.10"},
    {2, "BPF_CGROUP_INET_SOCK_CREATE", "cgroup_inet_sock_create", "4.10"},
    {3, "BPF_CGROUP_SOCK_OPS", "cgroup_sock_ops", "4.13"},
    {4, "BPF_SK_SKB_STREAM_PARSER", "sk_skb_stream_parser", "4.14"},
    {5, "BPF_SK_SKB_STREAM_VERDICT", "sk_skb_stream_verdict", "4.14"},
    {6, "BPF_CGROUP_DEVICE", "cgroup_device", "4.15"},
    {7, "BPF_SK_MSG_VERDICT", "sk_msg_verdict", "4.17"},
    {8, "BPF_CGROUP_INET4_BIND", "cgroup_inet4_bind", "4.17"},
    {9, "BPF_CGROUP_INET6_BIND", "cgroup_inet6_bind", "4.17"},
    {10, "BPF_CGROUP_INET4_CONNECT", "cgroup_inet4_connect", "4.17"},
    {11, "BPF_CGROUP_INET6_CONNECT", "cgroup_inet6_connect", "4.17"},
    {12, "BPF_CGROUP_INET4_POST_BIND", "cgroup_inet4_post_bind", "4.17"},
    {13, "BPF_CGROUP_INET6_POST_BIND", "cgroup_inet6_post_bind", "4.17"},
    {14, "BPF_CGROUP_UDP4_SENDMSG", "cgroup_udp4_sendmsg", "4.18"},
    {15, "BPF_CGROUP_UDP6_SENDMSG", "cgroup_udp6_sendmsg", "4.18"},
    {16, "BPF_LIRC_MODE2", "lirc_mode2", "4.18"},
    {17, "BPF_FLOW_DISSECTOR", "flow_dissector", "4.20"},
    {18, "BPF_CGROUP_SYSCTL", "cgroup_sysctl", "5.2"},
    {19, "BPF_CGROUP_UDP4_RECVMSG", "cgroup_udp4_recvmsg", "5.2"},
    {20, "BPF_CGROUP_UDP6_RECVMSG", "cgroup_udp6_recvmsg", "5.2"},
    {21, "BPF_CGROUP_GETSOCKOPT", "cgroup_getsockopt", "5.3"},
    {22, "BPF_CGROUP_SETSOCKOPT", "cgroup_setsockopt", "5.3"},
    {23, "BPF_TRACE_RAW_TP", "trace_raw_tp", "5.5"},
    {24, "BPF_TRACE_FENTRY", "trace_fentry", "5.5"},
    {25, "BPF_TRACE_FEXIT", "trace_fexit", "5.5"},
    {26, "BPF_MODIFY_RETURN", "modify_return", "5.7"},
    {27, "BPF_LSM_MAC", "lsm_mac", "5.7"},
    {28, "BPF_TRACE_ITER", "trace_iter", "5.8"},
    {29, "BPF_CGROUP_INET4_GETPEERNAME", "cgroup_inet4_getpeername", "5.8"},
    {30, "BPF_CGROUP_INET6_GETPEERNAME", "cgroup_inet6_getpeername", "5.8"},
    {31, "BPF_CGROUP_INET4_GETSOCKNAME", "cgroup_inet4_getsockname", "5.8"},
    {32, "BPF_CGROUP_INET6_GETSOCKNAME", "cgroup_inet6_getsockname", "5.8"},
    {33, "BPF_XDP_DEVMAP", "xdp_devmap", "5.8"},
    {34, "BPF_CGROUP_INET_SOCK_RELEASE", "cgroup_inet_sock_release", "5.9"},
    {35, "BPF_XDP_CPUMAP", "xdp_cpumap", "5.9"},
    {36, "BPF_SK_LOOKUP", "sk_lookup", "5.9"},
    {37, "BPF_XDP", "xdp", "5.9"},
    {38, "BPF_SK_SKB_VERDICT", "sk_skb_verdict", "5.13"},
    {39, "BPF_SK_REUSEPORT_SELECT", "sk_reuseport_select", "5.14"},
    {40, "BPF_SK_REUSEPORT_SELECT_OR_MIGRATE", "sk_reuseport_select_or_migrate", "5.14"},
    {41, "BPF_PERF_EVENT", "perf_event", "5.15"},
    {42, "BPF_TRACE_KPROBE_MULTI", "trace_kprobe_multi", "5.18"},
    {43, "BPF_LSM_CGROUP", "lsm_cgroup", "6.0"},
    {44, "BPF_STRUCT_OPS", "struct_ops", "6.4"},
    {45, "BPF_NETFILTER", "netfilter", "6.4"},
    {46, "BPF_TCX_INGRESS", "tcx_ingress", "6.6"},
    {47, "BPF_TCX_EGRESS", "tcx_egress", "6.6"},
    {48, "BPF_TRACE_UPROBE_MULTI", "trace_uprobe_multi", "6.6"},
    {49, "BPF_CGROUP_UNIX_CONNECT", "cgroup_unix_connect", "6.7"},
    {50, "BPF_CGROUP_UNIX_SENDMSG", "cgroup_unix_sendmsg", "6.7"},
    {51, "BPF_CGROUP_UNIX_RECVMSG", "cgroup_unix_recvmsg", "6.7"},
    {52, "BPF_CGROUP_UNIX_GETPEERNAME", "cgroup_unix_getpeername", "6.7"},
    {53, "BPF_CGROUP_UNIX_GETSOCKNAME", "cgroup_unix_getsockname", "6.7"},
    {54, "BPF_NETKIT_PRIMARY", "netkit_primary", "6.7"},
    {55, "BPF_NETKIT_PEER", "netkit_peer", "6.7"},
    {56, "BPF_TRACE_KPROBE_SESSION", "trace_kprobe_session", "6.10"},
    {57, "BPF_TRACE_UPROBE_SESSION", "trace_uprobe_session", "6.13"},
    {58, "BPF_TRACE_FSESSION", "trace_fsession", "7.0"},
    {59, "BPF_TRACE_FENTRY_MULTI", "trace_fentry_multi", "7.2"},
    {60, "BPF_TRACE_FEXIT_MULTI", "trace_fexit_multi", "7.2"},
    {61, "BPF_TRACE_FSESSION_MULTI", "trace_fsession_multi", "7.2"},
}};

// clang-format on

template <std::size_t N>
consteval bool numbered(const std::array<NameRow, N>& rows) {
  for (std::size_t i = 0; i < N; i++)
    if (rows[i].value != i) return false;
  return true;
}
static_assert(numbered(kCommands) && numbered(kMapTypes) && numbered(kProgTypes) &&
              numbered(kAttachTypes));
static_assert(kMapTypes[static_cast<u32>(MapType::rhash)].name == "rhash");
static_assert(kProgTypes[static_cast<u32>(ProgType::netfilter)].name == "netfilter");
static_assert(kAttachTypes[static_cast<u32>(AttachType::trace_fsession_multi)].name ==
              "trace_fsession_multi");
static_assert(kCommands[static_cast<u32>(Command::prog_assoc_struct_ops)].name ==
              "prog_assoc_struct_ops");

template <typename Enum>
const NameRow* find_row(std::span<const NameRow> rows, Enum value) {
  const u32 number = static_cast<u32>(value);
  return number < rows.size() ? &rows[number] : nullptr;
}

template <typename Enum>
std::string short_name(std::span<const NameRow> rows, Enum value, std::string_view what) {
  const NameRow* row = find_row(rows, value);
  return row != nullptr ? std::string(row->name) : format("{} {}", what, static_cast<u32>(value));
}

template <typename Enum>
std::string long_name(std::span<const NameRow> rows, Enum value, std::string_view what) {
  const NameRow* row = find_row(rows, value);
  return row != nullptr ? std::string(row->kernel_name)
                        : format("{} {}", what, static_cast<u32>(value));
}

}  // namespace

std::span<const NameRow> command_rows() {
  return kCommands;
}
std::span<const NameRow> map_type_rows() {
  return kMapTypes;
}
std::span<const NameRow> prog_type_rows() {
  return kProgTypes;
}
std::span<const NameRow> attach_type_rows() {
  return kAttachTypes;
}

std::string name_of(Command command) {
  return short_name(kCommands, command, "command");
}
std::string name_of(MapType type) {
  return short_name(kMapTypes, type, "map type");
}
std::string name_of(ProgType type) {
  return short_name(kProgTypes, type, "program type");
}
std::string name_of(AttachType type) {
  return short_name(kAttachTypes, type, "attach type");
}

std::string kernel_name_of(Command command) {
  return long_name(kCommands, command, "command");
}
std::string kernel_name_of(ProgType type) {
  return long_name(kProgTypes, type, "program type");
}
std::string kernel_name_of(MapType type) {
  return long_name(kMapTypes, type, "map type");
}

std::string_view since(ProgType type) {
  const NameRow* row = find_row(kProgTypes, type);
  return row != nullptr ? row->since : std::string_view();
}
std::string_view since(MapType type) {
  const NameRow* row = find_row(kMapTypes, type);
  return row != nullptr ? row->since : std::string_view();
}

bool is_per_cpu(MapType type) {
  return type == MapType::percpu_hash || type == MapType::percpu_array ||
         type == MapType::lru_percpu_hash || type == MapType::percpu_cgroup_storage;
}

}  // namespace bpfld::bpf
