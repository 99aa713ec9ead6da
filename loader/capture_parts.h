// SPDX-License-Identifier: Apache-2.0
// The parts of capture(), one file per source of facts. Each fills in what the needs ask of it and
// notes in the profile what could not be had. Private to loader/capture*.cc. Shell.
#pragma once

#include <string>
#include <vector>

#include "loader/capture.h"

namespace bpfld::loader {

// capture_btf.cc: BTF of the kernel and, only if something may be there, of its modules; names.
// Errors: those of a BTF file that was named by the caller.
[[nodiscard]] Status capture_btf(KernelProfile& profile, const Needs& needs,
                                 const CaptureOptions& options);

// capture_externs.cc. Errors: those of a configuration that was named by the caller.
[[nodiscard]] Status capture_kconfig(KernelProfile& profile, const Needs& needs,
                                     const CaptureOptions& options);
void capture_symbols(KernelProfile& profile, const Needs& needs);

// Names in a directory, sorted, without those that start with a dot; empty if it cannot be read.
std::vector<std::string> list_directory(const std::string& path);

}  // namespace bpfld::loader
