// SPDX-License-Identifier: Apache-2.0
// See saved_kernel.h.
#include "cli/saved_kernel.h"

#include "base/escape.h"
#include "base/mapped_file.h"
#include "bpf/kernel.h"
#include "loader/capture.h"
#include "loader/saved_profile.h"

namespace bpfld::cli {
namespace {

constexpr u64 kMaxProfile = u64{16} << 20;

// The places that an object does not name: those of the kernel that was saved.
void set_default_cgroup(const loader::SavedProfile& saved, loader::KernelProfile& out) {
  const auto unnamed = out.cgroups.find("");
  if (unnamed == out.cgroups.end()) return;
  unnamed->second = {.path = saved.cgroup2, .problem = {}, .errno_value = 0};
  if (saved.cgroup2.empty()) unnamed->second.problem = "no cgroup2 hierarchy is mounted";
}

void set_unknown_functions(const loader::Needs& needs, loader::KernelProfile& out) {
  for (const std::string& glob : needs.function_globs) {
    loader::FunctionsFact& fact = out.functions[glob];
    fact = {};
    fact.problem = "the profile has no list of functions";
  }
}

Result<loader::KernelProfile> read_saved(const loader::Needs& needs, const std::string& path,
                                         const std::string& config) {
  const loader::SavedProfile saved = TRY(read_saved_profile(path));
  // The running kernel is asked for nothing of what the file is about.
  loader::Needs rest = needs;
  rest.tracepoints.clear();
  rest.symbols.clear();
  rest.pmus.clear();
  rest.possible_cpus = false;
  if (saved.btf_file.empty()) rest.kernel_btf = false;
  if (saved.config_file.empty() && config.empty()) rest.kconfig.clear();
  loader::CaptureOptions options;
  options.btf_path = beside(path, saved.btf_file);
  options.config_path = config.empty() ? beside(path, saved.config_file) : config;
  options.offline = true;
  options.functions_path = beside(path, saved.functions_file);
  if (saved.functions_file.empty()) rest.function_globs.clear();
  loader::KernelProfile captured = TRY(loader::capture(rest, options));
  loader::KernelProfile out = loader::to_profile(saved, needs);
  out.interfaces = std::move(captured.interfaces);
  out.cgroups = std::move(captured.cgroups);
  out.paths = std::move(captured.paths);
  out.binaries = std::move(captured.binaries);
  out.usdts = std::move(captured.usdts);
  out.functions = std::move(captured.functions);
  out.online_cpus = std::move(captured.online_cpus);
  set_default_cgroup(saved, out);
  if (saved.functions_file.empty()) set_unknown_functions(needs, out);
  out.btf = std::move(captured.btf);
  out.btf_problem = saved.btf_file.empty() ? "the profile has no types" : captured.btf_problem;
  out.own_btf = std::move(captured.own_btf);
  out.modules = std::move(captured.modules);
  out.modules_problem = std::move(captured.modules_problem);
  out.names = std::move(captured.names);
  out.traced = std::move(captured.traced);
  out.programs = std::move(captured.programs);
  out.kconfig = std::move(captured.kconfig);
  if (saved.config_file.empty() && config.empty())
    out.kconfig.problem = "the profile has no configuration";
  out.symbols_problem = "a saved profile has no addresses";
  return out;
}

}  // namespace

Result<loader::SavedProfile> read_saved_profile(const std::string& path) {
  const std::string text = TRY(read_text(path, kMaxProfile));
  return with_context(loader::parse_saved_profile(text), [&] { return escape_terminal(path); });
}

std::string beside(const std::string& path, const std::string& name) {
  if (name.empty()) return {};
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? name : path.substr(0, slash + 1) + name;
}

Result<loader::KernelProfile> capture_kernel(const loader::Needs& needs,
                                             const Arguments& arguments) {
  const std::string btf(arguments.value("btf"));
  const std::string config(arguments.value("config"));
  if (!arguments.has("profile")) {
    // Programs that are named by id or pin are the running kernel's: only it can be asked.
    bpf::LinuxKernel running;
    return loader::capture(needs, {.btf_path = btf,
                                   .config_path = config,
                                   .offline = !btf.empty(),
                                   .kernel = needs.programs.empty() ? nullptr : &running});
  }
  if (!btf.empty())
    return fail(Code::usage, "--profile and --btf both name a kernel: give one of them");
  return read_saved(needs, std::string(arguments.value("profile")), config);
}

}  // namespace bpfld::cli
