// SPDX-License-Identifier: Apache-2.0
// Probes of map types, each with the smallest attributes that its kind takes, and of link types:
// a link of a real program to a target that does not exist, for a kernel that knows such links
// looks for the target, and one that does not refuses the request as a whole. See probes.h.
//
// Source: kernel/bpf/*: map_alloc_check(); kernel/bpf/syscall.c: link_create().
#include <array>
#include <cerrno>

#include "bpf/tables.h"
#include "btf/index.h"
#include "loader/probes.h"

namespace bpfld::loader {
namespace {

using bpf::AttachType;
using bpf::Fd;
using bpf::MapType;
using bpf::ProgType;

// What a map needs beside its attributes.
enum class Extra : u8 {
  nothing,
  inner,       // a map of maps: another map
  types,       // a map of local storage: BTF of its key and value
  page,        // max_entries is in bytes, whole pages
  kernel_type  // struct_ops: the value is a struct of the kernel
};

struct MapRow {
  MapType type;
  u32 key, value, entries, flags;
  Extra extra;
};

// clang-format off
constexpr std::array<MapRow, 35> kMaps = {{
    {MapType::hash,                  4, 4, 1, 0,                    Extra::nothing},
    {MapType::array,                 4, 4, 1, 0,                    Extra::nothing},
    {MapType::prog_array,            4, 4, 1, 0,                    Extra::nothing},
    {MapType::perf_event_array,      4, 4, 1, 0,                    Extra::nothing},
    {MapType::percpu_hash,           4, 4, 1, 0,                    Extra::nothing},
    {MapType::percpu_array,          4, 4, 1, 0,                    Extra::nothing},
    {MapType::stack_trace,           4, 8, 1, 0,                    Extra::nothing},
    {MapType::cgroup_array,          4, 4, 1, 0,                    Extra::nothing},
    {MapType::lru_hash,              4, 4, 1, 0,                    Extra::nothing},
    {MapType::lru_percpu_hash,       4, 4, 1, 0,                    Extra::nothing},
    {MapType::lpm_trie,              8, 4, 1, bpf::kMapNoPrealloc,  Extra::nothing},
    {MapType::array_of_maps,         4, 4, 1, 0,                    Extra::inner},
    {MapType::hash_of_maps,          4, 4, 1, 0,                    Extra::inner},
    {MapType::devmap,                4, 4, 1, 0,                    Extra::nothing},
    {MapType::sockmap,               4, 4, 1, 0,                    Extra::nothing},
    {MapType::cpumap,                4, 4, 1, 0,                    Extra::nothing},
    {MapType::xskmap,                4, 4, 1, 0,                    Extra::nothing},
    {MapType::sockhash,              4, 4, 1, 0,                    Extra::nothing},
    {MapType::cgroup_storage,       16, 4, 0, 0,                    Extra::nothing},
    {MapType::reuseport_sockarray,   4, 4, 1, 0,                    Extra::nothing},
    {MapType::percpu_cgroup_storage,16, 4, 0, 0,                    Extra::nothing},
    {MapType::queue,                 0, 4, 1, 0,                    Extra::nothing},
    {MapType::stack,                 0, 4, 1, 0,                    Extra::nothing},
    {MapType::sk_storage,            4, 4, 0, bpf::kMapNoPrealloc,  Extra::types},
    {MapType::devmap_hash,           4, 4, 1, 0,                    Extra::nothing},
    {MapType::struct_ops,            4, 4, 1, 0,                    Extra::kernel_type},
    {MapType::ringbuf,               0, 0, 1, 0,                    Extra::page},
    {MapType::inode_storage,         4, 4, 0, bpf::kMapNoPrealloc,  Extra::types},
    {MapType::task_storage,          4, 4, 0, bpf::kMapNoPrealloc,  Extra::types},
    {MapType::bloom_filter,          0, 4, 1, 0,                    Extra::nothing},
    {MapType::user_ringbuf,          0, 0, 1, 0,                    Extra::page},
    {MapType::cgrp_storage,          4, 4, 0, bpf::kMapNoPrealloc,  Extra::types},
    {MapType::arena,                 0, 0, 1, bpf::kMapMmapable,    Extra::nothing},
    {MapType::insn_array,            4, 16, 1, 0,                   Extra::nothing},
    {MapType::rhash,                 4, 4, 1, bpf::kMapNoPrealloc,  Extra::nothing},
}};
// clang-format on

// BTF with one type: 1 is int.
bpf::BtfLoad int_types() {
  struct {
    u16 magic = 0xeb9f;
    u8 version = 1, flags = 0;
    u32 header_size = 24, type_offset = 0, type_size = 16, string_offset = 16, string_size = 5;
    u32 name = 1, info = 1u << 24, size = 4, encoding = 1u << 24 | 32;
    char strings[5] = {'\0', 'i', 'n', 't', '\0'};
    char padding[3] = {};
  } blob;
  static_assert(sizeof(blob) == 48);
  bpf::BtfLoad out;
  const Bytes bytes = bytes_of(blob).first(24 + 16 + 5);
  out.blob.assign(bytes.begin(), bytes.end());
  return out;
}

Probe make_probe(const MapRow& row, u32 page_size) {
  Probe probe;
  probe.kind = ProbeKind::map;
  probe.map_type = row.type;
  probe.name = bpf::name_of(row.type);
  probe.since = bpf::since(row.type);
  bpf::MapCreate create;
  create.type = row.type;
  create.key_size = row.key;
  create.value_size = row.value;
  create.max_entries = row.extra == Extra::page ? page_size : row.entries;
  create.flags = row.flags;
  if (row.extra == Extra::kernel_type) {
    probe.problem = "is asked through its programs: see struct_ops of `feature prog`";
    return probe;
  }
  if (row.extra == Extra::inner) {
    bpf::MapCreate inner;
    inner.type = MapType::array;
    inner.key_size = inner.value_size = 4;
    inner.max_entries = 1;
    probe.ops.push_back({"the inner map", inner, 0u, false});
    create.inner_map = Fd::slot(0);
  }
  if (row.extra == Extra::types) {
    probe.ops.push_back({"its types", int_types(), 0u, false});
    create.btf = Fd::slot(0);
    create.btf_key_type_id = create.btf_value_type_id = 1;
  }
  probe.ops.push_back({"the probe", std::move(create), 1u, false});
  return probe;
}

struct LinkRow {
  std::string_view name;
  ProgType program;
  AttachType expected;
  AttachType attach;
  int yes_errno;
  std::string_view since;
};
constexpr int kNoSuchFd = 0x7fffffff;  // and no such network device

// clang-format off
constexpr std::array<LinkRow, 8> kLinks = {{
    {"perf_event", ProgType::tracepoint, {},                        AttachType::perf_event,          EBADF,        "5.15"},
    {"cgroup",     ProgType::cgroup_skb, {},                        AttachType::cgroup_inet_ingress, EBADF,        "5.7"},
    {"netns",      ProgType::sk_lookup,  AttachType::sk_lookup,     AttachType::sk_lookup,           EBADF,        "5.8"},
    {"tcx",        ProgType::sched_cls,  {},                        AttachType::tcx_ingress,         ENODEV,       "6.6"},
    {"netkit",     ProgType::sched_cls,  {},                        AttachType::netkit_primary,      ENODEV,       "6.7"},
    {"sockmap",    ProgType::sk_msg,     AttachType::sk_msg_verdict,AttachType::sk_msg_verdict,      EBADF,        "6.10"},
    {"netfilter",  ProgType::netfilter,  AttachType::netfilter,     AttachType::netfilter,           EAFNOSUPPORT, "6.4"},
    {"iter",       ProgType::tracing,    AttachType::trace_iter,    AttachType::trace_iter,          0,            "5.8"},
}};
// clang-format on

Probe make_probe(const LinkRow& row, const btf::View* kernel) {
  Probe probe;
  probe.kind = ProbeKind::link;
  probe.name = row.name;
  probe.since = row.since;
  probe.program_type = row.program;
  probe.attach_type = row.attach;
  probe.yes_errno = row.yes_errno;
  bpf::ProgLoad load;
  load.type = row.program;
  load.expected_attach_type = row.expected;
  load.license = "GPL";
  load.insns = {bpf::mov64_imm(0, 0), bpf::exit_insn()};
  bpf::LinkCreate link;
  link.program = Fd::slot(0);
  link.attach_type = row.attach;
  if (row.attach == AttachType::trace_iter) {
    const btf::TypeId id = kernel == nullptr
                               ? btf::TypeId{}
                               : btf::find_one(*kernel, "bpf_iter_task", {btf::Kind::func});
    load.attach_btf_id = id.value;
    if (id.value == 0) {
      probe.problem = "the kernel's BTF has no bpf_iter_task";
      return probe;
    }
  } else if (row.attach != AttachType::netfilter) {
    link.target = Fd::number(kNoSuchFd);
  }
  probe.ops.push_back({"its program", std::move(load), 0u, false});
  probe.ops.push_back({"the probe", std::move(link), 1u, false});
  return probe;
}

// A link whose request says more than a target.
Probe wide_link(std::string name, std::string_view since, bpf::ProgLoad load, bpf::Request link,
                int yes_errno) {
  Probe probe;
  probe.kind = ProbeKind::link;
  probe.name = std::move(name);
  probe.since = since;
  probe.program_type = load.type;
  probe.attach_type = load.expected_attach_type;
  probe.yes_errno = yes_errno;
  load.license = "GPL";
  load.insns = {bpf::mov64_imm(0, 0), bpf::exit_insn()};
  probe.ops.push_back({"its program", std::move(load), 0u, false});
  probe.ops.push_back({"the probe", std::move(link), 1u, false});
  return probe;
}

// A function that there is none of: ESRCH (kernel/trace/ftrace.c: ftrace_lookup_symbols()).
Probe kprobe_multi_link() {
  bpf::ProgLoad load;
  load.type = ProgType::kprobe;
  load.expected_attach_type = AttachType::trace_kprobe_multi;
  bpf::LinkKprobeMulti link;
  link.program = Fd::slot(0);
  link.symbols = {"bpfld_no_such_function"};
  return wide_link("kprobe_multi", "5.18", std::move(load), std::move(link), ESRCH);
}

// A file that is none: EBADF (kernel/trace/bpf_trace.c: bpf_uprobe_multi_link_attach()).
Probe uprobe_multi_link() {
  bpf::ProgLoad load;
  load.type = ProgType::kprobe;
  load.expected_attach_type = AttachType::trace_uprobe_multi;
  bpf::LinkUprobeMulti link;
  link.program = Fd::slot(0);
  link.path = "/";
  link.offsets = {0};
  return wide_link("uprobe_multi", "6.6", std::move(load), std::move(link), EBADF);
}

// To a function that nobody calls but the kernel's own test of such programs.
Probe tracing_link(const btf::View* kernel) {
  constexpr std::string_view kFunction = "bpf_fentry_test1";
  bpf::ProgLoad load;
  load.type = ProgType::tracing;
  load.expected_attach_type = AttachType::trace_fentry;
  if (kernel != nullptr)
    load.attach_btf_id = btf::find_one(*kernel, kFunction, {btf::Kind::func}).value;
  const bool found = load.attach_btf_id != 0;
  Probe probe =
      wide_link("tracing", "5.7", std::move(load), bpf::RawTracepointOpen{Fd::slot(0), {}}, 0);
  if (found) return probe;
  probe.ops.clear();
  probe.problem = format("the kernel's BTF has no {}", kFunction);
  return probe;
}

}  // namespace

// At the tracepoint that only test runs of programs pass.
Probe tracing_create_probe(const btf::View* kernel) {
  constexpr std::string_view kTracepoint = "btf_trace_bpf_test_finish";
  bpf::ProgLoad load;
  load.type = ProgType::tracing;
  load.expected_attach_type = AttachType::trace_raw_tp;
  if (kernel != nullptr)
    load.attach_btf_id = btf::find_one(*kernel, kTracepoint, {btf::Kind::typedef_}).value;
  const bool found = load.attach_btf_id != 0;
  bpf::LinkCreate link;
  link.program = Fd::slot(0);
  link.attach_type = AttachType::trace_raw_tp;
  Probe probe = wide_link("tracing_create", "5.19", std::move(load), link, 0);
  if (found) return probe;
  probe.ops.clear();
  probe.problem = format("the kernel's BTF has no {}", kTracepoint);
  return probe;
}

std::vector<Probe> map_probes(u32 page_size) {
  std::vector<Probe> out;
  out.reserve(kMaps.size());
  for (const MapRow& row : kMaps)
    out.push_back(make_probe(row, page_size));
  return out;
}

std::vector<Probe> link_probes(const btf::View* kernel) {
  std::vector<Probe> out;
  out.reserve(kLinks.size() + 3);
  for (const LinkRow& row : kLinks)
    out.push_back(make_probe(row, kernel));
  out.push_back(kprobe_multi_link());
  out.push_back(uprobe_multi_link());
  out.push_back(tracing_link(kernel));
  return out;
}

}  // namespace bpfld::loader
