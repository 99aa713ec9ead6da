// SPDX-License-Identifier: Apache-2.0
// Runs a command and keeps what it wrote and how it ended, for tests of the bpfld command.
#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace bpfld::test {

struct ProcessOptions {
  std::string folder = {};                    // to run in; empty: this one
  std::vector<std::string> environment = {};  // "NAME=VALUE", added to ours
  bool drop_capabilities = false;             // run as if without root, whoever we are
  bool close_output = false;                  // nobody reads standard output
  std::chrono::seconds limit{60};             // then it is killed
};

// spec: a process that has ended.
struct Finished {
  int status = -1;  // as a shell gives it: the exit status, or 128 and the signal
  std::string out, err;
};

Finished run_process(const std::vector<std::string>& argv, const ProcessOptions& options = {});

}  // namespace bpfld::test
