// SPDX-License-Identifier: Apache-2.0
// What about this machine and this process explains a refusal: read at the moment of the refusal,
// so that the explanation talks about now. All of it is optional: what cannot be read explains
// nothing.
#pragma once

#include <optional>
#include <string>

#include "base/int.h"

namespace bpfld::cli {

// Bits of CapEff in /proc/self/status; include/uapi/linux/capability.h.
enum class Capability : u8 {
  net_admin = 12,
  sys_admin = 21,
  sys_resource = 24,
  perfmon = 38,
  bpf = 39
};

// spec: the facts.
struct Facts {
  u32 uid = 0;
  bool user_namespace = false;  // not the machine's own: privileges count for what it owns only
  std::optional<u64> effective_capabilities;
  bool tracefs_mounted = true;
  std::optional<u64> memlock;           // bytes; RLIMIT_MEMLOCK, empty when unlimited
  std::string lockdown;                 // "integrity"; empty when there is no lockdown
  std::string security_modules;         // "lockdown,capability,landlock,bpf"
  std::optional<i64> perf_paranoid;     // kernel.perf_event_paranoid
  std::optional<i64> unprivileged_bpf;  // kernel.unprivileged_bpf_disabled
  bool hardware_counters = true;        // the kernel has a PMU of the processor
  std::string kernel;                   // uname -r
  std::string btf;                      // --btf: the types are those of another kernel

  // False when it is known to be missing.
  bool may_have(Capability capability) const;
  // Neither CAP_BPF nor CAP_SYS_ADMIN: no program can be loaded.
  bool cannot_load() const;
};

Facts read_facts();
// Whether /sys/bus/event_source/devices has a processor's PMU.
bool has_hardware_counters();

// CapEff's value in the text of /proc/self/status.
std::optional<u64> parse_effective_capabilities(std::string_view status);
// Whether that text of /proc/self/uid_map is of a user namespace other than the machine's own,
// which maps every id to itself.
bool is_user_namespace(std::string_view uid_map);
// "none [integrity] confidentiality" -> "integrity"; "none" gives "".
std::string parse_lockdown(std::string_view text);

}  // namespace bpfld::cli
