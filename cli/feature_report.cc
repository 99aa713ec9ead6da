// SPDX-License-Identifier: Apache-2.0
// See feature_report.h.
#include "cli/feature_report.h"

#include <algorithm>
#include <unistd.h>

#include "base/escape.h"
#include "base/mapped_file.h"

namespace bpfld::cli {
namespace {

using bpf::ProgType;
using loader::Probe;
using loader::ProbeAnswer;
using loader::ProbeKind;
using loader::ProbeResult;

constexpr std::string_view kKinds[] = {"program", "map", "link"};

std::string_view answer_text(ProbeAnswer answer) {
  switch (answer) {
    case ProbeAnswer::yes: return "yes";
    case ProbeAnswer::no: return "no";
    case ProbeAnswer::denied: return "denied";
    case ProbeAnswer::unknown: return "unknown";
  }
  return "unknown";
}

bool exists(const char* path) {
  return ::access(path, F_OK) == 0;
}

std::string errno_note(const ProbeResult& result) {
  if (result.answer == ProbeAnswer::yes) return {};
  std::string out = result.detail;
  if (result.errno_value == 0) return out;
  if (!out.empty()) out += ": ";
  return out + errno_name(result.errno_value);
}

Ink ink_of(std::string_view answer) {
  if (answer == "yes" || answer.starts_with("loads")) return Ink::good;
  if (answer == "denied") return Ink::warning;
  return Ink::plain;
}

}  // namespace

AttachFacts read_attach_facts() {
  AttachFacts facts;
  if (!exists("/sys/bus/event_source/devices/kprobe"))
    facts.kprobe =
        exists("/sys/bus/event_source/devices/uprobe")
            ? "only to uprobes: the kernel has no kprobes (no /sys/bus/event_source/devices/kprobe)"
            : "neither kprobes nor uprobes (none in /sys/bus/event_source/devices)";
  if (!exists("/sys/bus/event_source/devices/tracepoint"))
    facts.tracepoint = "no tracepoint PMU (/sys/bus/event_source/devices/tracepoint)";
  const Result<std::string> mounts = read_text("/proc/self/mountinfo");
  if (mounts && mounts->find(" - cgroup2 ") == std::string::npos)
    facts.cgroup = "no cgroup2 is mounted (/proc/self/mountinfo)";
  const Result<std::string> modules = read_text("/sys/kernel/security/lsm");
  if (!modules)
    facts.lsm = "whether bpf is an active LSM is not known (/sys/kernel/security/lsm: " +
                errno_text(modules.error().errno_value) + ")";
  else if (("," + modules->substr(0, modules->find('\n')) + ",").find(",bpf,") == std::string::npos)
    facts.lsm = "bpf is not an active LSM (/sys/kernel/security/lsm): it would never be called";
  if (!exists("/sys/class/rc")) facts.lirc = "no infrared receiver (/sys/class/rc)";
  return facts;
}

namespace {
struct ObstacleRow {
  const char* name;
  std::string AttachFacts::* field;
};
constexpr ObstacleRow kObstacles[] = {
    {"cgroup", &AttachFacts::cgroup}, {"denied", &AttachFacts::denied},
    {"kprobe", &AttachFacts::kprobe}, {"lirc", &AttachFacts::lirc},
    {"lsm", &AttachFacts::lsm},       {"tracepoint", &AttachFacts::tracepoint},
};
}  // namespace

std::map<std::string, std::string> to_obstacles(const AttachFacts& facts) {
  std::map<std::string, std::string> out;
  for (const ObstacleRow& row : kObstacles)
    if (!(facts.*row.field).empty()) out.emplace(row.name, facts.*row.field);
  return out;
}

AttachFacts from_obstacles(const std::map<std::string, std::string>& obstacles) {
  AttachFacts out;
  for (const ObstacleRow& row : kObstacles)
    if (const auto found = obstacles.find(row.name); found != obstacles.end())
      out.*row.field = found->second;
  return out;
}

std::string denied_note(const Facts& facts) {
  if (facts.cannot_load()) return "this process has neither CAP_BPF nor CAP_SYS_ADMIN";
  if (!facts.may_have(Capability::perfmon) && !facts.may_have(Capability::sys_admin))
    return "this process has no CAP_PERFMON";
  if (!facts.lockdown.empty()) return format("lockdown is {}", facts.lockdown);
  return "although the capabilities are held: a policy of this machine";
}

std::string attach_note(ProgType type, bpf::AttachType attach, const AttachFacts& facts) {
  switch (type) {
    case ProgType::kprobe: return facts.kprobe;
    case ProgType::tracepoint: return facts.tracepoint;
    case ProgType::lirc_mode2: return facts.lirc;
    case ProgType::lsm: return attach == bpf::AttachType::lsm_cgroup ? facts.cgroup : facts.lsm;
    case ProgType::cgroup_skb:
    case ProgType::cgroup_sock:
    case ProgType::cgroup_device:
    case ProgType::cgroup_sock_addr:
    case ProgType::cgroup_sysctl:
    case ProgType::cgroup_sockopt:
    case ProgType::sock_ops: return facts.cgroup;
    default: return {};  // NOLINT: the rest has no such condition
  }
}

FeatureLine to_line(const Probe& probe, const ProbeResult& result, const AttachFacts& facts) {
  FeatureLine line;
  line.kind = kKinds[static_cast<std::size_t>(probe.kind)];
  line.name = probe.name;
  line.answer = answer_text(result.answer);
  line.since = probe.since;
  line.note = errno_note(result);
  if (result.answer == ProbeAnswer::denied && !facts.denied.empty())
    line.note += ": " + facts.denied;
  if (probe.kind != ProbeKind::program || result.answer != ProbeAnswer::yes) return line;
  const std::string obstacle = attach_note(probe.program_type, probe.attach_type, facts);
  if (obstacle.empty()) return line;
  line.answer = "loads";
  line.note = "attaching: " + obstacle;
  return line;
}

FeatureLine to_line(const loader::FeatureRow& row, loader::Answer answer) {
  static constexpr std::string_view kAnswers[] = {"unknown", "yes", "no"};
  return {.kind = "feature",
          .name = std::string(row.name),
          .answer = std::string(kAnswers[static_cast<std::size_t>(answer)]),
          .since = std::string(row.since),
          .note = {}};
}

void print_features(Streams& streams, const Style& style, std::string_view heading,
                    const std::vector<FeatureLine>& lines) {
  std::string out = style.paint(Ink::heading, heading) + "\n";
  std::size_t name_width = 0;
  for (const FeatureLine& line : lines)
    name_width = std::max(name_width, line.name.size());
  for (const FeatureLine& line : lines) {
    const std::string answer = escape_terminal(line.answer);
    std::string text = "  " + pad(escape_terminal(line.name), name_width + 2) +
                       style.paint(ink_of(answer), answer);
    const std::string since = line.since.empty() ? "" : "v" + line.since;
    if (!since.empty() || !line.note.empty()) {
      text.append(answer.size() < 9 ? 9 - answer.size() : 1, ' ');
      text += pad(since, 7) + escape_terminal(line.note);
    }
    text.erase(text.find_last_not_of(' ') + 1);
    out += text + "\n";
    if (!line.helpers.empty()) out += "      " + wrap(escape_terminal(line.helpers), 6) + "\n";
  }
  streams.out.write(out);
}

void print_features_json(Streams& streams, const std::vector<FeatureLine>& lines) {
  for (const FeatureLine& line : lines) {
    std::string out = format("{{\"kind\":{},\"name\":{},\"answer\":{}", json_string(line.kind),
                             json_string(line.name), json_string(line.answer));
    if (!line.since.empty()) out += ",\"since\":" + json_string(line.since);
    if (!line.note.empty()) out += ",\"note\":" + json_string(line.note);
    if (!line.helpers.empty()) out += ",\"helpers\":" + json_string(line.helpers);
    streams.out.write(out + "}\n");
  }
}

}  // namespace bpfld::cli
