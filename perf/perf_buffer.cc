// SPDX-License-Identifier: Apache-2.0
// Sums of what walks found. The walk itself is inline: see perf_buffer.h.
#include "perf/perf_buffer.h"

namespace bpfld::perf {

void PerfCounts::add(const PerfWalk& walk) {
  samples += walk.samples;
  lost += walk.lost;
  skipped += walk.skipped;
  malformed += walk.malformed;
  corrupt += walk.corrupt;
}

void PerfCounts::add(const PerfCounts& other) {
  samples += other.samples;
  lost += other.lost;
  skipped += other.skipped;
  malformed += other.malformed;
  corrupt += other.corrupt;
}

}  // namespace bpfld::perf
