// SPDX-License-Identifier: Apache-2.0
// The kernel's configuration and its symbols. The first file of the configuration that is there is
// the one that counts: what a distribution installs beside the kernel, else what the kernel holds
// of itself.
#include <cerrno>

#include "base/inflate.h"
#include "loader/capture_parts.h"
#include "loader/kallsyms.h"
#include "loader/kconfig.h"

namespace bpfld::loader {
namespace {

constexpr u64 kMaxConfig = 4u << 20;      // 300 KB are usual
constexpr u64 kMaxKallsyms = 128u << 20;  // 5 MB are usual

Result<std::string> read_config(const std::string& path) {
  const std::vector<std::byte> file = TRY(read_file(path, kMaxConfig));
  if (!is_gzip(file)) return std::string(text_of(file));
  const std::vector<std::byte> text =
      TRY(with_context(gunzip(file, kMaxConfig), [&] { return path; }));
  return std::string(text_of(text));
}

}  // namespace

Status capture_kconfig(KernelProfile& profile, const Needs& needs, const CaptureOptions& options) {
  const bool named = !options.config_path.empty();
  const std::vector<std::string> paths =
      named ? std::vector<std::string>{options.config_path}
            : std::vector<std::string>{"/boot/config-" + profile.release, "/proc/config.gz"};
  for (const std::string& path : paths) {
    const Result<std::string> text = read_config(path);
    if (text) {
      profile.kconfig.source = path;
      profile.kconfig.problem.clear();
      profile.kconfig.options = find_options(*text, needs.kconfig);
      return {};
    }
    if (named) return std::unexpected(text.error());
    profile.kconfig.problem +=
        (profile.kconfig.problem.empty() ? "" : "; ") + text.error().message();
    if (text.error().errno_value != ENOENT)
      return {};  // it is there, and something is wrong with it
  }
  return {};
}

void capture_symbols(KernelProfile& profile, const Needs& needs) {
  const Result<std::string> text = read_text("/proc/kallsyms", kMaxKallsyms);
  if (text)
    profile.symbols = find_symbols(*text, needs.symbols);
  else
    profile.symbols_problem = text.error().message();
}

}  // namespace bpfld::loader
