// SPDX-License-Identifier: Apache-2.0
// Programs of routes: what leaves by the route is the test's own; what arrives for it is a packet
// that the test writes byte by byte and that the machine of the namespace forwards.
#include <arpa/inet.h>
#include <chrono>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <thread>

#include <sys/socket.h>

#include "tests/live/network.h"
#include "tests/live/support.h"

namespace {

using namespace bpfld;
using loader::AttachMethod;
using test::Loaded;
using test::OwnNetwork;

constexpr const char* kObject = "fixtures/attach_network.bpf.o";

void send_udp() {
  const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_in to = {};
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = htonl(0x0a090105);
  to.sin_port = htons(9);
  static_cast<void>(
      ::sendto(socket.get(), "x", 1, 0, reinterpret_cast<const sockaddr*>(&to), sizeof to));
}

void forward_ipv4() {
  test::send_frame("va", test::ipv4_frame("vb", 0x0a090105));
}

void forward_segment() {
  test::send_frame("va", test::segment_frame("vb"));
}

struct RouteCase {
  const char* program;
  u32 place;  // as `enum place` in the object
  const char* row;
  const char* prefix;
  void (*send)();
  const char* function;  // of the part of the kernel that it needs
};
constexpr RouteCase kCases[] = {
    {"on_lwt_in", 11, "lwt_in", "10.9.1.0/24", forward_ipv4, "bpf_lwt_push_ip_encap"},
    {"on_lwt_out", 12, "lwt_out", "10.9.1.0/24", send_udp, "bpf_lwt_push_ip_encap"},
    {"on_lwt_xmit", 13, "lwt_xmit", "10.9.1.0/24", send_udp, "bpf_lwt_push_ip_encap"},
    {"on_lwt_seg6local", 14, "lwt_seg6local", "fd09::/64", forward_segment, "seg6_lookup_nexthop"},
};

void give_route(Loaded& loaded, const char* program, const char* prefix) {
  loader::AttachTarget target;
  target.method = AttachMethod::lwt;
  target.kind = "lwt";
  target.place = prefix;
  target.options = {{.name = "dev", .value = "va"}};
  loaded.spec.programs[loaded.program_index(program)].places = {target};
  REQUIRE_MESSAGE(loaded.load({program}), loaded.error.message());
}

bool was_built_out(const std::string& error) {
  return error.find("(EOPNOTSUPP)") != std::string::npos ||
         error.find("(EAFNOSUPPORT)") != std::string::npos;
}

// A namespace that forwards from vb to va, which has an address.
void make_router() {
  REQUIRE(test::make_pair("veth") == 0);
  REQUIRE(test::add_address("va", 0x0a090001) == 0);
  test::set_sysctl("net/ipv4/ip_forward", "1");
  test::set_sysctl("net/ipv4/conf/all/rp_filter", "0");
  test::set_sysctl("net/ipv4/conf/vb/rp_filter", "0");
  test::set_sysctl("net/ipv6/conf/all/forwarding", "1");
}

}  // namespace

TEST_CASE("live: programs of a route see the packets that take it, and the route goes with them") {
  const OwnNetwork network;
  make_router();
  for (const RouteCase& c : kCases) {
    CAPTURE(std::string(c.row));
    Loaded loaded(kObject);
    give_route(loaded, c.program, c.prefix);
    const std::string error = loaded.attach();
    if (was_built_out(error)) {
      test::skip_without(c.row, "this kernel was built without it: " + error, c.function);
      continue;
    }
    CHECK(error == "");
    // The first packets of a new device may be dropped before the route sees them.
    for (int i = 0; loaded.counts()[c.place] < 10 && i < 500; i++) {
      c.send();
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    CHECK(loaded.counts()[c.place] >= 10);
    loaded.session->detach();
    const u64 before = loaded.counts()[c.place];
    c.send();
    CHECK(loaded.counts()[c.place] == before);
    // The same route can be made again: the first is gone.
    CHECK(loaded.attach() == "");
    if (error.empty()) test::covered(c.row);
  }
}

TEST_CASE("live: a route that exists is not touched") {
  const OwnNetwork network;
  make_router();  // with the address comes 10.9.0.0/24
  Loaded loaded(kObject);
  give_route(loaded, "on_lwt_xmit", "10.9.0.0/24");
  const std::string error = loaded.attach();
  if (was_built_out(error))
    return test::skip_without("lwt_xmit", "this kernel was built without it: " + error,
                              "bpf_lwt_push_ip_encap");
  CHECK(error.find("(EEXIST)") != std::string::npos);
}
