// SPDX-License-Identifier: Apache-2.0
// Counts the bytes that the test program has from operator new, so that a test can hold a parser to
// its promise: what a hostile file makes it allocate is bounded by the file's size.
#pragma once

#include "base/int.h"

namespace bpfld::test {

// Bytes in use now.
u64 allocated_now();
// The most that was in use since the last reset; reset makes it what is in use now.
u64 allocated_peak();
void reset_allocated_peak();

// What `work` had in use at its worst, beyond what was in use before.
template <typename Work>
u64 peak_of(Work work) {
  const u64 before = allocated_now();
  reset_allocated_peak();
  work();
  return allocated_peak() - before;
}

}  // namespace bpfld::test
