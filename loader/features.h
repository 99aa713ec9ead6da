// SPDX-License-Identifier: Apache-2.0
// What older kernels lack, one row each. Plans are optimistic: nothing is probed until a request
// fails in a way that a missing feature would explain. Then the feature's probe runs once, and if
// the answer is no the plan is made again without it. A modern kernel therefore sees no probe at
// all.
#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "bpf/kernel.h"
#include "loader/profile.h"

namespace bpfld::loader {

struct FeatureRow {
  Feature feature;
  std::string_view name;
  std::string_view since;
  Answer surprise = Answer::no;  // the answer that makes another plan
};
std::span<const FeatureRow> feature_rows();

// The BPF file system that gives a token, if any does.
inline constexpr std::string_view kTokenFolder = "/sys/fs/bpf";

// The features that would explain that `request` failed with `errno_value`: by their absence, or,
// for a token, by not being used.
std::vector<Feature> suspects(const bpf::Request& request, int errno_value);

// Asks the kernel. Only the errnos that mean "I do not know this" give `no`; a transient failure or
// a refusal (ENOMEM, EPERM, EMFILE ...) gives `unknown`, which must not be remembered.
Answer probe(Feature feature, bpf::Kernel& kernel);

}  // namespace bpfld::loader
