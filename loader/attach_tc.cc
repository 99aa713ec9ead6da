// SPDX-License-Identifier: Apache-2.0
// Classifiers on an interface: by a TCX link (since 6.6), before that as a filter of a clsact
// qdisc, over rtnetlink; and by a link on a netkit pair (since 6.7). A filter is held by the
// interface, not by us: it is taken away when the session ends, and what a kill would leave is in
// `remains`.
#include <charconv>

#include "base/escape.h"
#include "loader/attach_parts.h"

namespace bpfld::loader {
namespace {

using bpf::AttachType;

struct HookRow {
  std::string_view name;
  AttachType type;
};
constexpr HookRow kTcHooks[] = {{"ingress", AttachType::tcx_ingress},
                                {"egress", AttachType::tcx_egress}};
constexpr HookRow kNetkitHooks[] = {{"primary", AttachType::netkit_primary},
                                    {"peer", AttachType::netkit_peer}};

bool is_netkit(const AttachSite& site) {
  if (!site.target.kind.empty()) return site.target.kind == "netkit";
  return site.program.row->name.starts_with("netkit");
}

// The hook that was named, else the one of the section, else the first; null when there is none of
// that name.
const HookRow* find_hook(const AttachSite& site) {
  const std::span<const HookRow> hooks =
      is_netkit(site) ? std::span<const HookRow>(kNetkitHooks) : std::span<const HookRow>(kTcHooks);
  for (const HookRow& hook : hooks)
    if (site.target.hook.empty() ? hook.type == site.program.row->attach_type
                                 : hook.name == site.target.hook)
      return &hook;
  return site.target.hook.empty() ? hooks.data() : nullptr;
}

void add_link(Attachment& attachment, AttachType type) {
  bpf::LinkCreate create;
  create.program = attachment.program_fd;
  create.interface = attachment.interface_index();
  create.attach_type = type;
  attachment.add(create, attachment.new_slot());
}

u32 number_of(const AttachTarget& target, std::string_view option) {
  u32 number = 0;
  if (const std::string* text = target.option(option))
    std::from_chars(text->data(), text->data() + text->size(), number);
  return number;
}

void add_filter(Attachment& attachment, bool egress) {
  bpf::FilterAdd add;
  add.place = {.interface = attachment.interface_index(),
               .egress = egress,
               .priority = number_of(attachment.target, "prio"),
               .handle = number_of(attachment.target, "handle")};
  add.program = attachment.program_fd;
  add.name = attachment.program.name;
  attachment.add(bpf::ClsactAdd{.interface = add.place.interface});
  attachment.add(std::move(add));
}

std::string filter_remains(const AttachTarget& target, const HookRow& hook) {
  const std::string name = escape_terminal(target.place);
  return format(
      "the filter on {} {} (tc filter del dev {} {}; or, if nothing else uses it, tc qdisc "
      "del dev {} clsact)",
      name, hook.name, name, hook.name, name);
}

}  // namespace

std::optional<Error> tc_problem(const AttachSite& site) {
  if (site.program.row->type == bpf::ProgType::sched_act)
    return fail(
               Code::unsupported,
               "an action runs for what a filter before it lets through, and which that is nobody "
               "says here: `tc filter add ... action bpf` does; a classifier can be attached alone")
        .error();
  if (find_hook(site) == nullptr)
    return fail(Code::not_found, "there is no {} hook \"{}\"; want {}",
                is_netkit(site) ? "netkit" : "tc", escape_terminal(site.target.hook),
                is_netkit(site) ? "primary or peer" : "ingress or egress")
        .error();
  if (number_of(site.target, "prio") > 0xffff)
    return fail(Code::not_found, "a filter's priority is at most 65535").error();
  return std::nullopt;
}

void attach_tc(Attachment& attachment) {
  const HookRow& hook = *find_hook(attachment);
  const AttachTarget& target = attachment.target;
  if (is_netkit(attachment)) {
    attachment.out.how = format("netkit link, {}", hook.name);
    return add_link(attachment, hook.type);
  }
  const bool egress = hook.type == AttachType::tcx_egress;
  const std::string filter = format("clsact filter, {}", hook.name);
  if (target.kind == "tc") {
    attachment.out.how = filter;
    attachment.out.remains = filter_remains(target, hook);
    return add_filter(attachment, egress);
  }
  attachment.out.how = format("tcx link, {}", hook.name);
  add_link(attachment, hook.type);
  if (target.kind == "tcx") return;
  attachment.otherwise(filter, filter_remains(target, hook));
  add_filter(attachment, egress);
}

}  // namespace bpfld::loader
