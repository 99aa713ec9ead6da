// SPDX-License-Identifier: Apache-2.0
// SIGINT, SIGTERM and SIGHUP end a run: what is attached is detached, what is buffered is printed.
// The handler only notes the signal and wakes the event loop. A second SIGINT means now: the
// process ends in the handler, and the kernel detaches everything.
#pragma once

#include "perf/poller.h"

namespace bpfld::cli {

// handle: the handlers, while it lives. A signal that was ignored when we started stays ignored, as
// nohup(1) and shells' background jobs want it. One at a time.
class StopSignals {
 public:
  explicit StopSignals(const perf::Poller& poller);
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  // The signal that came, 0 when none did.
  int received() const;
};

}  // namespace bpfld::cli
