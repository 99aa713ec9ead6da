// SPDX-License-Identifier: Apache-2.0
// doctest's main(), and the program that the execsnoop test executes: this same file, so that the
// test needs nothing that the smallest guest lacks.
//
// With BPFLD_ALONE in the environment nobody else on the machine loads BPF programs, as in the
// guests of the kernel matrix: then no object at all may be in the kernel that was not there
// before.
#define DOCTEST_CONFIG_IMPLEMENT
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <doctest/doctest.h>
#include <thread>

#include "tests/live/support.h"

namespace {

using bpfld::test::KernelObject;

// The objects that came since `before`, once there are none or after two seconds: the kernel frees
// some of them later.
std::vector<KernelObject> leaked(const std::vector<KernelObject>& before) {
  std::vector<KernelObject> left;
  for (int tries = 0; tries < 200; tries++) {
    left = bpfld::test::all_objects();
    std::erase_if(left, [&](const KernelObject& object) {
      return std::ranges::find(before, object) != before.end();
    });
    if (left.empty()) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return left;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::strcmp(argv[1], "--exec-target") == 0) return 0;
  const bool alone = std::getenv("BPFLD_ALONE") != nullptr;
  const std::vector<KernelObject> before =
      alone ? bpfld::test::all_objects() : std::vector<KernelObject>();
  doctest::Context context(argc, argv);
  const int status = context.run();
  if (!alone) return status;
  const std::vector<KernelObject> left = leaked(before);
  if (left.empty()) return status;
  std::printf("live: left in the kernel: %s\n", bpfld::test::name_objects(left).c_str());
  return 1;
}
