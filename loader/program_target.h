// SPDX-License-Identifier: Apache-2.0
// Programs about programs: fentry and fexit can look at a function of another program, and freplace
// takes the place of one. Which program is not in the object, so the user says it
// (ProgramSpec::target_program); here is which function that is, why the kernel would not have it,
// and in which order programs of one object are loaded then. Pure.
//
// Source: kernel/bpf/verifier.c: bpf_check_attach_target().
#pragma once

#include "loader/binding.h"

namespace bpfld::loader {

// Whether programs of that section can be about another program.
bool takes_target_program(const SectionRow& row);

// What is known of a program before it is loaded.
ProgramFact own_program(const ObjectSpec& spec, u32 program);

// The function of `target` that `program` is about. Errors: not_found (no such
// program or function; near names in `detail`), unsupported (cannot be traced or replaced).
[[nodiscard]] Result<Binding> bind_to_program(const ObjectSpec& spec, const ProgramSpec& program,
                                              const TargetProgram& target,
                                              const KernelProfile& profile);

// The selection with the programs of the object that its programs are about, ascending.
Selection with_target_programs(const ObjectSpec& spec, const Selection& selection);

// How many programs of the object must be loaded before this one: 0 for most. Errors: usage (it is,
// in the end, about itself).
[[nodiscard]] Result<u32> load_depth(const ObjectSpec& spec, u32 program);

}  // namespace bpfld::loader
