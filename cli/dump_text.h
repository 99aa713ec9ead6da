// SPDX-License-Identifier: Apache-2.0
// Instructions as text: bytes, the source lines they were compiled from, and beside each what it
// refers to and what CO-RE makes of it. `bpfld dump` prints functions as they are in the object, or
// programs as the kernel gets them; to this file both are a Listing.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "bpf/insn.h"
#include "cli/style.h"
#include "loader/link.h"
#include "loader/profile.h"
#include "loader/spec.h"

namespace bpfld::cli {

// spec: what an instruction needs from elsewhere. `kind` is "map", "map_value", "func" (the address
// of a function), "call" (a call of one), or "extern" (something of the kernel); in a linked
// program an extern is a "kfunc" (a call of one), a "ksym" (a variable, by its type), an "address"
// (0 when a weak symbol is not there) or, for a Kconfig value, a "map_value".
struct ListedReference {
  u64 at = 0;  // slots from the listing's start
  std::string kind;
  std::string name;
  u64 offset = 0;  // bytes, for map_value
};

// spec: a stream of instructions and what is known about them. Texts are not escaped.
struct Listing {
  std::string name;
  std::vector<bpf::Insn> insns;
  std::map<u64, std::string> labels;            // where a function starts
  std::vector<ListedReference> references;      // ordered by `at`
  std::vector<loader::FunctionInfo> functions;  // which FUNC of ObjectSpec::btf each one is
  std::vector<loader::LineInfo> lines;          // ordered; names are offsets in ObjectSpec::btf
  std::multimap<u64, std::string> core;         // what each CO-RE relocation was answered
};

// A function as the compiler wrote it. `core` may be null: then the questions are listed without
// their answers.
Listing list_function(const loader::ObjectSpec& spec, u32 function,
                      const loader::KernelProfile& profile, const loader::CoreOutcome* core);

// A program with all its subprograms.
Listing list_program(const loader::ObjectSpec& spec, const loader::LinkedProgram& program,
                     const loader::KernelProfile& profile, const loader::CoreOutcome& core);

// Sixteen hexadecimal digits: the slot's bytes in the order in which they lie in memory.
std::string to_hex(const bpf::Insn& insn);

// One line per slot, source lines between them. Everything is escaped.
std::string to_text(const Listing& listing, const loader::ObjectSpec& spec, const Style& style);

}  // namespace bpfld::cli
