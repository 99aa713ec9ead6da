// SPDX-License-Identifier: Apache-2.0
// The kernel that `explain` and `dump` are about: the running one, one whose types --btf gives, or
// one whose facts were saved with `bpfld profile save` and are given with --profile.
#pragma once

#include "cli/options.h"
#include "loader/profile.h"
#include "loader/saved_profile.h"

namespace bpfld::cli {

// The file that `bpfld profile save` wrote. Errors: those of reading; malformed, unsupported,
// limit.
[[nodiscard]] Result<loader::SavedProfile> read_saved_profile(const std::string& path);
// A file that the profile at `path` names, which is beside it; empty when `name` is.
std::string beside(const std::string& path, const std::string& name);

// The facts that `needs` asks for, of the kernel that --profile, --btf and --config name. Errors:
// those of the files that were named; usage (both --profile and --btf).
[[nodiscard]] Result<loader::KernelProfile> capture_kernel(const loader::Needs& needs,
                                                           const Arguments& arguments);

}  // namespace bpfld::cli
