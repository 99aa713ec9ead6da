// SPDX-License-Identifier: Apache-2.0
// The rows. Sources: the program types' attach points in include/uapi/linux/bpf.h,
// kernel/bpf/syscall.c (bpf_prog_load_check_attach, attach_type_to_prog_type) and the section names
// in use by the field.
#include "loader/sections.h"

#include <algorithm>
#include <array>

#include "base/near.h"

namespace bpfld::loader {
namespace {

using bpf::AttachType;
using bpf::ProgType;
using enum AttachMethod;
constexpr AttachType kNone{};  // 0: the type has no expected attach type

// clang-format off
constexpr std::array<SectionRow, 116> kRows = {{
    // name, target, program type, expected attach type, how it attaches, flags, context
    {"socket",               Target::forbidden, ProgType::socket_filter,           kNone                             , socket, kNoFlags, "__sk_buff"},
    {"sk_reuseport/migrate", Target::forbidden, ProgType::sk_reuseport,            AttachType::sk_reuseport_select_or_migrate, socket, kNoFlags, "sk_reuseport_md"},
    {"sk_reuseport",         Target::forbidden, ProgType::sk_reuseport,            AttachType::sk_reuseport_select   , socket, kNoFlags, "sk_reuseport_md"},
    {"kprobe",               Target::optional,  ProgType::kprobe,                  kNone                             , kprobe, kNoFlags, "pt_regs"},
    {"kretprobe",            Target::optional,  ProgType::kprobe,                  kNone                             , kprobe, kNoFlags, "pt_regs"},
    {"uprobe",               Target::optional,  ProgType::kprobe,                  kNone                             , uprobe, kNoFlags, "pt_regs"},
    {"uprobe.s",             Target::optional,  ProgType::kprobe,                  kNone                             , uprobe, kSleepable, "pt_regs"},
    {"uretprobe",            Target::optional,  ProgType::kprobe,                  kNone                             , uprobe, kNoFlags, "pt_regs"},
    {"uretprobe.s",          Target::optional,  ProgType::kprobe,                  kNone                             , uprobe, kSleepable, "pt_regs"},
    {"kprobe.multi",         Target::optional,  ProgType::kprobe,                  AttachType::trace_kprobe_multi    , kprobe_multi, kNoFlags, "pt_regs"},
    {"kretprobe.multi",      Target::optional,  ProgType::kprobe,                  AttachType::trace_kprobe_multi    , kprobe_multi, kNoFlags, "pt_regs"},
    {"kprobe.session",       Target::optional,  ProgType::kprobe,                  AttachType::trace_kprobe_session  , kprobe_multi, kNoFlags, "pt_regs"},
    {"uprobe.multi",         Target::optional,  ProgType::kprobe,                  AttachType::trace_uprobe_multi    , uprobe_multi, kNoFlags, "pt_regs"},
    {"uprobe.multi.s",       Target::optional,  ProgType::kprobe,                  AttachType::trace_uprobe_multi    , uprobe_multi, kSleepable, "pt_regs"},
    {"uretprobe.multi",      Target::optional,  ProgType::kprobe,                  AttachType::trace_uprobe_multi    , uprobe_multi, kNoFlags, "pt_regs"},
    {"uretprobe.multi.s",    Target::optional,  ProgType::kprobe,                  AttachType::trace_uprobe_multi    , uprobe_multi, kSleepable, "pt_regs"},
    {"uprobe.session",       Target::optional,  ProgType::kprobe,                  AttachType::trace_uprobe_session  , uprobe_multi, kNoFlags, "pt_regs"},
    {"uprobe.session.s",     Target::optional,  ProgType::kprobe,                  AttachType::trace_uprobe_session  , uprobe_multi, kSleepable, "pt_regs"},
    {"ksyscall",             Target::optional,  ProgType::kprobe,                  kNone                             , ksyscall, kNoFlags, "pt_regs"},
    {"kretsyscall",          Target::optional,  ProgType::kprobe,                  kNone                             , ksyscall, kNoFlags, "pt_regs"},
    {"usdt",                 Target::optional,  ProgType::kprobe,                  kNone                             , usdt, kNoFlags, "pt_regs"},
    {"usdt.s",               Target::optional,  ProgType::kprobe,                  kNone                             , usdt, kSleepable, "pt_regs"},
    {"tc/ingress",           Target::forbidden, ProgType::sched_cls,               AttachType::tcx_ingress           , network_device, kNoFlags, "__sk_buff"},
    {"tc/egress",            Target::forbidden, ProgType::sched_cls,               AttachType::tcx_egress            , network_device, kNoFlags, "__sk_buff"},
    {"tcx/ingress",          Target::forbidden, ProgType::sched_cls,               AttachType::tcx_ingress           , network_device, kNoFlags, "__sk_buff"},
    {"tcx/egress",           Target::forbidden, ProgType::sched_cls,               AttachType::tcx_egress            , network_device, kNoFlags, "__sk_buff"},
    {"tc",                   Target::forbidden, ProgType::sched_cls,               kNone                             , network_device, kNoFlags, "__sk_buff"},
    {"classifier",           Target::forbidden, ProgType::sched_cls,               kNone                             , network_device, kNoFlags, "__sk_buff"},
    {"action",               Target::forbidden, ProgType::sched_act,               kNone                             , network_device, kNoFlags, "__sk_buff"},
    {"netkit/primary",       Target::forbidden, ProgType::sched_cls,               AttachType::netkit_primary        , network_device, kNoFlags, "__sk_buff"},
    {"netkit/peer",          Target::forbidden, ProgType::sched_cls,               AttachType::netkit_peer           , network_device, kNoFlags, "__sk_buff"},
    {"tracepoint",           Target::optional,  ProgType::tracepoint,              kNone                             , tracepoint, kNoFlags, "trace_event_raw_*"},
    {"tracepoint.s",         Target::optional,  ProgType::tracepoint,              kNone                             , tracepoint, kSleepable, "trace_event_raw_*"},
    {"tp",                   Target::optional,  ProgType::tracepoint,              kNone                             , tracepoint, kNoFlags, "trace_event_raw_*"},
    {"tp.s",                 Target::optional,  ProgType::tracepoint,              kNone                             , tracepoint, kSleepable, "trace_event_raw_*"},
    {"raw_tracepoint",       Target::optional,  ProgType::raw_tracepoint,          kNone                             , raw_tracepoint, kNoFlags, "bpf_raw_tracepoint_args"},
    {"raw_tracepoint.s",     Target::optional,  ProgType::raw_tracepoint,          kNone                             , raw_tracepoint, kSleepable, "bpf_raw_tracepoint_args"},
    {"raw_tracepoint.w",     Target::optional,  ProgType::raw_tracepoint_writable, kNone                             , raw_tracepoint, kNoFlags, "bpf_raw_tracepoint_args"},
    {"raw_tp",               Target::optional,  ProgType::raw_tracepoint,          kNone                             , raw_tracepoint, kNoFlags, "bpf_raw_tracepoint_args"},
    {"raw_tp.s",             Target::optional,  ProgType::raw_tracepoint,          kNone                             , raw_tracepoint, kSleepable, "bpf_raw_tracepoint_args"},
    {"raw_tp.w",             Target::optional,  ProgType::raw_tracepoint_writable, kNone                             , raw_tracepoint, kNoFlags, "bpf_raw_tracepoint_args"},
    {"tp_btf",               Target::optional,  ProgType::tracing,                 AttachType::trace_raw_tp          , tracing, kAttachBtf, "u64[]"},
    {"tp_btf.s",             Target::optional,  ProgType::tracing,                 AttachType::trace_raw_tp          , tracing, kAttachBtf | kSleepable, "u64[]"},
    {"fentry",               Target::optional,  ProgType::tracing,                 AttachType::trace_fentry          , tracing, kAttachBtf, "u64[]"},
    {"fentry.s",             Target::optional,  ProgType::tracing,                 AttachType::trace_fentry          , tracing, kAttachBtf | kSleepable, "u64[]"},
    {"fexit",                Target::optional,  ProgType::tracing,                 AttachType::trace_fexit           , tracing, kAttachBtf, "u64[]"},
    {"fexit.s",              Target::optional,  ProgType::tracing,                 AttachType::trace_fexit           , tracing, kAttachBtf | kSleepable, "u64[]"},
    {"fmod_ret",             Target::optional,  ProgType::tracing,                 AttachType::modify_return         , tracing, kAttachBtf, "u64[]"},
    {"fmod_ret.s",           Target::optional,  ProgType::tracing,                 AttachType::modify_return         , tracing, kAttachBtf | kSleepable, "u64[]"},
    {"fsession",             Target::optional,  ProgType::tracing,                 AttachType::trace_fsession        , tracing, kAttachBtf, "u64[]"},
    {"fsession.s",           Target::optional,  ProgType::tracing,                 AttachType::trace_fsession        , tracing, kAttachBtf | kSleepable, "u64[]"},
    {"fentry.multi",         Target::optional,  ProgType::tracing,                 AttachType::trace_fentry_multi    , tracing_multi, kNoFlags, "u64[]"},
    {"fentry.multi.s",       Target::optional,  ProgType::tracing,                 AttachType::trace_fentry_multi    , tracing_multi, kSleepable, "u64[]"},
    {"fexit.multi",          Target::optional,  ProgType::tracing,                 AttachType::trace_fexit_multi     , tracing_multi, kNoFlags, "u64[]"},
    {"fexit.multi.s",        Target::optional,  ProgType::tracing,                 AttachType::trace_fexit_multi     , tracing_multi, kSleepable, "u64[]"},
    {"fsession.multi",       Target::optional,  ProgType::tracing,                 AttachType::trace_fsession_multi  , tracing_multi, kNoFlags, "u64[]"},
    {"fsession.multi.s",     Target::optional,  ProgType::tracing,                 AttachType::trace_fsession_multi  , tracing_multi, kSleepable, "u64[]"},
    {"freplace",             Target::optional,  ProgType::ext,                     kNone                             , freplace, kAttachBtf, "the replaced function's"},
    {"lsm",                  Target::optional,  ProgType::lsm,                     AttachType::lsm_mac               , tracing, kAttachBtf, "u64[]"},
    {"lsm.s",                Target::optional,  ProgType::lsm,                     AttachType::lsm_mac               , tracing, kAttachBtf | kSleepable, "u64[]"},
    {"lsm_cgroup",           Target::optional,  ProgType::lsm,                     AttachType::lsm_cgroup            , cgroup, kAttachBtf, "u64[]"},
    {"iter",                 Target::optional,  ProgType::tracing,                 AttachType::trace_iter            , iterator, kAttachBtf, "bpf_iter__*"},
    {"iter.s",               Target::optional,  ProgType::tracing,                 AttachType::trace_iter            , iterator, kAttachBtf | kSleepable, "bpf_iter__*"},
    {"syscall",              Target::forbidden, ProgType::syscall,                 kNone                             , run, kSleepable, "any"},
    {"xdp.frags/devmap",     Target::forbidden, ProgType::xdp,                     AttachType::xdp_devmap            , none, kFrags, "xdp_md"},
    {"xdp/devmap",           Target::forbidden, ProgType::xdp,                     AttachType::xdp_devmap            , none, kNoFlags, "xdp_md"},
    {"xdp.frags/cpumap",     Target::forbidden, ProgType::xdp,                     AttachType::xdp_cpumap            , none, kFrags, "xdp_md"},
    {"xdp/cpumap",           Target::forbidden, ProgType::xdp,                     AttachType::xdp_cpumap            , none, kNoFlags, "xdp_md"},
    {"xdp.frags",            Target::forbidden, ProgType::xdp,                     AttachType::xdp                   , network_device, kFrags, "xdp_md"},
    {"xdp",                  Target::forbidden, ProgType::xdp,                     AttachType::xdp                   , network_device, kAttachHint, "xdp_md"},
    {"perf_event",           Target::forbidden, ProgType::perf_event,              kNone                             , perf_event, kNoFlags, "bpf_perf_event_data"},
    {"lwt_in",               Target::forbidden, ProgType::lwt_in,                  kNone                             , lwt, kNoFlags, "__sk_buff"},
    {"lwt_out",              Target::forbidden, ProgType::lwt_out,                 kNone                             , lwt, kNoFlags, "__sk_buff"},
    {"lwt_xmit",             Target::forbidden, ProgType::lwt_xmit,                kNone                             , lwt, kNoFlags, "__sk_buff"},
    {"lwt_seg6local",        Target::forbidden, ProgType::lwt_seg6local,           kNone                             , lwt, kNoFlags, "__sk_buff"},
    {"sockops",              Target::forbidden, ProgType::sock_ops,                AttachType::cgroup_sock_ops       , cgroup, kAttachHint, "bpf_sock_ops"},
    {"sk_skb/stream_parser", Target::forbidden, ProgType::sk_skb,                  AttachType::sk_skb_stream_parser  , sockmap, kAttachHint, "__sk_buff"},
    {"sk_skb/stream_verdict", Target::forbidden, ProgType::sk_skb,                  AttachType::sk_skb_stream_verdict , sockmap, kAttachHint, "__sk_buff"},
    {"sk_skb/verdict",       Target::forbidden, ProgType::sk_skb,                  AttachType::sk_skb_verdict        , sockmap, kAttachHint, "__sk_buff"},
    {"sk_skb",               Target::forbidden, ProgType::sk_skb,                  kNone                             , sockmap, kNoFlags, "__sk_buff"},
    {"sk_msg",               Target::forbidden, ProgType::sk_msg,                  AttachType::sk_msg_verdict        , sockmap, kAttachHint, "sk_msg_md"},
    {"lirc_mode2",           Target::label,     ProgType::lirc_mode2,              AttachType::lirc_mode2            , lirc, kAttachHint, "u32"},
    {"flow_dissector",       Target::forbidden, ProgType::flow_dissector,          AttachType::flow_dissector        , netns, kAttachHint, "__sk_buff"},
    {"cgroup_skb/ingress",   Target::forbidden, ProgType::cgroup_skb,              AttachType::cgroup_inet_ingress   , cgroup, kAttachHint, "__sk_buff"},
    {"cgroup_skb/egress",    Target::forbidden, ProgType::cgroup_skb,              AttachType::cgroup_inet_egress    , cgroup, kAttachHint, "__sk_buff"},
    {"cgroup/skb",           Target::forbidden, ProgType::cgroup_skb,              kNone                             , cgroup, kNoFlags, "__sk_buff"},
    {"cgroup/sock_create",   Target::forbidden, ProgType::cgroup_sock,             AttachType::cgroup_inet_sock_create, cgroup, kNoFlags, "bpf_sock"},
    {"cgroup/sock_release",  Target::forbidden, ProgType::cgroup_sock,             AttachType::cgroup_inet_sock_release, cgroup, kNoFlags, "bpf_sock"},
    {"cgroup/sock",          Target::forbidden, ProgType::cgroup_sock,             AttachType::cgroup_inet_sock_create, cgroup, kAttachHint, "bpf_sock"},
    {"cgroup/post_bind4",    Target::forbidden, ProgType::cgroup_sock,             AttachType::cgroup_inet4_post_bind, cgroup, kNoFlags, "bpf_sock"},
    {"cgroup/post_bind6",    Target::forbidden, ProgType::cgroup_sock,             AttachType::cgroup_inet6_post_bind, cgroup, kNoFlags, "bpf_sock"},
    {"cgroup/bind4",         Target::forbidden, ProgType::cgroup_sock_addr,        AttachType::cgroup_inet4_bind     , cgroup, kNoFlags, "bpf_sock_addr"},
    {"cgroup/bind6",         Target::forbidden, ProgType::cgroup_sock_addr,        AttachType::cgroup_inet6_bind     , cgroup, kNoFlags, "bpf_sock_addr"},
    {"cgroup/connect4",      Target::forbidden, ProgType::cgroup_sock_addr,        AttachType::cgroup_inet4_connect  , cgroup, kNoFlags, "bpf_sock_addr"},
    {"cgroup/connect6",      Target::forbidden, ProgType::cgroup_sock_addr,        AttachType::cgroup_inet6_connect  , cgroup, kNoFlags, "bpf_sock_addr"},
    {"cgroup/connect_unix",  Target::forbidden, ProgType::cgroup_sock_addr,        AttachType::cgroup_unix_connect   , cgroup, kNoFlags, "bpf_sock_addr"},
    {"cgroup/sendmsg4",      Target::forbidden, ProgType::cgroup_sock_addr,        AttachType::cgroup_udp4_sendmsg   , cgroup, kNoFlags, "bpf_sock_addr"},
    {"cgroup/sendmsg6",      Target::forbidden, ProgType::cgroup_sock_addr,        AttachType::cgroup_udp6_sendmsg   , cgroup, kNoFlags, "bpf_sock_addr"},
    {"cgroup/sendmsg_unix",  Target::forbidden, ProgType::cgroup_sock_addr,        AttachType::cgroup_unix_sendmsg   , cgroup, kNoFlags, "bpf_sock_addr"},
    {"cgroup/recvmsg4",      Target::forbidden, ProgType::cgroup_sock_addr,        AttachType::cgroup_udp4_recvmsg   , cgroup, kNoFlags, "bpf_sock_addr"},
    {"cgroup/recvmsg6",      Target::forbidden, ProgType::cgroup_sock_addr,        AttachType::cgroup_udp6_recvmsg   , cgroup, kNoFlags, "bpf_sock_addr"},
    {"cgroup/recvmsg_unix",  Target::forbidden, ProgType::cgroup_sock_addr,        AttachType::cgroup_unix_recvmsg   , cgroup, kNoFlags, "bpf_sock_addr"},
    {"cgroup/getpeername4",  Target::forbidden, ProgType::cgroup_sock_addr,        AttachType::cgroup_inet4_getpeername, cgroup, kNoFlags, "bpf_sock_addr"},
    {"cgroup/getpeername6",  Target::forbidden, ProgType::cgroup_sock_addr,        AttachType::cgroup_inet6_getpeername, cgroup, kNoFlags, "bpf_sock_addr"},
    {"cgroup/getpeername_unix", Target::forbidden, ProgType::cgroup_sock_addr,        AttachType::cgroup_unix_getpeername, cgroup, kNoFlags, "bpf_sock_addr"},
    {"cgroup/getsockname4",  Target::forbidden, ProgType::cgroup_sock_addr,        AttachType::cgroup_inet4_getsockname, cgroup, kNoFlags, "bpf_sock_addr"},
    {"cgroup/getsockname6",  Target::forbidden, ProgType::cgroup_sock_addr,        AttachType::cgroup_inet6_getsockname, cgroup, kNoFlags, "bpf_sock_addr"},
    {"cgroup/getsockname_unix", Target::forbidden, ProgType::cgroup_sock_addr,        AttachType::cgroup_unix_getsockname, cgroup, kNoFlags, "bpf_sock_addr"},
    {"cgroup/sysctl",        Target::forbidden, ProgType::cgroup_sysctl,           AttachType::cgroup_sysctl         , cgroup, kNoFlags, "bpf_sysctl"},
    {"cgroup/getsockopt",    Target::forbidden, ProgType::cgroup_sockopt,          AttachType::cgroup_getsockopt     , cgroup, kNoFlags, "bpf_sockopt"},
    {"cgroup/setsockopt",    Target::forbidden, ProgType::cgroup_sockopt,          AttachType::cgroup_setsockopt     , cgroup, kNoFlags, "bpf_sockopt"},
    {"cgroup/dev",           Target::forbidden, ProgType::cgroup_device,           AttachType::cgroup_device         , cgroup, kAttachHint, "bpf_cgroup_dev_ctx"},
    {"struct_ops",           Target::optional,  ProgType::struct_ops,              kNone                             , struct_ops, kNoFlags, "u64[]"},
    {"struct_ops.s",         Target::optional,  ProgType::struct_ops,              kNone                             , struct_ops, kSleepable, "u64[]"},
    {"sk_lookup",            Target::forbidden, ProgType::sk_lookup,               AttachType::sk_lookup             , netns, kNoFlags, "bpf_sk_lookup"},
    {"netfilter",            Target::forbidden, ProgType::netfilter,               AttachType::netfilter             , netfilter, kNoFlags, "bpf_nf_ctx"},
}};
// clang-format on

constexpr bool matches(const SectionRow& row, std::string_view name) {
  if (!name.starts_with(row.name)) return false;
  if (name.size() == row.name.size()) return true;
  return row.target != Target::forbidden && name[row.name.size()] == '/';
}

constexpr const SectionRow* find_row(std::string_view name) {
  for (const SectionRow& row : kRows)
    if (matches(row, name)) return &row;
  return nullptr;
}

consteval bool names_are_unique() {
  for (std::size_t i = 0; i < kRows.size(); i++)
    for (std::size_t j = i + 1; j < kRows.size(); j++)
      if (kRows[i].name == kRows[j].name) return false;
  return true;
}
static_assert(names_are_unique());
static_assert(find_row("kprobe.multi/tcp_*")->attach_type == AttachType::trace_kprobe_multi);
static_assert(find_row("xdp.frags/devmap")->attach_type == AttachType::xdp_devmap);
static_assert(find_row("kprobefoo") == nullptr);
static_assert(find_row("xdp/eth0") == nullptr);
static_assert(find_row("lirc_mode2/rc_mm")->type == ProgType::lirc_mode2);

}  // namespace

std::span<const SectionRow> section_rows() {
  return kRows;
}

std::optional<SectionMatch> match_section(std::string_view section_name) {
  SectionMatch match;
  if (section_name.starts_with('?')) {
    match.autoload = false;
    section_name.remove_prefix(1);
  }
  match.row = find_row(section_name);
  if (match.row == nullptr) return std::nullopt;
  if (match.row->target == Target::optional && section_name.size() > match.row->name.size())
    match.target = section_name.substr(match.row->name.size() + 1);
  return match;
}

std::vector<std::string_view> similar_sections(std::string_view section_name, std::size_t limit) {
  if (section_name.starts_with('?')) section_name.remove_prefix(1);
  const std::string_view head = section_name.substr(0, section_name.find('/'));
  std::vector<std::string_view> names;
  for (const SectionRow& row : kRows)
    names.push_back(row.name);
  std::vector<std::string_view> near = nearest(section_name, names, limit);
  if (near.empty()) near = nearest(head, names, limit);
  return near;
}

}  // namespace bpfld::loader
