// SPDX-License-Identifier: Apache-2.0
// Reads /proc and /sys; see facts.h.
#include "cli/facts.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <unistd.h>

#include <sys/resource.h>
#include <sys/utsname.h>

#include "base/format.h"
#include "base/mapped_file.h"

namespace bpfld::cli {
namespace {

std::string first_line(const std::string& path) {
  const Result<std::string> text = read_text(path, 4096);
  return text ? text->substr(0, text->find('\n')) : std::string();
}

std::optional<i64> read_number(const std::string& path) {
  const std::string text = first_line(path);
  i64 value = 0;
  const std::from_chars_result done =
      std::from_chars(text.data(), text.data() + text.size(), value);
  if (done.ec != std::errc() || text.empty()) return std::nullopt;
  return value;
}

constexpr u64 bit(Capability capability) {
  return u64{1} << static_cast<u8>(capability);
}

}  // namespace

bool Facts::may_have(Capability capability) const {
  return !effective_capabilities || (*effective_capabilities & bit(capability)) != 0;
}

bool Facts::cannot_load() const {
  return !may_have(Capability::bpf) && !may_have(Capability::sys_admin);
}

std::optional<u64> parse_effective_capabilities(std::string_view status) {
  constexpr std::string_view kKey = "\nCapEff:\t";
  const std::size_t at = status.find(kKey);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view text = status.substr(at + kKey.size());
  u64 value = 0;
  const std::from_chars_result done =
      std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (done.ec != std::errc()) return std::nullopt;
  return value;
}

bool is_user_namespace(std::string_view uid_map) {
  u32 numbers[3] = {};
  std::size_t count = 0;
  while (count < std::size(numbers)) {
    uid_map.remove_prefix(std::min(uid_map.find_first_not_of(" \t"), uid_map.size()));
    const std::from_chars_result one =
        std::from_chars(uid_map.data(), uid_map.data() + uid_map.size(), numbers[count]);
    if (one.ec != std::errc()) return false;  // cannot be told
    uid_map.remove_prefix(static_cast<std::size_t>(one.ptr - uid_map.data()));
    count++;
  }
  return numbers[0] != 0 || numbers[1] != 0 || numbers[2] != ~0u;
}

std::string parse_lockdown(std::string_view text) {
  const std::size_t open = text.find('[');
  const std::size_t close = text.find(']', open == std::string_view::npos ? 0 : open);
  if (open == std::string_view::npos || close == std::string_view::npos) return {};
  const std::string_view mode = text.substr(open + 1, close - open - 1);
  return mode == "none" ? std::string() : std::string(mode);
}

bool has_hardware_counters() {
  for (const char* name : {"cpu", "cpu_core", "armv8_pmuv3_0", "armv8_pmuv3"})
    if (::access(format("/sys/bus/event_source/devices/{}", name).c_str(), F_OK) == 0) return true;
  return false;
}

Facts read_facts() {
  Facts facts;
  facts.uid = ::geteuid();
  if (const Result<std::string> status = read_text("/proc/self/status"))
    facts.effective_capabilities = parse_effective_capabilities(*status);
  facts.user_namespace = is_user_namespace(first_line("/proc/self/uid_map"));
  facts.tracefs_mounted = ::access("/sys/kernel/tracing/events", F_OK) == 0 ||
                          ::access("/sys/kernel/debug/tracing/events", F_OK) == 0;
  rlimit limit = {};
  if (::getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
    facts.memlock = limit.rlim_cur;
  facts.lockdown = parse_lockdown(first_line("/sys/kernel/security/lockdown"));
  facts.security_modules = first_line("/sys/kernel/security/lsm");
  facts.perf_paranoid = read_number("/proc/sys/kernel/perf_event_paranoid");
  facts.unprivileged_bpf = read_number("/proc/sys/kernel/unprivileged_bpf_disabled");
  facts.hardware_counters = has_hardware_counters();
  utsname name = {};
  if (::uname(&name) == 0) facts.kernel = name.release;
  return facts;
}

}  // namespace bpfld::cli
