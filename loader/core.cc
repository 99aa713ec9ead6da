// SPDX-License-Identifier: Apache-2.0
#include "loader/core.h"

namespace bpfld::loader {

Result<CoreOutcome> relocate_core(const ObjectSpec& spec, std::span<const u32> functions,
                                  const KernelProfile& profile,
                                  std::vector<std::vector<bpf::Insn>>& code) {
  (void)profile, (void)code;
  for (u32 f : functions)
    if (!spec.functions[f].core.empty()) return fail(Code::unsupported, "CO-RE");
  return CoreOutcome{};
}

}  // namespace bpfld::loader
