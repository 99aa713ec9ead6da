// SPDX-License-Identifier: Apache-2.0
// What is wrong with an object that loads all the same, and should not go unsaid.
#pragma once

#include <optional>
#include <string_view>

#include "cli/report.h"
#include "loader/spec.h"

namespace bpfld::cli {

// E29, when the object's CO-RE relocations are lost, or may be. `object` is its path, as given.
std::optional<Report> lost_relocations(const loader::ObjectSpec& spec, std::string_view object);

}  // namespace bpfld::cli
