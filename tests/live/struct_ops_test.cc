// SPDX-License-Identifier: Apache-2.0
// struct_ops: TCP uses a congestion control that is a BPF program while the session lives, and no
// longer. Each test's sockets are in a network namespace of their own, on its loopback device; the
// list of congestion controls is the whole machine's.
#include <arpa/inet.h>
#include <cerrno>
#include <cstring>
#include <doctest/doctest.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <string_view>
#include <thread>
#include <unistd.h>

#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "tests/live/support.h"

namespace {

using namespace bpfld;
using test::Loaded;
using test::still_there;

// Whether a TCP socket may use the congestion control; 0 or an errno.
int choose(int socket, std::string_view name) {
  const std::string text(name);
  const socklen_t size = static_cast<socklen_t>(text.size());
  return ::setsockopt(socket, IPPROTO_TCP, TCP_CONGESTION, text.data(), size) == 0 ? 0 : errno;
}

int choose(std::string_view name) {
  const UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  return choose(socket.get(), name);
}

bool raise_loopback() {
  const UniqueFd control(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request = {};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  return ::ioctl(control.get(), SIOCSIFFLAGS, &request) == 0;
}

// Sends 64 KiB through a connection whose sender uses the congestion control; 0 if all arrived.
int send_with(std::string_view name) {
  if (::unshare(CLONE_NEWNET) != 0 || !raise_loopback()) return 10;
  const UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const UniqueFd sender(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(4000);
  sockaddr* const generic = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listener.get(), generic, sizeof address) != 0 || ::listen(listener.get(), 1) != 0)
    return 11;
  if (choose(sender.get(), name) != 0) return 12;
  if (::connect(sender.get(), generic, sizeof address) != 0) return 13;
  const UniqueFd receiver(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  static char block[4096];
  for (int i = 0; i < 16; i++) {
    if (::send(sender.get(), block, sizeof block, MSG_NOSIGNAL) != sizeof block) return 14;
    if (::recv(receiver.get(), block, sizeof block, MSG_WAITALL) != sizeof block) return 15;
  }
  return 0;
}

// The same in a process of its own, which a namespace needs.
int send_in_namespace(std::string_view name) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(send_with(name));
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) != child || !WIFEXITED(status)) return 20;
  return WEXITSTATUS(status);
}

struct Counted {
  u64 inits, acks, releases;
};

Counted counted(Loaded& loaded) {
  return load_checked<Counted>(loaded.value(".bss", sizeof(Counted)), 0);
}

}  // namespace

TEST_CASE("live: TCP uses a congestion control that an object registered, while it is loaded") {
  Loaded loaded("fixtures/struct_ops_cc.bpf.o");
  REQUIRE_MESSAGE(loaded.load(), loaded.error.message() << "\n" << loaded.error.detail);
  CHECK(choose("bpfld_one") == ENOENT);
  CHECK(loaded.attach() == "");
  CHECK(send_in_namespace("bpfld_one") == 0);
  const Counted first = counted(loaded);
  CHECK(first.inits == 1);
  CHECK(first.acks > 0);
  CHECK(send_in_namespace("bpfld_two") == 0);  // shares the callback for acknowledgements
  CHECK(counted(loaded).inits == 1);
  CHECK(counted(loaded).acks > first.acks);
  test::covered("struct_ops");
  loaded.session.reset();
  CHECK(choose("bpfld_one") == ENOENT);
  CHECK(choose("bpfld_two") == ENOENT);
  CHECK(still_there(loaded.kernel.made()) == "");
}

TEST_CASE("live: a name that is registered is refused, and the refusal unregisters nothing") {
  Loaded first("fixtures/struct_ops_cc.bpf.o");
  REQUIRE_MESSAGE(first.load(), first.error.message());
  CHECK(first.attach() == "");
  {
    Loaded second("fixtures/struct_ops_cc.bpf.o");
    REQUIRE_MESSAGE(second.load(), second.error.message());
    CHECK(second.attach().find("EEXIST") != std::string::npos);
  }
  CHECK(choose("bpfld_one") == 0);
  CHECK(choose("bpfld_two") == 0);
  first.session->detach();
  CHECK(choose("bpfld_one") == ENOENT);
}

TEST_CASE("live: a struct of .struct_ops.link is registered, on kernels without links, too") {
  Loaded loaded("fixtures/struct_ops_link.bpf.o");
  REQUIRE_MESSAGE(loaded.load(), loaded.error.message() << "\n" << loaded.error.detail);
  CHECK(loaded.attach() == "");
  CHECK(send_in_namespace("bpfld_link") == 0);
  CHECK(counted(loaded).inits == 1);
  CHECK(counted(loaded).acks > 0);
  CHECK(choose("bpfld_optional") == ENOENT);
  loaded.session.reset();
  CHECK(choose("bpfld_link") == ENOENT);
  CHECK(still_there(loaded.kernel.made()) == "");
}

TEST_CASE("live: a link of struct_ops ends with its process, however that ends") {
  int pipe_fds[2];
  REQUIRE(::pipe(pipe_fds) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    Loaded loaded("fixtures/struct_ops_link.bpf.o");
    if (!loaded.load()) ::_exit(1);
    const char link = loaded.session->linked().struct_ops[0].link ? 'y' : 'n';
    if (link == 'y' && !loaded.attach().empty()) ::_exit(2);
    if (::write(pipe_fds[1], &link, 1) != 1) ::_exit(3);
    while (true)
      ::pause();
  }
  ::close(pipe_fds[1]);
  char link = 0;
  CHECK(::read(pipe_fds[0], &link, 1) == 1);
  ::close(pipe_fds[0]);
  if (link == 'y') CHECK(choose("bpfld_link") == 0);
  CHECK(::kill(child, SIGKILL) == 0);
  CHECK(::waitpid(child, nullptr, 0) == child);
  if (link != 'y') {
    test::skip("struct_ops links", "the kernel has none", "BPF_F_LINK");
    return;
  }
  int left = 0;
  for (int i = 0; i < 5000 && (left = choose("bpfld_link")) == 0; i++)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  CHECK(left == ENOENT);
}

TEST_CASE("live: a callback that may sleep is called as others are") {
  if (!test::kernel_has("BPF_F_LINK"))  // 6.4; such callbacks are of 6.3
    return test::skip("struct_ops.s", "the kernel is too old", "BPF_F_LINK");
  Loaded loaded("fixtures/struct_ops_sleepable.bpf.o");
  REQUIRE_MESSAGE(loaded.load(), loaded.error.message() << "\n" << loaded.error.detail);
  CHECK(loaded.attach() == "");
  CHECK(send_in_namespace("bpfld_sleepable") == 0);
  CHECK(counted(loaded).inits == 1);
  loaded.session.reset();
  CHECK(choose("bpfld_sleepable") == ENOENT);
  CHECK(still_there(loaded.kernel.made()) == "");
  test::covered("struct_ops.s");
}
