// SPDX-License-Identifier: Apache-2.0
// The part of capture() that looks for what programs look at besides single functions: programs
// that are loaded already, and all functions that a pattern means. Private to loader/capture*.cc.
// Shell.
#pragma once

#include "bpf/kernel.h"
#include "loader/profile.h"

namespace bpfld::loader {

// `kernel` may be null: then nothing is known of programs, and the facts say so.
void capture_programs(const Needs& needs, bpf::Kernel* kernel, KernelProfile& profile);
// Needs the functions and the BTF that were captured before.
void capture_traced(const Needs& needs, KernelProfile& profile);

}  // namespace bpfld::loader
