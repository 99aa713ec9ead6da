// SPDX-License-Identifier: Apache-2.0
// Waiting: what is ready, what stops it, and what a signal does. Pipes stand in for rings.
#include "perf/poller.h"

#include <array>
#include <atomic>
#include <csignal>
#include <ctime>
#include <doctest/doctest.h>
#include <thread>
#include <unistd.h>

namespace {

using namespace bpfld;
using namespace bpfld::perf;

struct Pipe {
  UniqueFd reading;
  UniqueFd writing;
};
Pipe make_pipe() {
  std::array<int, 2> ends{};
  REQUIRE(::pipe(ends.data()) == 0);
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}
void write_byte(const Pipe& pipe) {
  REQUIRE(::write(pipe.writing.get(), "x", 1) == 1);
}

Poller open_poller() {
  Result<Poller> poller = Poller::open();
  REQUIRE(poller.has_value());
  return *std::move(poller);
}

void ignore_signal(int) {}

}  // namespace

TEST_CASE("poller: nothing ready gives an empty wakeup") {
  Poller poller = open_poller();
  const Result<Wakeup> wakeup = poller.wait(0);
  REQUIRE(wakeup.has_value());
  CHECK(wakeup->ready == 0);
  CHECK_FALSE(wakeup->stopped);
  CHECK_FALSE(wakeup->interrupted);
}

TEST_CASE("poller: what becomes readable is told once, until there is something new") {
  Poller poller = open_poller();
  const Pipe first = make_pipe();
  const Pipe second = make_pipe();
  REQUIRE(poller.add(first.reading.get()).has_value());
  REQUIRE(poller.add(second.reading.get()).has_value());
  write_byte(first);
  CHECK(poller.wait(-1)->ready == 1);
  CHECK(poller.wait(0)->ready == 0);
  write_byte(first);
  write_byte(second);
  CHECK(poller.wait(-1)->ready == 2);
}

TEST_CASE("poller: what was removed or closed is not told") {
  Poller poller = open_poller();
  const Pipe removed = make_pipe();
  Pipe closed = make_pipe();
  REQUIRE(poller.add(removed.reading.get()).has_value());
  REQUIRE(poller.add(closed.reading.get()).has_value());
  REQUIRE(poller.remove(removed.reading.get()).has_value());
  write_byte(removed);
  write_byte(closed);
  closed.reading.reset();
  CHECK(poller.wait(0)->ready == 0);
  CHECK(poller.remove(removed.reading.get()).error().what == "epoll_ctl(DEL)");
  CHECK(poller.add(-1).error().message() == "epoll_ctl(ADD): Bad file descriptor (EBADF)");
}

TEST_CASE("poller: stop ends the wait under way, from another thread, and every later one") {
  Poller poller = open_poller();
  std::thread stopper([&] { poller.stop(); });
  CHECK(poller.wait(-1)->stopped);
  stopper.join();
  poller.stop();
  CHECK(poller.wait(-1)->stopped);
  CHECK(poller.wait(0)->stopped);
}

TEST_CASE("poller: a signal ends the wait and is no error") {
  Poller poller = open_poller();
  struct sigaction action{};
  struct sigaction old{};
  action.sa_handler = ignore_signal;
  REQUIRE(::sigaction(SIGUSR1, &action, &old) == 0);
  std::atomic<bool> done = false;
  const pthread_t waiter = ::pthread_self();
  // Until the wait is over: the first signal may come before it has begun.
  std::thread sender([&] {
    while (!done) {
      ::pthread_kill(waiter, SIGUSR1);
      std::this_thread::yield();
    }
  });
  const Result<Wakeup> wakeup = poller.wait(-1);
  done = true;
  sender.join();
  REQUIRE(::sigaction(SIGUSR1, &old, nullptr) == 0);
  REQUIRE(wakeup.has_value());
  CHECK(wakeup->interrupted);
  CHECK(wakeup->ready == 0);
}
