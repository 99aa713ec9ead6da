// SPDX-License-Identifier: Apache-2.0
// Reads a BPF ring buffer (BPF_MAP_TYPE_RINGBUF). All CPUs write into one ring; a record is
//
//   u32 length; bit 31 BUSY: reserved, not yet committed; bit 30 DISCARD: given up, step over it
//   u32 page offset, the kernel's own
//   length bytes, then padding to a multiple of 8
//
// A record is committed by clearing BUSY, in any order, so a reader stops at the first BUSY one.
// The kernel wakes the reader only if, at a commit, the consumer's position is that record's. Hence
// the order that never loses a wake-up: publish the position, full fence, look once more, only then
// wait. The kernel's side has the matching fence (xchg of the length, then a load of the position):
// kernel/bpf/ringbuf.c: bpf_ringbuf_commit().
#pragma once

#include <bit>
#include <utility>

#include "base/bytes.h"
#include "perf/map.h"
#include "perf/walk.h"

namespace bpfld::perf {

inline constexpr u32 kRingBusy = 1u << 31;     // BPF_RINGBUF_BUSY_BIT
inline constexpr u32 kRingDiscard = 1u << 30;  // BPF_RINGBUF_DISCARD_BIT
inline constexpr u64 kRingHeader = 8;          // BPF_RINGBUF_HDR_SZ

// Bytes that a record with `length` bytes of data takes in the ring.
constexpr u64 ring_record_size(u32 length) {
  return (u64{length} + kRingHeader + 7) / 8 * 8;
}

// spec: what a walk found, and where it stopped.
struct RingWalk {
  u64 consumer = 0;      // everything before it was dealt with
  u64 records = 0;       // looked at, discarded ones included; giving up counts as one
  u64 samples = 0;       // handed to the caller
  u64 discarded = 0;     // the program reserved and then discarded them
  u64 corrupt = 0;       // 1: a length made no sense, and the rest up to the producer was given up
  u64 largest = 0;       // bytes that the largest record takes in the ring
  bool busy = false;     // stopped at a record that is not committed yet
  bool more = false;     // a limit was reached, or the caller said stop, before the producer
  bool stopped = false;  // the caller said stop
};

// Walks the records in [consumer, producer) and calls on_sample(Bytes) for each committed one; it
// may return false to stop after that one. `size` is the ring's size, a power of two; `memory` is
// the ring once or, as the kernel maps it, twice in a row: only in the first case can a record wrap
// and be copied to `scratch`; if it does not fit there, it counts as corrupt. The bytes are valid
// during the call.
template <typename OnSample>
RingWalk walk_ring_records(Bytes memory, u64 size, u64 consumer, u64 producer,
                           const WalkLimits& limits, std::span<std::byte> scratch,
                           OnSample&& on_sample) {
  RingWalk walk;
  walk.consumer = consumer;
  const auto give_up = [&] {
    walk.corrupt = 1;
    walk.records++;
    walk.consumer = producer;
    return walk;
  };
  if (!std::has_single_bit(size) || size > memory.size() || producer - consumer > size)
    return give_up();
  while (walk.consumer != producer) {
    if (walk.records >= limits.records || walk.consumer - consumer >= limits.bytes ||
        walk.stopped) {
      walk.more = true;
      return walk;
    }
    const u64 left = producer - walk.consumer;
    const u64 offset = walk.consumer & (size - 1);
    if (offset % 8 != 0 || left < kRingHeader) return give_up();
    // Acquire: what the producer wrote before it cleared BUSY is visible.
    const u32 word = shared_word<u32>(memory.data() + offset).load(std::memory_order_acquire);
    if ((word & kRingBusy) != 0) {
      walk.busy = true;
      return walk;
    }
    const u32 length = word & ~(kRingBusy | kRingDiscard);
    const u64 taken = ring_record_size(length);
    if (taken > left) return give_up();
    if ((word & kRingDiscard) != 0) {
      walk.discarded++;
    } else {
      const Bytes record = ring_bytes(memory, size, offset, kRingHeader + length, scratch);
      if (record.empty()) return give_up();
      walk.samples++;
      walk.stopped = !wants_more(on_sample, record.subspan(kRingHeader));
    }
    if (taken > walk.largest) walk.largest = taken;
    walk.consumer += taken;
    walk.records++;
  }
  return walk;
}

// spec: what a ring's reader has seen since it was opened. The kernel does not count what a full
// ring refused; that the ring came near full is the only sign here, and the program's own counter
// the only proof.
struct RingCounts {
  u64 samples = 0;
  u64 discarded = 0;
  u64 corrupt = 0;
  u64 high_water = 0;  // bytes: the most that ever lay unread
  u64 largest = 0;     // bytes that the largest record took
  u64 times_full = 0;  // looks at the ring that found no room for one more of the largest record
  void add(const RingWalk& walk);
  // Called with what lies unread at each look.
  void saw(u64 unread, u64 size);
  bool operator==(const RingCounts&) const = default;
};

// handle: one ring buffer and its reader's state. One thread at a time.
class BpfRing {
 public:
  // Starts at the position in the ring, which in a pinned ring is where the last reader stopped.
  // From then on the reader's own copy counts: the page can be written by anyone who holds the map.
  explicit BpfRing(RingMap map) : map_(std::move(map)), consumer_(map_.consumer()) {}

  // Reads until the ring is empty, its next record is not committed, or `max_records` were read.
  // Space goes back to the kernel each time an eighth of the ring was read, and at the end. When it
  // returns without `more`, waiting is safe: a record committed since then wakes the reader.
  template <typename OnSample>
  Drained drain(u64 max_records, OnSample&& on_sample) {
    Drained drained;
    WalkLimits limits{max_records, map_.size() / 8};
    while (!drained.more) {
      const u64 producer = map_.producer();
      counts_.saw(producer - consumer_, map_.size());
      const RingWalk walk =
          walk_ring_records(map_.data(), map_.size(), consumer_, producer, limits, {}, on_sample);
      counts_.add(walk);
      drained.samples += walk.samples;
      drained.stopped = walk.stopped;
      limits.records -= walk.records;
      if (walk.consumer == consumer_) break;  // nothing new since the last fence
      consumer_ = walk.consumer;
      map_.set_consumer(consumer_);
      // StoreLoad: our position must be visible before we look again, or a commit in between sees
      // the old position, does not wake us, and its record waits for the next one.
      std::atomic_thread_fence(std::memory_order_seq_cst);
      drained.more = walk.stopped || limits.records == 0;
    }
    return drained;
  }

  const RingCounts& counts() const { return counts_; }
  u64 size() const { return map_.size(); }

 private:
  RingMap map_;
  u64 consumer_ = 0;
  RingCounts counts_;
};

}  // namespace bpfld::perf
