// SPDX-License-Identifier: Apache-2.0
// What belongs to a network namespace: sk_lookup and flow_dissector by a link on the namespace's
// file, netfilter hooks by a link in our own namespace.
#include <charconv>

#include "base/escape.h"
#include "loader/attach_parts.h"

namespace bpfld::loader {
namespace {

// `ip netns add blue` makes /run/netns/blue.
std::string netns_path(const std::string& place) {
  return place.find('/') != std::string::npos ? place : "/run/netns/" + place;
}

struct NameRow {
  std::string_view name;
  u32 number;
};
// include/uapi/linux/netfilter.h: NFPROTO_*, enum nf_inet_hooks
constexpr NameRow kFamilies[] = {{"ipv4", 2}, {"ipv6", 10}};
constexpr NameRow kHooks[] = {
    {"pre_routing", 0}, {"local_in", 1}, {"forward", 2}, {"local_out", 3}, {"post_routing", 4}};
constexpr u32 kDefragment = 1u << 0;  // BPF_F_NETFILTER_IP_DEFRAG

std::optional<u32> number_of(std::span<const NameRow> rows, std::string_view name) {
  for (const NameRow& row : rows)
    if (row.name == name) return row.number;
  return std::nullopt;
}

std::string names_of(std::span<const NameRow> rows) {
  std::string out;
  for (const NameRow& row : rows)
    out += format("{}{}", out.empty() ? "" : ", ", row.name);
  return out;
}

}  // namespace

void netns_needs(const AttachSite& site, Needs& out) {
  add_once(out.paths, netns_path(site.target.place));
}

std::optional<Error> path_problem(const std::string& path, const KernelProfile& profile) {
  const auto found = profile.paths.find(path);
  if (found == profile.paths.end())
    return fail(Code::internal, "{} was not looked up", escape_terminal(path)).error();
  if (found->second.problem.empty()) return std::nullopt;
  return missing_fact(found->second.problem, found->second.errno_value);
}

std::optional<Error> netns_problem(const AttachSite& site, const KernelProfile& profile) {
  return path_problem(netns_path(site.target.place), profile);
}

void attach_netns(Attachment& attachment) {
  const std::string path = netns_path(attachment.target.place);
  const u32 file = attachment.new_slot();
  attachment.out.how = format("netns link, {}", escape_terminal(path));
  attachment.add(bpf::OpenPath{.path = path}, file);
  bpf::LinkCreate create;
  create.program = attachment.program_fd;
  create.target = bpf::Fd::slot(file);
  create.attach_type = attachment.program.row->attach_type;
  attachment.add(create, attachment.new_slot());
}

std::optional<Error> netfilter_problem(const AttachSite& site, const KernelProfile&) {
  if (!number_of(kFamilies, site.target.place))
    return fail(Code::not_found, "netfilter has no family \"{}\" here; want one of {}",
                escape_terminal(site.target.place), names_of(kFamilies))
        .error();
  if (!number_of(kHooks, site.target.hook))
    return fail(Code::not_found, "netfilter has no hook \"{}\"; want one of {}",
                escape_terminal(site.target.hook), names_of(kHooks))
        .error();
  return std::nullopt;
}

void attach_netfilter(Attachment& attachment) {
  const AttachTarget& target = attachment.target;
  bpf::NetfilterHook hook;
  hook.family = *number_of(kFamilies, target.place);
  hook.hook = *number_of(kHooks, target.hook);
  if (const std::string* text = target.option("prio"))
    std::from_chars(text->data(), text->data() + text->size(), hook.priority);
  if (target.has("defrag")) hook.flags = kDefragment;
  attachment.out.how =
      format("netfilter link, {} {}, priority {}", target.place, target.hook, hook.priority);
  bpf::LinkCreate create;
  create.program = attachment.program_fd;
  create.attach_type = bpf::AttachType::netfilter;
  create.netfilter = hook;
  attachment.add(create, attachment.new_slot());
}

}  // namespace bpfld::loader
