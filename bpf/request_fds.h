// SPDX-License-Identifier: Apache-2.0
// The descriptors of a request. The executor puts numbers in the place of slots, a fake kernel
// looks whether each is open. A new request has its line here, even when it holds none: what is
// forgotten would reach the kernel as a slot.
#pragma once

#include "bpf/request.h"

namespace bpfld::bpf {

// Calls visit(Fd&) for every descriptor that a request holds, in declaration order.
template <typename Visit>
void for_each_fd(Request& request, Visit visit) {
  struct Walker {
    Visit& visit;
    void operator()(MapCreate& r) {
      visit(r.inner_map), visit(r.btf), visit(r.value_type_btf), visit(r.token);
    }
    void operator()(MapUpdate& r) {
      visit(r.map);
      for (ValueFd& patch : r.value_fds)
        visit(patch.fd);
      visit(r.value_fd);
    }
    void operator()(MapLookup& r) { visit(r.map); }
    void operator()(MapNextKey& r) { visit(r.map); }
    void operator()(MapDelete& r) { visit(r.map); }
    void operator()(MapFreeze& r) { visit(r.map); }
    void operator()(ProgLoad& r) {
      for (MapReference& reference : r.map_references)
        visit(reference.map);
      for (BtfReference& reference : r.btf_references)
        visit(reference.btf);
      for (Fd& fd : r.fd_array)
        visit(fd);
      visit(r.btf), visit(r.attach_target), visit(r.token);
    }
    void operator()(BtfLoad& r) { visit(r.token); }
    void operator()(TokenCreate& r) { visit(r.file_system); }
    void operator()(ProgBindMap& r) { visit(r.program), visit(r.map); }
    void operator()(LinkCreate& r) { visit(r.program), visit(r.target); }
    void operator()(LinkKprobeMulti& r) { visit(r.program); }
    void operator()(LinkUprobeMulti& r) { visit(r.program); }
    void operator()(LinkTracingMulti& r) { visit(r.program); }
    void operator()(LinkIterator& r) {
      visit(r.program), visit(r.map), visit(r.process), visit(r.cgroup);
    }
    void operator()(IteratorOpen& r) { visit(r.link); }
    void operator()(RawTracepointOpen& r) { visit(r.program); }
    void operator()(ProgTestRun& r) { visit(r.program); }
    void operator()(NextId&) {}
    void operator()(ObjectInfo& r) { visit(r.object); }
    void operator()(ObjPin& r) { visit(r.object); }
    void operator()(ObjGet&) {}
    void operator()(PinFolder&) {}
    void operator()(PinRename&) {}
    void operator()(PinRemove&) {}
    void operator()(ObjectById& r) { visit(r.token); }
    void operator()(ObjectContents& r) { visit(r.object); }
    void operator()(LinkDetach& r) { visit(r.link); }
    void operator()(PerfEventOpen&) {}
    void operator()(PerfSetBpf& r) { visit(r.event), visit(r.program); }
    void operator()(TraceProbeOpen&) {}
    void operator()(TraceProbeRemove&) {}
    void operator()(ArenaSetUp& r) { visit(r.map); }
    void operator()(RaiseMemlock&) {}
    void operator()(ProgAttach& r) { visit(r.target), visit(r.program); }
    void operator()(ProgDetach& r) { visit(r.target), visit(r.program); }
    void operator()(OpenPath&) {}
    void operator()(PacketSocketOpen&) {}
    void operator()(SocketTake&) {}
    void operator()(SocketSetBpf& r) { visit(r.socket), visit(r.program); }
    void operator()(SocketUnsetBpf& r) { visit(r.socket); }
    void operator()(ClsactAdd&) {}
    void operator()(ClsactDelete&) {}
    void operator()(FilterAdd& r) { visit(r.program); }
    void operator()(FilterDelete&) {}
    void operator()(XdpQuery&) {}
    void operator()(RouteAdd& r) { visit(r.program); }
    void operator()(RouteDelete&) {}
  };
  std::visit(Walker{visit}, request);
}

}  // namespace bpfld::bpf
