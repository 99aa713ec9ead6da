// SPDX-License-Identifier: Apache-2.0
// The families of attach mechanisms, one file loader/attach_<family>.cc each. A family answers two
// questions about a program: why it cannot be attached on that kernel, and by which requests it is.
// Private to loader/attach*.cc.
#pragma once

#include <optional>

#include "loader/plan.h"

namespace bpfld::loader {

// What a family looks at, and where its requests go.
struct Attachment {
  const ObjectSpec& spec;
  const ProgramSpec& program;
  bpf::Fd program_fd;  // its slot
  const KernelProfile& profile;
  u32& slots;  // the next free slot
  AttachPlan& out;

  u32 new_slot() { return slots++; }
  void add(bpf::Request request, std::optional<u32> result = std::nullopt);
};

// One row per AttachMethod, in attach_plan.cc.
struct AttachFamily {
  AttachMethod method;
  // Empty: can be attached. Null: always can.
  std::optional<Error> (*problem)(const ProgramSpec&, const KernelProfile&);
  void (*plan)(Attachment&);
};

// attach_tracepoint.cc: perf events of tracepoints, and raw tracepoints.
std::optional<Error> tracepoint_problem(const ProgramSpec& program, const KernelProfile& profile);
void attach_tracepoint(Attachment& attachment);
void attach_raw_tracepoint(Attachment& attachment);

}  // namespace bpfld::loader
