// SPDX-License-Identifier: Apache-2.0
// mmap() and the position words. See map.h for the layouts.
#include "perf/map.h"

#include <bit>
#include <cerrno>
#include <cstddef>
#include <unistd.h>
#include <utility>

#include <linux/perf_event.h>
#include <sys/mman.h>

namespace bpfld::perf {
namespace {

constexpr u64 kHeadOffset = offsetof(perf_event_mmap_page, data_head);
constexpr u64 kTailOffset = offsetof(perf_event_mmap_page, data_tail);
constexpr u64 kMostPages = u64{1} << 30;
static_assert(kHeadOffset == 1024 && kTailOffset == 1032, "perf_event_open(2): fixed by the ABI");

}  // namespace

u64 page_size() {
  static const u64 size = static_cast<u64>(::sysconf(_SC_PAGESIZE));
  return size;
}

Mapping::Mapping(Mapping&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

Mapping& Mapping::operator=(Mapping&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

Mapping::~Mapping() {
  if (data_ != nullptr) ::munmap(data_, size_);
}

Result<Mapping> Mapping::shared(int fd, u64 offset, u64 size, bool writable) {
  const int protection = writable ? PROT_READ | PROT_WRITE : PROT_READ;
  void* data = ::mmap(nullptr, size, protection, MAP_SHARED, fd, static_cast<off_t>(offset));
  if (data == MAP_FAILED) return fail_errno(errno, "mapping {} bytes at {:#x}", size, offset);
  return Mapping(static_cast<std::byte*>(data), size);
}

Result<PerfMap> PerfMap::open(int event_fd, u64 data_pages) {
  if (!std::has_single_bit(data_pages) || data_pages > kMostPages)
    return fail(Code::usage, "a perf ring of {} pages: the number must be a power of two",
                data_pages);
  Mapping mapping =
      TRY(with_context(Mapping::shared(event_fd, 0, (1 + data_pages) * page_size(), true),
                       [&] { return format("perf ring of 1 + {} pages", data_pages); }));
  return PerfMap(std::move(mapping));
}

Bytes PerfMap::data() const {
  return Bytes(mapping_.data(), mapping_.size()).subspan(page_size());
}
u64 PerfMap::head() const {
  return shared_word<u64>(mapping_.data() + kHeadOffset).load(std::memory_order_acquire);
}
u64 PerfMap::tail() const {
  return shared_word<u64>(mapping_.data() + kTailOffset).load(std::memory_order_relaxed);
}
void PerfMap::set_tail(u64 tail) {
  shared_word<u64>(mapping_.data() + kTailOffset).store(tail, std::memory_order_release);
}

Result<RingMap> RingMap::open(int map_fd, u64 size) {
  if (!std::has_single_bit(size) || size < page_size() || size > u64{1} << 40)
    return fail(Code::usage,
                "a ring buffer of {} bytes: the size must be a power of two and whole pages", size);
  Mapping consumer = TRY(with_context(Mapping::shared(map_fd, 0, page_size(), true),
                                      [] { return std::string("ring buffer's consumer page"); }));
  Mapping producer =
      TRY(with_context(Mapping::shared(map_fd, page_size(), page_size() + 2 * size, false),
                       [] { return std::string("ring buffer's data"); }));
  return RingMap(std::move(consumer), std::move(producer), size);
}

Bytes RingMap::data() const {
  return Bytes(producer_.data(), producer_.size()).subspan(page_size());
}
u64 RingMap::producer() const {
  return shared_word<u64>(producer_.data()).load(std::memory_order_acquire);
}
u64 RingMap::consumer() const {
  return shared_word<u64>(consumer_.data()).load(std::memory_order_relaxed);
}
void RingMap::set_consumer(u64 consumer) {
  shared_word<u64>(consumer_.data()).store(consumer, std::memory_order_release);
}

}  // namespace bpfld::perf
