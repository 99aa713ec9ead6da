// SPDX-License-Identifier: Apache-2.0
// What goes to an interface: XDP (attach_xdp.cc), tc and netkit (attach_tc.cc). The interface is
// looked up when facts are captured, so that one that is not there is known before anything is
// loaded.
#include "base/escape.h"
#include "loader/attach_parts.h"

namespace bpfld::loader {

void interface_needs(const AttachSite& site, Needs& out) {
  if (!site.target.place.empty()) add_once(out.interfaces, site.target.place);
}

std::optional<Error> interface_problem(const std::string& name, const KernelProfile& profile) {
  const auto found = profile.interfaces.find(name);
  if (found == profile.interfaces.end())
    return fail(Code::internal, "interface {} was not looked up", escape_terminal(name)).error();
  const InterfaceFact& fact = found->second;
  if (fact.index != 0) return std::nullopt;
  return missing_fact(fact.problem, fact.errno_value, fact.near);
}

std::optional<Error> network_problem(const AttachSite& site, const KernelProfile& profile) {
  if (site.program.row->type != bpf::ProgType::xdp)
    if (std::optional<Error> problem = tc_problem(site)) return problem;
  return interface_problem(site.target.place, profile);
}

void attach_network(Attachment& attachment) {
  if (attachment.program.row->type == bpf::ProgType::xdp) return attach_xdp(attachment);
  attach_tc(attachment);
}

u32 Attachment::interface_index() const {
  return profile.interfaces.at(target.place).index;
}

}  // namespace bpfld::loader
