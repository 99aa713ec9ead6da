// SPDX-License-Identifier: Apache-2.0
// The requests that are not bpf(2) and not perf: files, sockets and rtnetlink. Private to
// bpf/linux_kernel*. Shell.
#pragma once

#include "base/result.h"
#include "bpf/request.h"

namespace bpfld::bpf {

// The kernel's answer, as Kernel::call() gives it.
[[nodiscard]] Result<Reply> call_net(const Request& request);

}  // namespace bpfld::bpf
