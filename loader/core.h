// SPDX-License-Identifier: Apache-2.0
// Where CO-RE meets the object: hands the relocations of all functions that are loaded to the engine at
// once (candidates are shared and narrow across the whole object), then patches the instructions.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "btf/core_resolve.h"
#include "loader/fixup.h"
#include "loader/profile.h"
#include "loader/spec.h"

namespace bpfld::loader {

// spec: every decision that CO-RE made. The strings of `resolutions` are views into `local`.
struct CoreOutcome {
  std::shared_ptr<const btf::View> local;          // view of ObjectSpec::btf, which outlives this
  std::vector<btf::core::Resolution> resolutions;  // in the order of the object's .BTF.ext
  std::vector<Fixup> fixups;                       // one per resolution
};

// Patches `code` (parallel to spec.functions; only the entries of `functions` are touched).
// Errors: those of resolve() and fix_up(), naming the function and the field; not_found when a function
// has relocations and the profile has no BTF to resolve them against.
[[nodiscard]] Result<CoreOutcome> relocate_core(const ObjectSpec& spec, std::span<const u32> functions,
                                                const KernelProfile& profile,
                                                std::vector<std::vector<bpf::Insn>>& code);

}  // namespace bpfld::loader
