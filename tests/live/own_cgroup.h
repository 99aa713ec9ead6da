// SPDX-License-Identifier: Apache-2.0
// A cgroup of the test's own, so that programs of cgroups see nobody else's processes.
#pragma once

#include <doctest/doctest.h>
#include <string>
#include <unistd.h>

#include <sys/stat.h>

#include "base/mapped_file.h"
#include "loader/capture.h"

namespace bpfld::test {

// handle: a directory below the cgroup2 mount, removed at the end.
class OwnCgroup {
 public:
  OwnCgroup() {
    const Result<std::string> mounts = read_text("/proc/self/mountinfo");
    REQUIRE(mounts);
    const std::string mount = loader::cgroup2_mount(*mounts);
    REQUIRE_FALSE(mount.empty());
    path_ = format("{}/bpfld-test-{}", mount, ::getpid());
    REQUIRE(::mkdir(path_.c_str(), 0755) == 0);
  }
  OwnCgroup(const OwnCgroup&) = delete;
  OwnCgroup& operator=(const OwnCgroup&) = delete;
  ~OwnCgroup() { CHECK_MESSAGE(::rmdir(path_.c_str()) == 0, path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace bpfld::test
