// SPDX-License-Identifier: Apache-2.0
// The facts of a kernel in a file, so that an object can be explained and linked for it on another
// machine. Text, one fact a line, to be read and edited by people:
//
//   bpfld-profile 1
//   release 6.12.107+deb13-cloud-amd64
//   version 0x060c6b
//   page_size 4096
//   possible_cpus 4
//   btf kernel.profile.btf            files beside this one
//   config kernel.profile.config
//   feature perf_link yes
//   tracepoint sched/sched_switch 315
//
// Pure; a line of a kind that is not known is malformed, as a fact that is overlooked could decide
// something.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "loader/profile.h"

namespace bpfld::loader {

// spec: the file.
struct SavedProfile {
  std::string release;
  u32 version_code = 0;
  u32 page_size = 4096;
  u32 possible_cpus = 1;
  std::string btf_file, config_file;  // names, without folders; empty: none
  std::array<Answer, kFeatureCount> features{};
  std::map<std::string, u64> tracepoints;
  bool operator==(const SavedProfile&) const = default;
};

std::string to_text(const SavedProfile& profile);
// Errors: malformed (naming the line), limit (more than 100,000 tracepoints).
[[nodiscard]] Result<SavedProfile> parse_saved_profile(std::string_view text);

// What the file says about the tracepoints of `needs`, and all that it says besides.
KernelProfile to_profile(const SavedProfile& saved, const Needs& needs);

}  // namespace bpfld::loader
