// SPDX-License-Identifier: Apache-2.0
// Maps that hold maps and programs, on a real kernel: what the source put into them is found by the
// programs.
#include <doctest/doctest.h>
#include <unistd.h>

#include "tests/live/support.h"

namespace {

using namespace bpfld;
using test::Loaded;
using test::still_there;
using test::test_run;

}  // namespace

TEST_CASE("live: a tail call through a slot that the source filled reaches its program") {
  Loaded loaded("fixtures/maps_nested.bpf.o");
  REQUIRE_MESSAGE(loaded.load(), loaded.error.message() << "\n" << loaded.error.detail);
  CHECK(loaded.session->plan().notes.empty());
  CHECK(test_run(loaded, "jump", 64) == 42);
  // The templates of the maps of maps are gone while the rest is there.
  std::size_t maps = 0;
  for (const test::KernelObject& object : loaded.kernel.made())
    maps += object.kind == bpf::ObjectKind::map && test::exists(object) ? 1u : 0u;
  CHECK(maps == loaded.spec.maps.size());
  loaded.session.reset();
  CHECK(still_there(loaded.kernel.made()) == "");
}

TEST_CASE("live: maps of the section that preceded BTF work") {
  Loaded loaded("fixtures/maps_legacy.bpf.o");
  CHECK(loaded.spec.maps.size() == 2);
  REQUIRE_MESSAGE(loaded.load(), loaded.error.message() << "\n" << loaded.error.detail);
  CHECK(test_run(loaded, "count", 64) == 0);
  CHECK(test_run(loaded, "count", 64) == 1);
}

TEST_CASE("live: elements that the user wants are there before the program runs") {
  Loaded loaded("fixtures/maps_legacy.bpf.o");
  const u32 key = 2;
  const u64 value = 41;
  const Bytes key_bytes = bytes_of(key), value_bytes = bytes_of(value);
  loaded.spec.maps[loaded.map_index("counts")].elements.push_back(
      {{key_bytes.begin(), key_bytes.end()}, {value_bytes.begin(), value_bytes.end()}});
  REQUIRE_MESSAGE(loaded.load(), loaded.error.message());
  CHECK(test_run(loaded, "count", 64) == 41);
}

TEST_CASE("live: a per-CPU map's first value is the same on every CPU") {
  Loaded loaded("fixtures/perf_getppid.bpf.o");
  const u32 key = 0;
  const u64 value = 7;
  const Bytes key_bytes = bytes_of(key), value_bytes = bytes_of(value);
  loaded.spec.maps[loaded.map_index("made")].elements.push_back(
      {{key_bytes.begin(), key_bytes.end()}, {value_bytes.begin(), value_bytes.end()}});
  REQUIRE_MESSAGE(loaded.load(), loaded.error.message());
  for (const std::vector<std::byte>& one : loaded.per_cpu_values("made", 8))
    CHECK(load_checked<u64>(one, 0) == 7);
}

TEST_CASE("live: an object takes a map that another has loaded, and both see what is in it") {
  Loaded first("fixtures/perf_getppid.bpf.o"), second("fixtures/perf_getppid.bpf.o");
  REQUIRE_MESSAGE(first.load(), first.error.message());
  bpf::ObjectInfo ask;
  ask.object = bpf::Fd::number(first.session->map_fd(first.map_index("made")));
  ask.info_size = 64;
  const Result<bpf::Reply> info = first.kernel.call(ask);
  REQUIRE(info);
  second.spec.maps[second.map_index("made")].reuse_id = load_checked<u32>(info->data, 4);
  const u32 self = static_cast<u32>(::getpid());
  second.set("target_tgid", bytes_of(self));
  REQUIRE_MESSAGE(second.load(), second.error.message());
  CHECK(second.attach() == "");
  test::call_getppid(100);
  u64 sum = 0;
  for (const std::vector<std::byte>& value : first.per_cpu_values("made", 8))
    sum += load_checked<u64>(value, 0);
  CHECK(sum == 100);
}
