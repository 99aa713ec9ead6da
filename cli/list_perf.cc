// SPDX-License-Identifier: Apache-2.0
// `bpfld list perf`: the events that SEC("perf_event") programs sample, by the names that perf(1)
// uses. Software events are there on every kernel; the others belong to a PMU, each a folder in
// sysfs with its type and, for most, names of its events.
//
// Source: perf_event_open(2); Documentation/ABI/testing/sysfs-bus-event_source-devices-events.
#include <algorithm>
#include <array>
#include <dirent.h>

#include "base/escape.h"
#include "base/glob.h"
#include "base/mapped_file.h"
#include "cli/facts.h"
#include "cli/list_places.h"

namespace bpfld::cli {
namespace {

constexpr const char* kDevices = "/sys/bus/event_source/devices";
constexpr u32 kHardware = 0, kSoftware = 1;  // PERF_TYPE_*

struct EventRow {
  std::string_view name;
  u32 type;
  u32 config;
  std::string_view what;
};
// clang-format off
constexpr std::array<EventRow, 21> kEvents = {{
    {"cpu-clock",               kSoftware, 0,  "a timer per CPU, in nanoseconds"},
    {"task-clock",              kSoftware, 1,  "a timer that runs with the task"},
    {"page-faults",             kSoftware, 2,  "all page faults"},
    {"context-switches",        kSoftware, 3,  ""},
    {"cpu-migrations",          kSoftware, 4,  ""},
    {"minor-faults",            kSoftware, 5,  "page faults without I/O"},
    {"major-faults",            kSoftware, 6,  "page faults with I/O"},
    {"alignment-faults",        kSoftware, 7,  "unaligned accesses the kernel had to emulate"},
    {"emulation-faults",        kSoftware, 8,  "instructions the kernel had to emulate"},
    {"bpf-output",              kSoftware, 10, "what bpf_perf_event_output() writes to"},
    {"cgroup-switches",         kSoftware, 11, "since v5.13"},
    {"cycles",                  kHardware, 0,  ""},
    {"instructions",            kHardware, 1,  ""},
    {"cache-references",        kHardware, 2,  ""},
    {"cache-misses",            kHardware, 3,  ""},
    {"branches",                kHardware, 4,  ""},
    {"branch-misses",           kHardware, 5,  ""},
    {"bus-cycles",              kHardware, 6,  ""},
    {"stalled-cycles-frontend", kHardware, 7,  ""},
    {"stalled-cycles-backend",  kHardware, 8,  ""},
    {"ref-cycles",              kHardware, 9,  "not affected by frequency scaling"},
}};
// clang-format on

std::vector<std::string> names_in(const std::string& path) {
  std::vector<std::string> names;
  DIR* folder = ::opendir(path.c_str());
  if (folder == nullptr) return names;
  while (const dirent* entry = ::readdir(folder))
    if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
  ::closedir(folder);
  std::ranges::sort(names);
  return names;
}

std::string first_line_of(const std::string& path) {
  const Result<std::string> text = read_text(path);
  return text ? text->substr(0, text->find('\n')) : std::string();
}

void print(Streams& streams, const ListRequest& request, const std::string& name,
           const std::string& detail) {
  if (request.json) {
    streams.out.write(format("{{\"kind\":\"perf\",\"name\":{},\"detail\":{}}}\n", json_string(name),
                             json_string(detail)));
    return;
  }
  std::string out = "perf:" + escape_terminal(name) + "\n";
  if (request.verbose) out += format("    SEC(\"perf_event\")  {}\n", escape_terminal(detail));
  streams.out.write(out);
}

// Events that a PMU names: "msr/tsc/".
u64 list_pmus(Streams& streams, const ListRequest& request) {
  u64 count = 0;
  for (const std::string& pmu : names_in(kDevices)) {
    const std::string folder = format("{}/{}", kDevices, pmu);
    const std::string type = first_line_of(folder + "/type");
    for (const std::string& event : names_in(folder + "/events")) {
      if (event.find('.') != std::string::npos) continue;  // "x.scale", "x.unit"
      const std::string name = format("{}/{}/", pmu, event);
      if (!glob_matches(request.glob, name)) continue;
      print(streams, request, name,
            format("type {}, {}", type, first_line_of(format("{}/events/{}", folder, event))));
      count++;
    }
  }
  return count;
}

}  // namespace

u64 list_perf_events(Streams& streams, const ListRequest& request) {
  const bool hardware = has_hardware_counters();
  u64 count = 0;
  for (const EventRow& row : kEvents) {
    if (row.type == kHardware && !hardware) continue;
    if (!glob_matches(request.glob, row.name)) continue;
    print(streams, request, std::string(row.name),
          format("type {}, config {}{}{}", row.type == kHardware ? "HARDWARE" : "SOFTWARE",
                 row.config, row.what.empty() ? "" : ": ", row.what));
    count++;
  }
  count += list_pmus(streams, request);
  if (!request.quiet && (request.alone || count != 0))
    streams.say(format("bpfld: {} perf events match ({})\n", count,
                       hardware ? "software, hardware and named by PMUs"
                                : "software and named by PMUs; no PMU counts hardware events"));
  return count;
}

}  // namespace bpfld::cli
