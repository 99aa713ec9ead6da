// SPDX-License-Identifier: Apache-2.0
// Names to places in the BTF of the kernel and of its modules. The kernel's own comes first; the
// modules are asked only for what it does not have, so an object that needs nothing of a module
// never has one opened. Pure: the BTF is in the profile.
#pragma once

#include <string_view>

#include "base/result.h"
#include "loader/profile.h"

namespace bpfld::loader {

// Fills in profile.names for needs.names, from the BTF that the profile has.
void look_up_names(KernelProfile& profile, const Needs& needs);

// Whether something in `needs` may be in a module: a name that look_up_names() did not find, a
// CO-RE root that the kernel's BTF has no candidate for.
bool wants_modules(const KernelProfile& profile, const Needs& needs);

// The BTF that `place` is in; null when the profile does not have it.
const btf::View* view_of(const KernelProfile& profile, const KernelPlace& place);
// "vmlinux", or the module's name.
std::string_view module_name(const KernelProfile& profile, const KernelPlace& place);

// Where it was found. Errors: not_found (`what` could not be found, or there is no BTF to look in;
// in `detail` the kernel's own names that are like it), internal (it was never looked up).
[[nodiscard]] Result<KernelPlace> find_name(const KernelProfile& profile, const KernelName& name,
                                            std::string_view what, NearNames near_names);

}  // namespace bpfld::loader
