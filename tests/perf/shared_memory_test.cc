// SPDX-License-Identifier: Apache-2.0
// Two threads over one memfd with the kernel's memory layout: the producer plays the kernel,
// through its own mapping and with the kernel's order of stores; the consumer is ours. Every record
// arrives once, whole and in order. Build with clang's -fsanitize=thread to check the orderings
// themselves (GCC's does not know fences).
#include <cerrno>
#include <doctest/doctest.h>
#include <thread>
#include <unistd.h>

#include <sys/mman.h>

#include "base/fd.h"
#include "perf/map.h"
#include "perf/perf_buffer.h"
#include "perf/reader.h"
#include "perf/ring_buffer.h"
#include "tests/support/fake_rings.h"

namespace bpfld::perf {

// The pages of a RingMap as the kernel sees them: writable.
struct KernelSide {
  explicit KernelSide(RingMap& map)
      : consumer_page(map.consumer_.data()), producer_page(map.producer_.data()) {
    REQUIRE(::mprotect(producer_page, map.producer_.size(), PROT_READ | PROT_WRITE) == 0);
  }
  std::byte* consumer_page;
  std::byte* producer_page;  // and behind it the data, twice
};

}  // namespace bpfld::perf

namespace {

using namespace bpfld;
using namespace bpfld::perf;

UniqueFd memory_file(u64 size) {
  UniqueFd fd(::memfd_create("ring", MFD_CLOEXEC));
  REQUIRE(fd);
  REQUIRE(::ftruncate(fd.get(), static_cast<off_t>(size)) == 0);
  return fd;
}

Mapping map_all(int fd, u64 size) {
  Result<Mapping> mapping = Mapping::shared(fd, 0, size, true);
  REQUIRE(mapping.has_value());
  return *std::move(mapping);
}

// Sequence number, then 0 to 40 bytes that depend on it.
std::vector<std::byte> message(u64 sequence) {
  std::vector<std::byte> bytes = test::counting_bytes(8 + sequence % 41, static_cast<u8>(sequence));
  std::memcpy(bytes.data(), &sequence, sizeof sequence);
  return bytes;
}

// Checks that messages come once each, in order and whole. `padding`: bytes that may follow.
struct Checker {
  u64 next = 0;
  u64 wrong = 0;
  void operator()(Bytes data, std::size_t padding) {
    const std::vector<std::byte> expected = message(next);
    const bool size_is_right =
        data.size() >= expected.size() && data.size() - expected.size() <= padding;
    if (!size_is_right || std::memcmp(data.data(), expected.data(), expected.size()) != 0) wrong++;
    next++;
  }
};

constexpr u64 kMessages = 200'000;
constexpr u64 kNeverReached = u64{1} << 40;

// The kernel's side of a perf ring: copies to the data pages, release store of data_head.
void produce_perf(std::byte* base, u64 ring_size) {
  const std::atomic_ref<u64> head = shared_word<u64>(base + 1024);
  const std::atomic_ref<u64> tail = shared_word<u64>(base + 1032);
  test::FakePerfRing records(ring_size);
  for (u64 sequence = 0; sequence < kMessages;) {
    const u64 before = records.head;
    const u64 free = ring_size - (before - tail.load(std::memory_order_acquire));
    if (free < 128) {
      std::this_thread::yield();
      continue;
    }
    if (sequence % 1000 == 999) records.lost(1);
    records.sample(message(sequence++));
    for (u64 at = before; at < records.head; at++)
      base[page_size() + (at & (ring_size - 1))] = records.memory[at & (ring_size - 1)];
    head.store(records.head, std::memory_order_release);
  }
}

// The kernel's side of a BPF ring buffer: reserve as BUSY, publish the producer's position, fill
// in, commit with an exchange of the length. Every eighth record is discarded.
void produce_ring(const KernelSide& kernel, u64 size) {
  const std::atomic_ref<u64> consumer = shared_word<u64>(kernel.consumer_page);
  const std::atomic_ref<u64> producer = shared_word<u64>(kernel.producer_page);
  std::byte* data = kernel.producer_page + page_size();
  u64 position = 0;
  for (u64 sequence = 0; sequence < kMessages;) {
    const std::vector<std::byte> body = message(sequence);
    const u64 taken = ring_record_size(static_cast<u32>(body.size()));
    if (size - (position - consumer.load(std::memory_order_acquire)) < taken) {
      std::this_thread::yield();
      continue;
    }
    const bool discard = position % 64 == 0;
    std::byte* at = data + (position & (size - 1));
    const u32 length = static_cast<u32>(body.size());
    const std::atomic_ref<u32> word = shared_word<u32>(at);
    word.store(length | kRingBusy, std::memory_order_relaxed);
    producer.store(position + taken, std::memory_order_release);
    std::memcpy(at + kRingHeader, body.data(), body.size());  // may run into the second copy
    word.exchange(discard ? length | kRingDiscard : length, std::memory_order_seq_cst);
    position += taken;
    if (!discard) sequence++;
  }
}

}  // namespace

TEST_CASE("perf: two threads share a ring, and every record arrives once, whole and in order") {
  const u64 pages = 2;
  const u64 size = (1 + pages) * page_size();
  const UniqueFd file = memory_file(size);
  Result<PerfMap> map = PerfMap::open(file.get(), pages);
  REQUIRE(map.has_value());
  std::byte* kernel = const_cast<std::byte*>(map->data().data()) - page_size();
  CHECK(map->data().size() == pages * page_size());
  PerfRing ring(*std::move(map));
  std::thread producer([&] { produce_perf(kernel, pages * page_size()); });
  Checker check;
  std::vector<std::byte> scratch(kMaxPerfRecord);
  while (check.next < kMessages) {
    const Drained drained = ring.drain(500, scratch, [&](Bytes data) { check(data, 7); });
    if (drained.samples == 0) std::this_thread::yield();
  }
  producer.join();
  CHECK(check.wrong == 0);
  CHECK(check.next == kMessages);
  CHECK(ring.counts() == PerfCounts{kMessages, kMessages / 1000, 0, 0, 0});
  const u64 head = shared_word<u64>(kernel + 1024).load();
  CHECK(shared_word<u64>(kernel + 1032).load() == head);
}

TEST_CASE("ring: two threads share a ring, and every record arrives once, whole and in order") {
  const u64 ring_size = page_size();
  const u64 size = 2 * page_size() + 2 * ring_size;
  const UniqueFd file = memory_file(size);
  Result<RingMap> map = RingMap::open(file.get(), ring_size);
  REQUIRE(map.has_value());
  const KernelSide kernel(*map);
  CHECK(map->data().size() == 2 * ring_size);
  BpfRing ring(*std::move(map));
  std::thread producer([&] { produce_ring(kernel, ring_size); });
  Checker check;
  while (check.next < kMessages) {
    const Drained drained = ring.drain(500, [&](Bytes data) { check(data, 0); });
    if (drained.samples == 0) std::this_thread::yield();
  }
  producer.join();
  CHECK(check.wrong == 0);
  CHECK(check.next == kMessages);
  CHECK(ring.counts().samples == kMessages);
  CHECK(ring.counts().discarded > 0);
  CHECK(ring.counts().corrupt == 0);
  CHECK(ring.counts().high_water <= ring_size);
}

TEST_CASE("ring: a reader of a ring that was read before starts where the last one stopped") {
  const u64 ring_size = page_size();
  const u64 size = 2 * page_size() + 2 * ring_size;
  const UniqueFd file = memory_file(size);
  Mapping kernel = map_all(file.get(), size);
  std::byte* data = kernel.data() + 2 * page_size();
  std::memcpy(data, bytes_of(u32{1}).data(), 4);       // record 1: one byte
  std::memcpy(data + 16, bytes_of(u32{2}).data(), 4);  // record 2: two bytes
  shared_word<u64>(kernel.data() + page_size()).store(16);
  const auto count = [](Bytes) {};
  {
    BpfRing first(*RingMap::open(file.get(), ring_size));
    CHECK(first.drain(kNeverReached, count).samples == 1);
    CHECK(first.drain(kNeverReached, count).samples == 0);
  }
  shared_word<u64>(kernel.data() + page_size()).store(32);
  BpfRing second(*RingMap::open(file.get(), ring_size));
  std::vector<std::size_t> sizes;
  second.drain(kNeverReached, [&](Bytes sample) { sizes.push_back(sample.size()); });
  CHECK(sizes == std::vector<std::size_t>{2});
  CHECK(shared_word<u64>(kernel.data()).load() == 32);
}

TEST_CASE("ring: a consumer position that somebody else scribbled on does not move the reader") {
  const u64 ring_size = page_size();
  const u64 size = 2 * page_size() + 2 * ring_size;
  const UniqueFd file = memory_file(size);
  Mapping kernel = map_all(file.get(), size);
  BpfRing ring(*RingMap::open(file.get(), ring_size));
  shared_word<u64>(kernel.data()).store(0xdeadbeef);
  std::memcpy(kernel.data() + 2 * page_size(), bytes_of(u32{8}).data(), 4);
  shared_word<u64>(kernel.data() + page_size()).store(16);
  u64 samples = 0;
  ring.drain(kNeverReached, [&](Bytes) { samples++; });
  CHECK(samples == 1);
  CHECK(shared_word<u64>(kernel.data()).load() == 16);
}

TEST_CASE("ring: a drain ends at its limit, says that there is more, and goes on from there") {
  const u64 ring_size = page_size();
  const u64 size = 2 * page_size() + 2 * ring_size;
  const UniqueFd file = memory_file(size);
  Mapping kernel = map_all(file.get(), size);
  shared_word<u64>(kernel.data() + page_size())
      .store(ring_size);  // all headers 0: records of 0 bytes
  BpfRing ring(*RingMap::open(file.get(), ring_size));
  const auto count = [](Bytes) {};
  Drained drained = ring.drain(100, count);
  CHECK(drained.samples == 100);
  CHECK(drained.more);
  CHECK(shared_word<u64>(kernel.data()).load() == 800);  // the space went back
  drained = ring.drain(kNeverReached, count);
  CHECK(drained.samples == ring_size / 8 - 100);
  CHECK_FALSE(drained.more);
  CHECK(ring.counts().high_water == ring_size);
}

TEST_CASE("ring: a drain that the caller stops goes on with the next record") {
  const u64 ring_size = page_size();
  const u64 size = 2 * page_size() + 2 * ring_size;
  const UniqueFd file = memory_file(size);
  Mapping kernel = map_all(file.get(), size);
  shared_word<u64>(kernel.data() + page_size()).store(24);
  BpfRing ring(*RingMap::open(file.get(), ring_size));
  const auto stop = [](Bytes) { return false; };
  for (int i = 0; i < 3; i++) {
    const Drained drained = ring.drain(kNeverReached, stop);
    CHECK(drained.samples == 1);
    CHECK(drained.stopped);
    CHECK(drained.more);
  }
  CHECK(ring.drain(kNeverReached, stop).samples == 0);
}

TEST_CASE("perf: a producer that only writes nonsense cannot keep a drain going") {
  const u64 size = 2 * page_size();
  const UniqueFd file = memory_file(size);
  Mapping kernel = map_all(file.get(), size);
  PerfRing ring(*PerfMap::open(file.get(), 1));
  std::vector<std::byte> scratch(kMaxPerfRecord);
  std::atomic<bool> done = false;
  std::thread producer([&] {
    u64 head = 0;
    while (!done)
      shared_word<u64>(kernel.data() + 1024).store(head += 8, std::memory_order_release);
  });
  u64 corrupt = 0;
  while (corrupt < 1000) {
    ring.drain(100, scratch, [](Bytes) {});  // ends, whatever the producer does
    corrupt = ring.counts().corrupt;
  }
  done = true;
  producer.join();
  CHECK(ring.counts().samples == 0);
}

TEST_CASE("perf and ring: sizes that cannot be mapped are refused before mmap") {
  const UniqueFd file = memory_file(page_size());
  CHECK(PerfMap::open(file.get(), 0).error().code == Code::usage);
  CHECK(PerfMap::open(file.get(), 3).error().what ==
        "a perf ring of 3 pages: the number must be a power of two");
  CHECK(PerfMap::open(file.get(), u64{1} << 52).error().code == Code::usage);
  CHECK(RingMap::open(file.get(), 0).error().code == Code::usage);
  CHECK(RingMap::open(file.get(), page_size() / 2).error().code == Code::usage);
  CHECK(RingMap::open(file.get(), 3 * page_size()).error().code == Code::usage);
  CHECK(RingMap::open(file.get(), u64{1} << 63).error().code == Code::usage);
  CHECK(RingMap::open(-1, page_size()).error().message() ==
        format("ring buffer's consumer page: mapping {} bytes at 0x0: Bad file descriptor (EBADF)",
               page_size()));
}

TEST_CASE(
    "ring: a ring of 2 GiB is mapped whole: 4 GiB and a page, without a 32-bit size on the way") {
  const u64 ring_size = u64{1} << 31;
  const UniqueFd file = memory_file(2 * page_size() + 2 * ring_size);  // sparse
  Result<RingMap> map = RingMap::open(file.get(), ring_size);
  REQUIRE(map.has_value());
  CHECK(map->data().size() == u64{1} << 32);
  CHECK(map->data()[(u64{1} << 32) - 1] == std::byte{0});
}

TEST_CASE(
    "ring: a reader of several rings says which ring a sample came from, and that losses are "
    "unknown") {
  const u64 ring_size = page_size();
  const u64 size = 2 * page_size() + 2 * ring_size;
  RingReader reader(100);
  std::vector<UniqueFd> files;
  for (u64 i = 0; i < 3; i++) {
    files.push_back(memory_file(size));
    Mapping kernel = map_all(files.back().get(), size);
    shared_word<u64>(kernel.data() + page_size()).store(8 * i);  // i records of 0 bytes
    REQUIRE(reader.add(files.back().get(), ring_size).has_value());
  }
  std::vector<u32> rings;
  CHECK(reader.drain([&](const RingSample& sample) { rings.push_back(sample.ring); }).samples == 3);
  CHECK(rings == std::vector<u32>{1, 2, 2});
  CHECK(reader.size() == 3);
  CHECK(reader.counts(2).samples == 2);
  CHECK(reader.ring_size(2) == ring_size);
  CHECK(reader.lost() == Lost{0, Lost::Certainty::unknown});
  Poller poller = *Poller::open();
  CHECK(reader.watch(poller).error().errno_value == EPERM);  // a memfd is no ring: epoll refuses it
}

TEST_CASE("perf: a reader for no CPU is refused") {
  CHECK(PerfReader::open({}, {}).error().what == "a perf reader needs at least one CPU");
}
