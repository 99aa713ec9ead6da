// SPDX-License-Identifier: Apache-2.0
// Parsing /sys/devices/system/cpu/{online,possible}; see cpus.h.
#include "perf/cpus.h"

#include <algorithm>
#include <charconv>

#include "base/escape.h"
#include "base/mapped_file.h"

namespace bpfld::perf {
namespace {

// Takes a CPU number off the front of `text`.
Result<u32> take_number(std::string_view& text) {
  u32 value = 0;
  const std::from_chars_result done =
      std::from_chars(text.data(), text.data() + text.size(), value);
  if (done.ec != std::errc() || value >= kMaxCpus)
    return fail(Code::malformed, "no CPU number at \"{}\"", escape_terminal(text.substr(0, 16)));
  text.remove_prefix(static_cast<std::size_t>(done.ptr - text.data()));
  return value;
}

Result<std::vector<u32>> read_list(const char* path) {
  const std::string text = TRY(read_text(path));
  return with_context(parse_cpu_list(text), [&] { return std::string(path); });
}

}  // namespace

Result<std::vector<u32>> parse_cpu_list(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' '))
    text.remove_suffix(1);
  std::vector<u32> cpus;
  while (!text.empty()) {
    const u32 first = TRY(take_number(text));
    u32 last = first;
    if (text.starts_with('-')) {
      text.remove_prefix(1);
      last = TRY(take_number(text));
    }
    if (last < first) return fail(Code::malformed, "the range {}-{} runs backwards", first, last);
    for (u32 cpu = first; cpu <= last; cpu++)
      cpus.push_back(cpu);
    if (cpus.size() > kMaxCpus) return fail(Code::malformed, "more than {} CPUs", kMaxCpus);
    if (text.empty()) break;
    if (text.front() != ',')
      return fail(Code::malformed, "want a comma at \"{}\"", escape_terminal(text.substr(0, 16)));
    text.remove_prefix(1);
  }
  std::ranges::sort(cpus);
  const auto [from, to] = std::ranges::unique(cpus);
  cpus.erase(from, to);
  return cpus;
}

Result<std::vector<u32>> online_cpus() {
  return read_list("/sys/devices/system/cpu/online");
}

Result<u32> possible_cpu_count() {
  const std::vector<u32> cpus = TRY(read_list("/sys/devices/system/cpu/possible"));
  if (cpus.empty()) return fail(Code::malformed, "/sys/devices/system/cpu/possible is empty");
  return cpus.back() + 1;
}

}  // namespace bpfld::perf
