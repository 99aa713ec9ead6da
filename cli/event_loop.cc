// SPDX-License-Identifier: Apache-2.0
// Drain, then look whether to stop, then wait; see event_loop.h.
#include "cli/event_loop.h"

#include <algorithm>

#include "perf/cpus.h"

namespace bpfld::cli {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds kSecond{1000};

template <typename T>
std::vector<std::byte> to_vector(T value) {
  const Bytes bytes = bytes_of(value);
  return {bytes.begin(), bytes.end()};
}

int to_timeout(Clock::duration left) {
  const i64 ms = std::chrono::ceil<std::chrono::milliseconds>(left).count();
  return static_cast<int>(std::clamp<i64>(ms, 0, kSecond.count()));
}

}  // namespace

Result<EventLoop> EventLoop::open(bpf::Kernel& kernel, EventPrinter& printer) {
  perf::Poller poller = TRY(perf::Poller::open());
  return EventLoop(kernel, printer, std::make_unique<perf::Poller>(std::move(poller)));
}

Status EventLoop::put_events(const PerfMap& map, const std::vector<perf::CpuEvent>& events) {
  for (const perf::CpuEvent& event : events) {
    if (event.cpu >= map.entries) {
      notes_.push_back(format("map {}: cpu {} has no place in it (max_entries is {})", map.name,
                              event.cpu, map.entries));
      continue;
    }
    bpf::MapUpdate update;
    update.map = bpf::Fd::number(map.fd);
    update.key = to_vector(event.cpu);
    update.value = to_vector(event.fd);
    TRY(kernel_->call(update));
  }
  return {};
}

Status EventLoop::add_perf_map(u32 map, std::string name, int fd, u32 entries, u64 pages) {
  if (cpus_.empty()) cpus_ = TRY(perf::online_cpus());
  perf::PerfOptions options;
  options.pages = pages;
  perf::PerfReader reader = TRY(perf::PerfReader::open(cpus_, options));
  perf_.push_back({map, std::move(name), fd, entries, std::move(reader)});
  TRY(put_events(perf_.back(), perf_.back().reader.events()));
  return perf_.back().reader.watch(*poller_);
}

Status EventLoop::add_ring(u32 map, std::string name, int fd, u64 size) {
  TRY(rings_.add(fd, size));
  ring_maps_.push_back({map, std::move(name)});
  return {};
}

void EventLoop::catch_signals() {
  signals_ = std::make_unique<StopSignals>(*poller_);
}

bool EventLoop::drain() {
  bool more = false;
  for (PerfMap& map : perf_) {
    const perf::Drained drained = map.reader.drain([&](const perf::PerfSample& sample) {
      return printer_->event(map.map, sample.cpu, sample.bytes);
    });
    if (drained.stopped) return true;
    more |= drained.more;
  }
  const perf::Drained drained = rings_.drain([&](const perf::RingSample& sample) {
    return printer_->event(ring_maps_[sample.ring].map, std::nullopt, sample.bytes);
  });
  return more || drained.more || drained.stopped;
}

std::optional<StopReason> EventLoop::reason_to_stop(const LoopOptions& options) const {
  if (printer_->output_closed()) return StopReason::output_closed;
  if (printer_->limit_reached()) return StopReason::count;
  if (signal_received() != 0) return StopReason::signal;
  if (options.child != nullptr && options.child->ended()) return StopReason::command;
  return std::nullopt;
}

Result<StopReason> EventLoop::run(const LoopOptions& options,
                                  const std::function<void()>& each_second) {
  if (ring_maps_.size() != 0) TRY(rings_.watch(*poller_));
  if (options.child != nullptr && options.child->ended_fd() >= 0)
    TRY(poller_->add(options.child->ended_fd()));
  if (printer_->output_fd() >= 0) TRY(poller_->add(printer_->output_fd()));
  const Clock::time_point start = Clock::now();
  Clock::time_point next_look = start + kSecond;
  while (true) {
    const bool more = drain();
    printer_->flush();
    if (const std::optional<StopReason> reason = reason_to_stop(options)) return *reason;
    const Clock::time_point now = Clock::now();
    if (options.duration && now - start >= *options.duration) return StopReason::duration;
    if (now >= next_look) {
      next_look = now + kSecond;
      TRY(follow_cpus());
      each_second();
    }
    if (more) continue;
    Clock::time_point until = next_look;
    if (options.duration) until = std::min(until, start + *options.duration);
    TRY(poller_->wait(to_timeout(until - now)));
    printer_->look_for_reader();
  }
}

void EventLoop::drain_rest() {
  // Once is enough: nothing writes any more, and a ring holds less than one drain takes, or more
  // says so.
  while (!printer_->limit_reached() && !printer_->output_closed() && drain()) {
  }
  printer_->flush();
}

// A CPU that was offline in between needs a new buffer: the old event never works again.
Status EventLoop::follow_cpus() {
  if (perf_.empty()) return {};
  std::vector<u32> online = TRY(perf::online_cpus());
  if (online == cpus_) return {};
  for (PerfMap& map : perf_) {
    const perf::PerfReader::Change change =
        TRY(map.reader.follow(online, poller_.get(), [&](const perf::PerfSample& sample) {
          return printer_->event(map.map, sample.cpu, sample.bytes);
        }));
    for (u32 cpu : change.gone) {
      bpf::MapDelete remove;
      remove.map = bpf::Fd::number(map.fd);
      remove.key = to_vector(cpu);
      // An entry that is gone already is what is wanted.
      [[maybe_unused]] const Result<bpf::Reply> removed = kernel_->call(remove);
      notes_.push_back(format("map {}: cpu {} went offline", map.name, cpu));
    }
    for (const perf::CpuEvent& event : change.added)
      notes_.push_back(format("map {}: cpu {} came online; events before this are not counted",
                              map.name, event.cpu));
    TRY(put_events(map, change.added));
  }
  cpus_ = std::move(online);
  return {};
}

std::vector<MapLoss> EventLoop::losses() const {
  std::vector<MapLoss> out;
  for (const PerfMap& map : perf_) {
    const Result<perf::Lost> lost = map.reader.lost();
    out.push_back(
        {.map = map.name, .lost = lost ? *lost : perf::Lost{0, perf::Lost::Certainty::unknown}});
  }
  for (u32 i = 0; i < ring_maps_.size(); i++) {
    const perf::RingCounts& counts = rings_.counts(i);
    out.push_back({.map = ring_maps_[i].name,
                   .lost = rings_.lost(),
                   .ring = true,
                   .times_full = counts.times_full,
                   .high_water = counts.high_water,
                   .ring_size = rings_.ring_size(i)});
  }
  return out;
}

std::vector<std::string> EventLoop::take_notes() {
  return std::exchange(notes_, {});
}

}  // namespace bpfld::cli
