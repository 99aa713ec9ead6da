// SPDX-License-Identifier: Apache-2.0
// What a refused attachment means: that another way may work, or that something is there already.
// Private to loader/. Shell.
#pragma once

#include <string>

#include "loader/execute.h"

namespace bpfld::loader {

// Whether the kernel, or the driver, did not know what was asked for. Anything else (EPERM, EBUSY,
// ENODEV ...) would be no different in another way.
bool suggests_another_way(const Failure& failure);

// "program 57 (generic) is attached there": asked of the kernel after it said that the place is
// taken. Empty when it was refused for another reason, or when nobody can tell.
std::string who_is_there(const Failure& failure, bpf::Kernel& kernel);

}  // namespace bpfld::loader
