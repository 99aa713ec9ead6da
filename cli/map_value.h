// SPDX-License-Identifier: Apache-2.0
// Maps whose values are objects and no bytes: programs, maps, cgroups. What the user names becomes
// a descriptor, which is what the kernel wants to be given; and when it refuses an element, what
// the map's type demands is the reason. Shell.
#pragma once

#include <optional>
#include <string>

#include "base/fd.h"
#include "bpf/kernel.h"
#include "bpf/object_info.h"

namespace bpfld::cli {

// Whether a value of such a map is an object that open_map_value() opens.
bool holds_objects(bpf::MapType type);

// The object that `text` names: its id, the path of its pin (a cgroup: of its directory), or fd:N,
// which this process has inherited. Errors: usage (it is something else), not_found, those of the
// kernel.
[[nodiscard]] Result<UniqueFd> open_map_value(bpf::Kernel& kernel, bpf::MapType type,
                                              const std::string& text);

// The kernel's refusal to change an element of that map, with what it means.
Error explain_element(Error error, const bpf::MapInfo& map);

}  // namespace bpfld::cli
