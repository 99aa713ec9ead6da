// SPDX-License-Identifier: Apache-2.0
// What `bpfld feature` and `bpfld feature --for OBJECT` share: the kernel, its BTF, the facts about
// this machine.
#pragma once

#include <memory>
#include <optional>

#include "cli/btf_source.h"
#include "cli/commands.h"
#include "cli/facts.h"
#include "cli/feature_report.h"

namespace bpfld::cli {

// handle: what is asked, read once.
struct FeatureContext {
  bpf::Kernel& kernel;
  std::optional<BtfSource> btf;
  std::string btf_problem;  // why there is none
  AttachFacts attach;
  Facts facts;
  u32 page_size = 4096;

  const btf::View* view() const { return btf ? btf->view.get() : nullptr; }
};

// feature_for.cc: whether this kernel can run the object, and if not, why. The exit status: 0 or
// that of the first obstacle.
int feature_for(const Invocation& invocation, FeatureContext& context, bool json);

// Each helper with its number in enum bpf_func_id; ours when the kernel has no BTF.
std::vector<std::pair<u32, std::string>> known_helpers(const FeatureContext& context);

}  // namespace bpfld::cli
