// SPDX-License-Identifier: Apache-2.0
// The parts of capture(), one file per source of facts. Each fills in what the needs ask of it and
// notes in the profile what could not be had. Private to loader/capture*.cc. Shell.
#pragma once

#include <string>
#include <string_view>
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

// capture_places.cc: what a user names: interfaces, cgroups, files.
void capture_places(KernelProfile& profile, const Needs& needs);

// capture_probes.cc: what probes are put on: the kernel's kinds of perf events, its functions, and
// the files of user space with their symbols.
void capture_probes(KernelProfile& profile, const Needs& needs, const CaptureOptions& options);

// capture_programs.cc: programs that are loaded already. `kernel` may be null: then nothing is
// known of them, and the facts say so.
void capture_programs(KernelProfile& profile, const Needs& needs, bpf::Kernel* kernel);
// All functions that a pattern means, of those that were captured, by the BTF that was captured.
void capture_traced(KernelProfile& profile, const Needs& needs);

// Names in a directory, sorted, without those that start with a dot; empty if it cannot be read.
std::vector<std::string> list_directory(const std::string& path);

// The few of `names` that are like `wanted`, best first.
std::vector<std::string> near_names(std::string_view wanted, const std::vector<std::string>& names);

// The message of an error whose errno the fact has beside it.
std::string text_without_errno(const Error& error);

}  // namespace bpfld::loader
