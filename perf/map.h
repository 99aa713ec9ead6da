// SPDX-License-Identifier: Apache-2.0
// The memory that kernel and reader share, mapped and unmapped. The positions in it are the only
// words that both sides write and read at the same time, so they are touched here only, each with
// the ordering that the kernel's side expects.
//
// perf ring: perf_event_open(2) "MMAP layout", kernel/events/ring_buffer.c:
// perf_output_put_handle(). BPF ring buffer: Documentation/bpf/ringbuf.rst, kernel/bpf/ringbuf.c:
// __bpf_ringbuf_reserve().
#pragma once

#include <atomic>

#include "base/bytes.h"
#include "base/result.h"

namespace bpfld::perf {

// Bytes in a page of this machine.
u64 page_size();

// handle: one mmap()ed range.
class Mapping {
 public:
  Mapping() = default;
  Mapping(Mapping&& other) noexcept;
  Mapping& operator=(Mapping&& other) noexcept;
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping();

  // Maps `size` bytes of `fd` from `offset`, shared. `size` is 64-bit on purpose: a 2 GiB ring
  // buffer is mapped twice. Errors: denied, kernel.
  [[nodiscard]] static Result<Mapping> shared(int fd, u64 offset, u64 size, bool writable);

  std::byte* data() const { return data_; }
  u64 size() const { return size_; }

 private:
  Mapping(std::byte* data, u64 size) : data_(data), size_(size) {}
  std::byte* data_ = nullptr;
  u64 size_ = 0;
};

// handle: one CPU's perf ring: a control page, then the data.
class PerfMap {
 public:
  // `data_pages` is a power of two. Errors: usage, denied (the limit of perf_event_mlock_kb),
  // kernel.
  [[nodiscard]] static Result<PerfMap> open(int event_fd, u64 data_pages);

  Bytes data() const LIFETIMEBOUND;
  // Up to where the kernel has written. Acquire: what lies before it is visible.
  u64 head() const;
  // Up to where the reader is done, as it last said.
  u64 tail() const;
  // Hands everything before `tail` back. Release: reads of it are over.
  void set_tail(u64 tail);

 private:
  explicit PerfMap(Mapping mapping) : mapping_(std::move(mapping)) {}
  Mapping mapping_;
};

// handle: one BPF ring buffer: the consumer's page, writable; then the producer's page and the
// data, which the kernel maps twice in a row, so that no record is in two pieces.
class RingMap {
 public:
  // `size` is the map's max_entries: a power of two and a multiple of the page size. Errors: usage,
  // denied, kernel.
  [[nodiscard]] static Result<RingMap> open(int map_fd, u64 size);

  u64 size() const { return size_; }
  // Both copies: 2 * size() bytes.
  Bytes data() const LIFETIMEBOUND;
  u64 producer() const;  // acquire
  u64 consumer() const;
  void set_consumer(u64 consumer);  // release

 private:
  friend struct KernelSide;  // tests play the kernel in this very mapping, where TSan can watch
                             // both
  RingMap(Mapping consumer, Mapping producer, u64 size)
      : consumer_(std::move(consumer)), producer_(std::move(producer)), size_(size) {}
  Mapping consumer_;
  Mapping producer_;
  u64 size_ = 0;
};

// A word of shared memory as an atomic. `at` must be aligned.
template <typename T>
std::atomic_ref<T> shared_word(const std::byte* at) {
  // Loads do not write, also where the page is mapped read-only: these types are lock-free.
  static_assert(std::atomic_ref<T>::is_always_lock_free);
  return std::atomic_ref<T>(*reinterpret_cast<T*>(const_cast<std::byte*>(at)));
}

}  // namespace bpfld::perf
