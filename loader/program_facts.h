// SPDX-License-Identifier: Apache-2.0
// What the plan of a program that traces or replaces a function of another program must know of
// that other one: its functions, as its BTF names them, and what the kernel refuses beforehand. Of
// a program that is loaded already the facts are captured by capture_programs.cc; of one of the
// same object they follow from the object (program_target.h).
#pragma once

#include <string>
#include <vector>

#include "base/int.h"
#include "bpf/uapi.h"

namespace bpfld::loader {

// spec: a function of a program.
struct ProgramFunction {
  std::string name;
  u32 type = 0;  // id of the FUNC in the program's BTF
  bool is_global = false;
  bool operator==(const ProgramFunction&) const = default;
};

// spec: a program, for those that are about it.
struct ProgramFact {
  u32 id = 0;  // 0: it is of the same object
  bpf::ProgType type{};
  std::string name;
  bool is_jited = true;
  bool has_btf = false;
  std::vector<ProgramFunction> functions;  // the entry first; with BTF only
  std::string problem;                     // why nothing is known
  int errno_value = 0;
  bool operator==(const ProgramFact&) const = default;
};

// spec: the kernel functions that one program can be attached to all at once.
struct TracedFact {
  std::vector<u32> types;  // ids of FUNCs, ascending
  u32 module = 0;          // in whose BTF: as in KernelPlace
  std::size_t unfit = 0;   // functions of matching names that no such program can be attached to
  std::string problem;     // why nothing could be looked up
  int errno_value = 0;
  bool operator==(const TracedFact&) const = default;
};

}  // namespace bpfld::loader
