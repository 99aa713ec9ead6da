// SPDX-License-Identifier: Apache-2.0
// The kernel's BPF ABI: commands, types, flags and instruction encodings, written down once because
// the system's <linux/bpf.h> is as old as the distribution (Debian 12's is 6.1) while the kernel it
// meets may be newer. The numbers are ABI and never change; a test compares every one with the
// running kernel's BTF.
//
// Source: include/uapi/linux/bpf.h, include/uapi/linux/bpf_common.h.
#pragma once

#include "base/int.h"

namespace bpfld::bpf {

enum class Command : u32 {
  map_create = 0,
  map_lookup_elem,
  map_update_elem,
  map_delete_elem,
  map_get_next_key,
  prog_load,
  obj_pin,
  obj_get,
  prog_attach,
  prog_detach,
  prog_test_run,
  prog_get_next_id,
  map_get_next_id,
  prog_get_fd_by_id,
  map_get_fd_by_id,
  obj_get_info_by_fd,
  prog_query,
  raw_tracepoint_open,
  btf_load,
  btf_get_fd_by_id,
  task_fd_query,
  map_lookup_and_delete_elem,
  map_freeze,
  btf_get_next_id,
  map_lookup_batch,
  map_lookup_and_delete_batch,
  map_update_batch,
  map_delete_batch,
  link_create,
  link_update,
  link_get_fd_by_id,
  link_get_next_id,
  enable_stats,
  iter_create,
  link_detach,
  prog_bind_map,
  token_create,
  prog_stream_read_by_fd,
  prog_assoc_struct_ops,
};

enum class MapType : u32 {
  unspec = 0,
  hash,
  array,
  prog_array,
  perf_event_array,
  percpu_hash,
  percpu_array,
  stack_trace,
  cgroup_array,
  lru_hash,
  lru_percpu_hash,
  lpm_trie,
  array_of_maps,
  hash_of_maps,
  devmap,
  sockmap,
  cpumap,
  xskmap,
  sockhash,
  cgroup_storage,
  reuseport_sockarray,
  percpu_cgroup_storage,
  queue,
  stack,
  sk_storage,
  devmap_hash,
  struct_ops,
  ringbuf,
  inode_storage,
  task_storage,
  bloom_filter,
  user_ringbuf,
  cgrp_storage,
  arena,
  insn_array,
  rhash,
};

enum class ProgType : u32 {
  unspec = 0,
  socket_filter,
  kprobe,
  sched_cls,
  sched_act,
  tracepoint,
  xdp,
  perf_event,
  cgroup_skb,
  cgroup_sock,
  lwt_in,
  lwt_out,
  lwt_xmit,
  sock_ops,
  sk_skb,
  cgroup_device,
  sk_msg,
  raw_tracepoint,
  cgroup_sock_addr,
  lwt_seg6local,
  lirc_mode2,
  sk_reuseport,
  flow_dissector,
  cgroup_sysctl,
  raw_tracepoint_writable,
  cgroup_sockopt,
  tracing,
  struct_ops,
  ext,
  lsm,
  sk_lookup,
  syscall,
  netfilter,
};

enum class AttachType : u32 {
  cgroup_inet_ingress = 0,
  cgroup_inet_egress,
  cgroup_inet_sock_create,
  cgroup_sock_ops,
  sk_skb_stream_parser,
  sk_skb_stream_verdict,
  cgroup_device,
  sk_msg_verdict,
  cgroup_inet4_bind,
  cgroup_inet6_bind,
  cgroup_inet4_connect,
  cgroup_inet6_connect,
  cgroup_inet4_post_bind,
  cgroup_inet6_post_bind,
  cgroup_udp4_sendmsg,
  cgroup_udp6_sendmsg,
  lirc_mode2,
  flow_dissector,
  cgroup_sysctl,
  cgroup_udp4_recvmsg,
  cgroup_udp6_recvmsg,
  cgroup_getsockopt,
  cgroup_setsockopt,
  trace_raw_tp,
  trace_fentry,
  trace_fexit,
  modify_return,
  lsm_mac,
  trace_iter,
  cgroup_inet4_getpeername,
  cgroup_inet6_getpeername,
  cgroup_inet4_getsockname,
  cgroup_inet6_getsockname,
  xdp_devmap,
  cgroup_inet_sock_release,
  xdp_cpumap,
  sk_lookup,
  xdp,
  sk_skb_verdict,
  sk_reuseport_select,
  sk_reuseport_select_or_migrate,
  perf_event,
  trace_kprobe_multi,
  lsm_cgroup,
  struct_ops,
  netfilter,
  tcx_ingress,
  tcx_egress,
  trace_uprobe_multi,
  cgroup_unix_connect,
  cgroup_unix_sendmsg,
  cgroup_unix_recvmsg,
  cgroup_unix_getpeername,
  cgroup_unix_getsockname,
  netkit_primary,
  netkit_peer,
  trace_kprobe_session,
  trace_uprobe_session,
  trace_fsession,
  trace_fentry_multi,
  trace_fexit_multi,
  trace_fsession_multi,
};

// BPF_MAP_CREATE map_flags.
inline constexpr u32 kMapNoPrealloc = 1u << 0;
inline constexpr u32 kMapNumaNode = 1u << 2;
inline constexpr u32 kMapStackBuildId = 1u << 5;  // BPF_F_STACK_BUILD_ID
inline constexpr u32 kMapReadOnlyProg = 1u << 7;  // BPF_F_RDONLY_PROG
inline constexpr u32 kMapMmapable = 1u << 10;     // BPF_F_MMAPABLE, since v5.5
inline constexpr u32 kMapLink = 1u << 13;         // BPF_F_LINK, since v6.4
inline constexpr u32 kMapModuleValue = 1u << 15;  // BPF_F_VTYPE_BTF_OBJ_FD, since v6.9

// In map_flags, prog_flags, btf_flags, and in open_flags of BPF_BTF_GET_FD_BY_ID (v6.16).
inline constexpr u32 kTokenFd = 1u << 16;  // BPF_F_TOKEN_FD, since v6.9

// BPF_PROG_LOAD prog_flags.
inline constexpr u32 kProgSleepable = 1u << 4;    // BPF_F_SLEEPABLE, since v5.10
inline constexpr u32 kProgXdpHasFrags = 1u << 5;  // BPF_F_XDP_HAS_FRAGS, since v5.18

inline constexpr u32 kObjectNameLength = 16;  // BPF_OBJ_NAME_LEN, its NUL included

// src_reg of a BPF_LD | BPF_IMM | BPF_DW (ld_imm64), and of a call: what imm means.
inline constexpr u8 kPseudoMapFd = 1;
inline constexpr u8 kPseudoMapValue = 2;
inline constexpr u8 kPseudoBtfId = 3;
inline constexpr u8 kPseudoFunc = 4;
inline constexpr u8 kPseudoCall = 1;       // BPF_CALL: imm is a slot-relative subprogram
inline constexpr u8 kPseudoKfuncCall = 2;  // BPF_CALL: imm is a BTF id

// Instruction classes and the opcodes that a loader looks at.
inline constexpr u8 kClassMask = 0x07;
inline constexpr u8 kClassLd = 0x00;
inline constexpr u8 kClassLdx = 0x01;
inline constexpr u8 kClassSt = 0x02;
inline constexpr u8 kClassStx = 0x03;
inline constexpr u8 kClassAlu = 0x04;
inline constexpr u8 kClassJmp = 0x05;
inline constexpr u8 kClassJmp32 = 0x06;
inline constexpr u8 kClassAlu64 = 0x07;
inline constexpr u8 kSourceX = 0x08;    // BPF_X: the operand is a register
inline constexpr u8 kSizeMask = 0x18;   // W 0x00, H 0x08, B 0x10, DW 0x18
inline constexpr u8 kOpLdImm64 = 0x18;  // BPF_LD | BPF_IMM | BPF_DW, two slots
inline constexpr u8 kOpCall = 0x85;     // BPF_JMP | BPF_CALL
inline constexpr u8 kOpExit = 0x95;     // BPF_JMP | BPF_EXIT
inline constexpr u8 kOpMov64Reg = 0xbf;
inline constexpr u8 kOpMov64Imm = 0xb7;
inline constexpr u8 kOpAdd64Imm = 0x07;

inline constexpr u32 kFuncMapLookupElem = 1;
inline constexpr u32 kFuncPerfEventOutput = 25;
inline constexpr u32 kFuncRingbufOutput = 130;
inline constexpr u32 kFuncRingbufReserve = 131;
inline constexpr u32 kFuncKtimeGetCoarseNs = 160;  // since v5.11, as is memcg accounting

}  // namespace bpfld::bpf
