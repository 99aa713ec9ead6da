// SPDX-License-Identifier: Apache-2.0
// The one seam to the kernel: every syscall that loads or attaches goes through Kernel::call(), the
// only virtual function of the project. Real, recording, replaying, failing and fake kernels are
// all it takes to test, explain and break everything above.
#pragma once

#include <chrono>
#include <vector>

#include "base/result.h"
#include "bpf/request.h"

namespace bpfld::bpf {

class Kernel {
 public:
  virtual ~Kernel() = default;
  // The kernel's answer. Errors carry the errno; `what` is the call's name; a verifier or BTF log
  // that came with the refusal is in `detail`. The request must hold no slots.
  [[nodiscard]] virtual Result<Reply> call(const Request& request) = 0;
};

// The running kernel.
class LinuxKernel final : public Kernel {
 public:
  [[nodiscard]] Result<Reply> call(const Request& request) override;
};

// spec: one request and what came back.
struct Exchange {
  Request request;
  Result<Reply> reply;
  std::chrono::nanoseconds duration{};
};

// Passes everything on to another kernel and remembers it, in order.
class RecordingKernel final : public Kernel {
 public:
  explicit RecordingKernel(Kernel& inner) : inner_(inner) {}
  [[nodiscard]] Result<Reply> call(const Request& request) override;
  const std::vector<Exchange>& exchanges() const { return exchanges_; }

 private:
  Kernel& inner_;
  std::vector<Exchange> exchanges_;
};

}  // namespace bpfld::bpf
