// SPDX-License-Identifier: Apache-2.0
// fork, exec, two pipes; see process.h.
#include "tests/support/process.h"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <poll.h>
#include <stdexcept>
#include <unistd.h>

#include <linux/securebits.h>
#include <sys/prctl.h>
#include <sys/wait.h>

namespace bpfld::test {
namespace {

[[noreturn]] void start(const ProcessOptions& options, char* const* argv, int out, int err) {
  ::dup2(out, 1);
  ::dup2(err, 2);
  const int null = ::open("/dev/null", O_RDONLY);
  ::dup2(null, 0);
  if (!options.folder.empty() && ::chdir(options.folder.c_str()) != 0) ::_exit(126);
  // Root without capabilities: exec gives none to uid 0 any more. Without root this fails, and
  // there were none to begin with.
  if (options.drop_capabilities)
    ::prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED, 0, 0, 0);
  for (const std::string& entry : options.environment)
    ::putenv(const_cast<char*>(entry.c_str()));
  ::execv(argv[0], argv);
  ::_exit(127);
}

// Reads what is there; false at the end.
bool read_some(int fd, std::string& out) {
  char buffer[65536];
  const ssize_t got = ::read(fd, buffer, sizeof(buffer));
  if (got > 0) out.append(buffer, static_cast<std::size_t>(got));
  return got > 0 || (got < 0 && errno == EINTR);
}

}  // namespace

Finished run_process(const std::vector<std::string>& argv, const ProcessOptions& options) {
  int out[2], err[2];
  if (::pipe2(out, O_CLOEXEC) != 0 || ::pipe2(err, O_CLOEXEC) != 0)
    throw std::runtime_error("pipe2");
  std::vector<char*> words;
  for (const std::string& word : argv)
    words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  const pid_t pid = ::fork();
  if (pid < 0) throw std::runtime_error("fork");
  if (pid == 0) start(options, words.data(), out[1], err[1]);
  ::close(out[1]);
  ::close(err[1]);
  Finished finished;
  pollfd polled[2] = {{out[0], POLLIN, 0}, {err[0], POLLIN, 0}};
  if (options.close_output) {
    ::close(out[0]);
    polled[0].fd = -1;
  }
  const auto end = std::chrono::steady_clock::now() + options.limit;
  while (polled[0].fd >= 0 || polled[1].fd >= 0) {
    ::poll(polled, 2, 100);
    if (polled[0].fd >= 0 && polled[0].revents != 0 && !read_some(out[0], finished.out))
      polled[0].fd = -1;
    if (polled[1].fd >= 0 && polled[1].revents != 0 && !read_some(err[0], finished.err))
      polled[1].fd = -1;
    if (std::chrono::steady_clock::now() >= end) ::kill(pid, SIGKILL);
  }
  if (!options.close_output) ::close(out[0]);
  ::close(err[0]);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  finished.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return finished;
}

}  // namespace bpfld::test
