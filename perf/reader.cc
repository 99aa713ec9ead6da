// SPDX-License-Identifier: Apache-2.0
// Opening and closing rings, and the sums over them. Draining is inline: see reader.h.
#include "perf/reader.h"

#include <algorithm>
#include <cerrno>

namespace bpfld::perf {
namespace {

bool is_offline(const Error& error) {
  return error.errno_value == ENODEV;
}

// A sum is as sure as its least sure part.
Lost operator+(const Lost& a, const Lost& b) {
  return {a.events + b.events, std::max(a.certainty, b.certainty)};
}

}  // namespace

PerfReader::PerfReader(const PerfOptions& options)
    : options_(options), scratch_(std::make_unique<std::byte[]>(kMaxPerfRecord)) {}

Result<PerfReader::Cpu> PerfReader::open_cpu(u32 number, const PerfOptions& options) {
  OutputEvent event = TRY(open_bpf_output(number, options.wakeup));
  PerfMap map = TRY(PerfMap::open(event.fd.get(), options.pages));
  TRY(enable(event.fd.get()));
  return Cpu{number, std::move(event), PerfRing(std::move(map))};
}

Result<PerfReader> PerfReader::open(std::span<const u32> cpus, const PerfOptions& options) {
  if (cpus.empty()) return fail(Code::usage, "a perf reader needs at least one CPU");
  PerfReader reader(options);
  for (const u32 number : cpus) {
    Result<Cpu> cpu = open_cpu(number, options);
    if (cpu) {
      reader.cpus_.push_back(*std::move(cpu));
    } else if (!is_offline(cpu.error())) {
      Result<PerfReader> failed = std::unexpected(std::move(cpu).error());
      return with_context(std::move(failed), [&] { return format("CPU {}", number); });
    }
  }
  if (reader.cpus_.empty())
    return fail(Code::not_found, "none of the {} CPUs is online", cpus.size());
  std::ranges::sort(reader.cpus_, {}, &Cpu::number);
  return reader;
}

std::vector<CpuEvent> PerfReader::events() const {
  std::vector<CpuEvent> events;
  events.reserve(cpus_.size());
  for (const Cpu& cpu : cpus_)
    events.push_back({cpu.number, cpu.event.fd.get()});
  return events;
}

Status PerfReader::watch(Poller& poller) const {
  for (const Cpu& cpu : cpus_)
    TRY(poller.add(cpu.event.fd.get()));
  return {};
}

Result<Lost> PerfReader::lost_of(const Cpu& cpu) {
  if (!cpu.event.counts_lost) return Lost{cpu.ring.counts().lost, Lost::Certainty::lower_bound};
  const u64 events = TRY(read_lost(cpu.event.fd.get()));
  return Lost{events, Lost::Certainty::exact};
}

Result<Lost> PerfReader::lost() const {
  Lost total = closed_lost_;
  for (const Cpu& cpu : cpus_) {
    const Lost one = TRY(lost_of(cpu));
    total = total + one;
  }
  return total;
}

PerfCounts PerfReader::counts() const {
  PerfCounts total = closed_counts_;
  for (const Cpu& cpu : cpus_)
    total.add(cpu.ring.counts());
  return total;
}

Result<PerfReader::Change> PerfReader::replace(std::span<const u32> online, Poller* poller) {
  Change change;
  Lost gone_lost;
  PerfCounts gone_counts;
  const auto is_gone = [&](const Cpu& cpu) {
    return std::ranges::find(online, cpu.number) == online.end();
  };
  for (const Cpu& cpu : cpus_) {
    if (!is_gone(cpu)) continue;
    const Lost lost = TRY(lost_of(cpu));
    gone_lost = gone_lost + lost;
    gone_counts.add(cpu.ring.counts());
    change.gone.push_back(cpu.number);
  }
  // Nothing fails from here on, so no ring is counted twice.
  closed_lost_ = closed_lost_ + gone_lost;
  closed_counts_.add(gone_counts);
  std::erase_if(cpus_, is_gone);
  for (const u32 number : online) {
    if (std::ranges::find(cpus_, number, &Cpu::number) != cpus_.end()) continue;
    Result<Cpu> cpu = open_cpu(number, options_);
    if (!cpu || (poller != nullptr && !poller->add(cpu->event.fd.get()))) continue;
    change.added.push_back({number, cpu->event.fd.get()});
    cpus_.push_back(*std::move(cpu));
  }
  std::ranges::sort(cpus_, {}, &Cpu::number);
  return change;
}

Status RingReader::add(int map_fd, u64 size) {
  RingMap map = TRY(RingMap::open(map_fd, size));
  rings_.push_back({map_fd, BpfRing(std::move(map))});
  return {};
}

Status RingReader::watch(Poller& poller) const {
  for (const Ring& ring : rings_)
    TRY(poller.add(ring.fd));
  return {};
}

}  // namespace bpfld::perf
