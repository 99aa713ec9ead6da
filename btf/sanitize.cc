// SPDX-License-Identifier: Apache-2.0
#include "btf/sanitize.h"
namespace bpfld::btf {
Result<std::vector<std::byte>> sanitize(Bytes, const KindSupport&) {
  return fail(Code::unsupported, "BTF of an older kernel");
}
}  // namespace bpfld::btf
