// SPDX-License-Identifier: Apache-2.0
// doctest's main(), and the program that the execsnoop test executes: this same file, so that the
// test needs nothing that the smallest guest lacks.
#define DOCTEST_CONFIG_IMPLEMENT
#include <cstring>
#include <doctest/doctest.h>

int main(int argc, char** argv) {
  if (argc > 1 && std::strcmp(argv[1], "--exec-target") == 0) return 0;
  doctest::Context context(argc, argv);
  return context.run();
}
