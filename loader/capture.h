// SPDX-License-Identifier: Apache-2.0
// The running kernel -> KernelProfile: reads exactly the facts that an object needs. Shell.
#pragma once

#include "base/result.h"
#include "bpf/kernel.h"
#include "loader/profile.h"

namespace bpfld::loader {

struct CaptureOptions {
  std::string btf_path = {};  // instead of the kernel's own BTF; empty: /sys/kernel/btf/vmlinux
  // Instead of the running kernel's configuration; plain or gzip.
  std::string config_path = {};
  // The profile is that of the kernel which btf_path is from, not of the running one: names are
  // looked up there too, and the running kernel's modules do not count.
  bool offline = false;
  // Names of functions that can be traced, one a line, instead of the running kernel's lists.
  std::string functions_path = {};
  bpf::Kernel* kernel = nullptr;  // asked for the ids of module BTFs; null: they stay unknown
};

// What could not be found is a fact too (TracepointFact::problem, KernelProfile::btf_problem).
// Errors: those of a BTF file that was named by the caller.
[[nodiscard]] Result<KernelProfile> capture(const Needs& needs, const CaptureOptions& options = {});

// Where the cgroup2 hierarchy is mounted, from the text of /proc/self/mountinfo; empty when it is
// not. Of several mounts the first.
std::string cgroup2_mount(std::string_view mountinfo);

// "5.10.0-40-cloud-amd64" -> KERNEL_VERSION(5, 10, 223). Debian's and Ubuntu's releases keep the
// first number of a series while programs are checked against the real one: Debian's is in the text
// of uname -v, Ubuntu's the last word of /proc/version_signature (empty elsewhere).
u32 kernel_version_code(std::string_view release, std::string_view version,
                        std::string_view signature = {});

}  // namespace bpfld::loader
