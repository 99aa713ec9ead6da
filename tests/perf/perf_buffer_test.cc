// SPDX-License-Identifier: Apache-2.0
// The walk over a perf ring, against a writer that does what the kernel does, and one that does
// not.
#include "perf/perf_buffer.h"

#include <algorithm>
#include <array>
#include <doctest/doctest.h>

#include "tests/support/fake_rings.h"

namespace {

using namespace bpfld;
using namespace bpfld::perf;
using bpfld::test::counting_bytes;
using bpfld::test::FakePerfRing;

constexpr WalkLimits kNoLimits{~u64{0}, ~u64{0}};

struct Reader {
  std::vector<std::vector<std::byte>> samples;
  std::array<std::byte, kMaxPerfRecord> scratch{};

  PerfWalk walk(FakePerfRing& ring, const WalkLimits& limits = kNoLimits) {
    const PerfWalk walk =
        walk_perf_records(ring.memory, ring.tail, ring.head, limits, scratch,
                          [&](Bytes data) { samples.emplace_back(data.begin(), data.end()); });
    ring.tail = walk.tail;
    return walk;
  }
};

// True when `sample` is `data` and at most 7 zero bytes of padding.
bool is_padded(const std::vector<std::byte>& sample, const std::vector<std::byte>& data) {
  return sample.size() >= data.size() && sample.size() - data.size() < 8 &&
         std::ranges::equal(std::span(sample).first(data.size()), data) &&
         std::ranges::all_of(
             std::span(sample).subspan(data.size()), [](std::byte b) { return b == std::byte{0}; });
}

}  // namespace

TEST_CASE("perf: an empty ring gives nothing and moves nothing") {
  FakePerfRing ring(64, 40);
  Reader reader;
  const PerfWalk walk = reader.walk(ring);
  CHECK(walk.tail == 40);
  CHECK(walk.records == 0);
  CHECK_FALSE(walk.more);
}

TEST_CASE("perf: samples of every size, at every offset, come out whole") {
  u64 wrong = 0;
  for (u64 start = 0; start < 256; start += 8) {
    for (std::size_t size = 0; size <= 64; size++) {
      FakePerfRing ring(256, start);
      const std::vector<std::byte> first = counting_bytes(size, 1);
      const std::vector<std::byte> second = counting_bytes(size, 100);
      ring.sample(first);
      ring.sample(second);
      Reader reader;
      const PerfWalk walk = reader.walk(ring);
      const bool good = walk.samples == 2 && walk.tail == ring.head && walk.corrupt == 0 &&
                        !walk.more && is_padded(reader.samples[0], first) &&
                        is_padded(reader.samples[1], second);
      if (!good) wrong++;
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("perf: positions past 32 bits, and at the top of 64, are like any other") {
  for (const u64 start : {u64{1} << 32, (u64{1} << 32) - 24, ~u64{0} - 7, ~u64{0} - 39}) {
    FakePerfRing ring(128, start);
    ring.sample(counting_bytes(20));
    ring.sample(counting_bytes(12));
    Reader reader;
    const PerfWalk walk = reader.walk(ring);
    CHECK(walk.samples == 2);
    CHECK(walk.tail == ring.head);
    CHECK(is_padded(reader.samples[1], counting_bytes(12)));
  }
}

TEST_CASE("perf: a ring filled to its last byte is read to its last byte") {
  FakePerfRing ring(64, 24);
  ring.sample(counting_bytes(20));
  ring.sample(counting_bytes(20));
  REQUIRE(ring.room() == 0);
  Reader reader;
  CHECK(reader.walk(ring).samples == 2);
}

TEST_CASE("perf: LOST records are summed, wherever they lie") {
  for (u64 start = 0; start < 128; start += 8) {
    FakePerfRing ring(128, start);
    ring.sample(counting_bytes(4));
    ring.lost(1000);
    ring.sample(counting_bytes(4, 9));
    ring.lost(u64{1} << 40);
    Reader reader;
    const PerfWalk walk = reader.walk(ring);
    CHECK(walk.samples == 2);
    CHECK(walk.lost == 1000 + (u64{1} << 40));
    CHECK(walk.records == 4);
  }
}

TEST_CASE("perf: records of other types are stepped over and counted") {
  FakePerfRing ring(256);
  ring.unknown(5, 24);  // PERF_RECORD_THROTTLE
  ring.sample(counting_bytes(4));
  ring.unknown(13, 8);  // PERF_RECORD_LOST_SAMPLES
  ring.unknown(0xffffffff, 0);
  ring.sample(counting_bytes(4));
  Reader reader;
  const PerfWalk walk = reader.walk(ring);
  CHECK(walk.samples == 2);
  CHECK(walk.skipped == 3);
  CHECK(walk.tail == ring.head);
}

TEST_CASE("perf: a header that makes no sense drops the rest of the ring, once") {
  struct Bad {
    const char* what;
    u64 size;
  };
  for (const Bad& bad :
       {Bad{"size 0", 0}, Bad{"smaller than a header", 7}, Bad{"not a multiple of 8", 12},
        Bad{"beyond head", 24}, Bad{"larger than the ring", 512}}) {
    CAPTURE(bad.what);
    FakePerfRing ring(128);
    ring.sample(counting_bytes(4));
    ring.header(kRecordSample, bad.size);
    ring.put(counting_bytes(8));
    Reader reader;
    const PerfWalk walk = reader.walk(ring);
    CHECK(walk.samples == 1);
    CHECK(walk.corrupt == 1);
    CHECK(walk.tail == ring.head);
    ring.sample(counting_bytes(4));  // and from there on it reads again
    CHECK(reader.walk(ring).samples == 1);
    CHECK(reader.walk(ring).corrupt == 0);
  }
}

TEST_CASE("perf: positions that are impossible drop what is there") {
  FakePerfRing ring(64);
  Reader reader;
  ring.head = 72;  // more than the ring holds
  CHECK(reader.walk(ring).corrupt == 1);
  CHECK(ring.tail == 72);
  ring.head = 64;  // went back
  CHECK(reader.walk(ring).corrupt == 1);
  CHECK(ring.tail == 64);
  ring.head = 68;  // less than a header
  CHECK(reader.walk(ring).corrupt == 1);
  ring.head = 84;  // the tail is now in the middle of a word
  CHECK(reader.walk(ring).corrupt == 1);
  CHECK(ring.tail == 84);
  CHECK(reader.samples.empty());
}

TEST_CASE("perf: a sample longer than its record is malformed, and the next one is read") {
  // More than 64 KiB were written: the kernel cut the record's size to 16 bits, not the data's.
  FakePerfRing ring(128);
  ring.header(kRecordSample, 16);
  ring.put(bytes_of(u32{65'540}));
  ring.put(bytes_of(u32{0}));
  ring.header(kRecordSample, 8);  // no room for the data's size
  ring.header(kRecordLost, 16);   // no room for the count
  ring.put(bytes_of(u64{1}));
  ring.sample(counting_bytes(4, 3));
  Reader reader;
  const PerfWalk walk = reader.walk(ring);
  CHECK(walk.malformed == 3);
  CHECK(walk.lost == 0);
  CHECK(walk.samples == 1);
  CHECK(is_padded(reader.samples[0], counting_bytes(4, 3)));
}

TEST_CASE("perf: the largest record there can be is read, also when it wraps") {
  for (const u64 start : {u64{0}, u64{1} << 16}) {
    FakePerfRing ring(1u << 17, start);
    const std::vector<std::byte> data = counting_bytes(65'528 - 12);
    ring.sample(data);
    ring.sample(counting_bytes(8));
    Reader reader;
    CHECK(reader.walk(ring).samples == 2);
    CHECK(reader.samples[0] == data);
  }
}

TEST_CASE("perf: a walk ends at its limit of records, and the next goes on from there") {
  FakePerfRing ring(1024);
  for (u8 i = 0; i < 10; i++)
    ring.sample(counting_bytes(4, i));
  Reader reader;
  const PerfWalk walk = reader.walk(ring, {4, ~u64{0}});
  CHECK(walk.samples == 4);
  CHECK(walk.more);
  CHECK_FALSE(walk.stopped);
  CHECK(reader.walk(ring, {6, ~u64{0}}).samples == 6);
  CHECK(ring.tail == ring.head);
  CHECK(reader.samples[9][0] == std::byte{9});
}

TEST_CASE("perf: a walk ends after its limit of bytes") {
  FakePerfRing ring(1024);
  for (u8 i = 0; i < 10; i++)
    ring.sample(counting_bytes(4, i));  // 16 bytes each
  Reader reader;
  CHECK(reader.walk(ring, {~u64{0}, 40}).samples == 3);
  CHECK(reader.walk(ring).samples == 7);
}

TEST_CASE("perf: a limit of 0 records reads nothing and says that there is more") {
  FakePerfRing ring(64);
  ring.sample(counting_bytes(4));
  Reader reader;
  const PerfWalk walk = reader.walk(ring, {0, ~u64{0}});
  CHECK(walk.records == 0);
  CHECK(walk.more);
}

TEST_CASE("perf: a function that returns false ends the walk after its record") {
  FakePerfRing ring(256);
  for (u8 i = 0; i < 5; i++)
    ring.sample(counting_bytes(4, i));
  std::array<std::byte, kMaxPerfRecord> scratch;
  u64 calls = 0;
  const PerfWalk walk = walk_perf_records(ring.memory, ring.tail, ring.head, kNoLimits, scratch,
                                          [&](Bytes) { return ++calls < 2; });
  CHECK(calls == 2);
  CHECK(walk.samples == 2);
  CHECK(walk.stopped);
  CHECK(walk.more);
  CHECK(walk.tail == 32);
}

TEST_CASE("perf: every single-byte change of a full ring ends the walk at head") {
  FakePerfRing good(256, 200);
  good.sample(counting_bytes(20));
  good.lost(3);
  good.unknown(77, 16);
  good.sample(counting_bytes(60));
  good.sample(counting_bytes(92));
  REQUIRE(good.room() == 0);
  u64 strays = 0;
  for (std::size_t at = 0; at < good.memory.size(); at++) {
    for (int value = 0; value < 256; value += 5) {
      FakePerfRing ring = good;
      ring.memory[at] = static_cast<std::byte>(value);
      Reader reader;
      const PerfWalk walk = reader.walk(ring);
      if (walk.tail != ring.head || walk.more || walk.records > 256 / 8) strays++;
    }
  }
  CHECK(strays == 0);
}
