// SPDX-License-Identifier: Apache-2.0
// See golden.h.
#include "tests/golden/golden.h"

#include <cstdlib>
#include <doctest/doctest.h>
#include <fstream>
#include <sstream>

namespace bpfld::test {
namespace {

// "line 3:\n-expected\n+found"
std::string first_difference(const std::string& expected, const std::string& found) {
  std::istringstream a(expected), b(found);
  for (int line = 1;; line++) {
    std::string left, right;
    const bool has_left = static_cast<bool>(std::getline(a, left));
    const bool has_right = static_cast<bool>(std::getline(b, right));
    if (has_left && has_right && left == right) continue;
    return "line " + std::to_string(line) + ":\n-" + (has_left ? left : "(end)") + "\n+" +
           (has_right ? right : "(end)");
  }
}

}  // namespace

void check_golden(const std::string& name, const std::string& text) {
  check_file("tests/golden/" + name + ".txt", text);
}

void check_file(const std::string& path, const std::string& text) {
  if (std::getenv("UPDATE_GOLDEN") != nullptr) {  // NOLINT(concurrency-mt-unsafe): one thread
    std::ofstream(path, std::ios::binary) << text;
    return;
  }
  std::ifstream file(path, std::ios::binary);
  REQUIRE_MESSAGE(file.is_open(), path, " is missing: UPDATE_GOLDEN=1 writes it");
  std::ostringstream expected;
  expected << file.rdbuf();
  if (expected.str() == text) return;
  FAIL_CHECK(path << " differs at " << first_difference(expected.str(), text)
                  << "\nIf the change is meant: UPDATE_GOLDEN=1, and review it.");
}

std::string built_object(const std::string& name) {
  return BPFLD_BUILD "/" + name;
}

}  // namespace bpfld::test
