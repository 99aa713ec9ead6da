// SPDX-License-Identifier: Apache-2.0
// Probes: the program runs as often as the probed place does, in this process, while it is attached
// and not after. What a kernel does not have is skipped, which fails where its BTF says that it
// has.
#include <cerrno>
#include <cstdio>
#include <doctest/doctest.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include <sys/mman.h>
#include <sys/wait.h>

#include "base/mapped_file.h"
#include "loader/kernel_functions.h"
#include "tests/live/support.h"
#include "tests/live/usdt_probe.h"

// The places to probe. Their names must be found in the symbols of this program.
extern "C" {
__attribute__((noinline, used)) u_int64_t bpfld_test_function(u_int64_t value) {
  asm volatile("");  // not to be folded into its callers
  return value + 1;
}
__attribute__((section(".probes"), used)) unsigned short bpfld_test_semaphore = 0;
}

namespace {

using namespace bpfld;
using test::call_getppid;
using test::kernel_has;
using test::Loaded;

#ifdef __x86_64__
// A USDT probe bpfld:test with one argument, see usdt_probe.h.
__attribute__((noinline)) void usdt_probe(int value) {
  asm volatile(BPFLD_USDT_PROBE("test", "bpfld_test_semaphore", "-4@%%edi")::"D"(value));
}
#endif

// Selects one program of fixtures/probes and says where it goes; empty: where its section says.
void choose(Loaded& loaded, const char* name, loader::AttachMethod method, const char* place) {
  const u32 self = static_cast<u32>(::getpid());
  loaded.set("target_tgid", bytes_of(self));
  loader::ProgramSpec& program = loaded.spec.programs[loaded.program_index(name)];
  program.autoload = true;
  if (*place == '\0') return;
  loader::AttachTarget target;
  target.method = method;
  target.place = place;
  program.places = {target};
}

// The program's SEC() row was attached, and ran.
void covered(const Loaded& loaded, std::string_view name) {
  test::covered(loaded.spec.programs[loaded.program_index(name)].row->name);
}

// The n-th u64 of a global variable.
u64 global(Loaded& loaded, std::string_view name, u32 n = 0) {
  for (const loader::VariableSpec& variable : loaded.spec.variables)
    if (variable.name == name)
      return load_checked<u64>(loaded.value(".bss", loaded.spec.maps[variable.map].value_size),
                               variable.offset + n * sizeof(u64));
  FAIL("no variable ", std::string(name));
  return 0;
}
u64 hits(Loaded& loaded, u32 program) {
  return global(loaded, "hits", program);
}

void call_function(u64 count) {
  for (u64 i = 0; i < count; i++)
    bpfld_test_function(i);
}

struct ProbeCase {
  const char* program;
  u32 number;
  loader::AttachMethod method;
  const char* place;
  void (*trigger)(u64);
  u64 runs;                // for each call
  const char* enumerator;  // what the kernel's BTF has when it has this; empty: always
};

using enum loader::AttachMethod;
constexpr ProbeCase kKernelProbes[] = {
    {"on_ksyscall", 0, ksyscall, "", call_getppid, 1, ""},
    {"on_kprobe", 1, kprobe, "__x64_sys_getppid", call_getppid, 1, ""},
    {"on_kprobe", 1, kprobe, "__x64_sys_getppid+0x0", call_getppid, 1, ""},
    {"on_kretprobe", 2, kprobe, "__x64_sys_getppid", call_getppid, 1, ""},
    {"on_kprobe_multi", 3, kprobe_multi, "", call_getppid, 1, "BPF_TRACE_KPROBE_MULTI"},
    {"on_kprobe_multi", 3, kprobe_multi, "__x64_sys_getppid", call_getppid, 1,
     "BPF_TRACE_KPROBE_MULTI"},
    {"on_kprobe_session", 4, kprobe_multi, "", call_getppid, 2, "BPF_TRACE_KPROBE_SESSION"},
};
constexpr ProbeCase kUserProbes[] = {
    {"on_uprobe", 5, uprobe, "/proc/self/exe:bpfld_test_function", call_function, 1, ""},
    {"on_uretprobe", 6, uprobe, "/proc/self/exe:bpfld_test_function", call_function, 1, ""},
    {"on_uprobe_multi", 7, uprobe_multi, "/proc/self/exe:bpfld_test_func*", call_function, 1,
     "BPF_TRACE_UPROBE_MULTI"},
    {"on_uprobe_session", 13, uprobe_multi, "/proc/self/exe:bpfld_test_function", call_function, 2,
     "BPF_TRACE_UPROBE_SESSION"},
};

// Whether the kernel was built with that function.
bool has_function(std::string_view name) {
  const Result<std::string> symbols = read_text("/proc/kallsyms", 256u << 20);
  REQUIRE(symbols);
  return !loader::functions_named(*symbols, name).empty();
}

void check_probe(const ProbeCase& probe) {
  INFO(probe.program << " at " << probe.place);
  if (*probe.enumerator != '\0' && !kernel_has(probe.enumerator)) {
    test::skip(probe.program, "the kernel is too old", probe.enumerator);
    return;
  }
  Loaded loaded("fixtures/probes.bpf.o");
  choose(loaded, probe.program, probe.method, probe.place);
  REQUIRE_MESSAGE(loaded.load(), loaded.error.message());
  probe.trigger(10);
  const std::string refused = loaded.attach();
  if (refused.find("EOPNOTSUPP") != std::string::npos && !has_function("register_fprobe_ips")) {
    std::printf("SKIP: %s: the kernel has no fprobes: %s\n", probe.program, refused.c_str());
    return;
  }
  CHECK(refused == "");
  probe.trigger(100);
  CHECK(hits(loaded, probe.number) == 100 * probe.runs);
  covered(loaded, probe.program);
  loaded.session->detach();
  probe.trigger(10);
  CHECK(hits(loaded, probe.number) == 100 * probe.runs);
}

bool has_kprobes() {
  return ::access("/sys/bus/event_source/devices/kprobe/type", R_OK) == 0;
}

}  // namespace

TEST_CASE("live: probes on kernel functions") {
  if (!has_kprobes()) {
    // An enumerator of kernel/kprobes.c.
    test::skip("kernel probes", "the kernel has no kprobes", "SLOT_CLEAN");
    Loaded loaded("fixtures/probes.bpf.o");
    choose(loaded, "on_ksyscall", ksyscall, "");
    REQUIRE_MESSAGE(loaded.load(), loaded.error.message());
    CHECK(loaded.attach().find("this kernel has no kprobes") != std::string::npos);
    return;
  }
  for (const ProbeCase& probe : kKernelProbes)
    check_probe(probe);
}

TEST_CASE("live: probes on functions of a program") {
  for (const ProbeCase& probe : kUserProbes)
    check_probe(probe);
}

TEST_CASE("live: a probe in one process runs only there") {
  for (const bool own : {false, true}) {
    Loaded loaded("fixtures/probes.bpf.o");
    choose(loaded, "on_uprobe", uprobe, "/proc/self/exe:bpfld_test_function");
    loaded.spec.programs[loaded.program_index("on_uprobe")].places[0].pid =
        static_cast<u32>(own ? ::getpid() : ::getppid());
    REQUIRE_MESSAGE(loaded.load(), loaded.error.message());
    CHECK(loaded.attach() == "");
    call_function(100);
    CHECK(hits(loaded, 5) == (own ? 100 : 0));
  }
}

TEST_CASE("live: a function that a program does not have is told with names like it") {
  Loaded loaded("fixtures/probes.bpf.o");
  choose(loaded, "on_uprobe", uprobe, "/proc/self/exe:bpfld_test_funktion");
  REQUIRE_MESSAGE(loaded.load(), loaded.error.message());
  const std::vector<loader::AttachPlan>& plans = loaded.session->plan().attach;
  REQUIRE(plans.size() == 1);
  REQUIRE(plans[0].problem);
  CHECK(plans[0].problem->what == "/proc/self/exe: it has no function \"bpfld_test_funktion\"");
  CHECK(plans[0].problem->detail.starts_with("did you mean: bpfld_test_function"));
}

#ifdef __x86_64__
TEST_CASE("live: a USDT probe raises its semaphore and passes its argument") {
  Loaded loaded("fixtures/probes.bpf.o");
  choose(loaded, "on_usdt", usdt, "/proc/self/exe:bpfld:test");
  if (!loaded.load()) {
    test::skip("USDT", loaded.error.message(), "BPF_FUNC_get_attach_cookie");
    return;
  }
  CHECK(bpfld_test_semaphore == 0);
  CHECK(loaded.attach() == "");
  CHECK(bpfld_test_semaphore == 1);
  for (int i = 0; i < 100; i++)
    usdt_probe(-7);
  CHECK(hits(loaded, 12) == 100);
  covered(loaded, "on_usdt");
  CHECK(static_cast<i64>(global(loaded, "usdt_argument")) == -7);
  loaded.session->detach();
  usdt_probe(-8);
  CHECK(hits(loaded, 12) == 100);
  CHECK(bpfld_test_semaphore == 0);
}
#endif

TEST_CASE("live: samples are taken on every CPU, or in one process") {
  for (const bool own : {false, true}) {
    Loaded loaded("fixtures/probes.bpf.o");
    choose(loaded, "on_sample", perf_event, "page-faults/1");
    if (own)
      loaded.spec.programs[loaded.program_index("on_sample")].places[0].pid =
          static_cast<u32>(::getpid());
    REQUIRE_MESSAGE(loaded.load(), loaded.error.message());
    CHECK(loaded.attach() == "");
    const u64 before = hits(loaded, 8);
    for (int i = 0; i < 100; i++) {
      void* const page =
          ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      REQUIRE(page != MAP_FAILED);  // NOLINT(performance-no-int-to-ptr)
      *static_cast<volatile char*>(page) = 1;
      ::munmap(page, 4096);
    }
    CHECK(hits(loaded, 8) - before >= 100);
    covered(loaded, "on_sample");
  }
}

TEST_CASE("live: tracing programs run while they are switched on") {
  constexpr struct {
    const char* program;
    u32 number;
  } kPrograms[] = {{"on_tp_btf", 11}, {"on_fentry", 9}, {"on_fexit", 10}};
  for (const auto& [name, number] : kPrograms) {
    INFO(name);
    Loaded loaded("fixtures/probes.bpf.o");
    choose(loaded, name, tracing, "");
    if (!loaded.load()) {
      // What needs a trampoline is refused by policy on some machines, before the verifier looks.
      const bool policy = loaded.error.errno_value == EPERM && loaded.error.detail.empty();
      REQUIRE_MESSAGE((policy && number != 11), loaded.error.message());
      std::printf("SKIP: %s: %s\n", name, loaded.error.message().c_str());
      continue;
    }
    CHECK(hits(loaded, number) == 0);
    CHECK(loaded.attach() == "");
    call_getppid(100);
    const u64 counted = hits(loaded, number);
    CHECK(counted >= 100);  // of every system call for tp_btf
    covered(loaded, name);
    loaded.session->detach();
    const u64 after = hits(loaded, number);
    call_getppid(100);
    CHECK(hits(loaded, number) == after);
  }
}

TEST_CASE("live: an iterator's text is read from its file") {
  Loaded loaded("fixtures/iter_task.bpf.o");
  REQUIRE_MESSAGE(loaded.load(), loaded.error.message());
  CHECK(loaded.attach() == "");
  const int fd = loaded.session->iterator_fd(loaded.session->plan().attach[0]);
  REQUIRE(fd >= 0);
  std::string text;
  char part[64];
  ssize_t got = 0;
  while ((got = ::read(fd, part, sizeof part)) > 0)
    text.append(part, static_cast<std::size_t>(got));
  CHECK(got == 0);
  CHECK(text == "first\nend\n");
  test::covered(loaded.spec.programs[0].row->name);
}

TEST_CASE("live: probes end with the process that attached them, however it ends") {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    Loaded loaded("fixtures/probes.bpf.o");
    choose(loaded, "on_usdt", usdt, "/proc/self/exe:bpfld:test");
    choose(loaded, "on_uprobe", uprobe, "/proc/self/exe:bpfld_test_function");
    loaded.spec.programs[loaded.program_index("on_usdt")].autoload = false;
    if (!loaded.load() || !loaded.attach().empty()) ::_exit(1);
    ::raise(SIGKILL);
  }
  int status = 0;
  CHECK(::waitpid(child, &status, 0) == child);
  CHECK(WIFSIGNALED(status));
  for (const char* events :
       {"/sys/kernel/tracing/uprobe_events", "/sys/kernel/tracing/kprobe_events"})
    if (const Result<std::string> text = read_text(events))
      CHECK(text->find("bpfld") == std::string::npos);
}
