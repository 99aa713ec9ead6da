// SPDX-License-Identifier: Apache-2.0
// What the tests of the command share: running the built one.
#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "tests/support/process.h"

namespace bpfld::test {

// Runs bpfld as somebody without privileges, so that the answer is the same for root.
inline Finished run_command(std::vector<std::string> words, ProcessOptions options = {}) {
  words.insert(words.begin(), BPFLD_COMMAND);
  options.drop_capabilities = true;
  return run_process(words, options);
}

// The same with the privileges that the test has: root's output, when root runs it.
inline Finished run_privileged(std::vector<std::string> words, ProcessOptions options = {}) {
  words.insert(words.begin(), BPFLD_COMMAND);
  return run_process(words, options);
}

inline std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace bpfld::test
