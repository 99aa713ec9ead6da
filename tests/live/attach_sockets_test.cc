// SPDX-License-Identifier: Apache-2.0
// Programs of sockets and of sockmaps, of network namespaces, and those that only run.
#include <arpa/inet.h>
#include <cstring>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <unistd.h>

#include <sys/socket.h>

#include "tests/live/network.h"
#include "tests/live/support.h"

namespace {

using namespace bpfld;
using loader::AttachMethod;
using loader::AttachTarget;
using test::Loaded;
using test::OwnNetwork;

constexpr const char* kObject = "fixtures/attach_sockets.bpf.o";

enum Place : u32 {
  kLookup,
  kDissector,
  kReuseport,
  kReuseportMigrate,
  kParser,
  kStreamVerdict,
  kVerdict,
  kMsg,
  kUndecided
};

sockaddr_in local(u16 port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

UniqueFd bound(int type, u16 port) {
  UniqueFd socket(::socket(AF_INET, type | SOCK_CLOEXEC, 0));
  REQUIRE(socket);
  const int on = 1;
  REQUIRE(::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0);
  const sockaddr_in address = local(port);
  REQUIRE(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  return socket;
}

void send_udp(u16 port) {
  const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const sockaddr_in to = local(port);
  CHECK(::sendto(socket.get(), "x", 1, 0, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 1);
}

struct Pair {
  UniqueFd one, other;
};
Pair connected() {
  const UniqueFd listener = bound(SOCK_STREAM, 4242);
  REQUIRE(::listen(listener.get(), 1) == 0);
  Pair out;
  out.one = UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_in to = local(4242);
  REQUIRE(::connect(out.one.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0);
  out.other = UniqueFd(::accept(listener.get(), nullptr, nullptr));
  REQUIRE(out.other);
  return out;
}

void put_into_map(Loaded& loaded, int socket) {
  bpf::MapUpdate update;
  update.map = bpf::Fd::number(loaded.session->map_fd(loaded.map_index("socks")));
  update.key.assign(4, std::byte{0});
  const Bytes value = bytes_of(socket);
  update.value.assign(value.begin(), value.end());
  const Result<bpf::Reply> reply = loaded.kernel.call(update);
  REQUIRE_MESSAGE(reply, (reply ? "" : reply.error().message()));
}

void give_place(Loaded& loaded, const char* program, AttachMethod method, std::string place,
                std::vector<loader::AttachOption> options = {}) {
  AttachTarget target;
  target.method = method;
  target.place = std::move(place);
  target.options = std::move(options);
  loaded.spec.programs[loaded.program_index(program)].places = {target};
}

}  // namespace

TEST_CASE("live: sk_lookup and flow_dissector programs work for a network namespace") {
  const OwnNetwork network;
  struct Case {
    const char* program;
    u32 place;
    const char* row;
  };
  for (const Case& c : {Case{"on_lookup", kLookup, "sk_lookup"},
                        Case{"on_dissect", kDissector, "flow_dissector"}}) {
    CAPTURE(std::string(c.row));
    Loaded loaded(kObject);
    give_place(loaded, c.program, AttachMethod::netns, "/proc/thread-self/ns/net");
    REQUIRE_MESSAGE(loaded.load({c.program}), loaded.error.message());
    const std::string error = loaded.attach();
    CHECK(error == "");
    if (c.place == kDissector) {  // a packet socket that sends asks where the headers are
      test::send_frames("lo", 3);
    } else {
      const UniqueFd receiver = bound(SOCK_DGRAM, 4243);
      send_udp(4243);
    }
    CHECK(loaded.wait_count(c.place, 1) >= 1);
    loaded.session->detach();
    const u64 before = loaded.counts()[c.place];
    const UniqueFd receiver = bound(SOCK_DGRAM, 4243);
    send_udp(4243);
    CHECK(loaded.counts()[c.place] == before);
    if (error.empty()) test::covered(c.row);
  }
}

TEST_CASE("live: a reuseport program chooses for the sockets of another process's port") {
  const OwnNetwork network;
  for (const bool migrate : {false, true}) {
    const char* const program = migrate ? "on_reuseport_migrate" : "on_reuseport";
    const char* const row = migrate ? "sk_reuseport/migrate" : "sk_reuseport";
    if (migrate && !test::kernel_has("BPF_SK_REUSEPORT_SELECT_OR_MIGRATE")) {
      test::skip(row, "migration came in 5.14", "BPF_SK_REUSEPORT_SELECT_OR_MIGRATE");
      continue;
    }
    const UniqueFd first = bound(SOCK_DGRAM, 4244), second = bound(SOCK_DGRAM, 4244);
    Loaded loaded(kObject);
    give_place(loaded, program, AttachMethod::socket, "",
               {{.name = "pid", .value = format("{}", ::getpid())},
                {.name = "fd", .value = format("{}", first.get())}});
    REQUIRE_MESSAGE(loaded.load({program}), loaded.error.message());
    const std::string error = loaded.attach();
    CHECK(error == "");
    const u32 place = migrate ? kReuseportMigrate : kReuseport;
    send_udp(4244);
    CHECK(loaded.wait_count(place, 1) == 1);
    loaded.session->detach();
    send_udp(4244);
    CHECK(loaded.counts()[place] == 1);
    if (error.empty()) test::covered(row);
  }
}

TEST_CASE("live: programs of a sockmap see what its sockets receive and send") {
  struct Case {
    std::vector<std::string_view> programs;
    u32 place;
    const char* row;
    const char* enumerator;
  };
  const Case cases[] = {
      {{"on_parse", "on_stream_verdict"}, kParser, "sk_skb/stream_parser", nullptr},
      {{"on_parse", "on_stream_verdict"}, kStreamVerdict, "sk_skb/stream_verdict", nullptr},
      {{"on_verdict"}, kVerdict, "sk_skb/verdict", "BPF_SK_SKB_VERDICT"},
      {{"on_parse", "on_skb"}, kUndecided, "sk_skb", nullptr},
      {{"on_msg"}, kMsg, "sk_msg", nullptr}};
  const OwnNetwork network;
  for (const Case& c : cases) {
    CAPTURE(std::string(c.row));
    if (c.enumerator != nullptr && !test::kernel_has(c.enumerator)) {
      test::skip(c.row, "it came in 5.13", c.enumerator);
      continue;
    }
    Loaded loaded(kObject);
    give_place(loaded, "on_skb", AttachMethod::sockmap, "socks");
    loaded.spec.programs[loaded.program_index("on_skb")].places[0].hook = "stream_verdict";
    REQUIRE_MESSAGE(loaded.load(c.programs), loaded.error.message());
    const std::string error = loaded.attach();
    CHECK(error == "");
    {
      const Pair pair = connected();
      const bool sends = c.place == kMsg;
      put_into_map(loaded, sends ? pair.one.get() : pair.other.get());
      CHECK(::send(pair.one.get(), "hello", 5, 0) == 5);
      CHECK(loaded.wait_count(c.place, 1) >= 1);
    }
    loaded.session->detach();
    const u64 before = loaded.counts()[c.place];
    const Pair pair = connected();
    put_into_map(loaded, pair.other.get());
    CHECK(::send(pair.one.get(), "hello", 5, 0) == 5);
    char buffer[8];
    CHECK(::recv(pair.other.get(), buffer, sizeof buffer, 0) == 5);
    CHECK(loaded.counts()[c.place] == before);
    if (error.empty()) test::covered(c.row);
  }
}

TEST_CASE("live: a syscall program runs once and its return value is known") {
  if (!test::kernel_has("BPF_PROG_TYPE_SYSCALL"))
    return test::skip("syscall", "syscall programs came in 5.14", "BPF_PROG_TYPE_SYSCALL");
  Loaded loaded("fixtures/attach_run.bpf.o");
  REQUIRE_MESSAGE(loaded.load(), loaded.error.message());
  CHECK(loaded.attach() == "");
  CHECK(loaded.session->return_value(0) == 42);
  CHECK(load_checked<u64>(loaded.value(".bss", 8), 0) == 1);
  test::covered("syscall");
}
