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
#include "loader/saved_profile.h"

namespace bpfld::cli {

// handle: what is asked, read once: the running kernel, or what was saved of another.
struct FeatureContext {
  bpf::Kernel* kernel = nullptr;  // null: `saved` answers
  std::optional<loader::SavedProfile> saved;
  std::optional<BtfSource> btf;
  std::string btf_problem;  // why there is none
  AttachFacts attach;
  Facts facts;
  u32 page_size = 4096;

  const btf::View* view() const { return btf ? btf->view.get() : nullptr; }
  loader::ProbeResult ask(const loader::Probe& probe) const;
  loader::ProbeResult ask_helper(const loader::Probe& program, u32 helper) const;
  loader::Answer ask(loader::Feature feature) const;
};

// feature_context.cc. Of the running kernel.
FeatureContext running_context(bpf::Kernel& kernel);
// Of the one that `bpfld profile save` wrote. Errors: those of its files.
[[nodiscard]] Result<FeatureContext> saved_context(const std::string& path);

// feature_for.cc: whether this kernel can run the object, and if not, why. The exit status: 0 or
// that of the first obstacle.
int feature_for(const Invocation& invocation, FeatureContext& context, bool json);

// Each helper with its number in enum bpf_func_id; ours when the kernel has no BTF.
std::vector<std::pair<u32, std::string>> known_helpers(const FeatureContext& context);

}  // namespace bpfld::cli
