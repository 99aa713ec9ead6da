// SPDX-License-Identifier: Apache-2.0
// Samples: a program that runs every so many events, or so many times a second, on every CPU or in
// one process. "cpu-clock@49", "page-faults/100", "L1-dcache-load-misses", "r01c2".
//
// Source: perf_event_open(2).
#include <array>

#include "base/escape.h"
#include "base/near.h"
#include "loader/attach_parts.h"
#include "loader/perf_events.h"

namespace bpfld::loader {
namespace {

constexpr u32 kHardware = 0, kSoftware = 1, kCache = 3, kRaw = 4;  // PERF_TYPE_*
constexpr u64 kDefaultFrequency = 99;  // not a divisor of what other timers do

struct EventRow {
  std::string_view name;
  u32 type;
  u64 config;
  bool counts;  // rare enough that every one is looked at
};

// clang-format off
constexpr std::array<EventRow, 27> kEvents = {{
    {"alignment-faults", kSoftware, 7, true},         {"branch-instructions", kHardware, 4, false},
    {"branch-misses", kHardware, 5, false},           {"branches", kHardware, 4, false},
    {"bus-cycles", kHardware, 6, false},              {"cache-misses", kHardware, 3, false},
    {"cache-references", kHardware, 2, false},        {"cgroup-switches", kSoftware, 11, true},
    {"context-switches", kSoftware, 3, true},         {"cpu-clock", kSoftware, 0, false},
    {"cpu-cycles", kHardware, 0, false},              {"cpu-migrations", kSoftware, 4, true},
    {"cs", kSoftware, 3, true},                       {"cycles", kHardware, 0, false},
    {"emulation-faults", kSoftware, 8, true},         {"faults", kSoftware, 2, true},
    {"instructions", kHardware, 1, false},            {"major-faults", kSoftware, 6, true},
    {"migrations", kSoftware, 4, true},               {"minor-faults", kSoftware, 5, true},
    {"page-faults", kSoftware, 2, true},              {"ref-cycles", kHardware, 9, false},
    {"stalled-cycles-backend", kHardware, 8, false},  {"stalled-cycles-frontend", kHardware, 7, false},
    {"task-clock", kSoftware, 1, false},              {"dummy", kSoftware, 9, true},
    {"bpf-output", kSoftware, 10, true},
}};
constexpr std::string_view kCaches[] = {"L1-dcache", "L1-icache", "LLC", "dTLB", "iTLB", "branch", "node"};
struct OperationRow { std::string_view name; u64 operation, result; };
constexpr OperationRow kOperations[] = {
    {"-loads", 0, 0},  {"-load-misses", 0, 1},  {"-stores", 1, 0}, {"-store-misses", 1, 1},
    {"-prefetches", 2, 0}, {"-prefetch-misses", 2, 1},
};
// clang-format on

// spec: a place, understood.
struct Sampled {
  u32 type = 0;
  u64 config = 0;
  u64 period = 1;
  bool frequency = false;
};

std::optional<EventRow> find_event(std::string_view name) {
  for (const EventRow& row : kEvents)
    if (row.name == name) return row;
  for (u64 cache = 0; cache < std::size(kCaches); cache++)
    for (const OperationRow& row : kOperations)
      if (name.starts_with(kCaches[cache]) && name.substr(kCaches[cache].size()) == row.name)
        return EventRow{row.name, kCache, cache | row.operation << 8 | row.result << 16, false};
  if (name.starts_with('r'))
    if (const std::optional<u64> config = to_number<u64>(name.substr(1), 16))
      return EventRow{"raw", kRaw, *config, false};
  return std::nullopt;
}

std::unexpected<Error> unknown_event(std::string_view name) {
  std::unexpected<Error> failure =
      fail(Code::not_found, "there is no perf event \"{}\"", escape_terminal(name));
  std::vector<std::string_view> names;
  for (const EventRow& row : kEvents)
    names.push_back(row.name);
  failure.error().detail = did_you_mean(nearest(name, names, 3));
  return failure;
}

Result<Sampled> read_place(const AttachTarget& target) {
  const std::string_view text = target.place;
  const std::size_t mark = text.find_first_of("@/");
  const std::optional<EventRow> row = find_event(text.substr(0, mark));
  if (!row) return unknown_event(text.substr(0, mark));
  Sampled out;
  out.type = row->type;
  out.config = row->config;
  if (mark != std::string_view::npos) {
    const std::optional<u64> number = to_number<u64>(text.substr(mark + 1));
    if (!number || *number == 0)
      return fail(Code::usage, "\"{}\": want EVENT, EVENT@TIMES_A_SECOND or EVENT/EVERY_SO_MANY",
                  escape_terminal(text));
    out.period = *number;
    out.frequency = text[mark] == '@';
  } else if (target.frequency) {
    out.period = *target.frequency;
    out.frequency = true;
  } else if (!row->counts) {
    out.period = kDefaultFrequency;
    out.frequency = true;
  }
  return out;
}

void sample(Attachment& attachment, const Sampled& what, i32 pid, i32 cpu) {
  bpf::PerfEventOpen open;
  open.type = what.type;
  open.config = what.config;
  open.sample_period = what.period;
  open.frequency = what.frequency;
  open.pid = pid;
  open.cpu = cpu;
  const u32 event = attachment.new_slot();
  attachment.add(open, event);
  attach_to_event(attachment, event);
}

}  // namespace

bool is_hardware_event(std::string_view place) {
  const std::optional<EventRow> row = find_event(place.substr(0, place.find_first_of("@/")));
  return row && row->type != kSoftware;
}

void perf_event_needs(const AttachSite& site, Needs& out) {
  if (!site.target.pid) out.online_cpus = true;
}

std::optional<Error> perf_event_problem(const AttachSite& site, const KernelProfile&) {
  const Result<Sampled> place = read_place(site.target);
  return place ? std::nullopt : std::optional<Error>(place.error());
}

void attach_perf_event(Attachment& attachment) {
  const Sampled what = *read_place(attachment.target);
  if (attachment.target.pid) {
    sample(attachment, what, static_cast<i32>(*attachment.target.pid), -1);
    return;
  }
  for (u32 cpu : attachment.profile.online_cpus)
    sample(attachment, what, -1, static_cast<i32>(cpu));
  attachment.out.how += format(" on {} CPUs", attachment.profile.online_cpus.size());
}

}  // namespace bpfld::loader
