// SPDX-License-Identifier: Apache-2.0
// Programs on interfaces, in namespaces, on routes: each attached as the command line would have
// it, reached by packets of the test's own, and gone afterwards.
#include <arpa/inet.h>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <unistd.h>

#include <sys/socket.h>
#include <sys/wait.h>

#include "tests/live/network.h"
#include "tests/live/support.h"

namespace {

using namespace bpfld;
using loader::AttachMethod;
using loader::AttachTarget;
using test::Loaded;
using test::OwnNetwork;

constexpr const char* kObject = "fixtures/attach_network.bpf.o";

// As `enum place` in the object.
enum Place : u32 {
  kXdp,
  kXdpFrags,
  kTc,
  kTcIngress,
  kTcEgress,
  kTcxIngress,
  kTcxEgress,
  kNetkitPrimary,
  kNetkitPeer,
  kSocket,
  kNetfilter,
  kLwtIn,
  kLwtOut,
  kLwtXmit,
  kLwtSeg6local,
  kClassifier,
  kAction,
};

AttachTarget target(AttachMethod method, std::string kind, std::string place, std::string hook = {},
                    std::vector<loader::AttachOption> options = {}) {
  AttachTarget out;
  out.method = method;
  out.kind = std::move(kind);
  out.place = std::move(place);
  out.hook = std::move(hook);
  out.options = std::move(options);
  return out;
}

AttachTarget device(std::string kind, std::string name, std::string hook = {},
                    std::vector<loader::AttachOption> options = {}) {
  return target(AttachMethod::network_device, std::move(kind), std::move(name), std::move(hook),
                std::move(options));
}

// Loads one program of the object, for one place.
void load_one(Loaded& loaded, const char* program, AttachTarget where) {
  loaded.spec.programs[loaded.program_index(program)].places = {std::move(where)};
  REQUIRE_MESSAGE(loaded.load({program}), loaded.error.message());
}

void udp_to(u32 address, u16 port) {
  const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_in to = {};
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = htonl(address);
  to.sin_port = htons(port);
  static_cast<void>(
      ::sendto(socket.get(), "x", 1, 0, reinterpret_cast<const sockaddr*>(&to), sizeof to));
}

// Attaches, sends ten frames out of `from`, expects the program to see ten; detaches, sends again.
std::string check_frames(Loaded& loaded, u32 place, const std::string& from) {
  test::send_frames(from, 3);
  const std::string error = loaded.attach();
  if (!error.empty()) return error;
  test::send_frames(from, 10);
  CHECK(loaded.wait_count(place, 10) == 10);
  loaded.session->detach();
  test::send_frames(from, 3);
  CHECK(loaded.counts()[place] == 10);
  return {};
}

const std::string& how(const Loaded& loaded) {
  return loaded.session->plan().attach[0].how;
}

}  // namespace

TEST_CASE("live: XDP programs see packets, natively or generically, and are gone after detach") {
  const OwnNetwork network;
  REQUIRE(test::make_pair("veth") == 0);
  for (const char* mode : {"", "native", "generic"}) {
    CAPTURE(std::string(mode));
    Loaded loaded(kObject);
    std::vector<loader::AttachOption> options;
    if (*mode != '\0') options.push_back({.name = mode, .value = ""});
    load_one(loaded, "on_xdp", device("xdp", "vb", "", options));
    CHECK(check_frames(loaded, kXdp, "va") == "");
    CHECK(how(loaded).find(*mode == 'g' ? "generic" : "native") != std::string::npos);
  }
  test::covered("xdp");
}

TEST_CASE("live: XDP programs with fragments attach") {
  if (!test::kernel_has_flag_xdp_frags())
    return test::skip("xdp.frags", "BPF_F_XDP_HAS_FRAGS came in 5.18", "XDP_FLAGS_HAS_FRAGS");
  const OwnNetwork network;
  REQUIRE(test::make_pair("veth") == 0);
  Loaded loaded(kObject);
  load_one(loaded, "on_xdp_frags", device("", "vb"));
  CHECK(check_frames(loaded, kXdpFrags, "va") == "");
  test::covered("xdp.frags");
}

TEST_CASE("live: an interface without native XDP gets the generic one, which is said") {
  const OwnNetwork network;
  Loaded loaded(kObject);
  load_one(loaded, "on_xdp", device("", "lo"));
  CHECK(loaded.attach() == "");
  CHECK(how(loaded).starts_with("xdp link, generic"));
}

TEST_CASE("live: where an XDP program is, another is refused with the id of the first") {
  const OwnNetwork network;
  REQUIRE(test::make_pair("veth") == 0);
  Loaded first(kObject), second(kObject);
  load_one(first, "on_xdp", device("", "vb"));
  load_one(second, "on_xdp", device("", "vb"));
  CHECK(first.attach() == "");
  const std::string error = second.attach();
  CAPTURE(error);
  CHECK(error.find("is attached there") != std::string::npos);
  CHECK(error.find("(EBUSY)") != std::string::npos);
  first.session->detach();
  CHECK(second.attach() == "");
}

TEST_CASE("live: classifiers see packets in both directions, by TCX or by filter") {
  struct Case {
    const char* program;
    u32 place;
    const char* hook;
    bool egress;
    const char* row;
  };
  const Case cases[] = {{"on_tc", kTc, "", false, "tc"},
                        {"on_tc", kTc, "egress", true, "tc"},
                        {"on_classifier", kClassifier, "", false, "classifier"},
                        {"on_tc_ingress", kTcIngress, "", false, "tc/ingress"},
                        {"on_tc_egress", kTcEgress, "", true, "tc/egress"},
                        {"on_tcx_ingress", kTcxIngress, "", false, "tcx/ingress"},
                        {"on_tcx_egress", kTcxEgress, "", true, "tcx/egress"}};
  const bool tcx = test::kernel_has("BPF_TCX_INGRESS");
  const OwnNetwork network;
  REQUIRE(test::make_pair("veth") == 0);
  for (const Case& c : cases) {
    CAPTURE(std::string(c.row));
    Loaded loaded(kObject);
    load_one(loaded, c.program, device("", c.egress ? "va" : "vb", c.hook));
    const std::string error = check_frames(loaded, c.place, "va");
    CHECK(error == "");
    CHECK(how(loaded).starts_with(tcx ? "tcx link" : "clsact filter"));
    CHECK(loaded.session->plan().attach[0].remains.empty() == tcx);
    CHECK_FALSE(test::has_clsact(c.egress ? "va" : "vb"));
    if (error.empty()) test::covered(c.row);
  }
}

TEST_CASE("live: a filter is removed at the end, and its qdisc too unless it was there before") {
  const OwnNetwork network;
  REQUIRE(test::make_pair("veth") == 0);
  {
    Loaded loaded(kObject);
    load_one(loaded, "on_tc", device("tc", "vb", "ingress", {{.name = "prio", .value = "7"}}));
    const std::string error = check_frames(loaded, kTc, "va");
    if (error.find("qdisc kind is unknown") != std::string::npos)
      return test::skip_without("clsact", "the kernel has no sch_ingress: " + error,
                                "ingress_init");
    CHECK(error == "");
    CHECK_FALSE(test::has_clsact("vb"));
  }
  Loaded first(kObject), second(kObject);
  load_one(first, "on_tc", device("tc", "vb"));
  load_one(second, "on_tc_ingress", device("tc", "vb"));
  CHECK(first.attach() == "");
  CHECK(test::has_clsact("vb"));
  CHECK(second.attach() == "");
  test::send_frames("va", 5);
  CHECK(first.wait_count(kTc, 5) == 5);
  CHECK(second.wait_count(kTcIngress, 5) == 5);
  first.session->detach();  // its qdisc has the other's filter
  CHECK(test::has_clsact("vb"));
  test::send_frames("va", 5);
  CHECK(second.wait_count(kTcIngress, 10) == 10);
  CHECK(first.counts()[kTc] == 5);
}

TEST_CASE("live: netkit programs see what leaves and what comes from the peer") {
  const OwnNetwork network;
  const int refused = test::make_pair("netkit");
  if (refused != 0)
    return test::skip_without("netkit", "no netkit device: " + errno_text(refused), "netkit_xmit");
  Loaded primary(kObject), peer(kObject);
  load_one(primary, "on_netkit_primary", device("", "va"));
  load_one(peer, "on_netkit_peer", device("", "va"));
  CHECK(check_frames(primary, kNetkitPrimary, "va") == "");
  CHECK(how(primary) == "netkit link, primary");
  test::covered("netkit/primary");
  CHECK(check_frames(peer, kNetkitPeer, "vb") == "");
  CHECK(how(peer) == "netkit link, peer");
  test::covered("netkit/peer");
}

TEST_CASE("live: an action is loaded, and runs where a filter names it") {
  const OwnNetwork network;
  REQUIRE(test::make_pair("veth") == 0);
  Loaded loaded(kObject);
  REQUIRE_MESSAGE(loaded.load({"on_classifier", "on_action"}), loaded.error.message());
  const u32 action = loaded.program_index("on_action");
  for (const loader::AttachPlan& plan : loaded.session->plan().attach)
    CHECK(plan.no_place);
  bpf::ClsactAdd qdisc;
  qdisc.interface = test::interface_index("vb");
  REQUIRE(loaded.kernel.call(qdisc));
  const int refused = test::add_action_filter(
      "vb", loaded.session->program_fd(loaded.program_index("on_classifier")),
      loaded.session->program_fd(action));
  if (refused == ENOENT)
    return test::skip_without("action", "the kernel has no action bpf", "tcf_bpf_act");
  REQUIRE(refused == 0);
  test::send_frames("va", 10);
  CHECK(loaded.wait_count(kClassifier, 10) == 10);
  CHECK(loaded.wait_count(kAction, 10) == 10);
  test::covered("action");
}

TEST_CASE("live: a socket filter sees what its interface gets") {
  const OwnNetwork network;
  REQUIRE(test::make_pair("veth") == 0);
  Loaded loaded(kObject);
  load_one(loaded, "on_socket", target(AttachMethod::socket, "socket", "vb"));
  CHECK(check_frames(loaded, kSocket, "va") == "");
  test::covered("socket");
}

TEST_CASE("live: a netfilter program sees packets of its hook") {
  if (!test::kernel_has("BPF_PROG_TYPE_NETFILTER"))
    return test::skip("netfilter", "netfilter links came in 6.4", "BPF_PROG_TYPE_NETFILTER");
  const OwnNetwork network;
  Loaded loaded(kObject);
  load_one(loaded, "on_netfilter",
           target(AttachMethod::netfilter, "netfilter", "ipv4", "local_out",
                  {{.name = "prio", .value = "-10"}}));
  const std::string error = loaded.attach();
  CHECK(error == "");
  udp_to(0x7f000001, 9);
  CHECK(loaded.wait_count(kNetfilter, 1) >= 1);
  if (error.empty()) test::covered("netfilter");
}

TEST_CASE(
    "live: what a kill leaves behind is what the plan said, and nothing on kernels with links") {
  const OwnNetwork network;
  REQUIRE(test::make_pair("veth") == 0);
  int pipe_fds[2];
  REQUIRE(::pipe(pipe_fds) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    Loaded loaded(kObject);
    load_one(loaded, "on_tc", device("", "vb"));
    if (!loaded.attach().empty()) ::_exit(1);
    const char remains = loaded.session->plan().attach[0].remains.empty() ? '0' : '1';
    if (::write(pipe_fds[1], &remains, 1) != 1) ::_exit(2);
    while (true)
      ::pause();
  }
  ::close(pipe_fds[1]);
  char remains = '?';
  CHECK(::read(pipe_fds[0], &remains, 1) == 1);
  ::close(pipe_fds[0]);
  CHECK(::kill(child, SIGKILL) == 0);
  CHECK(::waitpid(child, nullptr, 0) == child);
  CHECK(test::has_clsact("vb") == (remains == '1'));
}
