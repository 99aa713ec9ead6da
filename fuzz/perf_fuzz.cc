// SPDX-License-Identifier: Apache-2.0
// Both ring walks over hostile memory and hostile positions. Input: u8 log2 of the size, u8 flags,
// u64 start, u64 end; the rest fills the ring, over and over.
#include <algorithm>
#include <array>
#include <vector>

#include "fuzz/require.h"
#include "perf/cpus.h"
#include "perf/perf_buffer.h"
#include "perf/ring_buffer.h"

namespace {

using namespace bpfld;
using namespace bpfld::perf;

constexpr u64 kInputHeader = 18;

// Reads every byte, so that a sanitizer sees one that is outside.
u64 sum_of(Bytes bytes) {
  u64 sum = 0;
  for (const std::byte byte : bytes)
    sum += static_cast<u8>(byte);
  return sum;
}

std::vector<std::byte> fill(Bytes pattern, u64 size) {
  std::vector<std::byte> memory(size);
  for (u64 i = 0; i < size && !pattern.empty(); i++)
    memory[i] = pattern[i % pattern.size()];
  return memory;
}

void walk_perf(Bytes pattern, u64 size, u64 tail, u64 head, const WalkLimits& limits) {
  const std::vector<std::byte> ring = fill(pattern, size);
  static std::array<std::byte, kMaxPerfRecord> scratch;
  u64 samples = 0;
  u64 sum = 0;
  const PerfWalk walk = walk_perf_records(ring, tail, head, limits, scratch, [&](Bytes data) {
    fuzz::require(data.size() <= size, "a sample is no longer than the ring");
    samples++;
    sum += sum_of(data);
  });
  fuzz::require(sum <= samples * size * 255, "samples were read");
  fuzz::require(walk.samples == samples, "every sample is counted");
  fuzz::require(walk.more || walk.tail == head, "a walk ends at head, or says that there is more");
  fuzz::require(walk.corrupt == 1 || walk.tail - tail <= size,
                "positions stay within a ring's length");
  fuzz::require(walk.records <= std::min(limits.records, size / 8 + 1) + walk.corrupt,
                "work is bounded");
}

void walk_ring(Bytes pattern, u64 size, u64 copies, u64 consumer, u64 producer,
               const WalkLimits& limits) {
  std::vector<std::byte> memory = fill(pattern, size);
  if (copies == 2)
    memory.insert(memory.end(), memory.begin(), memory.begin() + static_cast<i64>(size));
  std::vector<std::byte> scratch(size);
  u64 samples = 0;
  u64 sum = 0;
  const RingWalk walk =
      walk_ring_records(memory, size, consumer, producer, limits, scratch, [&](Bytes data) {
        fuzz::require(data.size() < size, "a sample is shorter than the ring");
        samples++;
        sum += sum_of(data);
      });
  fuzz::require(sum <= samples * size * 255, "samples were read");
  fuzz::require(walk.samples == samples, "every sample is counted");
  fuzz::require(walk.more || walk.busy || walk.consumer == producer,
                "a walk ends at the producer or a busy record, or says that there is more");
  fuzz::require(walk.corrupt == 1 || walk.consumer - consumer <= size,
                "positions stay within a ring's length");
  fuzz::require(walk.records <= std::min(limits.records, size / 8 + 1) + walk.corrupt,
                "work is bounded");
}

void parse_cpus(Bytes input) {
  const Result<std::vector<u32>> cpus = parse_cpu_list(text_of(input));
  if (!cpus) return fuzz::require_good_error(cpus.error());
  fuzz::require(cpus->size() <= kMaxCpus, "the number of CPUs is bounded");
  fuzz::require(std::ranges::is_sorted(*cpus), "CPUs ascend");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const u8* data, std::size_t size) {
  const Bytes input = std::as_bytes(std::span(data, size));
  parse_cpus(input);
  if (size < kInputHeader) return 0;
  const u64 ring_size = u64{8} << (data[0] % 10);  // 8 bytes to 4 KiB
  const u64 copies = 1 + (data[1] & 1u);
  const WalkLimits limits = {(data[1] & 2u) != 0 ? u64{3} : ~u64{0},
                             (data[1] & 4u) != 0 ? ring_size / 8 : ~u64{0}};
  const u64 start = load_checked<u64>(input, 2);
  // Half of the inputs get positions that a kernel could have written.
  const u64 end = (data[1] & 8u) != 0
                      ? load_checked<u64>(input, 10)
                      : start + load_checked<u64>(input, 10) % (ring_size + 1) / 8 * 8;
  const Bytes pattern = input.subspan(kInputHeader);
  walk_perf(pattern, ring_size, start, end, limits);
  walk_ring(pattern, ring_size, copies, start, end, limits);
  return 0;
}
