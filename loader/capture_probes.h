// SPDX-License-Identifier: Apache-2.0
// The part of capture() that looks for what probes are put on: the kernel's kinds of perf events,
// its functions, and the files of user space with their symbols. Private to loader/capture*.cc.
// Shell.
#pragma once

#include "loader/capture.h"

namespace bpfld::loader {

void capture_probes(const Needs& needs, const CaptureOptions& options, KernelProfile& profile);

}  // namespace bpfld::loader
