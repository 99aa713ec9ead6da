// SPDX-License-Identifier: Apache-2.0
// What a kernel can do, found out by asking it: for each program, map and link type the smallest
// request that only a kernel with that type grants. A probe is a list of requests, made here from
// tables; executing it decides nothing, and nothing stays: what was created is closed at once.
//
// features.h is about what plans depend on; this is for people, and for `feature --for OBJECT`.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bpf/kernel.h"
#include "btf/view.h"
#include "loader/plan.h"

namespace bpfld::loader {

enum class ProbeKind : u8 { program, map, link };

// spec: one question. The last op decides: success, or one of `yes_errnos`, is yes.
struct Probe {
  ProbeKind kind = ProbeKind::program;
  std::string name;        // "tracing/fentry", "ringbuf"
  std::string_view since;  // first kernel release; empty when not known
  bpf::ProgType program_type = bpf::ProgType::unspec;
  bpf::AttachType attach_type{};
  bpf::MapType map_type = bpf::MapType::unspec;
  std::vector<Op> ops;  // empty: cannot be asked here, see `problem`
  std::string problem;
  int yes_errno = 0;  // 0: none
};

enum class ProbeAnswer : u8 {
  yes,
  no,       // EINVAL and its like: the kernel does not know it, or was built without it
  denied,   // EPERM, EACCES without a word of the verifier: a policy or missing capabilities
  unknown,  // could not be asked, or failed in a way that says nothing
};

// spec: what came of a probe.
struct ProbeResult {
  ProbeAnswer answer = ProbeAnswer::unknown;
  int errno_value = 0;
  std::string detail;  // why unknown; the request that was refused
  bool operator==(const ProbeResult&) const = default;
};

// The questions about program types; those that attach to something by BTF need the kernel's BTF
// (may be null).
std::vector<Probe> program_probes(const btf::View* kernel);
std::vector<Probe> map_probes(u32 page_size);
std::vector<Probe> link_probes(const btf::View* kernel);

// Whether BPF_LINK_CREATE takes programs that are bound to their place when they are loaded
// (Feature::tracing_link), which only one such program can tell.
Probe tracing_create_probe(const btf::View* kernel);

// Asks. RLIMIT_MEMLOCK should have been raised before, for old kernels.
ProbeResult run_probe(const Probe& probe, bpf::Kernel& kernel);

// Whether programs of `program`'s type may call a helper: asks the verifier about a program that
// does nothing else.
ProbeResult probe_helper(const Probe& program, u32 helper, bpf::Kernel& kernel);

}  // namespace bpfld::loader
