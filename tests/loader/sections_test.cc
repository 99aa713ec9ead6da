// SPDX-License-Identifier: Apache-2.0
// The SEC() table against a second writing of it, by kind of program instead of by row: what the
// kernel's own selftests and the field put into SEC(), and which program type, expected attach type
// and flags they get.
#include "loader/sections.h"

#include <algorithm>
#include <doctest/doctest.h>
#include <set>
#include <string>

#include "base/format.h"
#include "bpf/tables.h"

using namespace bpfld;
using namespace bpfld::loader;

namespace {

// Several sections that differ in nothing but their names. A '+' after a name: a target may follow.
struct Group {
  std::string_view names, type, attach;
  unsigned flags = kNoFlags;
};

// clang-format off
const Group kGroups[] = {
    {"socket", "socket_filter", ""},
    {"sk_reuseport/migrate", "sk_reuseport", "sk_reuseport_select_or_migrate"},
    {"sk_reuseport", "sk_reuseport", "sk_reuseport_select"},
    {"kprobe+ kretprobe+ ksyscall+ kretsyscall+ uprobe+ uretprobe+ usdt+", "kprobe", ""},
    {"uprobe.s+ uretprobe.s+ usdt.s+", "kprobe", "", kSleepable},
    {"kprobe.multi+ kretprobe.multi+", "kprobe", "trace_kprobe_multi"},
    {"kprobe.session+", "kprobe", "trace_kprobe_session"},
    {"uprobe.multi+ uretprobe.multi+", "kprobe", "trace_uprobe_multi"},
    {"uprobe.multi.s+ uretprobe.multi.s+", "kprobe", "trace_uprobe_multi", kSleepable},
    {"uprobe.session+", "kprobe", "trace_uprobe_session"},
    {"uprobe.session.s+", "kprobe", "trace_uprobe_session", kSleepable},
    {"tc/ingress tcx/ingress", "sched_cls", "tcx_ingress"},
    {"tc/egress tcx/egress", "sched_cls", "tcx_egress"},
    {"tc classifier", "sched_cls", ""},
    {"action", "sched_act", ""},
    {"netkit/primary", "sched_cls", "netkit_primary"},
    {"netkit/peer", "sched_cls", "netkit_peer"},
    {"tracepoint+ tp+", "tracepoint", ""},
    {"tracepoint.s+ tp.s+", "tracepoint", "", kSleepable},
    {"raw_tracepoint+ raw_tp+", "raw_tracepoint", ""},
    {"raw_tracepoint.s+ raw_tp.s+", "raw_tracepoint", "", kSleepable},
    {"raw_tracepoint.w+ raw_tp.w+", "raw_tracepoint_writable", ""},
    {"tp_btf+", "tracing", "trace_raw_tp", kAttachBtf},
    {"tp_btf.s+", "tracing", "trace_raw_tp", kAttachBtf | kSleepable},
    {"fentry+", "tracing", "trace_fentry", kAttachBtf},
    {"fentry.s+", "tracing", "trace_fentry", kAttachBtf | kSleepable},
    {"fexit+", "tracing", "trace_fexit", kAttachBtf},
    {"fexit.s+", "tracing", "trace_fexit", kAttachBtf | kSleepable},
    {"fmod_ret+", "tracing", "modify_return", kAttachBtf},
    {"fmod_ret.s+", "tracing", "modify_return", kAttachBtf | kSleepable},
    {"fsession+", "tracing", "trace_fsession", kAttachBtf},
    {"fsession.s+", "tracing", "trace_fsession", kAttachBtf | kSleepable},
    {"fentry.multi+", "tracing", "trace_fentry_multi"},
    {"fentry.multi.s+", "tracing", "trace_fentry_multi", kSleepable},
    {"fexit.multi+", "tracing", "trace_fexit_multi"},
    {"fexit.multi.s+", "tracing", "trace_fexit_multi", kSleepable},
    {"fsession.multi+", "tracing", "trace_fsession_multi"},
    {"fsession.multi.s+", "tracing", "trace_fsession_multi", kSleepable},
    {"freplace+", "ext", "", kAttachBtf},
    {"lsm+", "lsm", "lsm_mac", kAttachBtf},
    {"lsm.s+", "lsm", "lsm_mac", kAttachBtf | kSleepable},
    {"lsm_cgroup+", "lsm", "lsm_cgroup", kAttachBtf},
    {"iter+", "tracing", "trace_iter", kAttachBtf},
    {"iter.s+", "tracing", "trace_iter", kAttachBtf | kSleepable},
    {"syscall", "syscall", "", kSleepable},
    {"xdp", "xdp", "xdp", kAttachHint},
    {"xdp.frags", "xdp", "xdp", kFrags},
    {"xdp/devmap", "xdp", "xdp_devmap"},
    {"xdp.frags/devmap", "xdp", "xdp_devmap", kFrags},
    {"xdp/cpumap", "xdp", "xdp_cpumap"},
    {"xdp.frags/cpumap", "xdp", "xdp_cpumap", kFrags},
    {"perf_event", "perf_event", ""},
    {"lwt_in", "lwt_in", ""},
    {"lwt_out", "lwt_out", ""},
    {"lwt_xmit", "lwt_xmit", ""},
    {"lwt_seg6local", "lwt_seg6local", ""},
    {"sockops", "sock_ops", "cgroup_sock_ops", kAttachHint},
    {"sk_skb/stream_parser", "sk_skb", "sk_skb_stream_parser", kAttachHint},
    {"sk_skb/stream_verdict", "sk_skb", "sk_skb_stream_verdict", kAttachHint},
    {"sk_skb/verdict", "sk_skb", "sk_skb_verdict", kAttachHint},
    {"sk_skb", "sk_skb", ""},
    {"sk_msg", "sk_msg", "sk_msg_verdict", kAttachHint},
    {"lirc_mode2", "lirc_mode2", "lirc_mode2", kAttachHint},
    {"flow_dissector", "flow_dissector", "flow_dissector", kAttachHint},
    {"cgroup_skb/ingress", "cgroup_skb", "cgroup_inet_ingress", kAttachHint},
    {"cgroup_skb/egress", "cgroup_skb", "cgroup_inet_egress", kAttachHint},
    {"cgroup/skb", "cgroup_skb", ""},
    {"cgroup/sock", "cgroup_sock", "cgroup_inet_sock_create", kAttachHint},
    {"cgroup/sock_create", "cgroup_sock", "cgroup_inet_sock_create"},
    {"cgroup/sock_release", "cgroup_sock", "cgroup_inet_sock_release"},
    {"cgroup/post_bind4", "cgroup_sock", "cgroup_inet4_post_bind"},
    {"cgroup/post_bind6", "cgroup_sock", "cgroup_inet6_post_bind"},
    {"cgroup/bind4", "cgroup_sock_addr", "cgroup_inet4_bind"},
    {"cgroup/bind6", "cgroup_sock_addr", "cgroup_inet6_bind"},
    {"cgroup/connect4", "cgroup_sock_addr", "cgroup_inet4_connect"},
    {"cgroup/connect6", "cgroup_sock_addr", "cgroup_inet6_connect"},
    {"cgroup/connect_unix", "cgroup_sock_addr", "cgroup_unix_connect"},
    {"cgroup/sendmsg4", "cgroup_sock_addr", "cgroup_udp4_sendmsg"},
    {"cgroup/sendmsg6", "cgroup_sock_addr", "cgroup_udp6_sendmsg"},
    {"cgroup/sendmsg_unix", "cgroup_sock_addr", "cgroup_unix_sendmsg"},
    {"cgroup/recvmsg4", "cgroup_sock_addr", "cgroup_udp4_recvmsg"},
    {"cgroup/recvmsg6", "cgroup_sock_addr", "cgroup_udp6_recvmsg"},
    {"cgroup/recvmsg_unix", "cgroup_sock_addr", "cgroup_unix_recvmsg"},
    {"cgroup/getpeername4", "cgroup_sock_addr", "cgroup_inet4_getpeername"},
    {"cgroup/getpeername6", "cgroup_sock_addr", "cgroup_inet6_getpeername"},
    {"cgroup/getpeername_unix", "cgroup_sock_addr", "cgroup_unix_getpeername"},
    {"cgroup/getsockname4", "cgroup_sock_addr", "cgroup_inet4_getsockname"},
    {"cgroup/getsockname6", "cgroup_sock_addr", "cgroup_inet6_getsockname"},
    {"cgroup/getsockname_unix", "cgroup_sock_addr", "cgroup_unix_getsockname"},
    {"cgroup/sysctl", "cgroup_sysctl", "cgroup_sysctl"},
    {"cgroup/getsockopt", "cgroup_sockopt", "cgroup_getsockopt"},
    {"cgroup/setsockopt", "cgroup_sockopt", "cgroup_setsockopt"},
    {"cgroup/dev", "cgroup_device", "cgroup_device", kAttachHint},
    {"struct_ops+", "struct_ops", ""},
    {"struct_ops.s+", "struct_ops", "", kSleepable},
    {"sk_lookup", "sk_lookup", "sk_lookup"},
    {"netfilter", "netfilter", "netfilter"},
};
// clang-format on

std::vector<std::string_view> words(std::string_view text) {
  std::vector<std::string_view> out;
  while (!text.empty()) {
    const std::size_t space = std::min(text.find(' '), text.size());
    out.push_back(text.substr(0, space));
    text.remove_prefix(std::min(space + 1, text.size()));
  }
  return out;
}

// "" for the attach type 0 of programs that have none.
std::string attach_name(const SectionRow& row) {
  return static_cast<u32>(row.attach_type) == 0 && row.type != bpf::ProgType::cgroup_skb
             ? ""
             : bpf::name_of(row.attach_type);
}

std::string matched(std::string_view section) {
  const std::optional<SectionMatch> match = match_section(section);
  if (!match) return "none";
  return format("{} [{}]{}", match->row->name, match->target, match->autoload ? "" : " off");
}

}  // namespace

TEST_CASE("loader sections: every row has the type, attach type and flags of its kind") {
  std::set<std::string_view> seen;
  for (const Group& group : kGroups) {
    for (std::string_view name : words(group.names)) {
      const bool optional = name.ends_with('+');
      if (optional) name.remove_suffix(1);
      seen.insert(name);
      const auto rows = section_rows();
      const auto row = std::ranges::find(rows, name, &SectionRow::name);
      REQUIRE_MESSAGE(row != rows.end(), name << " has no row");
      CAPTURE(name);
      CHECK(bpf::name_of(row->type) == group.type);
      // A cgroup_skb program's attach type 0 is a real one, unless it comes from the caller.
      if (name != "cgroup/skb") CHECK(attach_name(*row) == group.attach);
      CHECK(unsigned{row->flags} == group.flags);
      CHECK((row->target == Target::optional) == optional);
      CHECK_FALSE(row->context.empty());
    }
  }
  for (const SectionRow& row : section_rows())
    CHECK_MESSAGE(seen.contains(row.name), row.name << " is not in this test");
  CHECK(seen.size() == section_rows().size());
  CHECK(section_rows().size() == 116);
}

TEST_CASE("loader sections: a row's name matches itself, and a target only where one may follow") {
  for (const SectionRow& row : section_rows()) {
    const std::string name(row.name);
    CAPTURE(name);
    CHECK(matched(name) == name + " []");
    CHECK(matched("?" + name) == name + " [] off");
    if (row.target == Target::optional) {
      CHECK(matched(name + "/a/b:c+0x10") == name + " [a/b:c+0x10]");
      CHECK(matched(name + "/") == name + " []");
    } else if (row.target == Target::label) {
      CHECK(matched(name + "/a/b") == name + " []");
    } else {
      CHECK(matched(name + "/a/b").find(" [") == std::string::npos);
    }
    CHECK(matched(name + "x").find(name + " ") != 0);
  }
}

TEST_CASE("loader sections: what is almost a name is none") {
  for (const char* name : {"", "?", "/", "kprobefoo", "xdp/eth0", "XDP", " xdp",
                           "tp.x/sched/sched_switch", "maps", ".text", "license", "??xdp"})
    CHECK(matched(name) == "none");
}

TEST_CASE("loader sections: names that resemble an unknown one are told") {
  const auto first = [](std::string_view name) {
    const std::vector<std::string_view> near = similar_sections(name, 3);
    return near.empty() ? std::string("none") : std::string(near.front());
  };
  CHECK(first("kprobe2/do_unlinkat") == "kprobe");
  CHECK(first("xdp/eth0") == "xdp");
  CHECK(first("tracepiont/sched/sched_switch") == "tracepoint");
  CHECK(first("?fentri/tcp_sendmsg") == "fentry");
  CHECK(first("cgroup/conect4") == "cgroup/connect4");
  CHECK(first("nothing_like_it") == "none");
  CHECK(similar_sections("kprobe2", 1).size() == 1);
  CHECK(similar_sections("lwt_inn", 2).size() <= 2);
}
