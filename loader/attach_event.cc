// SPDX-License-Identifier: Apache-2.0
// A program on a perf event: the last two steps of tracepoints, probes of both spaces, and samples.
#include "loader/attach_parts.h"

namespace bpfld::loader {

using bpf::Fd;

// The event counts since it was opened: from here on the program runs.
void attach_to_event(Attachment& attachment, u32 event, u64 cookie) {
  if (attachment.profile.lacks(Feature::perf_link)) {
    attachment.out.how = "perf event";
    attachment.add(bpf::PerfSetBpf{Fd::slot(event), attachment.program_fd});
  } else {
    attachment.out.how = "perf link";
    bpf::LinkCreate create;
    create.program = attachment.program_fd;
    create.target = Fd::slot(event);
    create.attach_type = bpf::AttachType::perf_event;
    create.cookie = cookie;
    attachment.add(create, attachment.new_slot());
  }
}

void attach_probe(Attachment& attachment, const PmuFact& pmu, const ProbeEvent& probe) {
  const u32 event = attachment.new_slot();
  if (pmu.type) {
    bpf::PerfEventOpen open;
    open.type = *pmu.type;
    open.config = probe.at_return ? u64{1} << pmu.return_bit : 0;
    if (probe.semaphore != 0 && pmu.semaphore_shift)
      open.config |= probe.semaphore << *pmu.semaphore_shift;
    open.name = probe.name;
    open.config2 = probe.offset;
    open.pid = probe.pid;
    // pid -1 with cpu 0: any process on every CPU, as for a tracepoint.
    open.cpu = probe.pid < 0 ? 0 : -1;
    attachment.add(open, event);
  } else {
    bpf::TraceProbeOpen open;
    open.user = probe.user;
    open.at_return = probe.at_return;
    open.event = format("bpfld_{}_{}", attachment.profile.process, event);
    open.place = probe.user           ? format("{}:{:#x}", probe.name, probe.offset)
                 : probe.name.empty() ? format("{:#x}", probe.offset)
                 : probe.offset == 0  ? probe.name
                                      : format("{}+{}", probe.name, probe.offset);
    open.pid = probe.pid;
    bpf::TraceProbeRemove remove{open.user, open.event};
    attachment.add(std::move(open), event);
    attachment.out.ops.back().undo = std::move(remove);
  }
  attach_to_event(attachment, event, probe.cookie);
  if (!pmu.type) attachment.out.how += ", defined in tracefs";
}

}  // namespace bpfld::loader
