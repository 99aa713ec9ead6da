// SPDX-License-Identifier: Apache-2.0
// The main job, counted: 2,000 execs made, 2,000 seen or reported lost, each with its own
// arguments.
#include <doctest/doctest.h>
#include <set>
#include <string>
#include <unistd.h>

#include <sys/wait.h>

#include "btf/types.h"
#include "btf/value.h"
#include "loader/event_type.h"
#include "perf/cpus.h"
#include "perf/reader.h"
#include "tests/live/support.h"

extern char** environ;

namespace {

using namespace bpfld;
using test::Loaded;

constexpr u32 kExecs = 2'000;

// Runs this program again as `--exec-target NUMBER "two words" ""`.
void exec_once(u32 number) {
  std::string program = "/proc/self/exe", flag = "--exec-target", text = format("{}", number);
  std::string words = "two words", empty;
  char* argv[] = {program.data(), flag.data(), text.data(), words.data(), empty.data(), nullptr};
  const pid_t child = ::vfork();
  if (child == 0) {
    ::execve(argv[0], argv, environ);
    ::_exit(127);
  }
  REQUIRE(child > 0);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(status == 0);
}

// The columns of the event by name.
class EventReader {
 public:
  EventReader(const loader::ObjectSpec& spec, u32 map) : view_(*btf::View::parse(spec.btf)) {
    const std::optional<loader::EventType> type = loader::find_event_type(spec, view_, map);
    REQUIRE(type);
    fields_ = btf::columns(view_, type->type);
  }
  u64 number(std::string_view name, Bytes record) const {
    const std::optional<u64> value = btf::field_number(view_, field(name), record);
    REQUIRE(value);
    return *value;
  }
  std::string_view text(std::string_view name, Bytes record) const {
    const std::optional<Bytes> value = btf::field_bytes(field(name), record);
    REQUIRE(value);
    return text_of(*value);
  }

 private:
  const btf::Field& field(std::string_view name) const {
    for (const btf::Field& one : fields_)
      if (one.name == name) return one;
    FAIL("no field ", std::string(name));
    return fields_.front();
  }
  btf::View view_;
  std::vector<btf::Field> fields_;
};

}  // namespace

TEST_CASE("live: 2,000 execs are seen or reported lost, with exact arguments") {
  Loaded loaded("examples/execsnoop/execsnoop.bpf.o");
  REQUIRE_MESSAGE(loaded.load(), loaded.error.message() << "\n" << loaded.error.detail);
  const u32 map = loaded.map_index("events");
  const EventReader events(loaded.spec, map);
  const Result<std::vector<u32>> cpus = perf::online_cpus();
  REQUIRE(cpus);
  Result<perf::PerfReader> reader = perf::PerfReader::open(*cpus, {});
  REQUIRE(reader);
  for (const perf::CpuEvent& event : reader->events()) {
    bpf::MapUpdate update;
    update.map = bpf::Fd::number(loaded.session->map_fd(map));
    const Bytes key = bytes_of(event.cpu), value = bytes_of(event.fd);
    update.key.assign(key.begin(), key.end());
    update.value.assign(value.begin(), value.end());
    REQUIRE(loaded.kernel.call(update));
  }
  REQUIRE(loaded.attach() == "");

  std::set<std::string> wanted;
  u64 wrong = 0, seen = 0;
  const u64 self = static_cast<u64>(::getpid());
  const auto on_sample = [&](const perf::PerfSample& sample) {
    if (events.number("ppid", sample.bytes) != self) return;  // somebody else's exec
    seen++;
    const bool right = static_cast<i32>(events.number("ret", sample.bytes)) == 0 &&
                       events.number("args_count", sample.bytes) == 5 &&
                       wanted.erase(std::string(events.text("args", sample.bytes))) == 1;
    if (!right) wrong++;
  };
  for (u32 i = 0; i < kExecs; i++) {
    using namespace std::string_literals;
    wanted.insert("/proc/self/exe\0--exec-target\0"s + format("{}", i) + "\0two words\0\0"s);
    exec_once(i);
    while (reader->drain(on_sample).more) {
    }
  }
  loaded.session->detach();
  while (reader->drain(on_sample).more) {
  }
  const Result<perf::Lost> lost = reader->lost();
  REQUIRE(lost);
  CHECK(wrong == 0);
  CHECK(wanted.size() == kExecs - seen);
  CHECK(seen + lost->events >= kExecs);  // lost ones may be of other processes, too
  CHECK(seen <= kExecs);
}
