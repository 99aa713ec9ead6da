// SPDX-License-Identifier: Apache-2.0
// Counting: every event that a program made is received, or reported lost; none twice, none out of
// order.
#include <doctest/doctest.h>
#include <map>
#include <unistd.h>

#include "perf/cpus.h"
#include "perf/reader.h"
#include "tests/live/support.h"

namespace {

using namespace bpfld;
using test::Loaded;

constexpr u64 kEvents = 20'000;

// The `struct event` of perf_getppid and ringbuf_getppid.
struct Event {
  u32 pid, cpu;
  u64 seq;
};

// Checks each event and that sequence numbers rise on each CPU.
class Checker {
 public:
  void see(Bytes bytes) {
    const Event event = load_checked<Event>(bytes, 0);
    if (event.pid != static_cast<u32>(::getpid())) foreign_++;
    const auto last = last_.find(event.cpu);
    if (last != last_.end() && event.seq <= last->second) disorder_++;
    last_[event.cpu] = event.seq;
    received_++;
  }
  u64 received() const { return received_; }
  void check() const {
    CHECK(foreign_ == 0);
    CHECK(disorder_ == 0);
  }

 private:
  std::map<u32, u64> last_;
  u64 received_ = 0, foreign_ = 0, disorder_ = 0;
};

void prepare(Loaded& loaded) {
  const u32 self = static_cast<u32>(::getpid());
  loaded.set("target_tgid", bytes_of(self));
  REQUIRE_MESSAGE(loaded.load(), loaded.error.message());
}

u64 sum(Loaded& loaded, std::string_view map, u32 value_size, u64 offset) {
  u64 total = 0;
  for (const std::vector<std::byte>& value : loaded.per_cpu_values(map, value_size))
    total += load_checked<u64>(value, offset);
  return total;
}

void put_events(Loaded& loaded, const perf::PerfReader& reader) {
  for (const perf::CpuEvent& event : reader.events()) {
    bpf::MapUpdate update;
    update.map = bpf::Fd::number(loaded.session->map_fd(loaded.map_index("events")));
    const Bytes key = bytes_of(event.cpu), value = bytes_of(event.fd);
    update.key.assign(key.begin(), key.end());
    update.value.assign(value.begin(), value.end());
    REQUIRE(loaded.kernel.call(update));
  }
}

// A perf buffer of `pages` for each CPU; drained after every `burst` events.
void count_perf(u64 pages, u64 burst, bool must_lose) {
  Loaded loaded("fixtures/perf_getppid.bpf.o");
  prepare(loaded);
  const Result<std::vector<u32>> cpus = perf::online_cpus();
  REQUIRE(cpus);
  perf::PerfOptions options;
  options.pages = pages;
  Result<perf::PerfReader> reader = perf::PerfReader::open(*cpus, options);
  REQUIRE(reader);
  put_events(loaded, *reader);
  REQUIRE(loaded.attach() == "");
  Checker checker;
  const auto on_sample = [&](const perf::PerfSample& sample) { checker.see(sample.bytes); };
  for (u64 made = 0; made < kEvents; made += burst) {
    test::call_getppid(burst);
    while (reader->drain(on_sample).more) {
    }
  }
  loaded.session->detach();
  while (reader->drain(on_sample).more) {
  }
  checker.check();
  CHECK(sum(loaded, "made", 8, 0) == kEvents);
  const Result<perf::Lost> lost = reader->lost();
  REQUIRE(lost);
  CHECK(reader->counts().corrupt == 0);
  if (lost->certainty == perf::Lost::Certainty::exact) {
    CHECK(checker.received() + lost->events == kEvents);
  } else {
    // Without the kernel's counter a last burst's losses are never announced.
    CHECK(checker.received() + lost->events <= kEvents);
    test::skip("what a perf buffer loses is counted exactly", "no PERF_FORMAT_LOST",
               "PERF_FORMAT_LOST");
  }
  CHECK((lost->events > 0) == must_lose);
}

void count_ring(u64 burst, bool must_drop) {
  Loaded loaded("fixtures/ringbuf_getppid.bpf.o");
  prepare(loaded);
  const u32 map = loaded.map_index("events");
  perf::RingReader reader;
  REQUIRE(reader.add(loaded.session->map_fd(map), loaded.spec.maps[map].max_entries));
  REQUIRE(loaded.attach() == "");
  Checker checker;
  const auto on_sample = [&](const perf::RingSample& sample) { checker.see(sample.bytes); };
  for (u64 made = 0; made < kEvents; made += burst) {
    test::call_getppid(burst);
    while (reader.drain(on_sample).more) {
    }
  }
  checker.check();
  const u64 dropped = sum(loaded, "counts", 16, 8);
  CHECK(sum(loaded, "counts", 16, 0) == kEvents);
  CHECK(checker.received() + dropped == kEvents);
  CHECK((dropped > 0) == must_drop);
}

}  // namespace

TEST_CASE("live: a perf buffer that is drained in time loses nothing") {
  count_perf(64, 500, false);
}

TEST_CASE("live: what a perf buffer of one page loses is counted, the last burst's losses too") {
  count_perf(1, kEvents, true);
}

TEST_CASE("live: a ring buffer that is drained in time drops nothing") {
  count_ring(500, false);
}

TEST_CASE(
    "live: a ring buffer that is not read delivers what it took, and the program counts the rest") {
  count_ring(kEvents, true);
}
