// SPDX-License-Identifier: Apache-2.0
// Reads the event maps of a loaded object until something ends the run: a signal, the time, the
// number of events, the command, or nobody reading the output. Once a second it looks at what was
// lost and at CPUs that came or went, whose buffers would otherwise be silent for ever.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bpf/kernel.h"
#include "cli/child.h"
#include "cli/event_printer.h"
#include "cli/signals.h"
#include "perf/reader.h"

namespace bpfld::cli {

enum class StopReason : u8 { signal, duration, count, command, output_closed };

// spec: what one map lost.
struct MapLoss {
  std::string map;
  perf::Lost lost;
  bool ring = false;
  u64 times_full = 0;  // rings: looks at which it was full
  u64 high_water = 0;  // rings: bytes
  u64 ring_size = 0;
};

struct LoopOptions {
  std::optional<std::chrono::milliseconds> duration;
  Child* child = nullptr;  // ends the run when it ends
};

// handle: the readers.
class EventLoop {
 public:
  // `kernel` and `printer` outlive it.
  [[nodiscard]] static Result<EventLoop> open(bpf::Kernel& kernel, EventPrinter& printer);

  // `map` is the map's number, `entries` its max_entries. Errors: denied, kernel.
  [[nodiscard]] Status add_perf_map(u32 map, std::string name, int fd, u32 entries, u64 pages);
  [[nodiscard]] Status add_ring(u32 map, std::string name, int fd, u64 size);
  bool is_empty() const { return perf_.empty() && ring_maps_.empty(); }

  // From here on signals end the run instead of the process.
  void catch_signals();
  int signal_received() const { return signals_ ? signals_->received() : 0; }

  // `each_second` is called with what was lost so far. Errors: kernel.
  [[nodiscard]] Result<StopReason> run(const LoopOptions& options,
                                       const std::function<void()>& each_second);
  // What is left in the buffers, after everything is detached.
  void drain_rest();
  std::vector<MapLoss> losses() const;
  // CPUs that came or went, as text, since the last call.
  std::vector<std::string> take_notes();

 private:
  struct PerfMap {
    u32 map;
    std::string name;
    int fd;
    u32 entries;
    perf::PerfReader reader;
  };
  struct RingMap {
    u32 map;
    std::string name;
  };
  EventLoop(bpf::Kernel& kernel, EventPrinter& printer, std::unique_ptr<perf::Poller> poller)
      : kernel_(&kernel), printer_(&printer), poller_(std::move(poller)) {}
  bool drain();  // true: there may be more
  Status put_events(const PerfMap& map, const std::vector<perf::CpuEvent>& events);
  Status follow_cpus();
  std::optional<StopReason> reason_to_stop(const LoopOptions& options) const;

  bpf::Kernel* kernel_;
  EventPrinter* printer_;
  std::unique_ptr<perf::Poller> poller_;  // on the heap: signal handlers know its address
  std::unique_ptr<StopSignals> signals_;
  std::vector<u32> cpus_;  // online, as of the last look
  std::vector<PerfMap> perf_;
  perf::RingReader rings_;
  std::vector<RingMap> ring_maps_;  // by ring number
  std::vector<std::string> notes_;
};

}  // namespace bpfld::cli
