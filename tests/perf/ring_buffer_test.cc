// SPDX-License-Identifier: Apache-2.0
// The walk over a BPF ring buffer, against a writer that does what the kernel does, and one that
// does not.
#include "perf/ring_buffer.h"

#include <doctest/doctest.h>

#include "tests/support/fake_rings.h"

namespace {

using namespace bpfld;
using namespace bpfld::perf;
using bpfld::test::counting_bytes;
using bpfld::test::FakeBpfRing;

constexpr WalkLimits kNoLimits{~u64{0}, ~u64{0}};

struct Reader {
  std::vector<std::vector<std::byte>> samples;
  std::vector<std::byte> scratch = std::vector<std::byte>(4096);

  RingWalk walk(FakeBpfRing& ring, const WalkLimits& limits = kNoLimits) {
    const RingWalk walk =
        walk_ring_records(ring.memory, ring.size, ring.consumer, ring.producer, limits, scratch,
                          [&](Bytes data) { samples.emplace_back(data.begin(), data.end()); });
    ring.consumer = walk.consumer;
    return walk;
  }
};

}  // namespace

TEST_CASE("ring: an empty ring gives nothing and moves nothing") {
  FakeBpfRing ring(64, 40);
  Reader reader;
  const RingWalk walk = reader.walk(ring);
  CHECK(walk.consumer == 40);
  CHECK(walk.records == 0);
  CHECK_FALSE(walk.busy);
  CHECK_FALSE(walk.more);
}

TEST_CASE("ring: samples of every size, at every offset, mapped once or twice, come out exactly") {
  u64 wrong = 0;
  for (const u64 copies : {u64{1}, u64{2}}) {
    for (u64 start = 0; start < 256; start += 8) {
      for (std::size_t size = 0; size <= 64; size++) {
        FakeBpfRing ring(256, start, copies);
        ring.sample(counting_bytes(size, 1));
        ring.sample(counting_bytes(size, 100));
        Reader reader;
        const RingWalk walk = reader.walk(ring);
        const bool good = walk.samples == 2 && walk.consumer == ring.producer &&
                          walk.corrupt == 0 && walk.largest == (size + 15) / 8 * 8 &&
                          reader.samples[0] == counting_bytes(size, 1) &&
                          reader.samples[1] == counting_bytes(size, 100);
        if (!good) wrong++;
      }
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("ring: positions past 32 bits, and at the top of 64, are like any other") {
  for (const u64 start : {u64{1} << 32, (u64{1} << 32) - 24, ~u64{0} - 7, ~u64{0} - 39}) {
    FakeBpfRing ring(128, start);
    ring.sample(counting_bytes(20));
    ring.sample(counting_bytes(13));
    Reader reader;
    CHECK(reader.walk(ring).samples == 2);
    CHECK(ring.consumer == ring.producer);
    CHECK(reader.samples[1] == counting_bytes(13));
  }
}

TEST_CASE("ring: a record that is not committed stops the walk until it is") {
  FakeBpfRing ring(256);
  ring.sample(counting_bytes(5));
  const u64 at = ring.busy(counting_bytes(6));
  ring.sample(counting_bytes(7));
  Reader reader;
  RingWalk walk = reader.walk(ring);
  CHECK(walk.samples == 1);
  CHECK(walk.busy);
  CHECK(ring.consumer == at);
  walk = reader.walk(ring);
  CHECK(walk.records == 0);
  CHECK(walk.busy);
  ring.put_at(at, bytes_of(u32{6}));
  walk = reader.walk(ring);
  CHECK(walk.samples == 2);
  CHECK_FALSE(walk.busy);
  CHECK(reader.samples[1].size() == 6);
}

TEST_CASE("ring: a discarded record is stepped over; one that is also busy is waited for") {
  FakeBpfRing ring(256);
  ring.discard(counting_bytes(30));
  ring.sample(counting_bytes(5));
  ring.discard(counting_bytes(1));
  const u64 at = ring.record(9 | kRingBusy | kRingDiscard, counting_bytes(9));
  Reader reader;
  const RingWalk walk = reader.walk(ring);
  CHECK(walk.samples == 1);
  CHECK(walk.discarded == 2);
  CHECK(walk.busy);
  CHECK(ring.consumer == at);
}

TEST_CASE("ring: a length that makes no sense drops the rest of the ring, once") {
  struct Bad {
    const char* what;
    u32 word;
  };
  for (const Bad& bad :
       {Bad{"one byte past the producer", 17}, Bad{"larger than the ring", 4096},
        Bad{"the largest there is", 0x3fffffff}, Bad{"the largest, discarded", 0x7fffffff}}) {
    CAPTURE(bad.what);
    FakeBpfRing ring(128);
    ring.sample(counting_bytes(8));
    ring.record(bad.word, counting_bytes(16));
    Reader reader;
    const RingWalk walk = reader.walk(ring);
    CHECK(walk.samples == 1);
    CHECK(walk.corrupt == 1);
    CHECK(ring.consumer == ring.producer);
    ring.sample(counting_bytes(3));
    CHECK(reader.walk(ring).samples == 1);
  }
}

TEST_CASE("ring: positions that are impossible drop what is there") {
  FakeBpfRing ring(64);
  Reader reader;
  ring.producer = 72;  // more than the ring holds
  CHECK(reader.walk(ring).corrupt == 1);
  ring.producer = 64;  // went back
  CHECK(reader.walk(ring).corrupt == 1);
  ring.producer = 68;  // less than a header
  CHECK(reader.walk(ring).corrupt == 1);
  ring.producer = 84;  // the consumer is now in the middle of a word
  CHECK(reader.walk(ring).corrupt == 1);
  CHECK(ring.consumer == 84);
  CHECK(reader.samples.empty());
}

TEST_CASE("ring: a size that is no power of two, or more than the memory, is corrupt") {
  const std::vector<std::byte> memory(64);
  for (const u64 size : {u64{0}, u64{48}, u64{128}}) {
    const RingWalk walk = walk_ring_records(memory, size, 0, 16, kNoLimits, {}, [](Bytes) {});
    CHECK(walk.corrupt == 1);
    CHECK(walk.consumer == 16);
  }
}

TEST_CASE("ring: a wrapped record without a scratch buffer is corrupt, not read past the end") {
  FakeBpfRing ring(64, 48, 1);
  ring.sample(counting_bytes(24));
  const RingWalk walk = walk_ring_records(ring.memory, ring.size, ring.consumer, ring.producer,
                                          kNoLimits, {}, [](Bytes) {});
  CHECK(walk.corrupt == 1);
  CHECK(walk.samples == 0);
}

TEST_CASE("ring: a walk ends at its limits of records and bytes, and the next goes on from there") {
  FakeBpfRing ring(1024);
  for (u8 i = 0; i < 10; i++)
    ring.sample(counting_bytes(8, i));  // 16 bytes each
  Reader reader;
  RingWalk walk = reader.walk(ring, {4, ~u64{0}});
  CHECK(walk.samples == 4);
  CHECK(walk.more);
  walk = reader.walk(ring, {~u64{0}, 17});
  CHECK(walk.samples == 2);
  CHECK(walk.more);
  walk = reader.walk(ring);
  CHECK(walk.samples == 4);
  CHECK_FALSE(walk.more);
  CHECK(reader.samples[9][0] == std::byte{9});
}

TEST_CASE("ring: a function that returns false ends the walk after its record") {
  FakeBpfRing ring(256);
  for (u8 i = 0; i < 5; i++)
    ring.sample(counting_bytes(8, i));
  u64 calls = 0;
  const RingWalk walk = walk_ring_records(ring.memory, ring.size, ring.consumer, ring.producer,
                                          kNoLimits, {}, [&](Bytes) { return ++calls < 2; });
  CHECK(calls == 2);
  CHECK(walk.samples == 2);
  CHECK(walk.stopped);
  CHECK(walk.more);
  CHECK(walk.consumer == 32);
}

TEST_CASE(
    "ring: every single-byte change of a full ring leaves the consumer between its old place and "
    "the producer") {
  FakeBpfRing good(256, 200);
  good.sample(counting_bytes(20));
  good.discard(counting_bytes(9));
  good.sample(counting_bytes(61));
  good.busy(counting_bytes(40));
  u64 strays = 0;
  for (std::size_t at = 0; at < good.memory.size(); at++) {
    for (int value = 0; value < 256; value += 5) {
      FakeBpfRing ring = good;
      ring.memory[at] = static_cast<std::byte>(value);
      Reader reader;
      const RingWalk walk = reader.walk(ring);
      if (walk.consumer - good.consumer > ring.producer - good.consumer || walk.records > 256 / 8)
        strays++;
      if (walk.consumer != ring.producer && !walk.busy) strays++;
    }
  }
  CHECK(strays == 0);
}

TEST_CASE("ring: high water and times full tell how near the ring came to refusing records") {
  RingCounts counts;
  counts.saw(600, 1000);
  CHECK(counts.high_water == 600);
  CHECK(counts.times_full == 0);
  RingWalk walk;
  walk.largest = 100;
  counts.add(walk);
  counts.saw(899, 1000);
  CHECK(counts.times_full == 0);
  counts.saw(900, 1000);  // with 100 more, no byte would be free
  CHECK(counts.times_full == 1);
  counts.saw(10, 1000);
  CHECK(counts.high_water == 900);
  CHECK(counts.times_full == 1);
}
