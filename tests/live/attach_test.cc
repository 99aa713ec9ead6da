// SPDX-License-Identifier: Apache-2.0
// Attaching: the program runs from then on, and no longer after detach, nor after our death.
#include <doctest/doctest.h>
#include <signal.h>
#include <unistd.h>

#include <sys/wait.h>

#include "tests/live/support.h"

namespace {

using namespace bpfld;
using test::call_getppid;
using test::Loaded;
using test::still_there;

u64 sum_of(const std::vector<std::vector<std::byte>>& values) {
  u64 sum = 0;
  for (const std::vector<std::byte>& value : values)
    sum += load_checked<u64>(value, 0);
  return sum;
}

// perf_getppid, counting only this process.
void aim_at_self(Loaded& loaded) {
  const u32 self = static_cast<u32>(::getpid());
  loaded.set("target_tgid", bytes_of(self));
}

}  // namespace

TEST_CASE("live: a tracepoint program runs while it is attached, and not before or after") {
  Loaded loaded("fixtures/perf_getppid.bpf.o");
  aim_at_self(loaded);
  REQUIRE_MESSAGE(loaded.load(), loaded.error.message());
  call_getppid(10);
  CHECK(sum_of(loaded.per_cpu_values("made", 8)) == 0);
  CHECK(loaded.attach() == "");
  call_getppid(1000);
  CHECK(sum_of(loaded.per_cpu_values("made", 8)) == 1000);
  loaded.session->detach();
  call_getppid(10);
  CHECK(sum_of(loaded.per_cpu_values("made", 8)) == 1000);
}

TEST_CASE("live: a raw tracepoint program runs while it is attached") {
  Loaded loaded("fixtures/raw_tp.bpf.o");
  aim_at_self(loaded);
  REQUIRE_MESSAGE(loaded.load(), loaded.error.message());
  CHECK(loaded.attach() == "");
  call_getppid(100);
  CHECK(load_checked<u32>(loaded.value(".bss", 4), 0) == 16);  // its `limit`
}

TEST_CASE("live: both spellings of tracepoint sections attach") {
  Loaded loaded("fixtures/section_names.bpf.o");
  REQUIRE_MESSAGE(loaded.load(), loaded.error.message());
  CHECK(loaded.attach() == "");
}

TEST_CASE("live: a tracepoint that does not exist is reported with names like it") {
  Loaded loaded("fixtures/missing_tracepoint.bpf.o");
  REQUIRE_MESSAGE(loaded.load(), loaded.error.message());
  const std::vector<loader::AttachPlan>& plans = loaded.session->plan().attach;
  REQUIRE(plans.size() == 1);
  REQUIRE(plans[0].problem);
  CHECK(plans[0].problem->code == Code::not_found);
  CHECK(plans[0].problem->what.starts_with("tracepoint sched/sched_swich does not exist"));
  CHECK(plans[0].problem->detail == "did you mean: sched/sched_switch");
}

TEST_CASE("live: when the loader is killed, programs, maps, links and BTF go with it") {
  int pipe_fds[2];
  REQUIRE(::pipe(pipe_fds) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::close(pipe_fds[0]);
    Loaded loaded("fixtures/ringbuf_getppid.bpf.o");
    if (!loaded.load() || !loaded.attach().empty()) ::_exit(1);
    for (const test::KernelObject& object : loaded.kernel.made())
      if (::write(pipe_fds[1], &object, sizeof object) != sizeof object) ::_exit(2);
    ::close(pipe_fds[1]);
    while (true)
      ::pause();
  }
  ::close(pipe_fds[1]);
  std::vector<test::KernelObject> made;
  test::KernelObject object;
  while (::read(pipe_fds[0], &object, sizeof object) == sizeof object)
    made.push_back(object);
  ::close(pipe_fds[0]);
  // What a first attempt made on an older kernel is gone already.
  std::erase_if(made, [](const test::KernelObject& one) { return !test::exists(one); });
  CHECK(made.size() >= 5);  // BTF, three maps, a program; on newer kernels a link
  CHECK(::kill(child, SIGKILL) == 0);
  CHECK(::waitpid(child, nullptr, 0) == child);
  CHECK(still_there(made) == "");
}
