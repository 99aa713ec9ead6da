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

constexpr std::string_view kMagic = "bpfld-profile 1";
constexpr std::size_t kMaxTracepoints = 100'000;
constexpr u32 kMaxCpus = 65'536;
constexpr std::array<std::string_view, 3> kAnswers = {"unknown", "yes", "no"};

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

bool set_fact(std::string_view key, std::string_view value, SavedProfile& out) {
  if (key == "release") {
    out.release = value;
    return !value.empty();
  }
  if (key == "version") return set_number(value, 0, 0xffffff, out.version_code);
  if (key == "page_size")
    return set_number(value, 4096, 1u << 20, out.page_size) &&
           (out.page_size & (out.page_size - 1)) == 0;
  if (key == "possible_cpus") return set_number(value, 1, kMaxCpus, out.possible_cpus);
  if (key == "btf") return set_file(value, out.btf_file);
  if (key == "config") return set_file(value, out.config_file);
  if (key == "feature") return set_feature(value, out);
  if (key == "tracepoint") return set_tracepoint(value, out);
  return false;
}

}  // namespace

std::string to_text(const SavedProfile& profile) {
  std::string out =
      format("{}\nrelease {}\nversion {:#x}\npage_size {}\npossible_cpus {}\n", kMagic,
             profile.release, profile.version_code, profile.page_size, profile.possible_cpus);
  if (!profile.btf_file.empty()) out += "btf " + profile.btf_file + "\n";
  if (!profile.config_file.empty()) out += "config " + profile.config_file + "\n";
  for (const FeatureRow& row : feature_rows()) {
    const Answer answer = profile.features[static_cast<std::size_t>(row.feature)];
    if (answer != Answer::unknown)
      out += format("feature {} {}\n", row.name, kAnswers[static_cast<std::size_t>(answer)]);
  }
  for (const auto& [name, id] : profile.tracepoints)
    out += format("tracepoint {} {}\n", name, id);
  return out;
}

Result<SavedProfile> parse_saved_profile(std::string_view text) {
  if (next_part(text, '\n') != kMagic)
    return fail(Code::malformed, "not a profile: the first line is not \"{}\"", kMagic);
  SavedProfile out;
  for (u64 number = 2; !text.empty(); number++) {
    const std::string_view line = next_part(text, '\n');
    if (line.empty()) continue;
    std::string_view value = line;
    const std::string_view key = next_part(value, ' ');
    if (!set_fact(key, value, out))
      return fail(Code::malformed, "profile, line {}: \"{}\" is not a fact", number,
                  escape_terminal(line.substr(0, 80)));
    if (out.tracepoints.size() > kMaxTracepoints)
      return fail(Code::limit, "profile: more than {} tracepoints", kMaxTracepoints);
  }
  return out;
}

KernelProfile to_profile(const SavedProfile& saved, const Needs& needs) {
  KernelProfile out;
  out.release = saved.release;
  out.version_code = saved.version_code;
  out.page_size = saved.page_size;
  out.possible_cpus = saved.possible_cpus;
  out.features = saved.features;
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

}  // namespace bpfld::loader
