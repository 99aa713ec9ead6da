// SPDX-License-Identifier: Apache-2.0
// `bpfld feature`: what this kernel can do, and what it cannot and why. Every line is a probe that
// ran (loader/probes.h, loader/features.h) or a fact with the file that says so; nothing is derived
// from the kernel's version.
#include <algorithm>
#include <array>
#include <cerrno>
#include <unistd.h>

#include <linux/capability.h>
#include <sys/syscall.h>

#include "base/escape.h"
#include "base/near.h"
#include "btf/index.h"
#include "btf/types.h"
#include "cli/feature.h"
#include "cli/hints.h"
#include "cli/target_option.h"
#include "loader/places.h"

namespace bpfld::cli {
namespace {

constexpr OptionRow kOptions[] = {
    {.name = "for",
     .letter = '\0',
     .value = "OBJECT",
     .help = "only: can this kernel run the object, and if not, why"},
    kTargetOption,
    {.name = "profile",
     .letter = '\0',
     .value = "FILE",
     .help = "another kernel, saved with `bpfld profile save FILE`"},
    {.name = "unprivileged",
     .letter = '\0',
     .value = "",
     .help = "ask as somebody without capabilities"},
    {.name = "output",
     .letter = 'o',
     .value = "FORMAT",
     .help = "text, or json: one object per line"},
};

using Lines = std::vector<FeatureLine>;

Lines run_all(const std::vector<loader::Probe>& probes, const FeatureContext& context) {
  Lines lines;
  lines.reserve(probes.size());
  for (const loader::Probe& probe : probes)
    lines.push_back(to_line(probe, context.ask(probe), context.attach));
  return lines;
}

Lines program_lines(const FeatureContext& context) {
  return run_all(loader::program_probes(context.view()), context);
}

Lines map_lines(const FeatureContext& context) {
  return run_all(loader::map_probes(context.page_size), context);
}

// Features of plans that are about links or maps, not about BTF.
Lines feature_lines(const FeatureContext& context, std::string_view prefix, bool with_prefix) {
  Lines lines;
  for (const loader::FeatureRow& row : loader::feature_rows())
    if (row.name.starts_with(prefix) == with_prefix)
      lines.push_back(to_line(row, context.ask(row.feature)));
  return lines;
}

Lines link_lines(const FeatureContext& context) {
  Lines lines = run_all(loader::link_probes(context.view()), context);
  // What could only be tried by registering something, or on an interface that carries packets; the
  // kernel's BTF says whether it knows them.
  static constexpr std::array<std::array<std::string_view, 3>, 3> kByName = {{
      {"struct_ops", "BPF_LINK_TYPE_STRUCT_OPS", "6.4"},
      {"xdp", "BPF_LINK_TYPE_XDP", "5.9"},
      {"tracing_multi", "BPF_LINK_TYPE_TRACING_MULTI", "7.2"},
  }};
  if (context.view() == nullptr) return lines;
  const btf::TypeId id = btf::find_one(*context.view(), "bpf_link_type", {btf::Kind::enum_});
  std::vector<std::string_view> known;
  for (const btf::Enumerator& entry : btf::enumerators(*context.view(), context.view()->type(id)))
    known.push_back(entry.name);
  for (const auto& [name, constant, since] : kByName) {
    const bool has = std::ranges::find(known, constant) != known.end();
    lines.push_back(
        {.kind = "link",
         .name = std::string(name),
         .answer = has ? "known" : "no",
         .since = std::string(since),
         .note = format("not tried; the kernel's BTF {} {}", has ? "has" : "lacks", constant)});
  }
  return lines;
}

Lines btf_lines(const FeatureContext& context) {
  Lines lines;
  FeatureLine own = {.kind = "btf", .name = "kernel BTF", .answer = "no", .since = "", .note = {}};
  if (context.view() != nullptr) {
    own.answer = "yes";
    own.note = format("{} types in {}", context.view()->count() - 1,
                      context.saved ? context.saved->btf_file : "/sys/kernel/btf/vmlinux");
  } else {
    own.note = context.btf_problem;
  }
  lines.push_back(own);
  if (context.view() != nullptr) {
    const loader::NamedBtf named = {.module = {}, .view = context.view()};
    const bool tags = loader::has_kfunc_tags({&named, 1});
    lines.push_back({.kind = "btf",
                     .name = "kfunc tags",
                     .answer = tags ? "yes" : "no",
                     .since = "6.10",
                     .note = tags ? "" : "which functions are kfuncs cannot be seen"});
  }
  const Lines kinds = feature_lines(context, "btf_", true);
  lines.insert(lines.end(), kinds.begin(), kinds.end());
  return lines;
}

Lines helper_lines(const FeatureContext& context) {
  Lines lines;
  const std::vector<std::pair<u32, std::string>> helpers = known_helpers(context);
  for (const loader::Probe& probe : loader::program_probes(context.view())) {
    FeatureLine line = to_line(probe, context.ask(probe), context.attach);
    line.kind = "helper";
    if (line.answer == "yes" || line.answer == "loads") {
      u64 count = 0;
      for (const auto& [number, name] : helpers)
        if (context.ask_helper(probe, number).answer == loader::ProbeAnswer::yes) {
          line.helpers += (count == 0 ? "" : " ") + name;
          count++;
        }
      line.note = format("{} of {} helpers", count, helpers.size());
      line.since.clear();
    }
    lines.push_back(std::move(line));
  }
  return lines;
}

struct Group {
  std::string_view name;
  std::string_view heading;
  Lines (*lines)(const FeatureContext&);
  bool in_all;
};
// clang-format off
constexpr std::array<Group, 6> kGroups = {{
    {"prog",   "program types: a program that does nothing is loaded",                  program_lines, true},
    {"map",    "map types: the smallest map is created",                                map_lines,     true},
    {"link",   "link types: a link to a target that does not exist is asked for",       link_lines,    true},
    {"btf",    "types: BTF with one type of each kind is loaded",                       btf_lines,     true},
    {"other",  "what loading depends on",
     [](const FeatureContext& context) { return feature_lines(context, "btf_", false); },              true},
    {"helper", "helpers: for each program type, a call of each helper is loaded",       helper_lines,  false},
}};
// clang-format on

// Without capabilities until the end of the process. Errors: kernel.
Status drop_capabilities() {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  const __user_cap_data_struct none[2] = {};
  if (::syscall(SYS_capset, &header, none) != 0) return fail_errno(errno, "capset");
  return {};
}

int usage(const Invocation& invocation, std::unexpected<Error> failure) {
  return report_usage(failure.error(), &kFeatureCommand, invocation.streams);
}

int print_groups(const Invocation& invocation, const FeatureContext& context,
                 std::string_view wanted, bool json) {
  const Style style = style_for(invocation.arguments, invocation.streams.out);
  for (const Group& group : kGroups) {
    if (wanted == "all" ? !group.in_all : group.name != wanted) continue;
    const Lines lines = group.lines(context);
    if (json)
      print_features_json(invocation.streams, lines);
    else
      print_features(invocation.streams, style, group.heading, lines);
    if (invocation.streams.out.closed()) break;
  }
  return 0;
}

int feature_of_saved(const Invocation& invocation, std::string_view wanted, bool json) {
  const Arguments& arguments = invocation.arguments;
  if (arguments.has("unprivileged"))
    return usage(invocation, fail(Code::usage,
                                  "--unprivileged is about the running kernel, and "
                                  "--profile about another"));
  Result<FeatureContext> context = saved_context(std::string(arguments.value("profile")));
  if (!context) {
    const Facts facts = read_facts();
    const Report report = explain({.phase = Phase::btf, .error = context.error(), .facts = facts});
    invocation.streams.say(json ? to_json(report)
                                : to_text(report, style_for(arguments, invocation.streams.err)));
    return static_cast<int>(report.exit);
  }
  if (arguments.has("for")) return feature_for(invocation, *context, json);
  return print_groups(invocation, *context, wanted, json);
}

}  // namespace

const CommandRow kFeatureCommand = {
    .name = "feature",
    .operands = "[prog|map|link|btf|other|helper|all]",
    .summary = "show what this kernel can do, by asking it",
    .about =
        "Each line is a request that was made of the kernel and undone, or a fact with the file it "
        "was read from; the kernel's version decides nothing. The default is `all`: everything but "
        "`helper`, which makes thousands of requests.\n\n"
        "yes: granted. loads: such programs load, but something is in the way of attaching them. "
        "no: the kernel does not know it or was built without it. denied: it was refused whatever "
        "it was, for lack of privileges or by a policy. With --for, only what one object needs is "
        "looked at, and the exit status says whether it can run.\n\n"
        "With --profile the answers are those that another kernel gave when it was saved.",
    .options = kOptions,
    .max_operands = 1,
};

int feature_command(const Invocation& invocation) {
  const Arguments& arguments = invocation.arguments;
  const std::string_view output = arguments.value("output");
  if (!output.empty() && output != "text" && output != "json")
    return usage(invocation,
                 fail(Code::usage, "-o takes text or json, not \"{}\"", escape_terminal(output)));
  const std::string wanted = arguments.operands.empty() ? "all" : arguments.operands.front();
  if (wanted != "all" && std::ranges::find(kGroups, wanted, &Group::name) == kGroups.end()) {
    std::unexpected<Error> failure =
        fail(Code::usage, "there is no group \"{}\" of features", escape_terminal(wanted));
    std::vector<std::string_view> names = {"all"};
    for (const Group& group : kGroups)
      names.push_back(group.name);
    for (std::string_view near : nearest(wanted, names, 3))
      failure.error().detail += format("{}{}", failure.error().detail.empty() ? "" : ", ", near);
    return usage(invocation, std::move(failure));
  }
  if (arguments.has("target") && !arguments.has("for"))
    return usage(invocation, fail(Code::usage, "--target goes with --for OBJECT"));
  if (arguments.has("profile")) return feature_of_saved(invocation, wanted, output == "json");
  bpf::LinuxKernel kernel;
  FeatureContext context = running_context(kernel);
  if (arguments.has("unprivileged")) {
    const Status dropped = drop_capabilities();
    if (!dropped) return usage(invocation, std::unexpected(dropped.error()));
  } else {
    // Old kernels charge maps and programs to it; when it cannot be raised, requests will tell.
    const Result<bpf::Reply> raised = kernel.call(bpf::RaiseMemlock{});
    static_cast<void>(raised);
  }
  context.facts = read_facts();
  context.attach.denied = denied_note(context.facts);
  if (arguments.has("for")) return feature_for(invocation, context, output == "json");
  return print_groups(invocation, context, wanted, output == "json");
}

}  // namespace bpfld::cli
