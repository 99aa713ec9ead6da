// SPDX-License-Identifier: Apache-2.0
// Waits until one of many rings has something, a signal came, time is up, or another thread says
// stop.
//
// Rings are watched edge-triggered: the kernel calls a ring readable also when its first record is
// only reserved, and a level-triggered wait would then spin until the program commits it. The price
// is that every ring must be drained before each wait; Drained::more tells when it was not.
#pragma once

#include "base/fd.h"
#include "base/result.h"

namespace bpfld::perf {

// spec: why a wait ended. All false and 0: time was up.
struct Wakeup {
  u32 ready = 0;             // rings that have something; drain all of them anyway
  bool stopped = false;      // stop() was called, now or before
  bool interrupted = false;  // a signal handler ran (EINTR)
};

// handle: an epoll instance and an eventfd.
class Poller {
 public:
  [[nodiscard]] static Result<Poller> open();

  // Watches `fd`, which stays the caller's, until it is closed or removed. Errors: kernel.
  [[nodiscard]] Status add(int fd);
  [[nodiscard]] Status remove(int fd);

  // Waits at most `timeout_ms` milliseconds; -1: without end; 0: only looks. Errors: kernel.
  [[nodiscard]] Result<Wakeup> wait(int timeout_ms);

  // Ends this and every later wait. May be called from another thread or a signal handler.
  void stop() const;

  // For a caller with a loop of its own: readable when wait(0) would tell something.
  int fd() const { return epoll_.get(); }

 private:
  Poller(UniqueFd epoll, UniqueFd stop) : epoll_(std::move(epoll)), stop_(std::move(stop)) {}
  UniqueFd epoll_;
  UniqueFd stop_;
};

}  // namespace bpfld::perf
