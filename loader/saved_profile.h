// SPDX-License-Identifier: Apache-2.0
// The facts of a kernel in a file, so that an object can be explained and linked for it on another
// machine. Text, one fact a line, to be read and edited by people:
//
//   bpfld-profile 2
//   release 6.12.107+deb13-cloud-amd64
//   machine x86_64
//   version 0x060c6b
//   page_size 4096
//   possible_cpus 4
//   cgroup2 /sys/fs/cgroup
//   btf kernel.btf                    files beside this one
//   config kernel.config
//   functions kernel.functions        that can be traced, one a line
//   pmu kprobe 6 0 - tracefs          type, bit of a return probe, semaphore's; "-": has none
//   obstacle lsm bpf is not an active LSM
//   feature perf_link yes
//   program tracing/fentry denied 1   what a probe answered, the errno, and what else it said
//   helpers kprobe 1-9,12             those that such a program may call
//   map ringbuf yes
//   link tcx no 22
//   tracepoint sched/sched_switch 315
//   end                               without this line the file was cut short
//
// Pure; a line of a kind that is not known is malformed, as a fact that is overlooked could decide
// something.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "loader/probes.h"
#include "loader/profile.h"

namespace bpfld::loader {

// spec: the file.
struct SavedProfile {
  std::string release, machine;
  u32 version_code = 0;
  u32 page_size = 4096;
  u32 possible_cpus = 1;
  std::string cgroup2;                                // where it is mounted; empty: nowhere
  std::string btf_file, config_file, functions_file;  // names, without folders; empty: none
  std::array<Answer, kFeatureCount> features{};
  std::map<std::string, PmuFact> pmus;
  // What keeps programs that load from being attached, by the word that is for their class.
  std::map<std::string, std::string> obstacles;
  std::array<std::map<std::string, ProbeResult>, 3> probes;  // by ProbeKind and Probe::name
  std::map<std::string, std::vector<u32>> helpers;           // by Probe::name, ascending
  std::map<std::string, u64> tracepoints;
  bool operator==(const SavedProfile&) const = default;
};

std::string to_text(const SavedProfile& profile);
// Errors: malformed (naming the line), unsupported (of another version), limit (more than 100,000
// facts).
[[nodiscard]] Result<SavedProfile> parse_saved_profile(std::string_view text);

// What the file says about the tracepoints, PMUs and default cgroup of `needs`, and all that it
// says besides.
KernelProfile to_profile(const SavedProfile& saved, const Needs& needs);

// What the file answers to a probe, or to one about a helper; unknown where it says nothing.
ProbeResult saved_answer(const SavedProfile& saved, const Probe& probe);
ProbeResult saved_helper(const SavedProfile& saved, const Probe& program, u32 helper);

}  // namespace bpfld::loader
