// SPDX-License-Identifier: Apache-2.0
// The families of attach mechanisms, one file loader/attach_<family>.cc each. A family answers:
// which facts it needs about a place, why a program cannot be attached there on that kernel, and by
// which requests it is. Private to loader/attach*.cc and profile.cc.
#pragma once

#include <algorithm>
#include <charconv>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>

#include "loader/plan.h"

namespace bpfld::loader {

// view: a program and one of its places.
struct AttachSite {
  const ObjectSpec& spec;
  const ProgramSpec& program;
  const AttachTarget& target;
};

// What a family looks at, and where its requests go.
struct Attachment : AttachSite {
  bpf::Fd program_fd;  // its slot
  const KernelProfile& profile;
  Plan& plan;
  AttachPlan& out;

  u32 interface_index() const;  // of target.place, which was looked up
  u32 new_slot() { return plan.slots++; }
  bpf::Fd map_fd(u32 map) const {
    return map < plan.map_slots.size() ? bpf::Fd::slot(plan.map_slots[map]) : bpf::Fd();
  }
  // Of the first way, or of the last that otherwise() began.
  void add(bpf::Request request, std::optional<u32> result = std::nullopt);
  // Begins another way, for when the one before is not supported.
  void otherwise(std::string how, std::string remains = {});
};

// One row per AttachMethod, in attach_plan.cc.
struct AttachFamily {
  AttachMethod method;
  // The place of a program for which nobody names one; null: there is no default.
  std::optional<AttachTarget> (*unnamed)(const ObjectSpec&, const ProgramSpec&);
  // Adds the facts; null: none.
  void (*needs)(const AttachSite&, Needs&);
  // Empty: can be attached. Null: always can.
  std::optional<Error> (*problem)(const AttachSite&, const KernelProfile&);
  void (*plan)(Attachment&);
  // What to write on the command line for a program without a place.
  std::string_view advice;
};

// The facts that attaching a program at its places requires. attach_plan.cc.
void attach_needs(const ObjectSpec& spec, u32 program, Needs& out);

// The index of the object's map of that name.
std::optional<u32> find_map(const ObjectSpec& spec, std::string_view name);

// All of `text` as a number; empty when it is none, or too large for T.
template <typename T>
std::optional<T> to_number(std::string_view text, int base = 10) {
  T value{};
  const char* const end = text.data() + text.size();
  const std::from_chars_result done = std::from_chars(text.data(), end, value, base);
  if (text.empty() || done.ec != std::errc() || done.ptr != end) return std::nullopt;
  return value;
}

// Adds what is not there yet.
template <typename T>
void add_once(std::vector<T>& list, const std::type_identity_t<T>& item) {
  if (std::ranges::find(list, item) == list.end()) list.push_back(item);
}

// What tells about a fact's absence: not_found, or what the errno means; near names in `detail`.
Error missing_fact(const std::string& problem, int errno_value,
                   const std::vector<std::string>& near = {});

// attach_tracepoint.cc: perf events of tracepoints, and raw tracepoints.
void tracepoint_needs(const AttachSite& site, Needs& out);
std::optional<Error> tracepoint_problem(const AttachSite& site, const KernelProfile& profile);
void attach_tracepoint(Attachment& attachment);
void attach_raw_tracepoint(Attachment& attachment);

// attach_event.cc. The program runs on the event in that slot, and the event is switched on.
void attach_to_event(Attachment& attachment, u32 event, u64 cookie = 0);
// spec: a probe, in the kernel or in a file.
struct ProbeEvent {
  bool user = false, at_return = false;
  std::string name;   // function, or path; empty: the offset is an address
  u64 offset = 0;     // bytes, in the function or in the file
  u64 semaphore = 0;  // bytes in the file
  u64 cookie = 0;
  i32 pid = -1;
};
void attach_probe(Attachment& attachment, const PmuFact& pmu, const ProbeEvent& probe);

// attach_tracing.cc: BTF ids that were fixed at load.
void attach_tracing(Attachment& attachment);
// And what is done once more, for another program: freplace.
std::optional<Error> freplace_problem(const AttachSite& site, const KernelProfile& profile);
void attach_freplace(Attachment& attachment);

// attach_iterator.cc
void iterator_needs(const AttachSite& site, Needs& out);
std::optional<Error> iterator_problem(const AttachSite& site, const KernelProfile& profile);
void attach_iterator(Attachment& attachment);

// attach_tracing_multi.cc: many functions by their BTF ids.
void tracing_multi_needs(const AttachSite& site, Needs& out);
std::optional<Error> tracing_multi_problem(const AttachSite& site, const KernelProfile& profile);
void attach_tracing_multi(Attachment& attachment);

// attach_kprobe.cc: functions of the kernel. Of both spaces: whether the probe is at the return.
bool at_return(const AttachSite& site);
void kprobe_needs(const AttachSite& site, Needs& out);
std::optional<Error> kprobe_problem(const AttachSite& site, const KernelProfile& profile);
void attach_kprobe(Attachment& attachment);
std::optional<Error> ksyscall_problem(const AttachSite& site, const KernelProfile& profile);
void attach_ksyscall(Attachment& attachment);
void kprobe_multi_needs(const AttachSite& site, Needs& out);
std::optional<Error> kprobe_multi_problem(const AttachSite& site, const KernelProfile& profile);
void attach_kprobe_multi(Attachment& attachment);

// attach_uprobe.cc: functions of programs and libraries.
std::optional<Error> missing_uprobes(const KernelProfile& profile);
void uprobe_needs(const AttachSite& site, Needs& out);
std::optional<Error> uprobe_problem(const AttachSite& site, const KernelProfile& profile);
void attach_uprobe(Attachment& attachment);
std::optional<Error> uprobe_multi_problem(const AttachSite& site, const KernelProfile& profile);
void attach_uprobe_multi(Attachment& attachment);

// attach_usdt.cc: places that a program marks itself.
void usdt_needs(const AttachSite& site, Needs& out);
std::optional<Error> usdt_problem(const AttachSite& site, const KernelProfile& profile);
void attach_usdt(Attachment& attachment);

// attach_perf_event.cc: samples.
void perf_event_needs(const AttachSite& site, Needs& out);
std::optional<Error> perf_event_problem(const AttachSite& site, const KernelProfile& profile);
void attach_perf_event(Attachment& attachment);

// attach_network.cc: what goes to an interface; attach_xdp.cc, attach_tc.cc.
void interface_needs(const AttachSite& site, Needs& out);
std::optional<Error> interface_problem(const std::string& name, const KernelProfile& profile);
std::optional<Error> network_problem(const AttachSite& site, const KernelProfile& profile);
void attach_network(Attachment& attachment);
void attach_xdp(Attachment& attachment);
std::optional<Error> tc_problem(const AttachSite& site);
void attach_tc(Attachment& attachment);

// attach_cgroup.cc
std::optional<AttachTarget> cgroup_unnamed(const ObjectSpec& spec, const ProgramSpec& program);
void cgroup_needs(const AttachSite& site, Needs& out);
std::optional<Error> cgroup_problem(const AttachSite& site, const KernelProfile& profile);
void attach_cgroup(Attachment& attachment);

// attach_socket.cc: packet sockets, sockets of other processes. Its facts: interface_needs().
std::optional<Error> socket_problem(const AttachSite& site, const KernelProfile& profile);
void attach_socket(Attachment& attachment);

// attach_sockmap.cc
std::optional<AttachTarget> sockmap_unnamed(const ObjectSpec& spec, const ProgramSpec& program);
std::optional<Error> sockmap_problem(const AttachSite& site, const KernelProfile& profile);
void attach_sockmap(Attachment& attachment);

// attach_netns.cc: sk_lookup, flow_dissector; netfilter.
void netns_needs(const AttachSite& site, Needs& out);
std::optional<Error> path_problem(const std::string& path, const KernelProfile& profile);
std::optional<Error> netns_problem(const AttachSite& site, const KernelProfile& profile);
void attach_netns(Attachment& attachment);
std::optional<Error> netfilter_problem(const AttachSite& site, const KernelProfile& profile);
void attach_netfilter(Attachment& attachment);

// attach_lirc.cc: infrared decoders; programs that run once.
void lirc_needs(const AttachSite& site, Needs& out);
std::optional<Error> lirc_problem(const AttachSite& site, const KernelProfile& profile);
void attach_lirc(Attachment& attachment);
std::optional<AttachTarget> run_unnamed(const ObjectSpec& spec, const ProgramSpec& program);
void attach_run(Attachment& attachment);

// attach_lwt.cc: routes.
void lwt_needs(const AttachSite& site, Needs& out);
std::optional<Error> lwt_problem(const AttachSite& site, const KernelProfile& profile);
void attach_lwt(Attachment& attachment);

}  // namespace bpfld::loader
