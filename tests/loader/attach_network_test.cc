// SPDX-License-Identifier: Apache-2.0
// The families whose place the user names, each as the requests that it makes: of a kernel that has
// links, of one that has not, and what is taken back at the end.
#include <algorithm>

#include "bpf/netlink.h"
#include "tests/loader/session_case.h"

using namespace bpfld;
using namespace bpfld::test;

namespace {

AttachTarget place(AttachMethod method, const char* kind, const char* where) {
  AttachTarget target;
  target.method = method;
  target.kind = kind;
  target.place = where;
  return target;
}

ObjectSpec program_of(const char* section, std::vector<AttachTarget> places = {}) {
  ObjectBuilder object;
  object.add_function("prog", section, {mov64_imm(0, 0), exit_insn()});
  ObjectSpec spec = spec_of(object);
  spec.btf.clear();  // nothing but the program is loaded
  spec.programs[0].places = std::move(places);
  return spec;
}

KernelProfile network_profile() {
  KernelProfile profile = make_profile();
  profile.interfaces["eth0"].index = 7;
  profile.cgroups[""].path = "/sys/fs/cgroup";
  profile.cgroups["/cg"].path = "/cg";
  profile.paths["/run/netns/blue"].path = "/run/netns/blue";
  profile.paths["/dev/lirc0"].path = "/dev/lirc0";
  return profile;
}

struct Story {
  std::string status;    // of attach()
  std::string attached;  // the requests of attach(), a line each
  std::string detached;  // the requests of detach()
  std::string how, remains;
};

// Loads, attaches the first place, detaches; nothing may stay open.
Story story_of(const ObjectSpec& spec, FakeKernel& kernel) {
  KernelProfile profile = network_profile();
  Story out;
  {
    Result<Session> session = load(spec, profile, kernel);
    REQUIRE_MESSAGE(session, message(session));
    REQUIRE(session->plan().attach.size() == 1);
    kernel.requests.clear();
    const std::size_t before = kernel.open_fds();
    out.status = message(session->attach(session->plan().attach[0]));
    out.attached = joined(kernel.transcript());
    out.how = session->plan().attach[0].how;
    out.remains = session->plan().attach[0].remains;
    if (out.status != "no error") CHECK(kernel.open_fds() == before);
    kernel.requests.clear();
    session->detach();
    out.detached = joined(kernel.transcript());
    CHECK(kernel.open_fds() == before);
  }
  CHECK(kernel.open_fds() == 0);
  CHECK(FakeKernel::bad_closes() == 0);
  return out;
}

Story story_of(const ObjectSpec& spec) {
  FakeKernel kernel;
  return story_of(spec, kernel);
}

// A kernel without links of anything but perf events.
Story old_story_of(const ObjectSpec& spec) {
  FakeKernel kernel;
  kernel.refuse(is<bpf::LinkCreate>(), EINVAL);
  return story_of(spec, kernel);
}

std::string problem_of(const ObjectSpec& spec) {
  const std::optional<Error> problem = attach_problem(spec, 0, network_profile());
  return problem ? problem->message() : "no problem";
}

}  // namespace

TEST_CASE("loader attach: XDP is tried natively, and generically where the driver has none") {
  const ObjectSpec spec = program_of("xdp", {place(AttachMethod::network_device, "", "eth0")});
  Story story = story_of(spec);
  CHECK(story.status == "no error");
  CHECK(story.attached ==
        "bpf(BPF_LINK_CREATE, {prog_fd=1000000, target_ifindex=7, attach_type=BPF_XDP, "
        "flags=0x4})\n");
  CHECK(story.how == "xdp link, native");
  CHECK(story.detached.empty());
  CHECK(story.remains.empty());

  FakeKernel kernel;
  kernel.refuse(
      [](const bpf::Request& request) {
        const bpf::LinkCreate* link = std::get_if<bpf::LinkCreate>(&request);
        return link != nullptr && link->flags == 4;
      },
      EOPNOTSUPP);
  story = story_of(spec, kernel);
  CHECK(story.status == "no error");
  CHECK(story.attached.find("flags=0x2") != std::string::npos);
  CHECK(story.how.starts_with("xdp link, generic"));
}

TEST_CASE("loader attach: an XDP mode that was asked for is the only one tried") {
  for (const auto& [mode, flags] : {std::pair{"generic", "flags=0x2"},
                                    {"skb", "flags=0x2"},
                                    {"native", "flags=0x4"},
                                    {"offload", "flags=0x8"}}) {
    AttachTarget target = place(AttachMethod::network_device, "xdp", "eth0");
    target.options = {{.name = mode, .value = ""}};
    const ObjectSpec spec = program_of("xdp", {target});
    CHECK(story_of(spec).attached.find(flags) != std::string::npos);
    FakeKernel kernel;
    kernel.refuse(is<bpf::LinkCreate>(), EOPNOTSUPP);
    const Story story = story_of(spec, kernel);
    CHECK(story.status ==
          "program \"prog\": bpf(BPF_LINK_CREATE): Operation not supported (EOPNOTSUPP)");
    CHECK(kernel.count<bpf::LinkCreate>() == 0);  // none after that one: requests were cleared
  }
}

TEST_CASE("loader attach: when another XDP program is there, it is named") {
  FakeKernel kernel;
  kernel.refuse(is<bpf::LinkCreate>(), EBUSY);
  kernel.add_rule([](const bpf::Request& request) -> std::optional<Result<bpf::Reply>> {
    if (!std::holds_alternative<bpf::XdpQuery>(request)) return std::nullopt;
    bpf::Reply reply;
    // IFLA_XDP {IFLA_XDP_ATTACHED, IFLA_XDP_PROG_ID}; the 16 bytes before are not looked at.
    bpf::NetlinkWriter link(bpf::NetlinkType::new_link, 0);
    reply.data = link.begin(43).number(2, u8{1}).number(4, u32{57}).end().finish();
    return reply;
  });
  const Story story =
      story_of(program_of("xdp", {place(AttachMethod::network_device, "", "eth0")}), kernel);
  CHECK(story.status ==
        "program \"prog\": bpf(BPF_LINK_CREATE): program 57 (native) is attached there: Device or "
        "resource busy (EBUSY)");
}

TEST_CASE("loader attach: tc by a TCX link; on older kernels by a filter, which is taken back") {
  AttachTarget target = place(AttachMethod::network_device, "", "eth0");
  Story story = story_of(program_of("tc/egress", {target}));
  CHECK(story.attached ==
        "bpf(BPF_LINK_CREATE, {prog_fd=1000000, target_ifindex=7, "
        "attach_type=BPF_TCX_EGRESS})\n");
  CHECK(story.how == "tcx link, egress");
  CHECK(story.remains.empty());

  FakeKernel kernel;
  kernel.refuse(is<bpf::LinkCreate>(), EINVAL);
  kernel.add_rule([](const bpf::Request& request) -> std::optional<Result<bpf::Reply>> {
    bpf::Reply reply;
    if (std::holds_alternative<bpf::ClsactAdd>(request)) reply.value = 1;
    if (std::holds_alternative<bpf::FilterAdd>(request)) reply.value = (49152ll << 32) | 1;
    if (reply.value == 0) return std::nullopt;
    return reply;
  });
  story = story_of(program_of("tc", {target}), kernel);
  CHECK(story.status == "no error");
  CHECK(story.attached ==
        "bpf(BPF_LINK_CREATE, {prog_fd=1000000, target_ifindex=7, "
        "attach_type=BPF_TCX_INGRESS})\n"
        "netlink(RTM_NEWQDISC, {ifindex=7, kind=clsact})\n"
        "netlink(RTM_NEWTFILTER, {ifindex=7, parent=ingress, kind=bpf, fd=1000000, "
        "name=\"prog\", direct-action})\n");
  CHECK(story.how == "clsact filter, ingress");
  CHECK(story.remains.starts_with("the filter on eth0 ingress"));
  CHECK(story.detached ==
        "netlink(RTM_DELTFILTER, {ifindex=7, parent=ingress, prio=49152, handle=1, kind=bpf})\n"
        "netlink(RTM_DELQDISC, {ifindex=7, kind=clsact})\n");
}

TEST_CASE("loader attach: a qdisc that was there before is left") {
  AttachTarget target = place(AttachMethod::network_device, "tc", "eth0");
  target.hook = "egress";
  target.options = {{.name = "prio", .value = "5"}, {.name = "handle", .value = "9"}};
  const Story story =
      story_of(program_of("tc/ingress", {target}));  // the fake says 0: there was one
  CHECK(story.attached.find("BPF_LINK_CREATE") == std::string::npos);
  CHECK(story.attached.find("parent=egress, prio=5, handle=9") != std::string::npos);
  CHECK(story.detached.find("RTM_DELTFILTER") != std::string::npos);
  CHECK(story.detached.find("RTM_DELQDISC") == std::string::npos);
}

TEST_CASE("loader attach: when the filter is refused the qdisc goes again") {
  FakeKernel kernel;
  kernel.refuse(is<bpf::FilterAdd>(), EPERM);
  kernel.add_rule([](const bpf::Request& request) -> std::optional<Result<bpf::Reply>> {
    if (!std::holds_alternative<bpf::ClsactAdd>(request)) return std::nullopt;
    bpf::Reply reply;
    reply.value = 1;
    return reply;
  });
  const Story story =
      story_of(program_of("tc", {place(AttachMethod::network_device, "tc", "eth0")}), kernel);
  CHECK(story.status ==
        "program \"prog\": netlink(RTM_NEWTFILTER): Operation not permitted (EPERM)");
  CHECK(story.attached.ends_with("netlink(RTM_DELQDISC, {ifindex=7, kind=clsact})\n"));
  CHECK(story.detached.empty());
}

TEST_CASE("loader attach: tcx and netkit have no older way") {
  for (const auto& [section, kind] : {std::pair{"tcx/ingress", "tcx"}, {"netkit/peer", "netkit"}}) {
    const ObjectSpec spec =
        program_of(section, {place(AttachMethod::network_device, kind, "eth0")});
    CHECK(story_of(spec).status == "no error");
    CHECK(old_story_of(spec).status.ends_with("(EINVAL)"));
  }
  CHECK(story_of(program_of("netkit/peer", {place(AttachMethod::network_device, "", "eth0")}))
            .attached.find("BPF_NETKIT_PEER") != std::string::npos);
}

TEST_CASE(
    "loader attach: a cgroup program goes to the root unless told, in older kernels by attach") {
  Story story = story_of(program_of("cgroup/connect4"));
  CHECK(story.attached ==
        "open(\"/sys/fs/cgroup\", O_RDONLY|O_CLOEXEC)\n"
        "bpf(BPF_LINK_CREATE, {prog_fd=1000000, target_fd=1000001, "
        "attach_type=BPF_CGROUP_INET4_CONNECT})\n");
  CHECK(story.how == "cgroup link, /sys/fs/cgroup");
  story = old_story_of(program_of("sockops", {place(AttachMethod::cgroup, "cgroup", "/cg")}));
  CHECK(story.status == "no error");
  CHECK(story.how == "attached to cgroup /cg");
  CHECK(story.remains == "the program at /cg");
  CHECK(
      story.attached.ends_with("open(\"/cg\", O_RDONLY|O_CLOEXEC)\n"
                               "bpf(BPF_PROG_ATTACH, {target_fd=1000002, attach_bpf_fd=1000000, "
                               "attach_type=BPF_CGROUP_SOCK_OPS, attach_flags=0x2})\n"));
  CHECK(story.detached ==
        "bpf(BPF_PROG_DETACH, {target_fd=1000002, attach_bpf_fd=1000000, "
        "attach_type=BPF_CGROUP_SOCK_OPS})\n");
}

TEST_CASE("loader attach: cgroup/skb goes both ways, and half of it is nothing") {
  const ObjectSpec spec = program_of("cgroup/skb");
  CHECK(story_of(spec).attached.find("BPF_CGROUP_INET_EGRESS") != std::string::npos);
  CHECK(story_of(spec).how == "cgroup link, /sys/fs/cgroup, ingress and egress");
  FakeKernel kernel;
  kernel.refuse(is<bpf::LinkCreate>(), EINVAL);
  kernel.refuse(
      [](const bpf::Request& request) {
        const bpf::ProgAttach* attach = std::get_if<bpf::ProgAttach>(&request);
        return attach != nullptr && attach->attach_type == bpf::AttachType::cgroup_inet_egress;
      },
      EPERM);
  const Story story = story_of(spec, kernel);
  CHECK(story.status.ends_with("(EPERM)"));
  CHECK(story.attached.find("BPF_PROG_DETACH") != std::string::npos);
  CHECK(story.detached.empty());
}

TEST_CASE("loader attach: a program goes to the object's only sockmap, by link or by attach") {
  ObjectBuilder object;
  object.add_map("socks", {number("type", 15), number("max_entries", 2), number("key_size", 4),
                           number("value_size", 4)});
  object.add_function("prog", "sk_msg", {mov64_imm(0, 1), exit_insn()});
  ObjectSpec spec = spec_of(object);
  spec.btf.clear();
  spec.maps[0].btf_key_type = spec.maps[0].btf_value_type = 0;
  CHECK(story_of(spec).attached ==
        "bpf(BPF_LINK_CREATE, {prog_fd=1000001, target_fd=1000000, "
        "attach_type=BPF_SK_MSG_VERDICT})\n");
  const Story story = old_story_of(spec);
  CHECK(story.how == "attached to sockmap socks");
  CHECK(story.detached.starts_with("bpf(BPF_PROG_DETACH, {target_fd=1000000"));
  spec.programs[0].places = {place(AttachMethod::sockmap, "sockmap", "sock")};
  CHECK(problem_of(spec) == "the object has no map sock");
  spec.maps.push_back(spec.maps[0]);
  spec.maps[1].name = "more";
  spec.programs[0].places.clear();
  CHECK(attach_targets(spec, 0).empty());  // which of the two?
}

TEST_CASE("loader attach: what SEC(\"sk_skb\") decides is said by the place, and by no other's") {
  ObjectBuilder object;
  object.add_map("socks", {number("type", 15), number("max_entries", 2), number("key_size", 4),
                           number("value_size", 4)});
  object.add_function("prog", "sk_skb", {mov64_imm(0, 1), exit_insn()});
  ObjectSpec spec = spec_of(object);
  CHECK(attach_targets(spec, 0).empty());
  AttachTarget target = place(AttachMethod::sockmap, "sockmap", "socks");
  spec.programs[0].places = {target};
  CHECK(problem_of(spec).find("want sockmap:socks:HOOK with stream_parser") != std::string::npos);
  spec.programs[0].places[0].hook = "stream_verdict";
  CHECK(story_of(spec).attached.ends_with("attach_type=BPF_SK_SKB_STREAM_VERDICT})\n"));
  spec.programs[0].row = match_section("sk_msg")->row;
  CHECK(problem_of(spec) == "SEC(\"sk_msg\") says already what it decides: want sockmap:socks");
}

TEST_CASE("loader attach: network namespaces, by the name of ip-netns(8) or by path") {
  const Story story =
      story_of(program_of("sk_lookup", {place(AttachMethod::netns, "netns", "blue")}));
  CHECK(story.attached ==
        "open(\"/run/netns/blue\", O_RDONLY|O_CLOEXEC)\n"
        "bpf(BPF_LINK_CREATE, {prog_fd=1000000, target_fd=1000001, attach_type=BPF_SK_LOOKUP})\n");
  Needs facts = needs(program_of("flow_dissector", {place(AttachMethod::netns, "", "/a/b")}), {0});
  CHECK(facts.paths == std::vector<std::string>{"/a/b"});
}

TEST_CASE("loader attach: a netfilter hook has family, hook and priority") {
  AttachTarget target = place(AttachMethod::netfilter, "netfilter", "ipv6");
  target.hook = "post_routing";
  target.options = {{.name = "prio", .value = "-150"}, {.name = "defrag", .value = ""}};
  const Story story = story_of(program_of("netfilter", {target}));
  CHECK(story.attached ==
        "bpf(BPF_LINK_CREATE, {prog_fd=1000000, attach_type=BPF_NETFILTER, "
        "netfilter={pf=10, hooknum=4, priority=-150, flags=0x1}})\n");
  CHECK(story.how == "netfilter link, ipv6 post_routing, priority -150");
  target.hook = "prerouting";
  CHECK(problem_of(program_of("netfilter", {target})).starts_with("netfilter has no hook"));
  target.place = "ip";
  CHECK(problem_of(program_of("netfilter", {target})).starts_with("netfilter has no family"));
}

TEST_CASE("loader attach: a socket filter gets a packet socket, or another process's socket") {
  Story story = story_of(program_of("socket", {place(AttachMethod::socket, "socket", "eth0")}));
  CHECK(story.attached ==
        "socket(AF_PACKET, SOCK_RAW|SOCK_CLOEXEC, ETH_P_ALL), bound to ifindex 7\n"
        "setsockopt(1000001, SO_ATTACH_BPF, 1000000)\n");
  CHECK(story.remains.empty());
  AttachTarget target = place(AttachMethod::socket, "socket", "");
  target.options = {{.name = "pid", .value = "12"}, {.name = "fd", .value = "3"}};
  story = story_of(program_of("sk_reuseport", {target}));
  CHECK(story.attached ==
        "pidfd_getfd(pidfd_open(12), 3)\n"
        "setsockopt(1000001, SO_ATTACH_REUSEPORT_EBPF, 1000000)\n");
  CHECK(story.detached == "setsockopt(1000001, SO_DETACH_REUSEPORT_BPF)\n");
  CHECK(story.remains == "the program, as long as process 12 has the socket");
  CHECK(problem_of(program_of("sk_reuseport", {place(AttachMethod::socket, "socket", "eth0")}))
            .starts_with("sk_reuseport programs choose among sockets"));
  target.options.pop_back();
  CHECK(problem_of(program_of("socket", {target})) == "a socket is pid=N,fd=N: both");
}

TEST_CASE("loader attach: a route carries a program, and is removed again") {
  AttachTarget target = place(AttachMethod::lwt, "lwt", "10.9.0.0/24");
  target.options = {{.name = "dev", .value = "eth0"}, {.name = "via", .value = "10.0.0.1"}};
  const Story story = story_of(program_of("lwt_xmit", {target}));
  CHECK(story.attached ==
        "netlink(RTM_NEWROUTE, {dst=10.9.0.0/24, oif=7, gateway=10.0.0.1, encap={bpf xmit, "
        "fd=1000000, name=\"prog\"}})\n");
  CHECK(story.detached == "netlink(RTM_DELROUTE, {dst=10.9.0.0/24, oif=7, gateway=10.0.0.1})\n");
  CHECK(problem_of(program_of("lwt_seg6local", {target})).find("want an IPv6 prefix") !=
        std::string::npos);
  target.place = "10.9.0.1/24";
  CHECK(problem_of(program_of("lwt_in", {target})).find("behind its prefix") != std::string::npos);
  target.options.clear();
  CHECK(problem_of(program_of("lwt_in", {target})).starts_with("a route needs an interface"));
}

TEST_CASE("loader attach: lirc by attach to a device, syscall programs run once") {
  Story story = story_of(program_of("lirc_mode2", {place(AttachMethod::lirc, "", "/dev/lirc0")}));
  CHECK(story.attached.find("BPF_PROG_ATTACH") != std::string::npos);
  CHECK(story.detached.find("BPF_PROG_DETACH") != std::string::npos);
  const ObjectSpec spec = program_of("syscall");
  FakeKernel kernel;
  KernelProfile profile = network_profile();
  kernel.add_rule([](const bpf::Request& request) -> std::optional<Result<bpf::Reply>> {
    if (!std::holds_alternative<bpf::ProgTestRun>(request)) return std::nullopt;
    bpf::Reply reply;
    reply.value = 42;
    return reply;
  });
  Result<Session> session = load(spec, profile, kernel);
  REQUIRE(session);
  CHECK_FALSE(session->return_value(0).has_value());
  CHECK(message(session->attach(session->plan().attach[0])) == "no error");
  CHECK(session->return_value(0) == 42);
  REQUIRE(kernel.count<bpf::ProgTestRun>() == 1);
  CHECK(kernel.all<bpf::ProgTestRun>()[0].repeat == 0);
  CHECK(kernel.all<bpf::ProgTestRun>()[0].context_size == 0xffff);
}

TEST_CASE("loader attach: a place that is not there is known before anything is loaded") {
  ObjectSpec spec = program_of("xdp", {place(AttachMethod::network_device, "", "eth9")});
  CHECK(needs(spec, {0}).interfaces == std::vector<std::string>{"eth9"});
  KernelProfile profile = network_profile();
  profile.interfaces["eth9"] = {
      .index = 0, .near = {"eth0"}, .problem = "there is no interface eth9", .errno_value = 0};
  std::optional<Error> problem = attach_problem(spec, 0, profile);
  REQUIRE(problem);
  CHECK(problem->code == Code::not_found);
  CHECK(problem->detail == "did you mean: eth0");
  // One good place is enough to load it.
  spec.programs[0].places.push_back(place(AttachMethod::network_device, "", "eth0"));
  CHECK_FALSE(attach_problem(spec, 0, profile).has_value());
  AttachTarget target = place(AttachMethod::network_device, "tc", "eth0");
  target.hook = "inside";
  CHECK(problem_of(program_of("tc", {target})) ==
        "there is no tc hook \"inside\"; want ingress or egress");
  CHECK(problem_of(program_of("action", {place(AttachMethod::network_device, "", "eth0")}))
            .starts_with("an action runs for"));
}

TEST_CASE("loader attach: a program without a place is told how to name one") {
  KernelProfile profile = network_profile();
  FakeKernel kernel;
  for (const auto& [section, advice] :
       {std::pair{"xdp", "--dev IF"},
        {"sk_lookup", "--netns NAME"},
        {"xdp/devmap", "an element of a devmap or cpumap, which takes it with the program's fd"}}) {
    const ObjectSpec spec = program_of(section);
    const Result<Session> session = load(spec, profile, kernel);
    REQUIRE(session);
    CHECK(session->plan().attach[0].no_place);
    CHECK(session->plan().attach[0].advice == advice);
  }
}
