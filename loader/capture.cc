// SPDX-License-Identifier: Apache-2.0
// Reads tracefs, sysfs and uname; see capture.h.
#include "loader/capture.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <dirent.h>
#include <unistd.h>

#include <sys/utsname.h>

#include "base/escape.h"
#include "base/near.h"
#include "loader/capture_parts.h"
#include "perf/cpus.h"
#include "perf/tracefs.h"

namespace bpfld::loader {
namespace {

// A target from an object becomes a path below tracefs: no part of it may lead elsewhere.
bool is_event_name(std::string_view target) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  };
  const std::size_t slash = target.find('/');
  if (slash == std::string_view::npos || slash == 0 || slash + 1 == target.size()) return false;
  return std::ranges::all_of(target.substr(0, slash), allowed) &&
         std::ranges::all_of(target.substr(slash + 1), allowed);
}

// Another event of the category, else the same event of another category. `events` ends in a slash.
std::vector<std::string> near_tracepoints(const std::string& events, const std::string& target) {
  const std::string category = target.substr(0, target.find('/'));
  const std::string event = target.substr(target.find('/') + 1);
  std::vector<std::string> out;
  for (const std::string& other : near_names(event, list_directory(events + category)))
    out.push_back(category + "/" + other);
  if (!out.empty()) return out;
  for (const std::string& other : near_names(category, list_directory(events))) {
    const std::vector<std::string> names = list_directory(events + other);
    if (std::ranges::find(names, event) != names.end()) out.push_back(other + "/" + event);
  }
  return out;
}

TracepointFact find_tracepoint(const Result<perf::Tracefs>& tracefs, const std::string& target) {
  TracepointFact fact;
  if (!is_event_name(target)) {
    fact.problem =
        format("\"{}\" is not a tracepoint name; want category/event", escape_terminal(target));
    return fact;
  }
  if (!tracefs) {
    fact.problem = text_without_errno(tracefs.error());
    fact.errno_value = tracefs.error().errno_value;
    return fact;
  }
  const std::string events = tracefs->path() + "/events/";
  const std::string shown = tracefs->shown_path() + "/events/";
  const Result<std::string> text = read_text(events + target + "/id");
  if (text) {
    u64 id = 0;
    const std::from_chars_result done =
        std::from_chars(text->data(), text->data() + text->size(), id);
    if (done.ec == std::errc()) fact.id = id;
    if (!fact.id) fact.problem = format("{}{}/id does not hold a number", shown, target);
    return fact;
  }
  if (text.error().errno_value != ENOENT) {
    fact.problem = format("cannot read {}{}/id", shown, target);
    fact.errno_value = text.error().errno_value;
    return fact;
  }
  fact.problem =
      format("tracepoint {} does not exist on this kernel (no {}{})", target, shown, target);
  fact.near = near_tracepoints(events, target);
  return fact;
}

// "5.10.223-1 ..." as KERNEL_VERSION(); 0 for what starts with no number.
u32 version_number(std::string_view text) {
  u32 parts[3] = {0, 0, 0};
  for (u32& part : parts) {
    const std::from_chars_result done =
        std::from_chars(text.data(), text.data() + text.size(), part);
    if (done.ec != std::errc()) break;
    text.remove_prefix(static_cast<std::size_t>(done.ptr - text.data()));
    if (!text.starts_with('.')) break;
    text.remove_prefix(1);
  }
  // KERNEL_VERSION() gives the last part eight bits and stops at 255 (since v4.4.256).
  return (parts[0] & 0xff) << 16 | (parts[1] & 0xff) << 8 | std::min<u32>(parts[2], 255);
}

}  // namespace

std::vector<std::string> list_directory(const std::string& path) {
  std::vector<std::string> names;
  DIR* directory = ::opendir(path.c_str());
  if (directory == nullptr) return names;
  while (const dirent* entry = ::readdir(directory))  // NOLINT(concurrency-mt-unsafe): own DIR
    if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
  ::closedir(directory);
  std::ranges::sort(names);
  return names;
}

std::vector<std::string> near_names(std::string_view wanted,
                                    const std::vector<std::string>& names) {
  constexpr std::size_t kNearNames = 3;
  const std::vector<std::string_view> views(names.begin(), names.end());
  const std::vector<std::string_view> near = nearest(wanted, views, kNearNames);
  return {near.begin(), near.end()};
}

std::string text_without_errno(const Error& error) {
  return error.context.empty() ? error.what : error.context + ": " + error.what;
}

u32 kernel_version_code(std::string_view release, std::string_view version,
                        std::string_view signature) {
  constexpr std::string_view kDebian = "Debian ";
  const std::size_t debian = version.find(kDebian);
  if (debian != std::string_view::npos)
    return version_number(version.substr(debian + kDebian.size()));
  while (signature.ends_with('\n'))
    signature.remove_suffix(1);
  const std::size_t space = signature.rfind(' ');
  const u32 signed_version =
      space != std::string_view::npos ? version_number(signature.substr(space + 1)) : 0;
  return signed_version != 0 ? signed_version : version_number(release);
}

Result<KernelProfile> capture(const Needs& needs, const CaptureOptions& options) {
  KernelProfile profile;
  utsname name = {};
  if (::uname(&name) != 0) return fail_errno(errno, "uname");
  profile.release = name.release;
  profile.machine = name.machine;
  profile.process = ::getpid();
  const bool ubuntu = std::string_view(name.version).find("Ubuntu") != std::string_view::npos;
  const Result<std::string> signature = ubuntu ? read_text("/proc/version_signature") : "";
  profile.version_code = kernel_version_code(
      name.release, name.version, signature ? std::string_view(*signature) : std::string_view());
  profile.page_size = static_cast<u32>(::sysconf(_SC_PAGESIZE));
  if (needs.possible_cpus) {
    const std::vector<u32> cpus = TRY(perf::possible_cpus());
    profile.possible_cpus = cpus.empty() ? 1 : cpus.back() + 1;
  }
  if (!needs.tracepoints.empty()) {
    const Result<perf::Tracefs> tracefs = perf::Tracefs::open();
    for (const std::string& target : needs.tracepoints)
      profile.tracepoints.emplace(target, find_tracepoint(tracefs, target));
  }
  capture_places(profile, needs);
  if (needs.online_cpus) profile.online_cpus = TRY(perf::online_cpus());
  capture_probes(profile, needs, options);
  if (needs.kernel_btf) TRY(capture_btf(profile, needs, options));
  capture_traced(profile, needs);
  capture_programs(profile, needs, options.kernel);
  if (!needs.kconfig.empty()) TRY(capture_kconfig(profile, needs, options));
  if (!needs.symbols.empty()) capture_symbols(profile, needs);
  return profile;
}

}  // namespace bpfld::loader
