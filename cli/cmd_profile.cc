// SPDX-License-Identifier: Apache-2.0
// `bpfld profile save FILE`: the facts of the running kernel, its types beside them, for `explain`,
// `dump` and `feature` on another machine. Format: loader/saved_profile.h.
#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <unistd.h>

#include "base/escape.h"
#include "base/fd.h"
#include "base/mapped_file.h"
#include "cli/commands.h"
#include "cli/facts.h"
#include "cli/feature.h"
#include "cli/hints.h"
#include "cli/kernel_files.h"
#include "loader/capture.h"
#include "loader/features.h"
#include "loader/kernel_functions.h"
#include "loader/saved_profile.h"

namespace bpfld::cli {
namespace {

Status write_file(const std::string& path, Bytes bytes) {
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!fd) return fail_errno(errno, "cannot write {}", escape_terminal(path));
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return fail_errno(errno, "cannot write {}", escape_terminal(path));
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return {};
}

std::string name_of(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

// The numbers of all tracepoints; what cannot be read is left out, and said.
void add_tracepoints(loader::SavedProfile& profile, Streams& streams) {
  KernelFiles files({});
  const KernelText& events = files.events();
  if (events.error) {
    streams.say(format("bpfld: no tracepoints: {}\n", escape_terminal(events.error->message())));
    return;
  }
  loader::Needs needs;
  for (const loader::Place& place : loader::parse_events(events.text)) {
    std::string target(place.name);
    std::ranges::replace(target, ':', '/');
    needs.tracepoints.push_back(std::move(target));
  }
  const Result<loader::KernelProfile> captured = loader::capture(needs);
  if (!captured) return;
  for (const auto& [name, fact] : captured->tracepoints)
    if (fact.id) profile.tracepoints.emplace(name, *fact.id);
}

// Answers are kept in one line each.
loader::ProbeResult in_one_line(loader::ProbeResult result) {
  std::ranges::replace(result.detail, '\n', ' ');
  result.detail.resize(std::min<std::size_t>(result.detail.size(), 200));
  return result;
}

void add_probes(const std::vector<loader::Probe>& probes, const FeatureContext& context,
                loader::SavedProfile& profile) {
  for (const loader::Probe& probe : probes)
    profile.probes[static_cast<std::size_t>(probe.kind)].emplace(probe.name,
                                                                 in_one_line(context.ask(probe)));
}

// Those that such a program may call, as far as the kernel says so.
void add_helpers(const loader::Probe& program, const FeatureContext& context,
                 loader::SavedProfile& profile) {
  if (context.ask(program).answer != loader::ProbeAnswer::yes) return;
  std::vector<u32>& list = profile.helpers[program.name];
  for (const auto& [number, name] : known_helpers(context))
    if (context.ask_helper(program, number).answer != loader::ProbeAnswer::no)
      list.push_back(number);
  std::ranges::sort(list);
}

void add_features(loader::SavedProfile& profile) {
  bpf::LinuxKernel kernel;
  const Result<bpf::Reply> raised = kernel.call(bpf::RaiseMemlock{});
  static_cast<void>(raised);
  FeatureContext context = running_context(kernel);
  context.attach.denied = denied_note(context.facts);
  profile.obstacles = to_obstacles(context.attach);
  for (const loader::FeatureRow& row : loader::feature_rows())
    profile.features[static_cast<std::size_t>(row.feature)] = context.ask(row.feature);
  const std::vector<loader::Probe> programs = loader::program_probes(context.view());
  add_probes(programs, context, profile);
  add_probes(loader::map_probes(context.page_size), context, profile);
  add_probes(loader::link_probes(context.view()), context, profile);
  if (context.facts.cannot_load()) return;
  for (const loader::Probe& program : programs)
    add_helpers(program, context, profile);
}

// The functions that can be traced; where that is not known there is no such file.
Status add_functions(loader::SavedProfile& profile, const std::string& path, Streams& streams) {
  const Result<loader::KernelFunctions> functions = loader::KernelFunctions::read();
  if (!functions) {
    streams.say(format("bpfld: no functions: {}\n", escape_terminal(functions.error().message())));
    return {};
  }
  std::string text;
  for (const std::string& name : functions->matching("*").names)
    text += name + "\n";
  profile.functions_file = name_of(path) + ".functions";
  return write_file(path + ".functions", bytes_of(std::string_view(text)));
}

// The kernel's types, and its configuration if there is one to be had.
Status add_files(loader::SavedProfile& profile, const std::string& path, Streams& streams) {
  const Result<MappedFile> btf = MappedFile::open("/sys/kernel/btf/vmlinux");
  if (btf) {
    TRY(write_file(path + ".btf", btf->bytes()));
    profile.btf_file = name_of(path) + ".btf";
  } else {
    streams.say(format("bpfld: no types: {}\n", escape_terminal(btf.error().message())));
  }
  for (const std::string& place :
       {"/boot/config-" + profile.release, std::string("/proc/config.gz")}) {
    const Result<std::string> config = read_text(place, u64{8} << 20);
    if (!config) continue;
    TRY(write_file(path + ".config", bytes_of(std::string_view(*config))));
    profile.config_file = name_of(path) + ".config";
    break;
  }
  return {};
}

Status save(const std::string& path, Streams& streams) {
  // Thousands of questions come first: where nothing can be written, none is asked. Empty, it is
  // no profile.
  TRY(write_file(path, {}));
  loader::Needs needs;
  needs.possible_cpus = true;
  needs.pmus = {"kprobe", "uprobe"};
  const loader::KernelProfile running = TRY(loader::capture(needs));
  loader::SavedProfile profile;
  profile.release = running.release;
  profile.machine = running.machine;
  profile.version_code = running.version_code;
  profile.page_size = running.page_size;
  profile.possible_cpus = running.possible_cpus;
  profile.pmus = running.pmus;
  const Result<std::string> mounts = read_text("/proc/self/mountinfo");
  if (mounts) profile.cgroup2 = loader::cgroup2_mount(*mounts);
  add_tracepoints(profile, streams);
  add_features(profile);
  TRY(add_functions(profile, path, streams));
  TRY(add_files(profile, path, streams));
  TRY(write_file(path, bytes_of(std::string_view(loader::to_text(profile)))));
  streams.say(format("bpfld: {}: kernel {}, {}{}{}\n", escape_terminal(path),
                     escape_terminal(profile.release),
                     count_of(profile.tracepoints.size(), "tracepoint"),
                     profile.btf_file.empty() ? "" : ", types in " + escape_terminal(path) + ".btf",
                     profile.config_file.empty() ? "" : ", configuration"));
  return {};
}

}  // namespace

const CommandRow kProfileCommand = {
    .name = "profile",
    .operands = "save FILE",
    .summary = "save what this kernel is like, for explain, dump and feature elsewhere",
    .about =
        "Writes FILE, a text of facts (release, CPUs, numbers of tracepoints, which features it "
        "has, what each program, map and link type's probe answered), FILE.btf with the kernel's "
        "types, FILE.functions with the functions that can be traced, and FILE.config if its "
        "configuration can be read. `explain`, `dump --linked`, `feature` and `feature --for "
        "OBJECT` with `--profile FILE` then take that kernel for the one to load on. Without root, "
        "the numbers of tracepoints and the answers are missing.",
    .options = {},
    .min_operands = 2,
    .max_operands = 2,
};

int profile_command(const Invocation& invocation) {
  const std::vector<std::string>& operands = invocation.arguments.operands;
  if (operands[0] != "save")
    return report_usage(
        fail(Code::usage, "profile cannot \"{}\", only save", escape_terminal(operands[0])).error(),
        &kProfileCommand, invocation.streams);
  const Status saved = save(operands[1], invocation.streams);
  if (saved) return 0;
  const Facts facts = read_facts();
  const Report report = explain({.phase = Phase::write, .error = saved.error(), .facts = facts});
  invocation.streams.say(to_text(report, style_for(invocation.arguments, invocation.streams.err)));
  return static_cast<int>(report.exit);
}

}  // namespace bpfld::cli
