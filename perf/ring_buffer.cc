// SPDX-License-Identifier: Apache-2.0
// Sums of what walks found. The walk itself is inline: see ring_buffer.h.
#include "perf/ring_buffer.h"

#include <algorithm>

namespace bpfld::perf {

void RingCounts::add(const RingWalk& walk) {
  samples += walk.samples;
  discarded += walk.discarded;
  corrupt += walk.corrupt;
  largest = std::max(largest, walk.largest);
}

void RingCounts::saw(u64 unread, u64 size) {
  const u64 used =
      std::min(unread, size);  // positions may be nonsense; the walk counts that as corrupt
  high_water = std::max(high_water, used);
  // The kernel never fills the last byte: a record must leave at least one free.
  if (largest != 0 && size - used <= largest) times_full++;
}

}  // namespace bpfld::perf
