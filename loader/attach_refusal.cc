// SPDX-License-Identifier: Apache-2.0
// See attach_refusal.h.
#include "loader/attach_refusal.h"

#include <cerrno>

#include "bpf/netlink.h"

namespace bpfld::loader {

bool suggests_another_way(const Failure& failure) {
  switch (failure.error.errno_value) {
    case EINVAL:      // the attach type, or the command's use, is unknown
    case EOPNOTSUPP:  // a driver without native XDP
    case E2BIG:       // an attr with fields that the kernel does not know
    case ERANGE:      // a driver whose native XDP cannot have this MTU
    case kErrnoNotSupported: return true;
    default: return false;
  }
}

std::string who_is_there(const Failure& failure, bpf::Kernel& kernel) {
  const bpf::LinkCreate* link = std::get_if<bpf::LinkCreate>(&failure.request);
  const int errno_value = failure.error.errno_value;
  if (link == nullptr || link->attach_type != bpf::AttachType::xdp ||
      (errno_value != EBUSY && errno_value != EEXIST))
    return {};
  const Result<bpf::Reply> reply = kernel.call(bpf::XdpQuery{.interface = link->interface});
  if (!reply) return {};
  std::string out;
  for (const bpf::XdpProgram& program : bpf::xdp_programs(reply->data))
    out += format("{}program {} ({}) is attached there", out.empty() ? "" : ", ", program.id,
                  program.mode);
  return out;
}

}  // namespace bpfld::loader
