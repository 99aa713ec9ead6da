// SPDX-License-Identifier: Apache-2.0
// The syscalls of event.h. glibc has no wrapper for perf_event_open(2).
#include "perf/event.h"

#include <array>
#include <cerrno>
#include <unistd.h>

#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

namespace bpfld::perf {
namespace {

constexpr u64 kFormatLost = 1u << 4;  // PERF_FORMAT_LOST, since v6.0

Status event_ioctl(int event_fd, unsigned long request, unsigned long argument, const char* name) {
  if (::ioctl(event_fd, request, argument) != 0) return fail_errno(errno, "ioctl({})", name);
  return {};
}

}  // namespace

Result<UniqueFd> open_event(const perf_event_attr& attr, int pid, int cpu) {
  const long fd = ::syscall(SYS_perf_event_open, &attr, pid, cpu, -1, PERF_FLAG_FD_CLOEXEC);
  if (fd < 0)
    return fail_errno(errno, "perf_event_open(type {}, config {:#x}, pid {}, cpu {})", attr.type,
                      attr.config, pid, cpu);
  return UniqueFd(static_cast<int>(fd));
}

Result<OutputEvent> open_bpf_output(u32 cpu, const WakeupOptions& wakeup) {
  perf_event_attr attr{};
  attr.size = sizeof attr;
  attr.type = PERF_TYPE_SOFTWARE;
  attr.config = PERF_COUNT_SW_BPF_OUTPUT;
  attr.sample_type = PERF_SAMPLE_RAW;
  attr.read_format = kFormatLost;
  attr.disabled = 1;
  if (wakeup.watermark != 0) {
    attr.watermark = 1;
    attr.wakeup_watermark = wakeup.watermark;
  } else {
    attr.wakeup_events = wakeup.events;
  }
  Result<UniqueFd> fd = open_event(attr, -1, static_cast<int>(cpu));
  const bool counts_lost = fd.has_value();
  if (!fd && fd.error().errno_value == EINVAL) {
    attr.read_format = 0;
    fd = open_event(attr, -1, static_cast<int>(cpu));
  }
  if (!fd) return std::unexpected(std::move(fd).error());
  OutputEvent event;
  event.fd = *std::move(fd);
  event.counts_lost = counts_lost;
  return event;
}

Result<u64> read_lost(int event_fd) {
  std::array<u64, 2> values{};  // value, lost: perf_event_open(2) "Reading results"
  const ssize_t got = ::read(event_fd, values.data(), sizeof values);
  if (got < 0) return fail_errno(errno, "reading a perf event's counters");
  if (got != static_cast<ssize_t>(sizeof values))
    return fail(Code::kernel, "a perf event's counters are {} bytes long, not {}", got,
                sizeof values);
  return values[1];
}

Status enable(int event_fd) {
  return event_ioctl(event_fd, PERF_EVENT_IOC_ENABLE, 0, "PERF_EVENT_IOC_ENABLE");
}

}  // namespace bpfld::perf
