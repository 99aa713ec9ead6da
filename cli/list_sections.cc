// SPDX-License-Identifier: Apache-2.0
// `bpfld list sec`: the table of SEC() names, what each makes of a program and how that attaches.
#include "base/escape.h"
#include "base/glob.h"
#include "bpf/tables.h"
#include "cli/list_places.h"
#include "loader/sections.h"

namespace bpfld::cli {
namespace {

using loader::AttachMethod;
using loader::SectionRow;

// clang-format off
std::string_view name_of(AttachMethod method) {
  switch (method) {
    case AttachMethod::none:           return "-";
    case AttachMethod::tracepoint:     return "tracepoint";
    case AttachMethod::raw_tracepoint: return "raw tracepoint";
    case AttachMethod::kprobe:         return "kprobe";
    case AttachMethod::kprobe_multi:   return "kprobe multi";
    case AttachMethod::ksyscall:       return "ksyscall";
    case AttachMethod::uprobe:         return "uprobe";
    case AttachMethod::uprobe_multi:   return "uprobe multi";
    case AttachMethod::usdt:           return "usdt";
    case AttachMethod::tracing:        return "BTF id";
    case AttachMethod::tracing_multi:  return "BTF ids";
    case AttachMethod::freplace:       return "BPF function";
    case AttachMethod::iterator:       return "iterator";
    case AttachMethod::struct_ops:     return "its map";
    case AttachMethod::network_device: return "network device";
    case AttachMethod::cgroup:         return "cgroup";
    case AttachMethod::socket:         return "socket";
    case AttachMethod::sockmap:        return "socket map";
    case AttachMethod::netns:          return "network namespace";
    case AttachMethod::netfilter:      return "netfilter";
    case AttachMethod::perf_event:     return "perf event";
    case AttachMethod::lirc:           return "lirc device";
    case AttachMethod::lwt:            return "route";
    case AttachMethod::run:            return "run once";
  }
  return "?";
}
// clang-format on

std::string attach_type_of(const SectionRow& row) {
  return row.attach_type == bpf::AttachType{} ? "-" : bpf::name_of(row.attach_type);
}

// "tracepoint[/...]": a target may follow.
std::string section_of(const SectionRow& row) {
  return std::string(row.name) + (row.target != loader::Target::forbidden ? "[/...]" : "");
}

std::string flags_of(const SectionRow& row) {
  std::string out;
  if ((row.flags & loader::kSleepable) != 0) out = "sleepable";
  if ((row.flags & loader::kFrags) != 0) out = "frags";
  return out;
}

}  // namespace

int list_sections(const Invocation& invocation, const std::string& glob) {
  const Style style = style_for(invocation.arguments, invocation.streams.out);
  std::vector<std::vector<std::string>> rows;
  if (!invocation.arguments.has("no-header"))
    rows.push_back(
        {"SECTION", "PROGRAM TYPE", "ATTACH TYPE", "ATTACHES TO", "SINCE", "CONTEXT", "FLAGS"});
  const std::size_t header = rows.size();
  for (const SectionRow& row : loader::section_rows()) {
    if (!glob_matches(glob, row.name)) continue;
    rows.push_back({section_of(row), bpf::name_of(row.type), attach_type_of(row),
                    std::string(name_of(row.method)), std::string(bpf::since(row.type)),
                    std::string(row.context), flags_of(row)});
  }
  if (rows.size() == header) {
    std::unexpected<Error> failure =
        fail(Code::usage, "no section name matches \"{}\"", escape_terminal(glob));
    for (std::string_view near : loader::similar_sections(glob, 3))
      failure.error().detail += format("{}{}", failure.error().detail.empty() ? "" : ", ", near);
    return report_usage(failure.error(), &kListCommand, invocation.streams);
  }
  std::string text = cut_lines(align(rows), invocation.streams.out.columns());
  if (header == 1) {
    const std::size_t end = text.find('\n');
    text = style.paint(Ink::heading, text.substr(0, end)) + text.substr(end);
  }
  invocation.streams.out.write(text);
  return 0;
}

}  // namespace bpfld::cli
