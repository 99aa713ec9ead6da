// SPDX-License-Identifier: Apache-2.0
// `bpfld feature --for OBJECT`: what the object needs, each need answered by this kernel before
// anything of the object is loaded: program and map types by probes, helpers by the verifier,
// tracepoints and types by looking.
#include <algorithm>
#include <set>
#include <span>

#include "base/escape.h"
#include "bpf/kernel.h"
#include "bpf/tables.h"
#include "btf/index.h"
#include "btf/types.h"
#include "cli/feature.h"
#include "cli/hints.h"
#include "cli/saved_kernel.h"
#include "cli/target_option.h"
#include "loader/capture.h"
#include "loader/collect.h"
#include "loader/plan.h"
#include "loader/program_target.h"

namespace bpfld::cli {
namespace {

using loader::ObjectSpec;
using loader::Probe;
using loader::ProbeAnswer;
using loader::ProbeResult;

// handle: one object held against one kernel.
class Verdict {
 public:
  Verdict(const Invocation& invocation, FeatureContext& context, bool json)
      : streams_(invocation.streams),
        arguments_(invocation.arguments),
        style_(style_for(invocation.arguments, invocation.streams.out)),
        err_style_(style_for(invocation.arguments, invocation.streams.err)),
        path_(invocation.arguments.value("for")),
        targets_(invocation.arguments.values("target")),
        context_(context),
        json_(json) {}

  int run();

 private:
  bool open();
  Result<loader::KernelProfile> capture();
  int failed(Phase phase, const Error& error);
  void look_at_selection();
  void look_at_programs();
  void look_at_maps();
  void look_at_attach_type(const loader::SectionRow& row);
  void look_at_helpers(const Probe& probe, u32 program);
  void look_at_core();
  void look_at_linking();
  void look_at_attaching();
  void add(FeatureLine line, Exit obstacle);
  void add_probe(const Probe& probe, const ProbeResult& result, const std::string& name);
  bool is_guarded(u32 resolution) const;

  Streams& streams_;
  const Arguments& arguments_;
  Style style_, err_style_;
  std::string path_;
  std::span<const std::string> targets_;
  FeatureContext& context_;
  bool json_;
  ObjectSpec spec_;
  loader::Selection selection_;
  loader::KernelProfile profile_;
  loader::CoreOutcome core_;
  std::vector<FeatureLine> lines_;
  std::set<std::string> seen_;  // helpers and types that were asked about
  Exit status_ = Exit::ok;
  std::string first_obstacle_;
};

int Verdict::failed(Phase phase, const Error& error) {
  const Report report =
      explain({.phase = phase, .error = error, .facts = context_.facts, .object = path_});
  streams_.say(json_ ? to_json(report) : to_text(report, err_style_));
  return static_cast<int>(report.exit);
}

void Verdict::add(FeatureLine line, Exit obstacle) {
  if (obstacle != Exit::ok && status_ == Exit::ok) {
    status_ = obstacle;
    first_obstacle_ = format("{} {}", line.kind, line.name);
  }
  lines_.push_back(std::move(line));
}

void Verdict::add_probe(const Probe& probe, const ProbeResult& result, const std::string& name) {
  FeatureLine line = to_line(probe, result, context_.attach);
  line.name = name;
  Exit obstacle = Exit::ok;
  if (result.answer == ProbeAnswer::no) obstacle = Exit::kernel;
  if (result.answer == ProbeAnswer::denied) obstacle = Exit::permission;
  add(std::move(line), obstacle);
}

// The probe that is most like the program: of its type, and its attach type if there is one.
const Probe* probe_for(const std::vector<Probe>& probes, const loader::SectionRow& row) {
  const Probe* found = nullptr;
  for (const Probe& probe : probes) {
    if (probe.program_type != row.type) continue;
    if (found == nullptr || probe.attach_type == row.attach_type) found = &probe;
  }
  return found;
}

// Every helper that the program and its subprograms call.
void Verdict::look_at_helpers(const Probe& probe, u32 program) {
  const std::vector<std::pair<u32, std::string>> names = known_helpers(context_);
  for (const u32 function : loader::reachable_functions(spec_, spec_.programs[program].function)) {
    for (const bpf::Insn& insn : spec_.functions[function].insns) {
      if (!insn.is_helper_call() || insn.imm <= 0) continue;
      const u32 number = static_cast<u32>(insn.imm);
      if (!seen_.insert(format("{} {}", probe.name, number)).second) continue;
      const auto named = std::ranges::find(names, number, &std::pair<u32, std::string>::first);
      const std::string name = named != names.end() ? named->second : format("#{}", number);
      const ProbeResult result = context_.ask_helper(probe, number);
      // Where no program of the type loads, nothing is learnt about its helpers.
      FeatureLine line = {.kind = "helper",
                          .name = name,
                          .answer = result.answer == ProbeAnswer::yes  ? "yes"
                                    : result.answer == ProbeAnswer::no ? "no"
                                                                       : "unknown",
                          .since = {},
                          .note = {}};
      if (result.answer == ProbeAnswer::no) {
        line.note = format("{} programs cannot call it here", probe.name);
        if (named == names.end()) line.note = "this kernel has no such helper";
      }
      add(std::move(line), result.answer == ProbeAnswer::no ? Exit::kernel : Exit::ok);
    }
  }
}

// An object whose programs are all left out gets no further than that.
void Verdict::look_at_selection() {
  if (!selection_.empty()) return;
  const bool optional = !spec_.programs.empty();
  add({.kind = "object",
       .name = spec_.name,
       .answer = optional ? "-" : "no",
       .since = {},
       .note = optional
                   ? "every program is SEC(\"?...\"): `run --only NAME` loads one, which is not "
                     "looked at here"
                   : "it has no programs"},
      optional ? Exit::ok : Exit::bad_object);
}

void Verdict::look_at_programs() {
  const std::vector<Probe> probes = loader::program_probes(context_.view());
  for (const u32 index : selection_) {
    const loader::ProgramSpec& program = spec_.programs[index];
    if (program.row == nullptr) {
      add({.kind = "program",
           .name = program.name,
           .answer = "no",
           .since = {},
           .note = format("SEC(\"{}\") is not a name that is known: see `bpfld list sec`",
                          program.section)},
          Exit::bad_object);
      continue;
    }
    const Probe* probe = probe_for(probes, *program.row);
    if (probe == nullptr) continue;
    const ProbeResult result = context_.ask(*probe);
    if (seen_.insert("type " + probe->name).second) add_probe(*probe, result, probe->name);
    look_at_attach_type(*program.row);
    if (result.answer == ProbeAnswer::yes) look_at_helpers(*probe, index);
  }
}

void Verdict::look_at_maps() {
  const std::vector<Probe> probes = loader::map_probes(context_.page_size);
  const auto ask = [&](bpf::MapType type) {
    const auto probe = std::ranges::find(probes, type, &Probe::map_type);
    if (probe == probes.end() || !seen_.insert("map " + probe->name).second) return;
    add_probe(*probe, context_.ask(*probe), probe->name);
  };
  for (const loader::MapSpec& map : spec_.maps)
    ask(map.type);
  // A table of jumps is a map as well, though no declaration says so.
  for (const u32 index : selection_)
    for (const u32 function : loader::reachable_functions(spec_, spec_.programs[index].function))
      for (const loader::Reference& reference : spec_.functions[function].references)
        if (reference.kind == loader::ReferenceKind::jump_table) ask(bpf::MapType::insn_array);
}

// "BPF_TRACE_FENTRY"
std::string constant_of(bpf::AttachType type) {
  std::string out = "BPF_" + bpf::name_of(type);
  for (char& c : out)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return out;
}

// Whether the kernel has the place that programs of that section are for, by its own list. Of some
// types it is checked when they are loaded, of kprobes when they are attached; others are attached
// in an older way where there is one (tcx), or are taken with any.
void Verdict::look_at_attach_type(const loader::SectionRow& row) {
  using bpf::ProgType;
  static constexpr ProgType kCheckedAtLoad[] = {ProgType::cgroup_sock, ProgType::cgroup_sock_addr,
                                                ProgType::cgroup_skb,  ProgType::cgroup_sockopt,
                                                ProgType::sk_lookup,   ProgType::netfilter,
                                                ProgType::tracing,     ProgType::lsm};
  const bool at_load = std::ranges::find(kCheckedAtLoad, row.type) != std::end(kCheckedAtLoad);
  if (context_.view() == nullptr || (!at_load && row.type != ProgType::kprobe) ||
      !seen_.insert(format("attach type {}", row.name)).second)
    return;
  const btf::TypeId id = btf::find_one(*context_.view(), "bpf_attach_type", {btf::Kind::enum_});
  if (id == btf::TypeId{}) return;
  const std::string wanted = constant_of(row.attach_type);
  for (const btf::Enumerator& known : btf::enumerators(*context_.view(), context_.view()->type(id)))
    if (known.name == wanted) return;
  add({.kind = "attach type",
       .name = std::string(row.name),
       .answer = "no",
       .since = {},
       .note = format("this kernel's enum bpf_attach_type has no {}", wanted)},
      at_load ? Exit::kernel : Exit::attach);
}

// Whether the same function asks if something of that type exists, which is how code guards against
// a kernel that does not have it: about the same field, or about the field that took its place.
bool Verdict::is_guarded(u32 resolution) const {
  const Result<btf::View> local = btf::View::parse(spec_.btf);
  if (!local) return false;
  const auto root = [&](const loader::CoreRelocation& relocation) {
    return btf::essential_name(local->type({relocation.type}).name);
  };
  const loader::CoreOutcome::Source source = core_.sources[resolution];
  const std::vector<loader::CoreRelocation>& relocations = spec_.functions[source.function].core;
  return std::ranges::any_of(relocations, [&](const loader::CoreRelocation& other) {
    const bool asks = other.kind == btf::CoreKind::field_exists ||
                      other.kind == btf::CoreKind::type_exists ||
                      other.kind == btf::CoreKind::enumval_exists;
    return asks && root(other) == root(relocations[source.index]);
  });
}

void Verdict::look_at_core() {
  std::vector<u32> functions;
  for (const u32 index : selection_)
    for (const u32 function : loader::reachable_functions(spec_, spec_.programs[index].function))
      functions.push_back(function);
  std::ranges::sort(functions);
  const auto rest = std::ranges::unique(functions);
  functions.erase(rest.begin(), rest.end());
  u64 asked = 0;
  for (const u32 function : functions)
    asked += spec_.functions[function].core.size();
  if (asked == 0) return;
  Result<loader::CoreOutcome> core = loader::resolve_core(spec_, functions, profile_);
  if (!core) {
    add({.kind = "types",
         .name = "kernel BTF",
         .answer = "no",
         .since = {},
         .note = core.error().message()},
        Exit::kernel);
    return;
  }
  core_ = std::move(core).value();
  u64 found = 0;
  for (u32 i = 0; i < core_.resolutions.size(); i++) {
    const btf::core::Verdict verdict = core_.resolutions[i].verdict;
    if (btf::core::is_usable(verdict) && verdict != btf::core::Verdict::poisoned) {
      found++;
      continue;
    }
    const bool guarded = btf::core::is_usable(verdict) && is_guarded(i);
    add({.kind = "types",
         .name = spec_.functions[core_.sources[i].function].name,
         .answer = guarded ? "guarded" : "no",
         .since = {},
         .note = loader::describe_core(spec_, profile_, core_, i)},
        guarded ? Exit::ok : Exit::kernel);
  }
  add({.kind = "types",
       .name = "CO-RE",
       .answer = "yes",
       .since = {},
       .note = format("{} of {} relocations have an answer in {}", found, asked,
                      profile_.btf != nullptr ? profile_.btf->path : "the object")},
      Exit::ok);
}

// What only linking and planning notice: externs that nobody provides, maps without a size.
void Verdict::look_at_linking() {
  const auto link = [&]() -> Status {
    const loader::Linked linked = TRY(loader::link(spec_, selection_, profile_));
    TRY(loader::make_plan(spec_, linked, profile_));
    return {};
  };
  const Status done = link();
  if (done || status_ != Exit::ok) return;  // said already, by what caused it
  if (context_.saved &&
      done.error().message().find(profile_.symbols_problem) != std::string::npos) {
    add({.kind = "object",
         .name = spec_.name,
         .answer = "unknown",
         .since = {},
         .note = done.error().message()},
        Exit::ok);
    return;
  }
  const Report report = explain({.phase = Phase::link,
                                 .error = done.error(),
                                 .facts = context_.facts,
                                 .object = path_,
                                 .spec = &spec_});
  add({.kind = "object",
       .name = spec_.name,
       .answer = "no",
       .since = {},
       .note = done.error().message()},
      report.exit);
}

// Files, interfaces and sockets of a machine are not among the facts that are saved of its kernel.
bool is_of_the_machine(const loader::AttachTarget& target) {
  using loader::AttachMethod;
  static constexpr AttachMethod kMethods[] = {AttachMethod::uprobe, AttachMethod::uprobe_multi,
                                              AttachMethod::usdt,   AttachMethod::network_device,
                                              AttachMethod::socket, AttachMethod::netns,
                                              AttachMethod::lirc,   AttachMethod::lwt};
  return std::ranges::find(kMethods, target.method) != std::end(kMethods);
}

void Verdict::look_at_attaching() {
  for (const u32 index : selection_) {
    const loader::ProgramSpec& program = spec_.programs[index];
    if (program.row == nullptr) continue;
    if (context_.saved &&
        std::ranges::any_of(loader::attach_targets(spec_, index), is_of_the_machine)) {
      add({.kind = "attach",
           .name = program.name,
           .answer = "-",
           .since = {},
           .note =
               "SEC(\"" + program.section + "\") goes to something that a profile does not keep"},
          Exit::ok);
      continue;
    }
    const std::optional<Error> problem = loader::attach_problem(spec_, index, profile_);
    FeatureLine line = {.kind = "attach",
                        .name = program.name,
                        .answer = problem ? "no" : "yes",
                        .since = {},
                        .note = problem ? problem->message() : "SEC(\"" + program.section + "\")"};
    if (problem && !problem->detail.empty()) line.note += "; " + problem->detail;
    if (!problem && loader::attach_targets(spec_, index).empty()) {
      line.answer = "-";
      line.note += program.row->type == bpf::ProgType::struct_ops
                       ? " is a callback: it is attached with the struct that has it"
                       : " names no place: `run --attach` takes one";
    }
    add(std::move(line), problem ? Exit::attach : Exit::ok);
  }
}

// The facts that the object needs, of the kernel that is asked.
Result<loader::KernelProfile> Verdict::capture() {
  const loader::Needs needs = loader::needs(spec_, selection_);
  if (context_.saved) return capture_kernel(needs, arguments_);
  bpf::LinuxKernel kernel;  // asked for the ids of modules' BTF, and to load nothing
  return loader::capture(needs,
                         {.btf_path = {}, .config_path = {}, .offline = false, .kernel = &kernel});
}

bool Verdict::open() {
  const Result<std::vector<std::byte>> file = read_file(path_);
  if (!file) {
    status_ = static_cast<Exit>(failed(Phase::open, file.error()));
    return false;
  }
  Result<ObjectSpec> spec = loader::collect(*file, loader::object_name(path_));
  if (!spec) {
    status_ = static_cast<Exit>(failed(Phase::parse, spec.error()));
    return false;
  }
  spec_ = std::move(spec).value();
  selection_ = loader::autoload_programs(spec_);
  if (const Status done = apply_target_options(targets_, selection_, spec_); !done) {
    status_ = static_cast<Exit>(failed(Phase::usage, done.error()));
    return false;
  }
  selection_ = loader::with_target_programs(spec_, selection_);
  Result<loader::KernelProfile> profile = capture();
  if (!profile) {
    status_ = static_cast<Exit>(failed(Phase::capture, profile.error()));
    return false;
  }
  profile_ = std::move(profile).value();
  return true;
}

int Verdict::run() {
  if (!open()) return static_cast<int>(status_);
  look_at_selection();
  look_at_programs();
  look_at_maps();
  look_at_core();
  look_at_linking();
  look_at_attaching();
  const bool can = status_ == Exit::ok;
  if (json_) {
    print_features_json(streams_, lines_);
    streams_.out.write(
        format("{{\"kind\":\"verdict\",\"name\":{},\"answer\":\"{}\",\"exit\":{}}}\n",
               json_string(path_), can ? "yes" : "no", static_cast<u32>(status_)));
    return static_cast<int>(status_);
  }
  for (FeatureLine& line : lines_)
    line.name = line.kind + " " + line.name;
  print_features(
      streams_, style_,
      format("{}: {} on {}", escape_terminal(path_), count_of(selection_.size(), "program"),
             escape_terminal(context_.facts.kernel)),
      lines_);
  streams_.out.write(can ? style_.paint(Ink::good, "verdict: can run here") +
                               " (what the verifier thinks of it, only loading tells)\n"
                         : style_.paint(Ink::error, "verdict: cannot run here") +
                               format(": {} (exit {})\n", escape_terminal(first_obstacle_),
                                      static_cast<u32>(status_)));
  return static_cast<int>(status_);
}

}  // namespace

int feature_for(const Invocation& invocation, FeatureContext& context, bool json) {
  return Verdict(invocation, context, json).run();
}

}  // namespace bpfld::cli
