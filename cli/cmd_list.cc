// SPDX-License-Identifier: Apache-2.0
// `bpfld list`: every place that a program can be attached to. The first word is a kind, a kind and
// a pattern (`kprobe:tcp_*`), or only a pattern, which is then looked for in all that the kernel
// has.
#include <algorithm>
#include <array>

#include "base/escape.h"
#include "base/glob.h"
#include "base/near.h"
#include "cli/facts.h"
#include "cli/hints.h"
#include "cli/list_places.h"

namespace bpfld::cli {
namespace {

constexpr OptionRow kOptions[] = {
    {.name = "verbose",
     .letter = 'v',
     .value = "",
     .help = "arguments with their types, and the SEC() text to paste"},
    {.name = "btf",
     .letter = '\0',
     .value = "FILE",
     .help = "another kernel's BTF; the running kernel is not looked at then"},
    {.name = "tracefs",
     .letter = '\0',
     .value = "DIR",
     .help = "another kernel's /sys/kernel/tracing, likewise"},
    {.name = "kallsyms",
     .letter = '\0',
     .value = "FILE",
     .help = "another kernel's /proc/kallsyms, likewise"},
    {.name = "output",
     .letter = 'o',
     .value = "FORMAT",
     .help = "text, or json: one object per place on a line"},
    {.name = "no-header",
     .letter = '\0',
     .value = "",
     .help = "only the rows: no heading, no count on standard error"},
};

// spec: which kind, and what of it.
struct Wanted {
  std::string kind;  // empty: all
  std::string glob = "*";
};

// Kinds of places in files, not in the kernel.
bool is_file_kind(std::string_view word) {
  return word == "uprobe" || word == "uretprobe" || word == "usdt";
}

bool is_kind(std::string_view word) {
  return word == "sec" || is_file_kind(word) || word == "perf" ||
         loader::find_place_kind(word) != nullptr;
}

// `kprobe tcp_*`, `kprobe:tcp_*`, `tp/sched/*`, `*tcp*`.
Wanted understand(const std::vector<std::string>& operands) {
  const std::string& first = operands[0];
  if (operands.size() > 1) return {first, operands[1]};
  if (is_kind(first)) return {first, "*"};
  const std::size_t end = first.find_first_of(":/");
  if (end != std::string::npos && is_kind(first.substr(0, end)))
    return {first.substr(0, end), first.substr(end + 1)};
  return {"", first};
}

int failed(const Invocation& invocation, Phase phase, const Error& error) {
  const Facts facts = read_facts();
  const Report report = explain({.phase = phase, .error = error, .facts = facts});
  invocation.streams.say(to_text(report, style_for(invocation.arguments, invocation.streams.err)));
  return static_cast<int>(report.exit);
}

// What stands before a ':' is meant for a kind: `tpp:sched_switch`.
std::unexpected<Error> unknown_kind(const std::string& word) {
  std::vector<std::string_view> names = {"sec", "perf", "uprobe", "usdt"};
  for (const loader::PlaceKindRow& row : loader::place_kinds())
    names.push_back(row.name);
  const std::vector<std::string_view> near =
      nearest(std::string_view(word).substr(0, word.find(':')), names, 3);
  std::string list;
  for (const std::string_view name : near.empty() ? names : near)
    list += format("{}{}", list.empty() ? "" : ", ", name);
  if (near.empty())
    return fail(Code::usage, "cannot list \"{}\": nothing here is called so; kinds are {}",
                escape_terminal(word), list);
  std::unexpected<Error> failure = fail(Code::usage, "cannot list \"{}\"", escape_terminal(word));
  failure.error().detail = list;
  return failure;
}

// All kinds; what cannot be read is said, and the rest listed.
int list_all(const Invocation& invocation, KernelFiles& files, const Style& style,
             const ListRequest& request) {
  u64 count = 0;
  std::string missing;
  PlaceLister lister(files, invocation.streams, style, request);
  lister.read_ahead();
  for (const loader::PlaceKindRow& row : loader::place_kinds()) {
    const Result<u64> listed = lister.list(row);
    if (listed)
      count += *listed;
    else if (!request.quiet)
      missing += format("bpfld: no {}: {}\n", row.what, escape_terminal(listed.error().message()));
    if (invocation.streams.out.closed()) return 0;
  }
  if (!files.paths().is_other_kernel()) count += list_perf_events(invocation.streams, request);
  if (count != 0 || is_glob(request.glob)) {
    invocation.streams.say(missing);
    return count != 0 ? 0 : static_cast<int>(Exit::kernel);
  }
  return report_usage(unknown_kind(std::string(request.glob)).error(), &kListCommand,
                      invocation.streams);
}

int list_kind(const Invocation& invocation, KernelFiles& files, const Style& style,
              const Wanted& wanted, const ListRequest& request) {
  if (wanted.kind == "perf")
    return list_perf_events(invocation.streams, request) != 0 ? 0 : static_cast<int>(Exit::kernel);
  if (is_file_kind(wanted.kind)) {
    const Result<u64> listed = list_file(wanted.kind, wanted.glob, invocation.streams, request);
    if (!listed) return failed(invocation, Phase::open, listed.error());
    return *listed != 0 ? 0 : static_cast<int>(Exit::kernel);
  }
  const loader::PlaceKindRow* row = loader::find_place_kind(wanted.kind);
  if (row == nullptr)
    return report_usage(unknown_kind(wanted.kind).error(), &kListCommand, invocation.streams);
  PlaceLister lister(files, invocation.streams, style, request);
  const Result<u64> listed = lister.list(*row);
  if (!listed) return failed(invocation, Phase::capture, listed.error());
  return *listed != 0 ? 0 : static_cast<int>(Exit::kernel);
}

}  // namespace

const CommandRow kListCommand = {
    .name = "list",
    .operands = "KIND[:GLOB] | GLOB | uprobe:FILE[:GLOB] | usdt:FILE[:GLOB]",
    .summary = "list the places that programs can be attached to",
    .about =
        "KIND is tracepoint, raw_tp, kprobe, fentry, lsm, iter, struct_ops, perf: what this kernel "
        "has; kfunc, helper: what programs can call in it; sec: the names that SEC() takes; "
        "uprobe:FILE and usdt:FILE: functions and USDT probes of a program or library. A GLOB "
        "alone is looked for in all of the kernel's. The count, and which of the kernel's files "
        "the names come from, go to standard error.\n\n"
        "With -v, tracepoints show the fields of their record and functions their prototype. "
        "`list sec` shows for each section name the program type and attach type that it stands "
        "for; [/...] marks names that a target may follow, as in "
        "SEC(\"tracepoint/sched/sched_switch\").",
    .options = kOptions,
    .min_operands = 1,
    .max_operands = 2,
};

int list_command(const Invocation& invocation) {
  const Arguments& arguments = invocation.arguments;
  const std::string_view output = arguments.value("output");
  if (!output.empty() && output != "text" && output != "json")
    return report_usage(
        fail(Code::usage, "-o takes text or json, not \"{}\"", escape_terminal(output)).error(),
        &kListCommand, invocation.streams);
  const Wanted wanted = understand(arguments.operands);
  if (wanted.kind == "sec") return list_sections(invocation, wanted.glob);
  const Style style = style_for(arguments, invocation.streams.out);
  KernelFiles files({.btf = std::string(arguments.value("btf")),
                     .tracefs = std::string(arguments.value("tracefs")),
                     .kallsyms = std::string(arguments.value("kallsyms"))});
  const ListRequest request = {.glob = wanted.glob,
                               .verbose = arguments.has("verbose"),
                               .json = output == "json",
                               .quiet = arguments.has("no-header"),
                               .alone = !wanted.kind.empty()};
  if (wanted.kind.empty()) return list_all(invocation, files, style, request);
  return list_kind(invocation, files, style, wanted, request);
}

}  // namespace bpfld::cli
