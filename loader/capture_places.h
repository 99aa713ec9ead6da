// SPDX-License-Identifier: Apache-2.0
// The part of capture() that looks at places which a user named: interfaces, cgroups, files.
// Private to loader/capture*.cc. Shell.
#pragma once

#include "loader/profile.h"

namespace bpfld::loader {

void capture_places(const Needs& needs, KernelProfile& profile);

}  // namespace bpfld::loader
