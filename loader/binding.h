// SPDX-License-Identifier: Apache-2.0
// Programs of some types are bound to their place when they are loaded, not when they are attached:
// the verifier checks their arguments against the prototype of the function, tracepoint, hook or
// iterator that they name, and wants that as a type's id (attach_btf_id). Here is which name that
// is, and where it was found.
#pragma once

#include <optional>

#include "base/result.h"
#include "loader/profile.h"

namespace bpfld::loader {

// What the program's section names in the kernel's BTF; empty when the row needs none, when the
// section names no place, and for programs whose target is another program.
std::optional<KernelName> bound_name(const ProgramSpec& program);

// spec: what BPF_PROG_LOAD is told.
struct Binding {
  u32 type = 0;                                   // attach_btf_id
  u32 module = 0;                                 // as in KernelPlace: whose BTF that is in
  std::optional<u32> own_program = std::nullopt;  // or it is in this program of the object,
  u32 program_id = 0;                             // or in this one, which is loaded already
  std::string note = {};                          // what was chosen that the user did not say
  bool operator==(const Binding&) const = default;
};

// Empty when the program is bound to nothing. Errors: not_found, unsupported (the section needs a
// place and names none; a program that cannot be traced or replaced).
[[nodiscard]] Result<std::optional<Binding>> binding_of(const ObjectSpec& spec,
                                                        const ProgramSpec& program,
                                                        const KernelProfile& profile,
                                                        NearNames near_names = NearNames::told);

}  // namespace bpfld::loader
