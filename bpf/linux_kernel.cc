// SPDX-License-Identifier: Apache-2.0
// The only caller of bpf(2) and, for attaching, of perf_event_open(2). Shell.
#include <cerrno>
#include <charconv>
#include <fcntl.h>
#include <unistd.h>

#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "base/escape.h"
#include "base/fd.h"
#include "bpf/encode.h"
#include "bpf/kernel.h"
#include "bpf/linux_kernel_net.h"
#include "bpf/linux_pins.h"

namespace bpfld::bpf {
namespace {

// fds 0-2 are never handed out: a BPF fd there would be "closed" by whoever redirects standard
// streams, and a map fd 0 in an attr means "none".
Result<i64> above_standard_streams(long fd) {
  if (fd < 0 || fd > 2) return fd;
  const int moved = ::fcntl(static_cast<int>(fd), F_DUPFD_CLOEXEC, 3);
  const int saved = errno;
  ::close(static_cast<int>(fd));
  if (moved < 0) return fail_errno(saved, "fcntl(F_DUPFD_CLOEXEC)");
  return moved;
}

std::string log_text(const std::vector<char>& log) {
  return std::string(log.data(), ::strnlen(log.data(), log.size()));
}

Result<Reply> call_bpf(const Request& request, EncodedAttr& encoded) {
  const long got =
      ::syscall(SYS_bpf, static_cast<int>(encoded.command), encoded.attr.data(), kAttrSize);
  const int saved = errno;
  if (got < 0) {
    std::unexpected<Error> failure = fail_errno(saved, "{}", call_name(request));
    failure.error().detail = log_text(encoded.log);
    if (saved == ENOSPC && !encoded.log.empty())
      failure.error().room = load_checked<u32>(
          Bytes(encoded.attr),
          encoded.command == Command::btf_load ? kBtfLogSizeResult : kProgLogSizeResult);
    return failure;
  }
  Reply reply;
  reply.value = returns_fd(request) ? TRY(above_standard_streams(got)) : got;
  reply.data = std::move(encoded.output);
  reply.log = log_text(encoded.log);
  const Bytes attr(encoded.attr);
  if (std::holds_alternative<NextId>(request)) reply.value = load_checked<u32>(attr, kNextIdResult);
  if (std::holds_alternative<ProgTestRun>(request))
    reply.value = load_checked<u32>(attr, kTestRunResult);
  if (const ObjectInfo* info = std::get_if<ObjectInfo>(&request);
      info != nullptr && info->name_room == 0)
    reply.data.resize(
        std::min<std::size_t>(reply.data.size(), load_checked<u32>(attr, kInfoLengthResult)));
  if (const ObjectContents* contents = std::get_if<ObjectContents>(&request)) {
    u64 length = load_checked<u32>(reply.data, contents_length_at(*contents));
    if (contents->functions) length *= kFunctionInfoSize;
    reply.data.erase(reply.data.begin(), reply.data.begin() + kContentsStart);
    reply.data.resize(std::min<u64>(length, contents->size));
  }
  return reply;
}

// The same, with the path that the kernel is given in its place: one that cannot change meanwhile.
Result<Reply> call_with_path(Request request) {
  PinPlace place;
  std::string* path = nullptr;
  if (ObjPin* pin = std::get_if<ObjPin>(&request)) {
    place = TRY(place_for_pin(pin->path));
    path = &pin->path;
  }
  if (ObjGet* get = std::get_if<ObjGet>(&request)) {
    place = TRY(place_of_pin(get->path));
    path = &get->path;
  }
  const std::string shown = std::exchange(*path, place.path);
  EncodedAttr encoded;
  encode(request, encoded);
  return with_context(call_bpf(request, encoded), [&] { return escape_terminal(shown); });
}

Result<Reply> open_perf_event(const PerfEventOpen& r) {
  perf_event_attr attr = {};
  attr.size = sizeof(attr);
  attr.type = r.type;
  attr.config = r.config;
  if (!r.name.empty()) attr.config1 = reinterpret_cast<std::uintptr_t>(r.name.c_str());
  attr.config2 = r.config2;
  attr.sample_period = r.sample_period;
  attr.freq = r.frequency ? 1 : 0;
  const long fd = ::syscall(SYS_perf_event_open, &attr, r.pid, r.cpu, -1, PERF_FLAG_FD_CLOEXEC);
  if (fd < 0) return fail_errno(errno, "perf_event_open");
  Reply reply;
  reply.value = TRY(above_standard_streams(fd));
  return reply;
}

Result<Reply> set_program(const PerfSetBpf& r) {
  if (::ioctl(r.event.get(), PERF_EVENT_IOC_SET_BPF, r.program.get()) != 0)
    return fail_errno(errno, "ioctl(PERF_EVENT_IOC_SET_BPF)");
  return Reply{};
}

// tracefs, where an administrator has it.
std::string tracefs_path(std::string_view name) {
  const std::string_view folder = ::access("/sys/kernel/tracing/events", F_OK) == 0
                                      ? "/sys/kernel/tracing/"
                                      : "/sys/kernel/debug/tracing/";
  return std::string(folder) + std::string(name);
}

// Definitions are added at the end of the file: O_TRUNC would remove all others.
Status append_line(bool user, const std::string& line) {
  const char* name = user ? "uprobe_events" : "kprobe_events";
  const UniqueFd file(
      ::open(tracefs_path(name).c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));  // NOLINT: open(2)
  if (!file) return fail_errno(errno, "open({})", name);
  if (::write(file.get(), line.data(), line.size()) < 0)
    return fail_errno(errno, "write({})", name);
  return {};
}

Result<u64> trace_event_id(const std::string& event) {
  const std::string path = tracefs_path("events/bpfld/" + event + "/id");
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));  // NOLINT: open(2)
  if (!file) return fail_errno(errno, "open({})", path);
  char text[24];
  const ssize_t size = ::read(file.get(), text, sizeof text);
  if (size < 0) return fail_errno(errno, "read({})", path);
  u64 id = 0;
  if (std::from_chars(text, text + size, id).ec != std::errc())
    return fail(Code::internal, "{} does not hold a number", path);
  return id;
}

Result<Reply> remove_trace_probe(const TraceProbeRemove& r) {
  TRY(append_line(r.user, "-:bpfld/" + r.event + "\n"));
  return Reply{};
}

Result<Reply> open_trace_event(const TraceProbeOpen& r) {
  PerfEventOpen open;
  open.type = PERF_TYPE_TRACEPOINT;
  open.config = TRY(trace_event_id(r.event));
  open.pid = r.pid;
  open.cpu = r.pid < 0 ? 0 : -1;
  return open_perf_event(open);
}

Result<Reply> open_trace_probe(const TraceProbeOpen& r) {
  TRY(append_line(r.user, format("{}:bpfld/{} {}\n", r.at_return ? "r" : "p", r.event, r.place)));
  Result<Reply> reply = open_trace_event(r);
  if (!reply) static_cast<void>(remove_trace_probe({r.user, r.event}));
  return reply;
}

// A fault in an arena that does not allocate by itself (BPF_F_SEGV_ON_FAULT) is EFAULT in read(2)
// and would be our death in memcpy().
Result<Reply> write_memory(void* to, const std::vector<std::byte>& bytes) {
  const UniqueFd file(::memfd_create("bpfld-arena", MFD_CLOEXEC));
  if (file.get() < 0) return fail_errno(errno, "memfd_create");
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n =
        ::pwrite(file.get(), bytes.data() + done, bytes.size() - done, static_cast<off_t>(done));
    if (n <= 0) return fail_errno(errno, "writing the arena's first contents");
    done += static_cast<std::size_t>(n);
  }
  done = 0;
  while (done < bytes.size()) {
    const ssize_t n = ::pread(file.get(), static_cast<char*>(to) + done, bytes.size() - done,
                              static_cast<off_t>(done));
    if (n <= 0) return fail_errno(n < 0 ? errno : EIO, "writing the arena's first contents");
    done += static_cast<std::size_t>(n);
  }
  return Reply{};
}

Result<Reply> set_up_arena(const ArenaSetUp& r) {
  // The address is the object's wish: it must not replace anything of ours.
  const int fixed = r.address != 0 ? MAP_FIXED_NOREPLACE : 0;
  void* const wish = reinterpret_cast<void*>(
      static_cast<std::uintptr_t>(r.address));  // NOLINT(performance-no-int-to-ptr)
  void* const start =
      ::mmap(wish, r.size, PROT_READ | PROT_WRITE, MAP_SHARED | fixed, r.map.get(), 0);
  if (start == MAP_FAILED) return fail_errno(errno, "mmap");
  Result<Reply> reply = write_memory(start, r.contents);
  ::munmap(start, r.size);
  return reply;
}

Result<Reply> raise_memlock() {
  const rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};
  if (::setrlimit(RLIMIT_MEMLOCK, &unlimited) != 0)
    return fail_errno(errno, "setrlimit(RLIMIT_MEMLOCK)");
  return Reply{};
}

}  // namespace

Result<Reply> LinuxKernel::call(const Request& request) {
  const ObjGet* get = std::get_if<ObjGet>(&request);
  if (std::holds_alternative<ObjPin>(request) || (get != nullptr && !get->of_anyone))
    return call_with_path(request);
  if (const std::optional<Result<Reply>> done = call_pins(request)) return *done;
  EncodedAttr encoded;
  if (encode(request, encoded)) return call_bpf(request, encoded);
  if (const PerfEventOpen* open = std::get_if<PerfEventOpen>(&request))
    return open_perf_event(*open);
  if (const PerfSetBpf* set = std::get_if<PerfSetBpf>(&request)) return set_program(*set);
  if (const TraceProbeOpen* open = std::get_if<TraceProbeOpen>(&request))
    return open_trace_probe(*open);
  if (const TraceProbeRemove* remove = std::get_if<TraceProbeRemove>(&request))
    return remove_trace_probe(*remove);
  if (const ArenaSetUp* arena = std::get_if<ArenaSetUp>(&request)) return set_up_arena(*arena);
  if (std::holds_alternative<RaiseMemlock>(request)) return raise_memlock();
  Result<Reply> reply = call_net(request);
  if (reply && returns_fd(request)) reply->value = TRY(above_standard_streams(reply->value));
  return reply;
}

}  // namespace bpfld::bpf
