// SPDX-License-Identifier: Apache-2.0
// A BPF file system for one test: in a mount namespace of its own, so it is gone with the child
// process that the test's body runs in.
#pragma once

#include <doctest/doctest.h>
#include <sched.h>
#include <unistd.h>

#include <sys/mount.h>
#include <sys/wait.h>

namespace bpfld::test {

inline constexpr const char* kOwnBpffs = "/sys/fs/bpf";

// In such a body: a condition that does not hold ends it with a number that tells the line.
#define WANT(condition) \
  if (!(condition)) return __LINE__ % 250 + 1

// Runs `body` in a child with its own BPF file system at kOwnBpffs; gives what it returned, 0 when
// all is well.
template <typename Body>
int in_own_bpffs(Body body) {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    if (::unshare(CLONE_NEWNS) != 0) ::_exit(251);
    if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) ::_exit(252);
    if (::mount("bpffs", kOwnBpffs, "bpf", 0, nullptr) != 0) ::_exit(253);
    int code = 254;  // of a REQUIRE that failed: only the parent goes on with other tests
    try {
      code = body();
    } catch (...) {
    }
    ::_exit(code);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

}  // namespace bpfld::test
