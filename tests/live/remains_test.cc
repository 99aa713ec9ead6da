// SPDX-License-Identifier: Apache-2.0
// After a session ends, and after its process is killed, nothing of it is left: no program, map,
// link or BTF, and so no perf event, cgroup attachment or filter, which would hold a program; no
// event of tracefs and no qdisc. The exception is what the plan said that it would leave: see
// AttachPlan::remains. One row for each way of attaching.
#include <csignal>
#include <cstring>
#include <doctest/doctest.h>
#include <optional>
#include <unistd.h>

#include <sys/socket.h>
#include <sys/wait.h>

#include "base/mapped_file.h"
#include "tests/live/network.h"
#include "tests/live/own_cgroup.h"
#include "tests/live/support.h"

namespace {

using namespace bpfld;
using test::KernelObject;
using test::Loaded;
using enum loader::AttachMethod;

enum class Needs : u8 { nothing, enumerator, function, policy };

struct Family {
  const char* name;
  const char* object;   // of fixtures/
  const char* program;  // null: those that autoload
  loader::AttachMethod method;
  const char* place;  // empty: as the section says; "@cgroup": a cgroup; "@socket": one of the test
  const char* option;  // "dev=va"
  const char* pair;    // of interfaces: "veth", "netkit"
  Needs needs;         // what the kernel may lack, and its name
  const char* needed;
};

constexpr const char* kSelf = "/proc/self/exe:bpfld_test_function";
constexpr const char* kNetns = "/proc/thread-self/ns/net";
// clang-format off
constexpr Family kFamilies[] = {
    // name, object, program, method, place, option, pair, needs, needed
    {"tracepoint",     "perf_getppid",      nullptr,             none,           "",                    "",       "",     Needs::nothing,    ""},
    {"raw tracepoint", "raw_tp",            nullptr,             none,           "",                    "",       "",     Needs::nothing,    ""},
    {"kprobe",         "probes",            "on_kprobe",         kprobe,         "__x64_sys_getppid",   "",       "",     Needs::function,   "register_kprobe"},
    {"kretprobe",      "probes",            "on_kretprobe",      kprobe,         "__x64_sys_getppid",   "",       "",     Needs::function,   "register_kprobe"},
    {"kprobe.multi",   "probes",            "on_kprobe_multi",   kprobe_multi,   "__x64_sys_getppid",   "",       "",     Needs::function,   "register_fprobe_ips"},
    {"uprobe",         "probes",            "on_uprobe",         uprobe,         kSelf,                 "",       "",     Needs::nothing,    ""},
    {"uretprobe",      "probes",            "on_uretprobe",      uprobe,         kSelf,                 "",       "",     Needs::nothing,    ""},
    {"uprobe.multi",   "probes",            "on_uprobe_multi",   uprobe_multi,   kSelf,                 "",       "",     Needs::enumerator, "BPF_TRACE_UPROBE_MULTI"},
    {"usdt",           "probes",            "on_usdt",           usdt,           "/proc/self/exe:bpfld:test", "", "",     Needs::enumerator, "BPF_FUNC_get_attach_cookie"},
    {"perf event",     "probes",            "on_sample",         perf_event,     "page-faults/1",       "",       "",     Needs::nothing,    ""},
    {"tp_btf",         "probes",            "on_tp_btf",         tracing,        "",                    "",       "",     Needs::nothing,    ""},
    {"fentry",         "probes",            "on_fentry",         tracing,        "",                    "",       "",     Needs::policy,     ""},
    {"iterator",       "iter_task",         nullptr,             none,           "",                    "",       "",     Needs::nothing,    ""},
    {"struct_ops",     "struct_ops_cc",     nullptr,             none,           "",                    "",       "",     Needs::nothing,    ""},
    {"struct_ops link", "struct_ops_link",  nullptr,             none,           "",                    "",       "",     Needs::nothing,    ""},
    {"xdp",            "attach_network",    "on_xdp",            network_device, "vb",                  "",       "veth", Needs::nothing,    ""},
    {"tc",             "attach_network",    "on_tc",             network_device, "vb",                  "",       "veth", Needs::nothing,    ""},
    {"netkit",         "attach_network",    "on_netkit_primary", network_device, "va",                  "",       "netkit", Needs::function, "netkit_xmit"},
    {"socket filter",  "attach_network",    "on_socket",         socket,         "vb",                  "",       "veth", Needs::nothing,    ""},
    {"netfilter",      "attach_network",    "on_netfilter",      netfilter,      "ipv4",                "",       "",     Needs::enumerator, "BPF_PROG_TYPE_NETFILTER"},
    {"route",          "attach_network",    "on_lwt_xmit",       lwt,            "10.9.1.0/24",         "dev=va", "veth", Needs::function,   "bpf_lwt_push_ip_encap"},
    {"reuseport",      "attach_sockets",    "on_reuseport",      socket,         "@socket",             "",       "",     Needs::nothing,    ""},
    {"sk_lookup",      "attach_sockets",    "on_lookup",         netns,          kNetns,                "",       "",     Needs::nothing,    ""},
    {"flow_dissector", "attach_sockets",    "on_dissect",        netns,          kNetns,                "",       "",     Needs::nothing,    ""},
    {"sk_msg",         "attach_sockets",    "on_msg",            none,           "",                    "",       "",     Needs::nothing,    ""},
    {"cgroup",         "attach_cgroup",     "on_bind4",          cgroup,         "@cgroup",             "",       "",     Needs::nothing,    ""},
    {"cgroup_skb",     "attach_cgroup",     "on_skb",            cgroup,         "@cgroup",             "",       "",     Needs::nothing,    ""},
    {"sockops",        "attach_cgroup",     "on_sockops",        cgroup,         "@cgroup",             "",       "",     Needs::nothing,    ""},
    {"lsm_cgroup",     "attach_lsm_cgroup", nullptr,             cgroup,         "@cgroup",             "",       "",     Needs::policy,     ""},
    {"syscall",        "attach_run",        nullptr,             none,           "",                    "",       "",     Needs::enumerator, "BPF_PROG_TYPE_SYSCALL"},
};
// clang-format on

// What the children of the tests find around them; the order of the members is that of their end.
struct Surroundings {
  test::OwnNetwork network;
  std::optional<test::OwnCgroup> cgroup;
  UniqueFd socket;  // that others share its port
  pid_t parent = ::getpid();

  explicit Surroundings(const Family& family)
      : socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    cgroup.emplace();
    const int on = 1;
    REQUIRE(::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0);
    sockaddr_storage any = {};
    any.ss_family = AF_INET;
    REQUIRE(::bind(socket.get(), reinterpret_cast<sockaddr*>(&any), sizeof any) == 0);
    if (std::strcmp(family.pair, "veth") == 0) {
      REQUIRE(test::make_pair("veth") == 0);
      REQUIRE(test::add_address("va", 0x0a090001) == 0);
    }
  }
};

void give_place(const Family& family, const Surroundings& around, Loaded& loaded) {
  if (family.program != nullptr && loaded.spec.maps.size() > 1 && family.object[0] == 'p')
    loaded.set("target_tgid", bytes_of(static_cast<u32>(::getpid())));
  if (*family.place == '\0') return;
  loader::AttachTarget target;
  target.method = family.method;
  target.place = family.place;
  if (target.place == "@cgroup") target.place = around.cgroup->path();
  if (target.place == "@socket") {
    target.place.clear();
    target.options = {{.name = "pid", .value = format("{}", around.parent)},
                      {.name = "fd", .value = format("{}", around.socket.get())}};
  }
  if (family.method == netfilter) target.hook = "local_out";
  if (const char* equals = std::strchr(family.option, '='))
    target.options.push_back(
        {.name = std::string(family.option, equals), .value = std::string(equals + 1)});
  const u32 program = family.program != nullptr ? loaded.program_index(family.program) : 0;
  loaded.spec.programs[program].places = {target};
}

// What a child says about itself, before the objects that it made.
struct Said {
  int errno_value = 0;
  u32 text_size = 0;      // of the error, which follows; 0: all is well
  bool detailed = false;  // the error has a verifier's log
  bool remains = false;
  bool expected = false;  // there was something to attach
};

template <typename T>
void say(int fd, const T& value) {
  if (::write(fd, &value, sizeof value) != static_cast<ssize_t>(sizeof value)) ::_exit(3);
}

Status attach_all(Loaded& loaded, Said& said) {
  for (const loader::AttachPlan& plan : loaded.session->plan().attach) {
    if (plan.no_place) continue;
    TRY(loaded.session->attach(plan));
    said.expected = true;
    said.remains |= !plan.remains.empty();
  }
  return {};
}

[[noreturn]] void be_child(const Family& family, const Surroundings& around, int out, int go_on) {
  try {
    Loaded loaded(format("fixtures/{}.bpf.o", family.object));
    give_place(family, around, loaded);
    Said said;
    std::optional<Error> error;
    if (family.program != nullptr ? !loaded.load({family.program}) : !loaded.load())
      error = loaded.error;
    else if (const Status done = attach_all(loaded, said); !done)
      error = done.error();
    const std::string text = error ? error->message() : std::string();
    if (error) said.errno_value = error->errno_value;
    said.detailed = error && !error->detail.empty();
    said.text_size = static_cast<u32>(text.size());
    say(out, said);
    if (::write(out, text.data(), text.size()) != static_cast<ssize_t>(text.size())) ::_exit(3);
    for (const KernelObject& object : loaded.kernel.made())
      say(out, object);
    ::close(out);
    char byte = 0;
    while (::read(go_on, &byte, 1) < 0) {
    }  // and then the session ends, or nothing more happens: this process is killed
    loaded.session.reset();
  } catch (...) {
    ::_exit(4);
  }
  ::_exit(0);
}

struct Child {
  pid_t pid = -1;
  UniqueFd from, go_on;
  Said said;
  std::string error;
  std::vector<KernelObject> made;
};

Child start(const Family& family, const Surroundings& around) {
  int out[2], in[2];
  REQUIRE(::pipe(out) == 0);
  REQUIRE(::pipe(in) == 0);
  Child child;
  child.pid = ::fork();
  REQUIRE(child.pid >= 0);
  if (child.pid == 0) {
    ::close(out[0]);
    ::close(in[1]);
    be_child(family, around, out[1], in[0]);
  }
  ::close(out[1]);
  ::close(in[0]);
  child.from = UniqueFd(out[0]);
  child.go_on = UniqueFd(in[1]);
  REQUIRE(::read(out[0], &child.said, sizeof child.said) == sizeof child.said);
  child.error.resize(child.said.text_size);
  REQUIRE(::read(out[0], child.error.data(), child.error.size()) ==
          static_cast<ssize_t>(child.error.size()));
  KernelObject object;
  while (::read(out[0], &object, sizeof object) == sizeof object)
    child.made.push_back(object);
  return child;
}

// Lets it end by itself, or kills it.
void end(Child& child, bool kill) {
  if (kill)
    CHECK(::kill(child.pid, SIGKILL) == 0);
  else
    child.go_on = UniqueFd();
  int status = 0;
  CHECK(::waitpid(child.pid, &status, 0) == child.pid);
  CHECK((kill ? WIFSIGNALED(status) : WIFEXITED(status) && WEXITSTATUS(status) == 0));
}

bool is_program_there(const std::vector<KernelObject>& made) {
  for (const KernelObject& object : made)
    if (object.kind == bpf::ObjectKind::program && test::exists(object)) return true;
  return false;
}

// A struct that was registered by a map stays registered until its only element is deleted.
void delete_elements(const std::vector<KernelObject>& made) {
  bpf::LinuxKernel kernel;
  for (const KernelObject& object : made) {
    if (object.kind != bpf::ObjectKind::map) continue;
    const Result<bpf::Reply> fd = kernel.call(bpf::ObjectById{object.kind, object.id});
    if (!fd) continue;
    const UniqueFd map(static_cast<int>(fd->value));
    bpf::MapDelete remove;
    remove.map = bpf::Fd::number(map.get());
    remove.key.assign(sizeof(u32), std::byte{0});
    static_cast<void>(kernel.call(remove));
  }
}

void check_no_events() {
  for (const char* events :
       {"/sys/kernel/tracing/uprobe_events", "/sys/kernel/tracing/kprobe_events"})
    if (const Result<std::string> text = read_text(events))
      CHECK(text->find("bpfld") == std::string::npos);
}

bool is_missing(const Family& family) {
  switch (family.needs) {
    case Needs::enumerator: return !test::kernel_has(family.needed);
    case Needs::function: return !test::kernel_has_function(family.needed);
    case Needs::nothing:
    case Needs::policy: return false;
  }
  std::unreachable();
}

// False: the family is not there to be looked at, and why has been said.
bool check_end(const Family& family, bool kill) {
  std::vector<KernelObject> made;
  bool remains = false;
  {
    const Surroundings around(family);
    if (std::strcmp(family.pair, "netkit") == 0) REQUIRE(test::make_pair("netkit") == 0);
    Child child = start(family, around);
    CAPTURE(child.error);
    if (!child.error.empty() && family.needs == Needs::policy) {
      end(child, false);
      Error error;
      error.what = child.error;
      error.errno_value = child.said.errno_value;
      if (child.said.detailed) error.detail = "the verifier refused it";
      const bool old =
          std::strcmp(family.name, "lsm_cgroup") == 0 && !test::kernel_has("BPF_LSM_CGROUP");
      if (!old) test::skip_refused(family.name, error);
      return false;
    }
    CHECK(child.error == "");
    CHECK((child.said.expected && is_program_there(child.made)));
    end(child, kill);
    made = child.made;
    remains = kill && child.said.remains;
    if (std::strcmp(family.pair, "veth") == 0)
      CHECK(test::has_clsact("vb") == (remains && std::strcmp(family.name, "tc") == 0));
    if (remains)
      CHECK(is_program_there(made));  // the promise to leave it was not idle
    else
      CHECK(test::still_there(made) == "");
  }
  if (remains) delete_elements(made);
  CHECK(test::still_there(made) == "");  // the network is gone by now, and with it what remained
  check_no_events();
  return true;
}

}  // namespace

TEST_CASE("live: nothing of any way to attach remains, after its end or after a kill") {
  for (const Family& family : kFamilies) {
    CAPTURE(std::string(family.name));
    if (is_missing(family)) {
      if (family.needs == Needs::function)
        test::skip_without(family.name, "this kernel was built without it", family.needed);
      else
        test::skip(family.name, "the kernel is too old", family.needed);
      continue;
    }
    if (check_end(family, false)) static_cast<void>(check_end(family, true));
  }
}
