// SPDX-License-Identifier: Apache-2.0
// Replaces the global operator new and delete of the test program; see allocations.h. The aligned
// forms are left alone: the standard ones do not call these, and nothing here over-aligns.
#include "tests/support/allocations.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <malloc.h>
#include <new>

namespace {

std::atomic<bpfld::u64> now = 0;
std::atomic<bpfld::u64> peak = 0;

void* take(std::size_t size) {
  void* at = std::malloc(size);
  if (at == nullptr) std::abort();
  const bpfld::u64 in_use = now += malloc_usable_size(at);
  if (in_use > peak) peak = in_use;  // a lost race between threads costs a little accuracy
  return at;
}

void give(void* at) {
  if (at != nullptr) now -= malloc_usable_size(at);
  std::free(at);
}

}  // namespace

namespace bpfld::test {
u64 allocated_now() {
  return now;
}
u64 allocated_peak() {
  return peak;
}
void reset_allocated_peak() {
  peak = now.load();
}
}  // namespace bpfld::test

void* operator new(std::size_t size) {
  return take(size);
}
void* operator new[](std::size_t size) {
  return take(size);
}
void operator delete(void* at) noexcept {
  give(at);
}
void operator delete[](void* at) noexcept {
  give(at);
}
void operator delete(void* at, std::size_t) noexcept {
  give(at);
}
void operator delete[](void* at, std::size_t) noexcept {
  give(at);
}
