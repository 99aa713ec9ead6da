// SPDX-License-Identifier: Apache-2.0
// The grammar is that of bitmap_parselist() in lib/bitmap-str.c, as far as the kernel prints it:
// numbers and ranges, ascending, separated by commas.
#include "perf/cpus.h"

#include <charconv>
#include <string>

#include "base/escape.h"
#include "base/mapped_file.h"

namespace bpfld::perf {
namespace {

// Takes a number off the front of `text`.
Result<u32> take_number(std::string_view& text, std::string_view whole) {
  const u64 at = static_cast<u64>(text.data() - whole.data());
  u64 value = 0;
  const char* begin = text.data();
  const std::from_chars_result done = std::from_chars(begin, begin + text.size(), value);
  if (done.ptr == begin)
    return fail(Code::malformed, "CPU list \"{}\": no number at byte {}",
                escape_terminal(whole.substr(0, 64)), at);
  if (done.ec != std::errc{} || value >= kMaxCpus)
    return fail(Code::limit, "CPU list \"{}\": the number at byte {} is more than {}",
                escape_terminal(whole.substr(0, 64)), at, kMaxCpus - 1);
  text.remove_prefix(static_cast<std::size_t>(done.ptr - begin));
  return static_cast<u32>(value);
}

bool take(std::string_view& text, char c) {
  if (!text.starts_with(c)) return false;
  text.remove_prefix(1);
  return true;
}

Result<std::vector<u32>> read_cpu_list(const std::string& path) {
  const std::string text = TRY(read_text(path));
  return with_context(parse_cpu_list(text), [&] { return path; });
}

}  // namespace

Result<std::vector<u32>> parse_cpu_list(std::string_view text) {
  if (text.ends_with('\n')) text.remove_suffix(1);
  const std::string_view whole = text;
  std::vector<u32> cpus;
  while (!text.empty()) {
    const u64 at = static_cast<u64>(text.data() - whole.data());
    const u32 first = TRY(take_number(text, whole));
    const u32 last = take(text, '-') ? TRY(take_number(text, whole)) : first;
    // Ascending, without repetition: what the kernel writes, and what bounds the result.
    if (last < first || (!cpus.empty() && first <= cpus.back()))
      return fail(Code::malformed, "CPU list \"{}\": not ascending at byte {}",
                  escape_terminal(whole.substr(0, 64)), at);
    for (u32 cpu = first; cpu <= last; cpu++)
      cpus.push_back(cpu);
    const bool comma = take(text, ',');
    if (comma == text.empty())
      return fail(Code::malformed, "CPU list \"{}\": expected {} at byte {}",
                  escape_terminal(whole.substr(0, 64)), comma ? "a number" : "a comma",
                  text.data() - whole.data());
  }
  return cpus;
}

Result<std::vector<u32>> online_cpus() {
  return read_cpu_list("/sys/devices/system/cpu/online");
}
Result<std::vector<u32>> possible_cpus() {
  return read_cpu_list("/sys/devices/system/cpu/possible");
}

}  // namespace bpfld::perf
