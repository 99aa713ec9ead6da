// SPDX-License-Identifier: Apache-2.0
// What takes back an attachment that no fd holds. Everything else ends when its fd is closed,
// however that comes about.
#include "bpf/request.h"

namespace bpfld::bpf {
namespace {

struct Undo {
  const Reply& reply;

  std::optional<Request> operator()(const ProgAttach& r) const {
    return ProgDetach{.target = r.target, .program = r.program, .attach_type = r.attach_type};
  }
  std::optional<Request> operator()(const SocketSetBpf& r) const {
    return SocketUnsetBpf{.socket = r.socket, .kind = r.kind};
  }
  std::optional<Request> operator()(const ClsactAdd& r) const {
    if (reply.value == 0) return std::nullopt;  // somebody else's
    return ClsactDelete{.interface = r.interface};
  }
  std::optional<Request> operator()(const FilterAdd& r) const {
    FilterDelete out{.place = r.place};
    out.place.priority = static_cast<u32>(static_cast<u64>(reply.value) >> 32);
    out.place.handle = static_cast<u32>(static_cast<u64>(reply.value));
    return out;
  }
  std::optional<Request> operator()(const RouteAdd& r) const {
    return RouteDelete{.route = r.route};
  }
  template <typename Other>
  std::optional<Request> operator()(const Other&) const {
    return std::nullopt;
  }
};

}  // namespace

std::optional<Request> undo_of(const Request& request, const Reply& reply) {
  return std::visit(Undo{reply}, request);
}

}  // namespace bpfld::bpf
