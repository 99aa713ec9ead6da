// SPDX-License-Identifier: Apache-2.0
// Where CO-RE meets the object: hands the relocations of all functions that are loaded to the
// engine at once (candidates are shared and narrow across the whole object), then patches the
// instructions.
#pragma once

#include <span>
#include <vector>

#include "base/result.h"
#include "loader/profile.h"
#include "loader/spec.h"

namespace bpfld::loader {

// spec: every decision that CO-RE made.
struct CoreOutcome {};

// Patches `code` (parallel to spec.functions; only the entries of `functions` are touched).
[[nodiscard]] Result<CoreOutcome> relocate_core(const ObjectSpec& spec,
                                                std::span<const u32> functions,
                                                const KernelProfile& profile,
                                                std::vector<std::vector<bpf::Insn>>& code);

}  // namespace bpfld::loader
