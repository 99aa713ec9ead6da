// SPDX-License-Identifier: Apache-2.0
// What the walks over the perf ring and the BPF ring buffer share: how much one call may do, how a
// range that wraps becomes one piece, and how the caller's function is called.
//
// A walk is a pure function over a span of memory and two positions. Positions count bytes since
// the ring was made and only grow; the place in memory is the position modulo the ring's size.
// Everything in a ring is taken for hostile: a size is used only after it was compared with what
// lies between the positions.
#pragma once

#include <cstring>
#include <span>
#include <type_traits>

#include "base/bytes.h"

namespace bpfld::perf {

// A walk ends when it has seen either; `more` then tells that the ring was not empty. A producer
// that is faster than the reader can so never keep it inside one call.
struct WalkLimits {
  u64 records = u64{1} << 16;
  u64 bytes = ~u64{0};
};

// spec: how a drain, which is a series of walks, ended.
struct Drained {
  u64 samples = 0;
  bool more = false;     // a limit was reached, or the caller stopped: drain again before waiting
  bool stopped = false;  // the caller's function said stop
};

// `size` bytes from `offset` of a ring whose contents repeat every `ring_size` bytes, in one piece:
// a part of `memory` when it lies inside (always, where the ring is mapped twice in a row), else a
// copy in `scratch`. Needs offset < ring_size <= memory.size() and size <= ring_size; a scratch
// that is too small gives an empty span.
inline Bytes ring_bytes(Bytes memory, u64 ring_size, u64 offset, u64 size,
                        std::span<std::byte> scratch) {
  if (fits(memory.size(), offset, size)) return memory.subspan(offset, size);
  if (size > scratch.size()) return {};
  const u64 first = ring_size - offset;
  std::memcpy(scratch.data(), memory.data() + offset, first);
  std::memcpy(scratch.data() + first, memory.data(), size - first);
  return scratch.first(size);
}

// Calls a function that returns nothing, or a bool of which false ends the walk after this record.
template <typename OnSample, typename Sample>
bool wants_more(OnSample& on_sample, const Sample& sample) {
  if constexpr (std::is_same_v<std::invoke_result_t<OnSample&, const Sample&>, bool>) {
    return on_sample(sample);
  } else {
    on_sample(sample);
    return true;
  }
}

}  // namespace bpfld::perf
