// SPDX-License-Identifier: Apache-2.0
// Linked -> the list of requests to make, in order. File descriptors that do not exist yet are
// slots, so a plan is plain data: it can be printed without root, compared in a test, and executed
// by a loop that decides nothing. Pure.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "bpf/request.h"
#include "loader/link.h"
#include "loader/profile.h"
#include "loader/spec.h"

namespace bpfld::loader {

// spec: one request of a plan.
struct Op {
  std::string subject;  // what it is for, as an error names it: `map "events"`
  bpf::Request request;
  std::optional<u32> result;                 // the slot that receives the fd
  bool may_fail = false;                     // a failure is recorded and passed over
  std::optional<u32> closes = std::nullopt;  // a slot that nothing needs once this is done
  // With ObjectInfo: the map must be like one that this would create.
  std::optional<bpf::MapCreate> like = std::nullopt;
  // Made when the attachment ends, after its fds are closed: for what no fd holds. Its slots are of
  // what was loaded.
  std::optional<bpf::Request> undo = std::nullopt;
  bool operator==(const Op&) const = default;
};

// spec: another way to the same end, for kernels and drivers that lack the first.
struct AttachWay {
  std::string how;
  std::vector<Op> ops;
  std::string remains;  // what a kill -9 of the loader would leave behind; empty: nothing
  bool operator==(const AttachWay&) const = default;
};

// spec: how one program gets attached at one place, or why it does not.
struct AttachPlan {
  u32 program = 0;         // index into ObjectSpec::programs
  u32 place = 0;           // index into attach_targets() of that program
  std::optional<u32> map;  // index into ObjectSpec::maps: a struct_ops map, and no program
  std::string how;         // "perf link", "raw tracepoint link"
  std::vector<Op> ops;     // empty when there is nothing to do
  std::string remains;     // as in AttachWay
  // Tried in order, each when the one before is not supported here.
  std::vector<AttachWay> otherwise;
  std::optional<Error>
      problem;  // unsupported: no way yet; not_found: the target does not exist here
  std::optional<u32> iterator;  // the slot of a file to read, in which the program writes
  bool no_place = false;        // nobody names a place: loading is all there is
  std::string advice;           // with no_place: what would name one, or why nothing can
  bool operator==(const AttachPlan&) const = default;
};

struct Plan {
  std::vector<Op> load;            // BTF, maps, their contents, programs
  std::vector<AttachPlan> attach;  // one per loaded program, but for those of struct_ops; then one
                                   // per struct_ops map
  std::optional<u32> btf_slot;
  std::vector<u32> map_slots;    // by map index
  std::map<u32, u32> templates;  // slot of a map of maps' template -> index of the map of maps
  std::vector<std::optional<u32>> program_slots;  // by program index; empty when not loaded
  u32 slots = 0;
  std::vector<std::string> notes;  // values that the loader chose because the object gave none
};

// A reference to a struct_ops map that is left out: the number of a helper that does not exist,
// plus the map's index. The same as libbpf's, so that tools which know the number know ours.
inline constexpr i32 kPoisonMap = 2001000000;

// Of a verifier log, in bytes: the first buffer, and the largest after growing.
inline constexpr u32 kFirstLogSize = 64u << 10;
inline constexpr u32 kLargestLogSize = 64u << 20;

// spec: what is known to be needed beyond the profile, learnt from a first attempt.
struct PlanOptions {
  bool without_btf = false;        // the kernel refused the object's BTF
  bool raise_memlock = false;      // before the first map
  u32 log_level = 0;               // of programs; 0: a log is asked for after a refusal only
  bool wake_kernel_btf = false;    // a kernel without struct_ops may not have read its own BTF yet
  std::set<u32> maps_without_btf;  // by index: the kernel refused the types of their keys or values
  bool strict_sizes = false;       // a size that the object leaves open is an error
  // Maps that ask to be pinned by name are looked for in this folder; empty: nowhere.
  std::string by_name_folder;
  bool pin_by_name = false;      // and pinned there when everything is loaded
  std::set<u32> not_pinned_yet;  // by index: they were looked for, and are to be created
  // The BPF file system whose token every creation must carry; empty: kTokenFolder's, if the
  // profile says that it gives one.
  std::string token_folder;
};

// Errors: unsupported (section without a row: near names in `detail`; a map that this kernel cannot
// have).
[[nodiscard]] Result<Plan> make_plan(const ObjectSpec& spec, const Linked& linked,
                                     const KernelProfile& profile, const PlanOptions& options = {});

// The places where a program goes: those in ProgramSpec::places; else what its section says; else
// the family's default (a cgroup program: the root of the hierarchy). Empty: nobody says.
std::vector<AttachTarget> attach_targets(const ObjectSpec& spec, u32 program);

// How one program is attached at one of its places. Its slot and those of the maps are in `plan`,
// whose number of slots is moved on. Without a place, the result says so. attach_plan.cc.
AttachPlan plan_attach(const ObjectSpec& spec, u32 program, u32 place, const KernelProfile& profile,
                       Plan& plan);

// The kernel function that a probe at that place is on, as the kernel is told; empty for all else.
std::string probed_function(const ObjectSpec& spec, u32 program, u32 place,
                            const KernelProfile& profile);

// How a struct_ops map is registered. attach_struct_ops.cc.
AttachPlan plan_struct_ops(const ObjectSpec& spec, const StructOps& struct_ops, const Plan& plan,
                           u32& slots);

// Why the program cannot be attached on that kernel at any of its places (the first one's problem);
// empty if it can or if there is no place.
std::optional<Error> attach_problem(const ObjectSpec& spec, u32 program,
                                    const KernelProfile& profile,
                                    NearNames near_names = NearNames::told);

}  // namespace bpfld::loader
