// SPDX-License-Identifier: Apache-2.0
// What the kernel's names that an object uses are on one kernel: the value of a Kconfig option, the
// address of a symbol, the type ids of a variable or a kfunc. Only externs of functions that are
// loaded are looked at, each gets an answer and the reason for it, and one that has none is a
// problem of the programs that use it, not of the others. Pure.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "base/result.h"
#include "loader/profile.h"
#include "loader/spec.h"

namespace bpfld::loader {

struct LinkedProgram;

enum class ExternVerdict : u8 {
  unused,    // nothing that is loaded refers to it
  kconfig,   // its value is in the .kconfig map
  address,   // `value` is where it is
  variable,  // `place` is its type
  function,  // `place` is the kfunc's type
  absent,    // weak, and not there: 0, or a call that must not be reached
  failed,    // `problem` says why; programs that use it cannot be loaded
};

// spec: the answer for one extern.
struct ExternResolution {
  ExternVerdict verdict = ExternVerdict::unused;
  u64 value = 0;
  KernelPlace place;
  std::optional<Error> problem;  // without near names: nobody may ever be told
  bool operator==(const ExternResolution&) const = default;
};

// spec: the answers, parallel to ObjectSpec::externs, and the first value of the .kconfig map.
struct ExternOutcome {
  std::vector<ExternResolution> externs;
  std::vector<std::byte> kconfig;
  bool operator==(const ExternOutcome&) const = default;
};

// The name under which the kernel has it: without its flavour for a kfunc ("f___v2" is "f").
KernelName kernel_name(const ExternSpec& external);

// What finding these functions' externs takes.
void extern_needs(const ObjectSpec& spec, std::span<const u32> functions, Needs& out);

// Answers for the externs that `functions` refer to.
ExternOutcome resolve_externs(const ObjectSpec& spec, std::span<const u32> functions,
                              const KernelProfile& profile);

// Why the program cannot be loaded because of an extern; empty if it can.
std::optional<Error> extern_problem(const ObjectSpec& spec, u32 program,
                                    const KernelProfile& profile);

// A call of a weak kfunc that the kernel lacks: the number of a helper that does not exist, plus
// the extern's index. The same as libbpf's, so that the tools which know the number also know ours.
inline constexpr i32 kPoisonKfunc = 2002000000;

// Writes the answer into the instruction `reference.at` of `program`, slots from its start.
// Errors: the resolution's problem, with near names; malformed (an instruction that cannot hold
// such a thing).
[[nodiscard]] Status apply_extern(const ObjectSpec& spec, const ExternResolution& resolution,
                                  const Reference& reference, const KernelProfile& profile,
                                  LinkedProgram& program);

}  // namespace bpfld::loader
