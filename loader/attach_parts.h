// SPDX-License-Identifier: Apache-2.0
// The families of attach mechanisms, one file loader/attach_<family>.cc each. A family answers:
// which facts it needs about a place, why a program cannot be attached there on that kernel, and by
// which requests it is. Private to loader/attach*.cc and profile.cc.
#pragma once

#include <optional>
#include <string_view>

#include "loader/plan.h"

namespace bpfld::loader {

// view: a program and one of its places.
struct AttachSite {
  const ObjectSpec& spec;
  const ProgramSpec& program;
  const AttachTarget& target;
};

// What a family looks at, and where its requests go.
struct Attachment : AttachSite {
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
  // The place of a program for which nobody names one; null: there is no default.
  std::optional<AttachTarget> (*unnamed)(const ObjectSpec&, const ProgramSpec&);
  // Adds the facts; null: none.
  void (*needs)(const AttachSite&, Needs&);
  // Empty: can be attached. Null: always can.
  std::optional<Error> (*problem)(const AttachSite&, const KernelProfile&);
  void (*plan)(Attachment&);
  // What to write on the command line for a program without a place.
  std::string_view advice;
};

// The facts that attaching a program at its places requires. attach_plan.cc.
void attach_needs(const ObjectSpec& spec, u32 program, Needs& out);

// Adds what is not there yet.
void add_once(std::vector<std::string>& list, const std::string& text);

// What tells about a fact's absence: not_found, or what the errno means; near names in `detail`.
Error missing_fact(const std::string& problem, int errno_value,
                   const std::vector<std::string>& near = {});

// attach_tracepoint.cc: perf events of tracepoints, and raw tracepoints.
void tracepoint_needs(const AttachSite& site, Needs& out);
std::optional<Error> tracepoint_problem(const AttachSite& site, const KernelProfile& profile);
void attach_tracepoint(Attachment& attachment);
void attach_raw_tracepoint(Attachment& attachment);

}  // namespace bpfld::loader
