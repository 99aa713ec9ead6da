// SPDX-License-Identifier: Apache-2.0
// Functions -> one instruction stream per program. The verifier takes a program with all its
// subprograms in one array, so each program gets its own copy of those it reaches, calls become
// distances within the array, CO-RE relocations get the kernel's offsets, and func_info and
// line_info move along. Pure.
#pragma once

#include <optional>
#include <vector>

#include "base/result.h"
#include "loader/core.h"
#include "loader/externs.h"
#include "loader/profile.h"
#include "loader/spec.h"
#include "loader/struct_ops.h"

namespace bpfld::loader {

// spec: where a function's instructions went in a linked program.
struct Piece {
  u32 function = 0;  // index into ObjectSpec::functions
  InsnIndex start;   // slots from the program's start
  bool operator==(const Piece&) const = default;
};

// spec: an instruction that names something of the kernel, or of a module, by its type.
struct KernelReference {
  InsnIndex at;   // slots from the program's start
  u32 index = 0;  // of the extern
  KernelPlace place;
  bool operator==(const KernelReference&) const = default;
};

// spec: an ld_imm64 of a jump table.
struct JumpReference {
  InsnIndex at;
  u32 table = 0;    // index into ObjectSpec::jump_tables
  InsnIndex start;  // where the table's function is in the program
  bool operator==(const JumpReference&) const = default;
};

// spec: one program, complete but for the fds of its maps and of modules' BTF.
struct LinkedProgram {
  u32 program = 0;  // index into ObjectSpec::programs
  std::vector<bpf::Insn> insns;
  std::vector<Piece> pieces;  // the entry first, then subprograms in the order they were reached
  std::vector<Reference> map_references;  // kinds map and map_value only; `at` counts in `insns`
  std::vector<JumpReference> jump_references;      // ordered by `at`
  std::vector<KernelReference> kernel_references;  // ordered by `at`
  std::vector<FunctionInfo> func_info;             // empty unless every piece has some
  std::vector<LineInfo> line_info;                 // likewise
  std::optional<StructOpsTarget> struct_ops;       // for SEC("struct_ops"): which callback it is
};

// spec: the outcome of link(): the programs, and every decision that made them.
struct Linked {
  std::vector<LinkedProgram> programs;  // in the order of the selection
  CoreOutcome core;  // each CO-RE relocation's resolution, each patched instruction
  std::vector<StructOps> struct_ops;  // the maps to be created, as this kernel takes them
  ExternOutcome externs;
};

// Of all programs of a load together: each has its own copy of the subprograms it reaches, so a
// small file could otherwise ask for any amount of memory.
inline constexpr u64 kMaxLinkedInsns = 8u << 20;

// The functions that `entry` reaches through calls and function addresses, `entry` first, in the
// order in which they are appended: depth first, at each call the callee before the calls that
// follow. Then the entry's exception callback, likewise.
std::vector<u32> reachable_functions(const ObjectSpec& spec, u32 entry);

// Errors: those of externs, unsupported (an unknown section), limit (more than 1 M
// instructions in a program, kMaxLinkedInsns in all), and those of CO-RE; each names the program.
// Those of fit_struct_ops(). A
// relocation without a match is no error: its instruction is poisoned, so that guarded code still
// passes the verifier.
[[nodiscard]] Result<Linked> link(const ObjectSpec& spec, const Selection& selection,
                                  const KernelProfile& profile);

}  // namespace bpfld::loader
