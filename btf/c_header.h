// SPDX-License-Identifier: Apache-2.0
// vmlinux.h: all types of a kernel in one header, for .bpf.c files to include instead of the
// kernel's own, which do not compile for BPF. Field accesses through it are recorded by the
// compiler and relocated at load time (CO-RE), so the header of one kernel serves for all.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "btf/view.h"

namespace bpfld::btf {

struct CHeaderOptions {
  // Only these and what they need; everything when not set.
  std::optional<std::vector<TypeId>> roots = {};
};

// The text of the header. The same BTF gives the same text. For split BTF: the types of its own,
// and those of the base that they need. BTF that is not the running kernel's should have passed
// validate(); other bytes give text that does not compile, or an error, but nothing worse.
// Errors: malformed, limit.
[[nodiscard]] Result<std::string> c_header(const View& view, const CHeaderOptions& options = {});

}  // namespace bpfld::btf
