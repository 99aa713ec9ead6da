// SPDX-License-Identifier: Apache-2.0
// The C that a test's BTF becomes, without what all headers have in common.
#pragma once

#include <string>

#include "btf/c_header.h"
#include "tests/support/btf_builder.h"

namespace bpfld::test {

// The declarations of the header, or "error: ..." when there are none.
inline std::string c_text(const BtfBuilder& builder, const btf::CHeaderOptions& options = {}) {
  const std::vector<std::byte> blob = builder.bytes();
  const Result<btf::View> view = btf::View::parse(blob);
  if (!view) return "error: " + view.error().message();
  const Result<std::string> header = btf::c_header(*view, options);
  if (!header) return "error: " + header.error().message();
  const std::size_t start = header->find("#endif\n\n") + 8;
  const std::size_t end = header->rfind("#if defined(__clang__)");
  return header->substr(start, end - start);
}

}  // namespace bpfld::test
