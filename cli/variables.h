// SPDX-License-Identifier: Apache-2.0
// --set NAME=VALUE: gives a global variable of an object its first value, before anything is
// loaded. The variable's type decides what is accepted. Pure: an ObjectSpec is changed, no kernel.
#pragma once

#include <optional>
#include <string_view>

#include "base/result.h"
#include "btf/view.h"
#include "loader/spec.h"

namespace bpfld::cli {

// spec: what the names that start with '@' stand for.
struct SetNames {
  i64 self = 0;              // @self: the process id of bpfld
  std::optional<i64> child;  // @child: that of the command after --
};

// `assignment` is "NAME=VALUE": an integer (decimal, 0x..., negative), true or false, an
// enumerator, text for a char array, @self or @child. `btf` is the view of spec.btf.
// Errors: usage; near names in `detail`.
[[nodiscard]] Status set_variable(loader::ObjectSpec& spec, const btf::View& btf,
                                  std::string_view assignment, const SetNames& names);

}  // namespace bpfld::cli
