// SPDX-License-Identifier: Apache-2.0
// The command after `--`: made before programs attach, so that its process id is known, and
// released after, so that nothing it does is missed. Until then it waits in a read(2). It is looked
// up before that, so that the first thing to be seen of it is one execve(2), not a search.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace bpfld::cli {

// spec: how a command ended.
struct ChildEnd {
  bool signaled = false;
  int value = 0;  // exit status, or the signal's number
  // As a shell gives it: the exit status, or 128 and the signal.
  int status() const { return signaled ? 128 + value : value; }
  std::string text() const;  // "exited 1", "was killed by signal 9"
};

// handle: one command. A child that was never released ends when this is destroyed.
class Child {
 public:
  // Finds the command as a shell would and forks. The child waits for release().
  // Errors: not_found (no such command), denied (not executable), kernel.
  [[nodiscard]] static Result<Child> fork(const std::vector<std::string>& command);
  Child(Child&&) = default;
  Child& operator=(Child&&) = default;
  ~Child() = default;

  int pid() const { return pid_; }
  // Readable when the child has ended; -1 on kernels before 5.3.
  int ended_fd() const { return pidfd_.get(); }

  // Lets it go. Errors: not_found, denied, kernel: the command could not be executed.
  [[nodiscard]] Status release();
  // How it ended, once it has.
  std::optional<ChildEnd> ended();
  // Asks it to end, if it has not.
  void terminate();

 private:
  Child() = default;
  std::string name_;
  int pid_ = -1;
  UniqueFd go_;      // closing it without writing ends the child
  UniqueFd failed_;  // tells the errno of execv(3)
  UniqueFd pidfd_;
  std::optional<ChildEnd> end_;
};

}  // namespace bpfld::cli
