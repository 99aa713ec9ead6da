// SPDX-License-Identifier: Apache-2.0
// Programs of a route (lightweight tunnels): they see the packets that a route takes, on the way
// in, out or when sent. The route is ours, made over rtnetlink in the main table and removed at the
// end; one that is there already is never changed. The table holds it, not an fd: see `remains`.
#include <charconv>

#include "base/escape.h"
#include "loader/address.h"
#include "loader/attach_parts.h"

namespace bpfld::loader {
namespace {

bpf::LwtHook hook_of(const ProgramSpec& program) {
  const bpf::ProgType type = program.row->type;
  if (type == bpf::ProgType::lwt_out) return bpf::LwtHook::out;
  if (type == bpf::ProgType::lwt_xmit) return bpf::LwtHook::xmit;
  if (type == bpf::ProgType::lwt_seg6local) return bpf::LwtHook::seg6local;
  return bpf::LwtHook::in;
}

const std::string& device_of(const AttachTarget& target) {
  static const std::string kNone;
  const std::string* device = target.option("dev");
  return device != nullptr ? *device : kNone;
}

Result<bpf::LwtRoute> route_of(const AttachTarget& target) {
  const Prefix prefix = TRY(parse_prefix(target.place));
  bpf::LwtRoute route;
  route.prefix = prefix.address;
  route.prefix_length = prefix.length;
  if (const std::string* via = target.option("via")) {
    route.gateway = TRY(parse_address(*via));
    if (route.gateway.size() != route.prefix.size())
      return fail(Code::not_found, "{} and {} are of different protocols",
                  escape_terminal(target.place), escape_terminal(*via));
  }
  return route;
}

}  // namespace

void lwt_needs(const AttachSite& site, Needs& out) {
  if (!device_of(site.target).empty()) add_once(out.interfaces, device_of(site.target));
}

std::optional<Error> lwt_problem(const AttachSite& site, const KernelProfile& profile) {
  if (device_of(site.target).empty())
    return fail(Code::not_found, "a route needs an interface: lwt:PREFIX,dev=IF").error();
  const Result<bpf::LwtRoute> route = route_of(site.target);
  if (!route) return route.error();
  if (hook_of(site.program) == bpf::LwtHook::seg6local && route->prefix.size() != 16)
    return fail(Code::not_found, "segment routing is of IPv6: want an IPv6 prefix").error();
  return interface_problem(device_of(site.target), profile);
}

void attach_lwt(Attachment& attachment) {
  const AttachTarget& target = attachment.target;
  bpf::RouteAdd add;
  add.route = *route_of(target);
  add.route.interface = attachment.profile.interfaces.at(device_of(target)).index;
  add.hook = hook_of(attachment.program);
  add.program = attachment.program_fd;
  add.name = attachment.program.name;
  const std::string shown =
      format("{} dev {}", escape_terminal(target.place), escape_terminal(device_of(target)));
  attachment.out.how = format("route {}", shown);
  attachment.out.remains = format("the route (ip route del {})", shown);
  attachment.add(std::move(add));
}

}  // namespace bpfld::loader
