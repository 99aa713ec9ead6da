// SPDX-License-Identifier: Apache-2.0
// fork, wait, exec; see child.h.
#include "cli/child.h"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <unistd.h>

#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/escape.h"

namespace bpfld::cli {
namespace {

struct Pipe {
  UniqueFd read, write;
};

Result<Pipe> make_pipe() {
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) != 0) return fail_errno(errno, "pipe2");
  return Pipe{UniqueFd(fds[0]), UniqueFd(fds[1])};
}

// The file of a command: itself when it is a path, else the first in PATH that can be executed.
Result<std::string> find_command_file(const std::string& name) {
  int found = ENOENT;
  const auto usable = [&](const std::string& path) {
    if (::access(path.c_str(), X_OK) == 0) return true;
    if (errno == EACCES) found = EACCES;
    return false;
  };
  if (name.find('/') != std::string::npos) {
    if (usable(name)) return name;
  } else if (!name.empty()) {
    const char* variable = ::getenv("PATH");  // NOLINT(concurrency-mt-unsafe): one thread
    std::string_view rest = variable == nullptr ? "/usr/bin:/bin" : variable;
    while (true) {
      const std::size_t end = rest.find(':');
      const std::string folder(rest.substr(0, end));
      const std::string path = (folder.empty() ? "." : folder) + "/" + name;
      if (usable(path)) return path;
      if (end == std::string_view::npos) break;
      rest.remove_prefix(end + 1);
    }
  }
  return fail_errno(found, "cannot run \"{}\"", escape_terminal(name));
}

// The child's side; only calls that are safe after fork(2).
[[noreturn]] void wait_and_exec(int go, int failed, const char* file, char* const* argv) {
  char byte = 0;
  ssize_t got = 0;
  do {
    got = ::read(go, &byte, 1);
  } while (got < 0 && errno == EINTR);
  if (got != 1) ::_exit(127);
  for (int signal : {SIGPIPE, SIGINT, SIGTERM, SIGHUP})
    ::signal(signal, SIG_DFL);
  ::execv(file, argv);
  const int error = errno;
  [[maybe_unused]] const ssize_t written = ::write(failed, &error, sizeof(error));
  ::_exit(127);
}

}  // namespace

std::string ChildEnd::text() const {
  return signaled ? format("was killed by signal {}", value) : format("exited {}", value);
}

Result<Child> Child::fork(const std::vector<std::string>& command) {
  const std::string file = TRY(find_command_file(command.front()));
  Pipe go = TRY(make_pipe());
  Pipe failed = TRY(make_pipe());
  std::vector<char*> argv;
  for (const std::string& word : command)
    argv.push_back(const_cast<char*>(word.c_str()));  // exec takes them so and does not write
  argv.push_back(nullptr);
  ::signal(SIGCHLD, SIG_DFL);  // ignored, it would take the exit status away
  Child child;
  child.name_ = command.front();
  child.pid_ = ::fork();
  if (child.pid_ < 0) return fail_errno(errno, "fork");
  if (child.pid_ == 0) {
    go.write.reset();  // else it would keep its own pipe open, and never see the end of it
    wait_and_exec(go.read.get(), failed.write.get(), file.c_str(), argv.data());
  }
  child.go_ = std::move(go.write);
  child.failed_ = std::move(failed.read);
  child.pidfd_ = UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, child.pid_, 0)));
  return child;
}

Status Child::release() {
  const char byte = 1;
  if (::write(go_.get(), &byte, 1) != 1)
    return fail_errno(errno, "cannot start \"{}\"", escape_terminal(name_));
  go_.reset();
  int error = 0;
  ssize_t got = 0;
  do {
    got = ::read(failed_.get(), &error, sizeof(error));
  } while (got < 0 && errno == EINTR);
  failed_.reset();
  if (got != static_cast<ssize_t>(sizeof(error))) return {};  // closed by the exec
  return fail_errno(error, "cannot run \"{}\"", escape_terminal(name_));
}

std::optional<ChildEnd> Child::ended() {
  int status = 0;
  if (!end_ && ::waitpid(pid_, &status, WNOHANG) == pid_) {
    if (WIFEXITED(status)) end_ = ChildEnd{.signaled = false, .value = WEXITSTATUS(status)};
    if (WIFSIGNALED(status)) end_ = ChildEnd{.signaled = true, .value = WTERMSIG(status)};
  }
  return end_;
}

void Child::terminate() {
  if (!ended()) ::kill(pid_, SIGTERM);
}

}  // namespace bpfld::cli
