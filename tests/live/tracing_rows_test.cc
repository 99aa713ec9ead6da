// SPDX-License-Identifier: Apache-2.0
// Every SEC() row of tracing that the other live tests leave out: the program runs as often as its
// place is passed, in this process, while it is attached and not after. A row has the kernel that
// it came with, and from there on it must work; what depends on how a kernel was built, or on a
// policy of the machine, says why it was refused.
#include <cerrno>
#include <cstdio>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <unistd.h>

#include <sys/socket.h>

#include "base/mapped_file.h"
#include "tests/live/support.h"
#include "tests/live/usdt_probe.h"

extern "C" {
__attribute__((noinline, used)) u_int64_t bpfld_row_function(u_int64_t value) {
  asm volatile("");  // not to be folded into its callers
  return value + 1;
}
}

namespace {

using namespace bpfld;
using test::call_getppid;
using test::Loaded;

constexpr const char* kObject = "fixtures/tracing_rows.bpf.o";

void call_function(u64 count) {
  for (u64 i = 0; i < count; i++)
    bpfld_row_function(i);
}

void call_getsid(u64 count) {
  for (u64 i = 0; i < count; i++)
    static_cast<void>(::getsid(::getpid()));
}

void call_getpgid(u64 count) {
  for (u64 i = 0; i < count; i++)
    static_cast<void>(::getpgid(0));
}

void call_open(u64 count) {
  for (u64 i = 0; i < count; i++)
    ::close(::open("/dev/null", O_RDONLY | O_CLOEXEC));
}

void call_bind(u64 count) {
  for (u64 i = 0; i < count; i++) {
    const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    ::close(fd);
  }
}

#ifdef __x86_64__
// A probe bpfld:row without arguments, see usdt_probe.h.
__attribute__((noinline)) void pass_probe(u64 count) {
  for (u64 i = 0; i < count; i++)
    asm volatile(BPFLD_USDT_PROBE("row", "0", ""));
}
#else
void pass_probe(u64) {}
#endif

constexpr u32 version(u32 major, u32 minor) {
  return major << 16 | minor << 8;
}

// spec: what a row needs besides the kernel's age.
enum class Takes : u8 {
  nothing,
  trampoline,    // refused by policy on some machines: EPERM before the verifier looks
  kprobes,       // the PMU
  fprobes,       // and an option of the kernel's build
  sleepable_at,  // the function must be one that may sleep, which depends on the build
};

struct Row {
  const char* program;
  u32 number;
  void (*trigger)(u64);
  u64 runs;  // for each call
  u32 since;
  Takes takes = Takes::nothing;
};

// clang-format off
constexpr Row kRows[] = {
    {"on_tp",               0,  call_getppid,  1, version(4, 7)},
    {"on_tracepoint",       1,  call_getppid,  1, version(4, 7)},
    {"on_raw_tp",           2,  call_getppid,  1, version(4, 17)},
    {"on_raw_tracepoint",   3,  call_getppid,  1, version(4, 17)},
    {"on_raw_tp_w",         4,  call_getppid,  1, version(5, 2)},
    {"on_raw_tracepoint_w", 5,  call_getppid,  1, version(5, 2)},
    {"on_tp_btf",           6,  call_getppid,  1, version(5, 5)},
    {"on_fentry_s",         7,  call_getpgid,  1, version(5, 10), Takes::sleepable_at},
    {"on_fexit_s",          8,  call_getpgid,  1, version(5, 10), Takes::sleepable_at},
    {"on_fsession",         9,  call_getppid,  2, version(7, 0),  Takes::trampoline},
    {"on_fsession_s",       10, call_getpgid,  2, version(7, 0),  Takes::sleepable_at},
    {"on_lsm",              11, call_getsid,   1, version(5, 7),  Takes::trampoline},
    {"on_lsm_s",            12, call_open,     1, version(5, 11), Takes::trampoline},
    {"on_lsm_cgroup",       13, call_bind,     1, version(6, 0),  Takes::trampoline},
    {"on_fmod_ret",         14, call_getsid,   1, version(5, 7),  Takes::trampoline},
    {"on_fmod_ret_s",       15, call_getpgid,  1, version(5, 10), Takes::sleepable_at},
    {"on_kretprobe_multi",  16, call_getppid,  1, version(5, 18), Takes::fprobes},
    {"on_kretsyscall",      17, call_getppid,  1, version(4, 1),  Takes::kprobes},
    {"on_uprobe_s",         18, call_function, 1, version(6, 0)},
    {"on_uretprobe_s",      19, call_function, 1, version(6, 0)},
    {"on_uprobe_multi_s",   20, call_function, 1, version(6, 6)},
    {"on_uretprobe_multi",  21, call_function, 1, version(6, 6)},
    {"on_uretprobe_multi_s", 22, call_function, 1, version(6, 6)},
    {"on_uprobe_session_s", 23, call_function, 2, version(6, 13)},
    {"on_usdt_s",           24, pass_probe,    1, version(6, 0)},
    {"on_tp_s",             25, call_getppid,  1, version(7, 2)},
    {"on_tracepoint_s",     26, call_getppid,  1, version(7, 2)},
    {"on_raw_tp_s",         27, call_getppid,  1, version(7, 2)},
    {"on_raw_tracepoint_s", 28, call_getppid,  1, version(7, 2)},
    {"on_tp_btf_s",         29, call_getppid,  1, version(7, 2)},
    {"on_fentry_multi",     30, call_getppid,  1, version(7, 2),  Takes::trampoline},
    {"on_fexit_multi",      31, call_getppid,  1, version(7, 2),  Takes::trampoline},
    {"on_fsession_multi",   32, call_getppid,  2, version(7, 2),  Takes::trampoline},
    {"on_fentry_multi_s",   33, call_getpgid,  1, version(7, 2),  Takes::sleepable_at},
    {"on_fexit_multi_s",    34, call_getpgid,  1, version(7, 2),  Takes::sleepable_at},
    {"on_fsession_multi_s", 35, call_getpgid,  2, version(7, 2),  Takes::sleepable_at},
};
// clang-format on

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

// Whether the kernel may refuse the row: it is older, or was built or is run so.
bool may_be_refused(const Row& row, const Loaded& loaded, const std::string& message, int error) {
  if (loaded.profile.version_code < row.since) return true;
  const bool policy = error == EPERM && loaded.error.detail.empty();
  switch (row.takes) {
    case Takes::nothing: return false;
    case Takes::trampoline: return policy;
    case Takes::kprobes: return contains(message, "this kernel has no kprobes");
    case Takes::fprobes:
      return contains(message, "EOPNOTSUPP") || contains(message, "cannot read") ||
             ::access("/sys/bus/event_source/devices/kprobe/type", R_OK) != 0;
    case Takes::sleepable_at:
      return policy || contains(loaded.error.detail, "is not sleepable") ||
             contains(loaded.error.detail, "can be sleepable") ||
             contains(loaded.error.detail, "is not modifiable") || contains(message, "EINVAL");
  }
  return false;
}

void refused(const Row& row, const Loaded& loaded, const std::string& message, int error) {
  std::printf("SKIP: %s: %s\n", row.program, message.c_str());
  CHECK_MESSAGE(may_be_refused(row, loaded, message, error), std::string(row.program)
                                                                 << ": " << message << "\n"
                                                                 << loaded.error.detail);
}

void aim(Loaded& loaded, const char* program) {
  const u32 self = static_cast<u32>(::getpid());
  loaded.set("target_tgid", bytes_of(self));
  loaded.spec.programs[loaded.program_index(program)].autoload = true;
}

void check_row(const Row& row) {
  INFO(std::string(row.program));
  Loaded loaded(kObject);
  aim(loaded, row.program);
  if (!loaded.load()) return refused(row, loaded, loaded.error.message(), loaded.error.errno_value);
  row.trigger(5);
  const std::string problem = loaded.attach();
  if (!problem.empty()) return refused(row, loaded, problem, 0);
  const std::vector<u64> before = loaded.counts();
  CHECK(before[row.number] <= 5);  // of other system calls, before this one
  row.trigger(50);
  const u64 counted = loaded.counts()[row.number] - before[row.number];
  CHECK(counted >= 50 * row.runs);
  // A system call tracepoint sees the calls by which this test reads, too.
  CHECK(counted <= 50 * row.runs + 20);
  test::covered(loaded.spec.programs[loaded.program_index(row.program)].row->name);
  loaded.session->detach();
  const u64 after = loaded.counts()[row.number];
  row.trigger(5);
  CHECK(loaded.counts()[row.number] == after);
}

std::string read_all(int fd) {
  std::string text;
  char part[256];
  ssize_t got = 0;
  while ((got = ::read(fd, part, sizeof part)) > 0 || (got < 0 && errno == EAGAIN))
    if (got > 0) text.append(part, static_cast<std::size_t>(got));
  CHECK(got == 0);
  return text;
}

// handle: a socket, for what walks over sockets to meet one.
struct Socket {
  Socket(int family, int type) : fd(::socket(family, type | SOCK_CLOEXEC, 0)) {
    REQUIRE(fd >= 0);
    if (family != AF_INET) return;
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    if (type == SOCK_STREAM) REQUIRE(::listen(fd, 1) == 0);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket() { ::close(fd); }
  int fd;
};

struct Iterator {
  const char* program;
  u32 since;
  const char* place;  // with what it walks; empty: as the section says
};

// clang-format off
constexpr Iterator kIterators[] = {
    {"iter_task",         version(5, 8),  ""},
    {"iter_task",         version(6, 1),  "task,pid=1"},
    {"iter_task_s",       version(5, 18), ""},
    {"iter_task",         version(6, 1),  "task,tid=1"},
    {"iter_task_file",    version(5, 8),  ""},
    {"iter_cgroup",       version(6, 1),  ""},
    {"iter_cgroup",       version(6, 1),  "cgroup,order=post"},
    {"iter_cgroup",       version(6, 1),  "cgroup,id=1,order=self"},
    {"iter_task_vma",     version(5, 12), ""},
    {"iter_bpf_map",      version(5, 8),  ""},
    {"iter_bpf_map_elem", version(5, 9),  "bpf_map_elem,map=walked"},
    {"iter_bpf_prog",     version(5, 9),  ""},
    {"iter_bpf_link",     version(5, 19), ""},
    {"iter_tcp",          version(5, 9),  ""},
    {"iter_udp",          version(5, 9),  ""},
    {"iter_unix",         version(5, 15), ""},
    {"iter_netlink",      version(5, 8),  ""},
    {"iter_ksym",         version(6, 0),  ""},
};
// clang-format on

}  // namespace

TEST_CASE("live: every row of tracing is attached, runs, and ends") {
  for (const Row& row : kRows)
    check_row(row);
}

TEST_CASE("live: what fmod_ret returns is what the function returns") {
  Loaded loaded(kObject);
  aim(loaded, "on_fmod_ret");
  if (!loaded.load()) return;  // the case above says why
  CHECK(::getsid(::getpid()) >= 0);
  REQUIRE(loaded.attach() == "");
  errno = 0;
  CHECK(::getsid(::getpid()) == -1);
  CHECK(errno == EPERM);
  loaded.session->detach();
  CHECK(::getsid(::getpid()) >= 0);
}

TEST_CASE("live: iterators walk over tasks, files, maps, sockets, symbols") {
  const Socket udp(AF_INET, SOCK_DGRAM), tcp(AF_INET, SOCK_STREAM), local(AF_UNIX, SOCK_DGRAM);
  for (const Iterator& iterator : kIterators) {
    INFO(std::string(iterator.program) << " " << std::string(iterator.place));
    Loaded loaded(kObject);
    aim(loaded, iterator.program);
    loader::ProgramSpec& program = loaded.spec.programs[loaded.program_index(iterator.program)];
    if (*iterator.place != '\0') {
      loader::AttachTarget target;
      target.method = loader::AttachMethod::iterator;
      target.place = iterator.place;
      program.places = {target};
    }
    const bool done = loaded.load();
    const std::string problem = done ? loaded.attach() : loaded.error.message();
    if (!problem.empty()) {
      std::printf("SKIP: %s: %s\n", iterator.program, problem.c_str());
      CHECK_MESSAGE(loaded.profile.version_code < iterator.since, problem);
      continue;
    }
    REQUIRE(loaded.session->plan().attach.size() == 1);
    const int fd = loaded.session->iterator_fd(loaded.session->plan().attach[0]);
    REQUIRE(fd >= 0);
    // Once more at the end, for some.
    CHECK(read_all(fd).starts_with(std::string(iterator.program) + "\n"));
    test::covered(program.row->name);
  }
}

// A kernel before 4.17, or one without the PMU, as far as the facts go; the rest is real.
TEST_CASE("live: probes are defined in tracefs where perf has none, and removed again") {
  constexpr struct {
    const char* program;
    const char* pmu;
    u32 number;
    void (*trigger)(u64);
  } kProbes[] = {{"on_kprobe", "kprobe", 36, call_getppid},
                 {"on_kretprobe", "kprobe", 37, call_getppid},
                 {"on_uprobe", "uprobe", 38, call_function},
                 {"on_uretprobe", "uprobe", 39, call_function}};
  for (const auto& [name, pmu, number, trigger] : kProbes) {
    INFO(std::string(name));
    const std::string events = format("/sys/kernel/tracing/{}_events", pmu);
    Loaded loaded(kObject);
    aim(loaded, name);
    loaded.edit_profile = [&](loader::KernelProfile& profile) {
      profile.pmus.at(pmu).type.reset();
    };
    REQUIRE_MESSAGE(loaded.load(), loaded.error.message());
    const std::string problem = loaded.attach();
    if (::access(events.c_str(), W_OK) != 0) {
      CHECK(problem != "");
      std::printf("SKIP: %s in tracefs: %s\n", name, problem.c_str());
      continue;
    }
    REQUIRE(problem == "");
    CHECK(contains(loaded.session->plan().attach[0].how, "defined in tracefs"));
    CHECK(contains(*read_text(events), "bpfld/"));
    trigger(50);
    CHECK(loaded.counts()[number] == 50);
    loaded.session->detach();
    trigger(5);
    CHECK(loaded.counts()[number] == 50);
    CHECK_FALSE(contains(*read_text(events), "bpfld/"));
  }
}

// Guests in emulation have no counters in hardware, and neither have many virtual machines.
TEST_CASE("live: hardware events are sampled, or it is said that there are none") {
  Loaded loaded(kObject);
  aim(loaded, "on_sample");
  loader::AttachTarget target;
  target.method = loader::AttachMethod::perf_event;
  target.place = "cycles/100000";
  loaded.spec.programs[loaded.program_index("on_sample")].places = {target};
  REQUIRE_MESSAGE(loaded.load(), loaded.error.message());
  const std::string problem = loaded.attach();
  if (problem.empty()) {
    volatile u64 sum = 0;
    for (u64 i = 0; i < 20'000'000; i++)
      sum = sum + i;
    CHECK(loaded.counts()[40] > 0);
    return;
  }
  std::printf("SKIP: hardware events: %s\n", problem.c_str());
  CHECK(::access("/sys/bus/event_source/devices/cpu", R_OK) != 0);
  // No PMU has such events; or there is one that cannot interrupt.
  CHECK((contains(problem, "ENOENT") || contains(problem, "EOPNOTSUPP")));
}
