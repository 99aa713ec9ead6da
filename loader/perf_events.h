// SPDX-License-Identifier: Apache-2.0
// Whether a perf event that a program samples is counted by the processor or by the kernel: a
// machine without counters, as most virtual ones are, has only the latter. Pure.
#pragma once

#include <string_view>

namespace bpfld::loader {

// Of a place as attach_perf_event.cc reads it, "cycles@99". False for what is no event.
bool is_hardware_event(std::string_view place);

}  // namespace bpfld::loader
