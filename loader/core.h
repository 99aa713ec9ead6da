// SPDX-License-Identifier: Apache-2.0
// Where CO-RE meets the object: hands the relocations of all functions that are loaded to the
// engine at once (candidates are shared and narrow across the whole object), then patches the
// instructions. The two halves are separate calls, so that the answers can be shown also when one
// of them makes loading impossible.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "btf/core_resolve.h"
#include "loader/fixup.h"
#include "loader/profile.h"
#include "loader/spec.h"

namespace bpfld::loader {

// spec: every decision that CO-RE made. `resolutions` and `sources` are parallel, in the order of
// .BTF.ext; so are `fixups`, up to the first that failed.
struct CoreOutcome {
  // Which relocation a resolution answers: spec.functions[function].core[index].
  struct Source {
    u32 function = 0;
    u32 index = 0;
    bool operator==(const Source&) const = default;
  };
  std::vector<Source> sources;
  std::vector<btf::core::Resolution> resolutions;
  std::vector<Fixup> fixups;
};

// The answers, without looking at an instruction; an answer that no program can be loaded with is
// data, too. Errors: not_found (the kernel has no BTF), malformed (the object's).
[[nodiscard]] Result<CoreOutcome> resolve_core(const ObjectSpec& spec,
                                               std::span<const u32> functions,
                                               const KernelProfile& profile);

// Patches `code` (parallel to spec.functions) and fills in outcome.fixups. Errors: those of
// fix_up(), each naming the function, the instruction and the path; the error's detail is
// btf::core::evidence().
[[nodiscard]] Status patch_core(const ObjectSpec& spec, const KernelProfile& profile,
                                CoreOutcome& outcome, std::vector<std::vector<bpf::Insn>>& code);

// Both. Patches `code` (parallel to spec.functions; only the entries of `functions` are touched).
[[nodiscard]] Result<CoreOutcome> relocate_core(const ObjectSpec& spec,
                                                std::span<const u32> functions,
                                                const KernelProfile& profile,
                                                std::vector<std::vector<bpf::Insn>>& code);

// describe() of one of the outcome's resolutions.
std::string describe_core(const ObjectSpec& spec, const KernelProfile& profile,
                          const CoreOutcome& outcome, u32 resolution);

}  // namespace bpfld::loader
