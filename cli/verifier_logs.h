// SPDX-License-Identifier: Apache-2.0
// The kernel, with an ear on what the verifier says of the programs that it takes: the reply of a
// load has it, when the load asks for it (--verifier-log full).
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "bpf/kernel.h"

namespace bpfld::cli {

// spec: what was said of one program.
struct VerifierSaid {
  std::string program, log;
};

class VerifierLogs final : public bpf::Kernel {
 public:
  // `inner` outlives it.
  explicit VerifierLogs(bpf::Kernel& inner) : inner_(inner) {}

  [[nodiscard]] Result<bpf::Reply> call(const bpf::Request& request) override {
    const bpf::ProgLoad* load = std::get_if<bpf::ProgLoad>(&request);
    Result<bpf::Reply> reply = inner_.call(request);
    if (load != nullptr && reply && !reply->log.empty()) said_.push_back({load->name, reply->log});
    return reply;
  }
  // What was said since the last call.
  std::vector<VerifierSaid> take() { return std::exchange(said_, {}); }

 private:
  bpf::Kernel& inner_;
  std::vector<VerifierSaid> said_;
};

}  // namespace bpfld::cli
