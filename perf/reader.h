// SPDX-License-Identifier: Apache-2.0
// A program's output, map by map: PerfReader for BPF_MAP_TYPE_PERF_EVENT_ARRAY, with a ring for
// every online CPU; RingReader for BPF_MAP_TYPE_RINGBUF, with one ring for each map added. Both
// hand every sample to a function of the caller that is inlined into the walk, and both say how
// much was lost and how sure that is.
//
//   for (;;) {
//     const Drained drained = reader.drain([&](const PerfSample& sample) { ... });
//     if (!drained.more) wakeup = TRY(poller.wait(timeout_ms));
//   }
//
// Draining before each wait is what makes the edge-triggered Poller, and the last event of a burst,
// work.
#pragma once

#include <memory>
#include <vector>

#include "base/bytes.h"
#include "base/fd.h"
#include "base/result.h"
#include "perf/event.h"
#include "perf/perf_buffer.h"
#include "perf/poller.h"
#include "perf/ring_buffer.h"

namespace bpfld::perf {

// view: valid during the call that hands it over. It lies in memory shared with the kernel: for
// ring buffers another holder of the map can make the kernel overwrite it, so read each byte once
// or copy.
struct PerfSample {
  u32 cpu = 0;
  Bytes bytes;  // the program's data and up to 7 bytes of padding
};
struct RingSample {
  u32 ring = 0;  // in the order of RingReader::add()
  Bytes bytes;   // exactly the program's data
};

// spec: events that did not arrive.
struct Lost {
  enum class Certainty : u8 {
    exact,
    lower_bound,  // by LOST records only: a last burst's losses are not in them
    unknown,      // the kernel does not count
  };
  u64 events = 0;
  Certainty certainty = Certainty::exact;
  bool operator==(const Lost&) const = default;
};

struct PerfOptions {
  u64 pages = 64;  // of data per CPU, a power of two
  WakeupOptions wakeup;
  u64 max_records_per_ring = u64{1} << 16;  // in one drain
};

// spec: an event for the caller to put into the map, under the key `cpu`. The fd is the reader's.
struct CpuEvent {
  u32 cpu = 0;
  int fd = -1;
};

// handle: the rings of one perf event array.
class PerfReader {
 public:
  // Opens and enables an event for each of `cpus` (see online_cpus()); a CPU that went offline
  // since is left out. Errors: usage (no CPU, a bad page number), denied, kernel; not_found when
  // all are offline.
  [[nodiscard]] static Result<PerfReader> open(std::span<const u32> cpus,
                                               const PerfOptions& options);

  // What belongs into the map.
  std::vector<CpuEvent> events() const;
  [[nodiscard]] Status watch(Poller& poller) const;

  // Calls on_sample(const PerfSample&) for what the rings hold, ring by ring; false from it ends
  // the drain. Order is kept within a CPU, not between CPUs.
  template <typename OnSample>
  Drained drain(OnSample&& on_sample) {
    Drained total;
    for (Cpu& cpu : cpus_) {
      const auto one = [&](const Bytes& bytes) {
        return wants_more(on_sample, PerfSample{cpu.number, bytes});
      };
      const Drained drained = cpu.ring.drain(options_.max_records_per_ring, scratch(), one);
      total.samples += drained.samples;
      total.more |= drained.more;
      total.stopped = drained.stopped;
      if (total.stopped) break;
    }
    return total;
  }

  // Since open(), closed rings included. Reads the counter of each event. Errors: kernel.
  [[nodiscard]] Result<Lost> lost() const;
  PerfCounts counts() const;

  // spec: how the set of rings changed. Remove the map's entry of each gone CPU, then put the new
  // events.
  struct Change {
    std::vector<u32> gone;
    std::vector<CpuEvent> added;
  };
  // Follows CPUs that went offline and came online: an event whose CPU was offline in between never
  // works again, so each ring whose CPU is not in `online` is drained a last time and closed, and
  // each new CPU gets one, watched by `poller` if that is not null. What fails to open is left for
  // the next call.
  template <typename OnSample>
  [[nodiscard]] Result<Change> follow(std::span<const u32> online, Poller* poller,
                                      OnSample&& on_sample) {
    drain(on_sample);
    return replace(online, poller);
  }

 private:
  struct Cpu {
    u32 number;
    OutputEvent event;
    PerfRing ring;
  };
  explicit PerfReader(const PerfOptions& options);
  [[nodiscard]] static Result<Cpu> open_cpu(u32 number, const PerfOptions& options);
  [[nodiscard]] Result<Change> replace(std::span<const u32> online, Poller* poller);
  [[nodiscard]] static Result<Lost> lost_of(const Cpu& cpu);
  std::span<std::byte> scratch() { return {scratch_.get(), kMaxPerfRecord}; }

  PerfOptions options_;
  std::vector<Cpu> cpus_;  // ascending by number
  std::unique_ptr<std::byte[]> scratch_;
  Lost closed_lost_;          // of rings that are gone
  PerfCounts closed_counts_;  // likewise
};

// handle: any number of ring buffers. The maps' fds stay the caller's and must stay open.
class RingReader {
 public:
  explicit RingReader(u64 max_records_per_ring = u64{1} << 16)
      : max_records_(max_records_per_ring) {}

  // `size` is the map's max_entries, bytes. Its samples carry the number of rings added before.
  // Errors: usage, denied, kernel.
  [[nodiscard]] Status add(int map_fd, u64 size);
  [[nodiscard]] Status watch(Poller& poller) const;

  // Calls on_sample(const RingSample&) for what the rings hold, ring by ring; false from it ends
  // the drain.
  template <typename OnSample>
  Drained drain(OnSample&& on_sample) {
    Drained total;
    for (u32 i = 0; i < rings_.size(); i++) {
      const auto one = [&](const Bytes& bytes) {
        return wants_more(on_sample, RingSample{i, bytes});
      };
      const Drained drained = rings_[i].ring.drain(max_records_, one);
      total.samples += drained.samples;
      total.more |= drained.more;
      total.stopped = drained.stopped;
      if (total.stopped) break;
    }
    return total;
  }

  // Always unknown: bpf_ringbuf_reserve() tells the program and nobody else. See
  // RingCounts::times_full.
  Lost lost() const { return {0, Lost::Certainty::unknown}; }
  std::size_t size() const { return rings_.size(); }
  const RingCounts& counts(u32 ring) const { return rings_[ring].ring.counts(); }
  u64 ring_size(u32 ring) const { return rings_[ring].ring.size(); }

 private:
  struct Ring {
    int fd;
    BpfRing ring;
  };
  u64 max_records_;
  std::vector<Ring> rings_;
};

}  // namespace bpfld::perf
