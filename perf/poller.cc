// SPDX-License-Identifier: Apache-2.0
// epoll(7). The stop event is level-triggered and never read, so it ends every wait from then on.
#include "perf/poller.h"

#include <array>
#include <cerrno>
#include <unistd.h>

#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "base/int.h"

namespace bpfld::perf {
namespace {

Status watch(int epoll, int fd, u32 events) {
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  if (::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0)
    return fail_errno(errno, "epoll_ctl(ADD)");
  return {};
}

}  // namespace

Result<Poller> Poller::open() {
  UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll) return fail_errno(errno, "epoll_create1()");
  UniqueFd stop(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!stop) return fail_errno(errno, "eventfd()");
  TRY(watch(epoll.get(), stop.get(), EPOLLIN));
  return Poller(std::move(epoll), std::move(stop));
}

Status Poller::add(int fd) {
  return watch(epoll_.get(), fd, EPOLLIN | EPOLLET);
}

Status Poller::remove(int fd) {
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr) != 0)
    return fail_errno(errno, "epoll_ctl(DEL)");
  return {};
}

Result<Wakeup> Poller::wait(int timeout_ms) {
  std::array<epoll_event, 64> events;
  Wakeup wakeup;
  const int count =
      ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), timeout_ms);
  if (count < 0) {
    if (errno != EINTR) return fail_errno(errno, "epoll_wait()");
    wakeup.interrupted = true;
    return wakeup;
  }
  for (int i = 0; i < count; i++) {
    if (events[static_cast<std::size_t>(i)].data.fd == stop_.get()) {
      wakeup.stopped = true;
    } else {
      wakeup.ready++;
    }
  }
  return wakeup;
}

void Poller::stop() const {
  const int saved = errno;  // also called from signal handlers
  const u64 one = 1;
  // The only failure is a full counter, which says stop already.
  [[maybe_unused]] const ssize_t written = ::write(stop_.get(), &one, sizeof one);
  errno = saved;
}

}  // namespace bpfld::perf
