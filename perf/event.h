// SPDX-License-Identifier: Apache-2.0
// perf_event_open(2) and its ioctls: the events through which a program's output arrives, and those
// that make it run (tracepoints, and through perf_event_attr anything else that perf knows).
//
// The kernel counts what a full ring refused twice: in LOST records, which it writes only together
// with the next event that fits, and in the event itself, which read(2) returns with
// PERF_FORMAT_LOST. Only the second is exact; kernels that do not know it answer EINVAL.
#pragma once

#include "base/fd.h"
#include "base/result.h"

struct perf_event_attr;  // NOLINT(readability-identifier-naming): the kernel's

namespace bpfld::perf {

// When a ring wakes its reader. With more than one event or byte, a last partial batch wakes
// nobody: then wait with a timeout and drain.
struct WakeupOptions {
  u32 events = 1;     // after this many events
  u32 watermark = 0;  // bytes; when not 0, counts instead of `events`
};

// handle: the event of one CPU that bpf_perf_event_output() writes to.
struct OutputEvent {
  UniqueFd fd;
  bool counts_lost = false;  // read_lost() works
};

// perf_event_open(2) as it is, with PERF_FLAG_FD_CLOEXEC. pid -1: any process, then cpu is a CPU;
// cpu -1: any CPU, then pid is a process (0: this one). Errors: denied, not_found (ENOENT: no such
// event), kernel.
[[nodiscard]] Result<UniqueFd> open_event(const perf_event_attr& attr, int pid, int cpu);

// PERF_COUNT_SW_BPF_OUTPUT for one CPU, disabled until enable(). Errors: as open_event(); ENODEV
// when the CPU is offline.
[[nodiscard]] Result<OutputEvent> open_bpf_output(u32 cpu, const WakeupOptions& wakeup);

// Events that the ring had no room for, since it was opened. Exact. Needs OutputEvent::counts_lost.
[[nodiscard]] Result<u64> read_lost(int event_fd);

[[nodiscard]] Status enable(int event_fd);

}  // namespace bpfld::perf
