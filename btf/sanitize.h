// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "btf/view.h"
namespace bpfld::btf {
struct KindSupport {
  bool func = true, func_global = true, datasec = true, float_ = true, decl_tag = true, type_tag = true,
       enum64 = true;
  bool operator==(const KindSupport&) const = default;
};
[[nodiscard]] Result<std::vector<std::byte>> sanitize(Bytes blob, const KindSupport& support);
}  // namespace bpfld::btf
