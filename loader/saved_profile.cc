// SPDX-License-Identifier: Apache-2.0
// A table of keys; see saved_profile.h.
#include "loader/saved_profile.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/escape.h"
#include "base/near.h"
#include "loader/features.h"

namespace bpfld::loader {
namespace {

constexpr std::string_view kName = "bpfld-profile ";
constexpr u64 kVersion = 2;
constexpr std::size_t kMaxFacts = 100'000;
constexpr std::size_t kMaxText = 1000;  // of an obstacle, of what a probe said
constexpr u32 kMaxCpus = 65'536;
constexpr u32 kMaxHelper = 4096;
constexpr u64 kMaxErrno = 4095;
constexpr std::array<std::string_view, 3> kAnswers = {"unknown", "yes", "no"};
constexpr std::array<std::string_view, 4> kProbeAnswers = {"yes", "no", "denied", "unknown"};
constexpr std::array<std::string_view, 3> kProbeKinds = {"program", "map", "link"};

std::string_view next_part(std::string_view& text, char separator) {
  const std::size_t end = text.find(separator);
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return part;
}

bool to_number(std::string_view text, u64 largest, u64& value) {
  const bool hex = text.starts_with("0x");
  if (hex) text.remove_prefix(2);
  const std::from_chars_result done =
      std::from_chars(text.data(), text.data() + text.size(), value, hex ? 16 : 10);
  return done.ec == std::errc() && done.ptr == text.data() + text.size() && value <= largest;
}

bool set_number(std::string_view text, u32 smallest, u32 largest, u32& field) {
  u64 value = 0;
  if (!to_number(text, largest, value) || value < smallest) return false;
  field = static_cast<u32>(value);
  return true;
}

bool set_text(std::string_view text, std::string& field) {
  field = text;
  return !text.empty() && text.size() <= kMaxText;
}

// A name that stays in the profile's own folder.
bool set_file(std::string_view text, std::string& field) {
  if (text.empty() || text == "." || text == ".." || text.find('/') != std::string_view::npos)
    return false;
  field = text;
  return true;
}

bool set_feature(std::string_view text, SavedProfile& out) {
  const std::string_view name = next_part(text, ' ');
  const auto answer = std::ranges::find(kAnswers, text);
  const std::span<const FeatureRow> rows = feature_rows();
  const auto row = std::ranges::find(rows, name, &FeatureRow::name);
  if (answer == kAnswers.end() || row == rows.end()) return false;
  out.features[static_cast<std::size_t>(row->feature)] =
      static_cast<Answer>(answer - kAnswers.begin());
  return true;
}

bool set_tracepoint(std::string_view text, SavedProfile& out) {
  const std::string_view name = next_part(text, ' ');
  u64 id = 0;
  if (name.empty() || !to_number(text, ~u64{0}, id)) return false;
  out.tracepoints[std::string(name)] = id;
  return true;
}

// "6", or "-" for none.
bool set_optional(std::string_view text, u64 largest, std::optional<u32>& field) {
  u64 value = 0;
  field.reset();
  if (text == "-") return true;
  if (!to_number(text, largest, value)) return false;
  field = static_cast<u32>(value);
  return true;
}

bool set_pmu(std::string_view text, SavedProfile& out) {
  const std::string_view name = next_part(text, ' ');
  PmuFact fact;
  if (name.empty() || !set_optional(next_part(text, ' '), 0xffffffff, fact.type) ||
      !set_number(next_part(text, ' '), 0, 63, fact.return_bit) ||
      !set_optional(next_part(text, ' '), 63, fact.semaphore_shift))
    return false;
  fact.in_tracefs = text == "tracefs";
  if (!fact.in_tracefs && !text.empty()) return false;
  out.pmus[std::string(name)] = fact;
  return true;
}

bool set_obstacle(std::string_view text, SavedProfile& out) {
  const std::string_view name = next_part(text, ' ');
  return !name.empty() && set_text(text, out.obstacles[std::string(name)]);
}

bool set_probe(ProbeKind kind, std::string_view text, SavedProfile& out) {
  const std::string_view name = next_part(text, ' ');
  const auto answer = std::ranges::find(kProbeAnswers, next_part(text, ' '));
  if (name.empty() || answer == kProbeAnswers.end()) return false;
  ProbeResult result;
  result.answer = static_cast<ProbeAnswer>(answer - kProbeAnswers.begin());
  u64 errno_value = 0;
  if (!text.empty() && !to_number(next_part(text, ' '), kMaxErrno, errno_value)) return false;
  result.errno_value = static_cast<int>(errno_value);
  if (!text.empty() && !set_text(text, result.detail)) return false;
  out.probes[static_cast<std::size_t>(kind)][std::string(name)] = std::move(result);
  return true;
}

// "1-9,12": ascending, so there are never more than kMaxHelper.
bool set_helpers(std::string_view text, SavedProfile& out) {
  const std::string_view name = next_part(text, ' ');
  std::vector<u32> list;
  u32 next = 0;
  while (!text.empty()) {
    std::string_view last = next_part(text, ',');
    const std::string_view first = next_part(last, '-');
    u32 from = 0, to = 0;
    if (!set_number(first, next, kMaxHelper, from)) return false;
    to = from;
    if (!last.empty() && !set_number(last, from, kMaxHelper, to)) return false;
    for (u32 i = from; i <= to; i++)
      list.push_back(i);
    next = to + 1;
  }
  out.helpers[std::string(name)] = std::move(list);
  return !name.empty();
}

bool set_fact(std::string_view key, std::string_view value, SavedProfile& out) {
  if (key == "release") return set_text(value, out.release);
  if (key == "machine") return set_text(value, out.machine);
  if (key == "version") return set_number(value, 0, 0xffffff, out.version_code);
  if (key == "page_size")
    return set_number(value, 4096, 1u << 20, out.page_size) &&
           (out.page_size & (out.page_size - 1)) == 0;
  if (key == "possible_cpus") return set_number(value, 1, kMaxCpus, out.possible_cpus);
  if (key == "cgroup2") return value.starts_with('/') && set_text(value, out.cgroup2);
  if (key == "btf") return set_file(value, out.btf_file);
  if (key == "config") return set_file(value, out.config_file);
  if (key == "functions") return set_file(value, out.functions_file);
  if (key == "pmu") return set_pmu(value, out);
  if (key == "obstacle") return set_obstacle(value, out);
  if (key == "feature") return set_feature(value, out);
  if (key == "program") return set_probe(ProbeKind::program, value, out);
  if (key == "map") return set_probe(ProbeKind::map, value, out);
  if (key == "link") return set_probe(ProbeKind::link, value, out);
  if (key == "helpers") return set_helpers(value, out);
  if (key == "tracepoint") return set_tracepoint(value, out);
  return false;
}

std::string optional_text(const std::optional<u32>& value) {
  return value ? format("{}", *value) : "-";
}

std::string ranges_text(const std::vector<u32>& list) {
  std::string out;
  for (std::size_t i = 0; i < list.size(); i++) {
    const u32 first = list[i];
    while (i + 1 < list.size() && list[i + 1] == list[i] + 1)
      i++;
    out += format("{}{}", out.empty() ? "" : ",", first);
    if (list[i] != first) out += format("-{}", list[i]);
  }
  return out;
}

std::string probes_text(const SavedProfile& profile) {
  std::string out;
  for (std::size_t kind = 0; kind < kProbeKinds.size(); kind++)
    for (const auto& [name, result] : profile.probes[kind]) {
      out += format("{} {} {}", kProbeKinds[kind], name,
                    kProbeAnswers[static_cast<std::size_t>(result.answer)]);
      if (result.errno_value != 0 || !result.detail.empty())
        out += format(" {}", result.errno_value);
      out += (result.detail.empty() ? "" : " " + result.detail) + "\n";
    }
  for (const auto& [name, list] : profile.helpers)
    out += format("helpers {} {}\n", name, ranges_text(list));
  return out;
}

std::string files_text(const SavedProfile& profile) {
  std::string out;
  if (!profile.btf_file.empty()) out += "btf " + profile.btf_file + "\n";
  if (!profile.config_file.empty()) out += "config " + profile.config_file + "\n";
  if (!profile.functions_file.empty()) out += "functions " + profile.functions_file + "\n";
  return out;
}

Status check_version(std::string_view line) {
  u64 version = 0;
  if (!line.starts_with(kName) || !to_number(line.substr(kName.size()), ~u64{0}, version))
    return fail(Code::malformed, "not a profile: the first line is not \"{}{}\"", kName, kVersion);
  if (version == kVersion) return {};
  return fail(Code::unsupported,
              "the profile is of version {}, and this bpfld reads version {}: save it again with "
              "`bpfld profile save`",
              version, kVersion);
}

}  // namespace

std::string to_text(const SavedProfile& profile) {
  std::string out = format("{}{}\nrelease {}\n", kName, kVersion, profile.release);
  if (!profile.machine.empty()) out += "machine " + profile.machine + "\n";
  out += format("version {:#x}\npage_size {}\npossible_cpus {}\n", profile.version_code,
                profile.page_size, profile.possible_cpus);
  if (!profile.cgroup2.empty()) out += "cgroup2 " + profile.cgroup2 + "\n";
  out += files_text(profile);
  for (const auto& [name, pmu] : profile.pmus)
    out += format("pmu {} {} {} {}{}\n", name, optional_text(pmu.type), pmu.return_bit,
                  optional_text(pmu.semaphore_shift), pmu.in_tracefs ? " tracefs" : "");
  for (const auto& [name, text] : profile.obstacles)
    out += format("obstacle {} {}\n", name, text);
  for (const FeatureRow& row : feature_rows()) {
    const Answer answer = profile.features[static_cast<std::size_t>(row.feature)];
    if (answer != Answer::unknown)
      out += format("feature {} {}\n", row.name, kAnswers[static_cast<std::size_t>(answer)]);
  }
  out += probes_text(profile);
  for (const auto& [name, id] : profile.tracepoints)
    out += format("tracepoint {} {}\n", name, id);
  return out + "end\n";
}

Result<SavedProfile> parse_saved_profile(std::string_view text) {
  TRY(check_version(next_part(text, '\n')));
  SavedProfile out;
  for (u64 number = 2; !text.empty(); number++) {
    if (number > kMaxFacts) return fail(Code::limit, "profile: more than {} facts", kMaxFacts);
    const std::string_view line = next_part(text, '\n');
    if (line.empty()) continue;
    if (line == "end") {
      if (text.find_first_not_of('\n') == std::string_view::npos) return out;
      return fail(Code::malformed, "profile, line {}: something follows the end", number);
    }
    std::string_view value = line;
    const std::string_view key = next_part(value, ' ');
    if (!set_fact(key, value, out))
      return fail(Code::malformed, "profile, line {}: \"{}\" is not a fact", number,
                  escape_terminal(line.substr(0, 80)));
  }
  return fail(Code::malformed, "the profile is cut short: its last line is not \"end\"");
}

KernelProfile to_profile(const SavedProfile& saved, const Needs& needs) {
  KernelProfile out;
  out.release = saved.release;
  out.machine = saved.machine;
  out.version_code = saved.version_code;
  out.page_size = saved.page_size;
  out.possible_cpus = saved.possible_cpus;
  out.features = saved.features;
  for (const std::string& name : needs.pmus) {
    const auto found = saved.pmus.find(name);
    out.pmus.emplace(name, found != saved.pmus.end() ? found->second : PmuFact{});
  }
  std::vector<std::string_view> names;
  for (const auto& [name, id] : saved.tracepoints)
    names.push_back(name);
  for (const std::string& target : needs.tracepoints) {
    TracepointFact& fact = out.tracepoints[target];
    const auto found = saved.tracepoints.find(target);
    if (found != saved.tracepoints.end()) {
      fact.id = found->second;
      continue;
    }
    fact.problem = format("tracepoint {} does not exist on kernel {}", escape_terminal(target),
                          escape_terminal(saved.release));
    for (const std::string_view near : nearest(target, names, 3))
      fact.near.emplace_back(near);
  }
  return out;
}

ProbeResult saved_answer(const SavedProfile& saved, const Probe& probe) {
  const std::map<std::string, ProbeResult>& answers =
      saved.probes[static_cast<std::size_t>(probe.kind)];
  const auto found = answers.find(probe.name);
  if (found != answers.end()) return found->second;
  ProbeResult unknown;
  unknown.detail = "the profile does not say";
  return unknown;
}

ProbeResult saved_helper(const SavedProfile& saved, const Probe& program, u32 helper) {
  ProbeResult out;
  const auto found = saved.helpers.find(program.name);
  if (found == saved.helpers.end())
    out.detail = "the profile does not say";
  else
    out.answer =
        std::ranges::binary_search(found->second, helper) ? ProbeAnswer::yes : ProbeAnswer::no;
  return out;
}

}  // namespace bpfld::loader
