// SPDX-License-Identifier: Apache-2.0
// Reads one CPU's perf ring, into which bpf_perf_event_output() writes. The ring holds records
// behind an 8-byte header {u32 type; u16 misc; u16 size}; their sizes are multiples of 8, so a
// header is always in one piece, but a record may wrap.
//
//   PERF_RECORD_SAMPLE  header, u32 size, size bytes: the program's data and up to 7 bytes of
//   padding PERF_RECORD_LOST    header, u64 id, u64 lost: written with the first record that fits
//   again, so the
//                       losses of a last burst are never announced; event.h: read_lost() counts
//                       exactly
//
// Other types are stepped over: an unknown record is no reason to drop the ones behind it.
// Format: perf_event_open(2), "MMAP layout". With attr.sample_type = PERF_SAMPLE_RAW.
#pragma once

#include <utility>

#include "base/bytes.h"
#include "perf/map.h"
#include "perf/walk.h"

namespace bpfld::perf {

struct PerfRecordHeader {
  u32 type;
  u16 misc;
  u16 size;  // bytes, header included
};
inline constexpr u32 kRecordLost = 2;    // PERF_RECORD_LOST
inline constexpr u32 kRecordSample = 9;  // PERF_RECORD_SAMPLE

// Where a SAMPLE record's data starts, bytes from its header.
inline constexpr u64 kSampleDataAt = sizeof(PerfRecordHeader) + sizeof(u32);

// A record's size is 16 bits, so a scratch buffer of this size holds any that wraps.
inline constexpr u64 kMaxPerfRecord = 65'535;

// spec: what a walk found, and where it stopped.
struct PerfWalk {
  u64 tail = 0;          // everything before it was dealt with
  u64 records = 0;       // looked at, of any type; giving up counts as one
  u64 samples = 0;       // handed to the caller
  u64 lost = 0;          // events, as LOST records tell: a lower bound
  u64 skipped = 0;       // records of other types
  u64 malformed = 0;     // samples whose data is longer than the record: more than 64 KiB were
                         // written, and the kernel cut the record's size to 16 bits
  u64 corrupt = 0;       // 1: a header made no sense, and the rest up to head was given up
  bool more = false;     // a limit was reached, or the caller said stop, before head
  bool stopped = false;  // the caller said stop
};

// What a header and the bytes left say about the record behind it.
enum class PerfStep : u8 { sample, lost, other, corrupt };
constexpr PerfStep classify(const PerfRecordHeader& header, u64 left) {
  if (header.size < sizeof(PerfRecordHeader) || header.size % 8 != 0 || header.size > left)
    return PerfStep::corrupt;
  if (header.type == kRecordSample) return PerfStep::sample;
  return header.type == kRecordLost ? PerfStep::lost : PerfStep::other;
}

// The data of a SAMPLE record; false when its size field does not fit the record.
inline bool sample_data(Bytes record, Bytes& data) {
  if (record.size() < kSampleDataAt) return false;
  const u32 size = load_checked<u32>(record, sizeof(PerfRecordHeader));
  if (!fits(record.size(), kSampleDataAt, size)) return false;
  data = record.subspan(kSampleDataAt, size);
  return true;
}

// Walks the records in [tail, head) of `ring`, whose size is a power of two, and calls
// on_sample(Bytes) for each sample; it may return false to stop after that one. The bytes are the
// ring's own unless the record wraps, and are valid during the call. `scratch` holds at least
// kMaxPerfRecord bytes. Positions that are further apart than the ring is long count as corrupt.
template <typename OnSample>
PerfWalk walk_perf_records(Bytes ring, u64 tail, u64 head, const WalkLimits& limits,
                           std::span<std::byte> scratch, OnSample&& on_sample) {
  PerfWalk walk;
  walk.tail = tail;
  const auto give_up = [&] {
    walk.corrupt = 1;
    walk.records++;
    walk.tail = head;
    return walk;
  };
  if (head - tail > ring.size()) return give_up();
  while (walk.tail != head) {
    if (walk.records >= limits.records || walk.tail - tail >= limits.bytes || walk.stopped) {
      walk.more = true;
      return walk;
    }
    const u64 offset = walk.tail & (ring.size() - 1);
    const u64 left = head - walk.tail;
    if (offset % 8 != 0 || left < sizeof(PerfRecordHeader)) return give_up();
    const PerfRecordHeader header = load_checked<PerfRecordHeader>(ring, offset);
    const PerfStep step = classify(header, left);
    if (step == PerfStep::corrupt) return give_up();
    if (step == PerfStep::other) {
      walk.skipped++;
    } else {
      const Bytes record = ring_bytes(ring, ring.size(), offset, header.size, scratch);
      Bytes data;
      if (step == PerfStep::lost && record.size() >= 24) {
        walk.lost += load_checked<u64>(record, 16);
      } else if (step == PerfStep::sample && sample_data(record, data)) {
        walk.samples++;
        walk.stopped = !wants_more(on_sample, data);
      } else {
        walk.malformed++;
      }
    }
    walk.tail += header.size;
    walk.records++;
  }
  return walk;
}

// spec: what a ring's reader has seen since it was opened.
struct PerfCounts {
  u64 samples = 0;
  u64 lost = 0;  // by LOST records
  u64 skipped = 0;
  u64 malformed = 0;
  u64 corrupt = 0;
  void add(const PerfWalk& walk);
  void add(const PerfCounts& other);
  bool operator==(const PerfCounts&) const = default;
};

// handle: one perf ring and its reader's state. One thread at a time.
class PerfRing {
 public:
  // Starts at the position where the last reader of this ring stopped.
  explicit PerfRing(PerfMap map) : map_(std::move(map)), tail_(map_.tail()) {}

  // Reads until the ring is empty or `max_records` were read. Space goes back to the kernel each
  // time an eighth of the ring was read, and at the end.
  template <typename OnSample>
  Drained drain(u64 max_records, std::span<std::byte> scratch, OnSample&& on_sample) {
    Drained drained;
    const Bytes ring = map_.data();
    WalkLimits limits{max_records, ring.size() / 8};
    // A drain that finds nothing costs one load: no store to a page that the producing CPU reads.
    for (u64 head = map_.head(); head != tail_; head = map_.head()) {
      const PerfWalk walk = walk_perf_records(ring, tail_, head, limits, scratch, on_sample);
      tail_ = walk.tail;
      map_.set_tail(tail_);
      counts_.add(walk);
      drained.samples += walk.samples;
      drained.stopped = walk.stopped;
      limits.records -= walk.records;
      drained.more = drained.stopped || limits.records == 0;
      if (drained.more) break;
    }
    return drained;
  }

  const PerfCounts& counts() const { return counts_; }

 private:
  PerfMap map_;
  u64 tail_ = 0;
  PerfCounts counts_;
};

}  // namespace bpfld::perf
