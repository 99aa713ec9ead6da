// SPDX-License-Identifier: Apache-2.0
// Every hook of a cgroup: a process in a cgroup of the test's own does what the hooks are about, in
// a network namespace of its own.
#include <arpa/inet.h>
#include <cstring>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <unistd.h>

#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "base/mapped_file.h"
#include "tests/live/network.h"
#include "tests/live/own_cgroup.h"
#include "tests/live/support.h"

namespace {

using namespace bpfld;
using test::Loaded;
using test::OwnCgroup;

struct Any {
  sockaddr_storage storage = {};
  socklen_t size = 0;
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

Any inet4(u16 port) {
  Any out;
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  std::memcpy(&out.storage, &address, sizeof address);
  out.size = sizeof address;
  return out;
}
Any inet6(u16 port) {
  Any out;
  sockaddr_in6 address = {};
  address.sin6_family = AF_INET6;
  address.sin6_addr = in6addr_loopback;
  address.sin6_port = htons(port);
  std::memcpy(&out.storage, &address, sizeof address);
  out.size = sizeof address;
  return out;
}
Any unix_name(const char* name) {  // abstract: no file remains
  Any out;
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path + 1, name, sizeof address.sun_path - 2);
  std::memcpy(&out.storage, &address, sizeof address);
  out.size = static_cast<socklen_t>(sizeof(sa_family_t) + 1 + std::strlen(name));
  return out;
}

// A stream and a datagram between sockets at these addresses, and who is at their ends.
void converse(Any stream, Any datagram) {
  const int family = stream.get()->sa_family;
  const UniqueFd listener(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ::bind(listener.get(), stream.get(), stream.size);
  ::listen(listener.get(), 1);
  const UniqueFd client(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(client.get(), stream.get(), stream.size) == 0) {
    const UniqueFd server(::accept(listener.get(), nullptr, nullptr));
    static_cast<void>(::send(client.get(), "x", 1, 0));
    Any who;
    who.size = sizeof who.storage;
    static_cast<void>(::getpeername(client.get(), who.get(), &who.size));
    for (int socket : {client.get(), listener.get()}) {  // a unix client has no name
      who.size = sizeof who.storage;
      static_cast<void>(::getsockname(socket, who.get(), &who.size));
    }
  }
  const UniqueFd receiver(::socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ::bind(receiver.get(), datagram.get(), datagram.size);
  const UniqueFd sender(::socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (family == AF_UNIX) {  // a datagram without a sender's name has no address to rewrite
    Any from = unix_name("bpfld-sender");
    ::bind(sender.get(), from.get(), from.size);
  }
  if (::sendto(sender.get(), "x", 1, 0, datagram.get(), datagram.size) == 1) {
    char buffer[4];
    Any from;
    from.size = sizeof from.storage;
    static_cast<void>(
        ::recvfrom(receiver.get(), buffer, sizeof buffer, MSG_DONTWAIT, from.get(), &from.size));
  }
}

// What the process in the cgroup does.
void do_everything() {
  converse(inet4(5001), inet4(5002));
  converse(inet6(5003), inet6(5004));
  converse(unix_name("bpfld-stream"), unix_name("bpfld-datagram"));
  const UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  int value = 1;
  socklen_t size = sizeof value;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &value, size);
  ::getsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &value, &size);
  static_cast<void>(read_text("/proc/sys/kernel/ostype"));
  const UniqueFd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
}

// Runs it in a child that is in the cgroup; true when it could join.
bool run_in(const OwnCgroup& cgroup) {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const std::string pid = format("{}", ::getpid());
    const std::string file = cgroup.path() + "/cgroup.procs";
    const int procs = ::open(file.c_str(), O_WRONLY | O_CLOEXEC);
    if (procs < 0 || ::write(procs, pid.data(), pid.size()) < 0) ::_exit(1);
    do_everything();
    ::_exit(0);
  }
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return status == 0;
}

struct Hook {
  const char* program;
  const char* row;
  const char* enumerator;  // what the kernel's BTF must have; null: all kernels here
};
// In the order of `counts` in the object.
constexpr Hook kHooks[] = {
    {"on_skb_ingress", "cgroup_skb/ingress", nullptr},
    {"on_skb_egress", "cgroup_skb/egress", nullptr},
    {"on_skb", "cgroup/skb", nullptr},
    {"on_sock_create", "cgroup/sock_create", nullptr},
    {"on_sock_release", "cgroup/sock_release", nullptr},
    {"on_sock", "cgroup/sock", nullptr},
    {"on_post_bind4", "cgroup/post_bind4", nullptr},
    {"on_post_bind6", "cgroup/post_bind6", nullptr},
    {"on_bind4", "cgroup/bind4", nullptr},
    {"on_bind6", "cgroup/bind6", nullptr},
    {"on_connect4", "cgroup/connect4", nullptr},
    {"on_connect6", "cgroup/connect6", nullptr},
    {"on_connect_unix", "cgroup/connect_unix", "BPF_CGROUP_UNIX_CONNECT"},
    {"on_sendmsg4", "cgroup/sendmsg4", nullptr},
    {"on_sendmsg6", "cgroup/sendmsg6", nullptr},
    {"on_sendmsg_unix", "cgroup/sendmsg_unix", "BPF_CGROUP_UNIX_CONNECT"},
    {"on_recvmsg4", "cgroup/recvmsg4", nullptr},
    {"on_recvmsg6", "cgroup/recvmsg6", nullptr},
    {"on_recvmsg_unix", "cgroup/recvmsg_unix", "BPF_CGROUP_UNIX_CONNECT"},
    {"on_getpeername4", "cgroup/getpeername4", nullptr},
    {"on_getpeername6", "cgroup/getpeername6", nullptr},
    {"on_getpeername_unix", "cgroup/getpeername_unix", "BPF_CGROUP_UNIX_CONNECT"},
    {"on_getsockname4", "cgroup/getsockname4", nullptr},
    {"on_getsockname6", "cgroup/getsockname6", nullptr},
    {"on_getsockname_unix", "cgroup/getsockname_unix", "BPF_CGROUP_UNIX_CONNECT"},
    {"on_sysctl", "cgroup/sysctl", nullptr},
    {"on_getsockopt", "cgroup/getsockopt", nullptr},
    {"on_setsockopt", "cgroup/setsockopt", nullptr},
    {"on_dev", "cgroup/dev", nullptr},
    {"on_sockops", "sockops", nullptr},
};

}  // namespace

TEST_CASE("live: every cgroup hook is called for the processes of the cgroup, until detach") {
  const test::OwnNetwork network;
  const OwnCgroup cgroup;
  Loaded loaded("fixtures/attach_cgroup.bpf.o");
  std::vector<std::string_view> programs;
  std::vector<u32> places;
  for (u32 i = 0; i < std::size(kHooks); i++) {
    const Hook& hook = kHooks[i];
    if (hook.enumerator != nullptr && !test::kernel_has(hook.enumerator)) {
      test::skip(hook.row, "unix sockets came in 6.7", hook.enumerator);
      continue;
    }
    programs.push_back(hook.program);
    places.push_back(i);
    loader::AttachTarget target;
    target.method = loader::AttachMethod::cgroup;
    target.place = cgroup.path();
    loaded.spec.programs[loaded.program_index(hook.program)].places = {target};
  }
  REQUIRE_MESSAGE(loaded.load(programs), loaded.error.message());
  REQUIRE(loaded.attach() == "");
  REQUIRE(run_in(cgroup));
  for (u32 i : places) {
    CAPTURE(std::string(kHooks[i].row));
    const u64 count = loaded.wait_count(i, 1);
    CHECK(count >= 1);
    if (count >= 1) test::covered(kHooks[i].row);
  }
  const std::vector<u64> before = loaded.counts();
  loaded.session->detach();
  REQUIRE(run_in(cgroup));
  CHECK(loaded.counts() == before);
}

TEST_CASE("live: a directory that is no cgroup is known before anything is loaded") {
  Loaded loaded("fixtures/attach_cgroup.bpf.o");
  loader::AttachTarget target;
  target.method = loader::AttachMethod::cgroup;
  target.place = "/proc";
  loaded.spec.programs[loaded.program_index("on_dev")].places = {target};
  REQUIRE_MESSAGE(loaded.load({"on_dev"}), loaded.error.message());
  CHECK(loaded.attach().starts_with("/proc is no directory of cgroup2"));
}

TEST_CASE("live: a security hook of a cgroup is called for the processes of the cgroup") {
  if (!test::kernel_has("BPF_LSM_CGROUP"))
    return test::skip("lsm_cgroup", "it came in 6.0", "BPF_LSM_CGROUP");
  const test::OwnNetwork network;
  const OwnCgroup cgroup;
  Loaded loaded("fixtures/attach_lsm_cgroup.bpf.o");
  loader::AttachTarget target;
  target.method = loader::AttachMethod::cgroup;
  target.place = cgroup.path();
  loaded.spec.programs[0].places = {target};
  if (!loaded.load()) return test::skip_refused("lsm_cgroup", loaded.error);
  REQUIRE(run_in(cgroup));
  CHECK(loaded.counts()[0] == 0);
  const std::string error = loaded.attach();
  CHECK(error == "");
  REQUIRE(run_in(cgroup));
  const u64 counted = loaded.counts()[0];
  CHECK(counted >= 10);  // do_everything() makes as many sockets
  loaded.session->detach();
  REQUIRE(run_in(cgroup));
  CHECK(loaded.counts()[0] == counted);
  if (error.empty()) test::covered("lsm_cgroup");
}
