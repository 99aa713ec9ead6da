// SPDX-License-Identifier: Apache-2.0
// sigaction(2); see signals.h.
#include "cli/signals.h"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <unistd.h>

#include "cli/report.h"

namespace bpfld::cli {
namespace {

constexpr int kSignals[] = {SIGINT, SIGTERM, SIGHUP};

// What a handler may touch: lock-free, in static storage.
std::atomic<const perf::Poller*> g_poller{nullptr};
std::atomic<int> g_received{0};
static_assert(std::atomic<const perf::Poller*>::is_always_lock_free);

void on_signal(int signal) {
  const int saved = errno;
  if (g_received.exchange(signal) == SIGINT && signal == SIGINT)
    ::_exit(static_cast<int>(Exit::interrupted));
  if (const perf::Poller* poller = g_poller.load()) poller->stop();
  errno = saved;
}

}  // namespace

StopSignals::StopSignals(const perf::Poller& poller) {
  g_received = 0;
  g_poller = &poller;
  for (int signal : kSignals) {
    struct sigaction now = {};
    if (::sigaction(signal, nullptr, &now) == 0 && now.sa_handler == SIG_IGN) continue;
    struct sigaction action = {};
    action.sa_handler = on_signal;  // no SA_RESTART: a write that hangs is to be interrupted
    ::sigaction(signal, &action, nullptr);
  }
}

StopSignals::~StopSignals() {
  g_poller = nullptr;
}

int StopSignals::received() const {
  return g_received.load();
}

}  // namespace bpfld::cli
