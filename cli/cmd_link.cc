// SPDX-License-Identifier: Apache-2.0
// `bpfld link`: what programs are attached to, through links. Where a link leads is told by the
// kernel in /proc/self/fdinfo, in its own words.
#include <algorithm>
#include <cerrno>

#include "base/escape.h"
#include "base/mapped_file.h"
#include "cli/inspect.h"

namespace bpfld::cli {
namespace {

using bpf::LinkInfo;
using loader::KernelObject;
constexpr OptionRow kOptions[] = {
    {.name = "output",
     .letter = 'o',
     .value = "FORMAT",
     .help = "columns (the default), or json: one object a line"},
};

// spec: one link, with the lines of its fdinfo that say what it is attached to.
struct Row {
  LinkInfo info;
  std::string program;  // its name
  std::vector<std::pair<std::string, std::string>> target;
};

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ') || text.starts_with('\t'))
    text.remove_prefix(1);
  return text;
}

// The lines behind those that each link has.
std::vector<std::pair<std::string, std::string>> target_of(int fd) {
  static constexpr std::string_view kCommon[] = {"pos",       "flags",   "mnt_id",   "ino",
                                                 "link_type", "link_id", "prog_tag", "prog_id"};
  std::vector<std::pair<std::string, std::string>> out;
  const Result<std::string> text = read_text(format("/proc/self/fdinfo/{}", fd));
  if (!text) return out;
  std::string_view rest = *text;
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    const std::string_view key = line.substr(0, colon);
    if (std::ranges::find(kCommon, key) == std::end(kCommon))
      out.emplace_back(key, trimmed(line.substr(colon + 1)));
  }
  return out;
}

Row row_of(const Inspection& inspection, const KernelObject& object) {
  Row row;
  row.info = bpf::decode_link_info(object.info);
  row.target = target_of(object.fd.get());
  if (row.info.program == 0) return row;
  const Result<KernelObject> program =
      loader::open_object(inspection.kernel, bpf::ObjectKind::program, row.info.program);
  if (program) row.program = name_of(*program);
  return row;
}

std::string json_of(const Row& row) {
  std::string target;
  for (const auto& [key, value] : row.target)
    target += format("{}{}:{}", target.empty() ? "" : ",", json_string(key), json_string(value));
  return format("{{\"id\":{},\"type\":{},\"prog_id\":{},\"prog\":{},\"target\":{{{}}}}}\n",
                row.info.id, json_string(bpf::link_type_name(row.info.type)), row.info.program,
                json_string(row.program), target);
}

void add(const Inspection& inspection, Rows& rows, const KernelObject& object) {
  const Row row = row_of(inspection, object);
  if (inspection.json) return inspection.print(json_of(row));
  if (rows.empty()) rows.push_back({"ID", "TYPE", "PROG", "TARGET"});
  std::string target;
  for (const auto& [key, value] : row.target)
    target +=
        format("{}{}={}", target.empty() ? "" : " ", escape_terminal(key), escape_terminal(value));
  rows.push_back({format("{}", row.info.id), bpf::link_type_name(row.info.type),
                  row.info.program == 0
                      ? "-"
                      : format("{} (id {})", escape_terminal(row.program), row.info.program),
                  target.empty() ? "-" : target});
}

Status list(Inspection& inspection) {
  return list_action(inspection, add);
}

Status show(Inspection& inspection) {
  return show_action(inspection, add);
}

Status detach(Inspection& inspection) {
  const Selector selector = TRY(take_selector(inspection.words));
  TRY(expect_end(inspection));
  const KernelObject link = TRY(open_one(inspection.kernel, inspection.kind, selector));
  const Result<bpf::Reply> done =
      inspection.kernel.call(bpf::LinkDetach{bpf::Fd::number(link.fd.get())});
  if (done) return {};
  if (done.error().errno_value == EOPNOTSUPP)
    return fail(Code::unsupported,
                "a {} link cannot be detached; it ends when nobody holds it any more, neither a "
                "process nor a pin (bpfld link unpin PATH)",
                bpf::link_type_name(bpf::decode_link_info(link.info).type));
  return std::unexpected(done.error());
}

// clang-format off
constexpr InspectAction kActions[] = {
    {"list",   "",          list},
    {"show",   "LINK",      show},
    {"detach", "LINK",      detach},
    {"pin",    "LINK PATH", pin_action},
    {"unpin",  "PATH",      unpin_action},
};
// clang-format on

}  // namespace

const CommandRow kLinkCommand = {
    .name = "link",
    .operands = "[list | show LINK | detach LINK | pin LINK PATH | unpin PATH]",
    .summary = "look at what programs are attached to, and detach them",
    .about =
        "list: all links, whoever made them, with what the kernel says about their targets.\n"
        "show LINK: one of them.\n"
        "detach LINK: ends the attachment now, although somebody holds the link (cgroup, netns, "
        "xdp, tcx, netkit, struct_ops and netfilter links; the others end with their last "
        "holder).\n"
        "pin LINK PATH, unpin PATH: keep it below /sys/fs/bpf, or remove such a pin.\n\n"
        "LINK is `id N` or the path of a pin. Programs that are attached without a link, such as "
        "filters of tc, are not listed.",
    .options = kOptions,
    .max_operands = 4,
};

int link_command(const Invocation& invocation) {
  return run_inspection(invocation, bpf::ObjectKind::link, kLinkCommand, kActions);
}

}  // namespace bpfld::cli
