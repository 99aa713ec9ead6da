// SPDX-License-Identifier: Apache-2.0
// What was asked, what was answered, how long it took: the raw material of `explain` and of tests.
#include "bpf/kernel.h"

namespace bpfld::bpf {

Result<Reply> RecordingKernel::call(const Request& request) {
  const std::chrono::steady_clock::time_point start = std::chrono::steady_clock::now();
  Result<Reply> reply = inner_.call(request);
  exchanges_.push_back({request, reply, std::chrono::steady_clock::now() - start});
  return reply;
}

}  // namespace bpfld::bpf
