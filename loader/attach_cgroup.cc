// SPDX-License-Identifier: Apache-2.0
// What is called for the processes of a cgroup: sockets, packets, devices, sysctls, socket options,
// TCP events, LSM hooks. By a link (since 5.7), before that by BPF_PROG_ATTACH, always beside other
// programs. Without a place: the root of the cgroup2 hierarchy, which means all processes.
#include "base/escape.h"
#include "loader/attach_parts.h"

namespace bpfld::loader {
namespace {

constexpr u32 kAllowMulti = 1u << 1;  // BPF_F_ALLOW_MULTI

// SEC("cgroup/skb") does not say in which direction: it gets both.
std::vector<bpf::AttachType> attach_types(const ProgramSpec& program) {
  if (program.row->name == "cgroup/skb")
    return {bpf::AttachType::cgroup_inet_ingress, bpf::AttachType::cgroup_inet_egress};
  return {program.row->attach_type};
}

}  // namespace

std::optional<AttachTarget> cgroup_unnamed(const ObjectSpec&, const ProgramSpec& program) {
  AttachTarget target;
  target.method = program.row->method;
  return target;
}

void cgroup_needs(const AttachSite& site, Needs& out) {
  add_once(out.cgroups, site.target.place);
}

std::optional<Error> cgroup_problem(const AttachSite& site, const KernelProfile& profile) {
  const auto found = profile.cgroups.find(site.target.place);
  if (found == profile.cgroups.end())
    return fail(Code::internal, "cgroup {} was not looked up", escape_terminal(site.target.place))
        .error();
  if (found->second.problem.empty()) return std::nullopt;
  return missing_fact(found->second.problem, found->second.errno_value);
}

void attach_cgroup(Attachment& attachment) {
  const std::string& path = attachment.profile.cgroups.at(attachment.target.place).path;
  const std::string shown = escape_terminal(path);
  const std::vector<bpf::AttachType> types = attach_types(attachment.program);
  const std::string both = types.size() > 1 ? ", ingress and egress" : "";
  const u32 directory = attachment.new_slot();
  attachment.out.how = format("cgroup link, {}{}", shown, both);
  attachment.add(bpf::OpenPath{.path = path}, directory);
  for (bpf::AttachType type : types) {
    bpf::LinkCreate create;
    create.program = attachment.program_fd;
    create.target = bpf::Fd::slot(directory);
    create.attach_type = type;
    attachment.add(create, attachment.new_slot());
  }
  attachment.otherwise(format("attached to cgroup {}{}", shown, both),
                       format("the program at {}", shown));
  attachment.add(bpf::OpenPath{.path = path}, directory);
  for (bpf::AttachType type : types)
    attachment.add(bpf::ProgAttach{.target = bpf::Fd::slot(directory),
                                   .program = attachment.program_fd,
                                   .attach_type = type,
                                   .flags = kAllowMulti});
}

}  // namespace bpfld::loader
