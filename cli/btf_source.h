// SPDX-License-Identifier: Apache-2.0
// Where BTF comes from, as a command line says it: "kernel", the name of a module, a file of raw
// BTF, any ELF file with a .BTF section. Modules' BTF is split: it continues the kernel's.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/mapped_file.h"
#include "base/result.h"
#include "btf/view.h"

namespace bpfld::cli {

// handle: one BTF with the bytes that it is a view of, and its base.
struct BtfSource {
  std::string label;  // as on the command line
  std::unique_ptr<MappedFile> mapped;
  std::vector<std::byte> bytes;
  std::unique_ptr<BtfSource> base;
  std::unique_ptr<btf::View> view;
};

// `name` as above; `base` (the same, or empty) is what split BTF continues: by default the running
// kernel's, for its modules and for files that say that they are modules. BTF that does not come
// from the running kernel is validated. Errors: not_found (with near names), denied, malformed,
// unsupported, limit, kernel.
[[nodiscard]] Result<BtfSource> open_btf(const std::string& name, const std::string& base = {});

// The BTF of a loaded module, on top of a kernel's that is open already and must outlive it.
[[nodiscard]] Result<BtfSource> open_module_btf(const std::string& name, const btf::View& kernel);

}  // namespace bpfld::cli
