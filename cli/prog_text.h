// SPDX-License-Identifier: Apache-2.0
// The instructions of a loaded program as text. What the kernel shows is not quite what it was
// given: a map is its id; a call of a subprogram has its distance in `offset` and the subprogram's
// number in imm; a helper is its distance from __bpf_call_base (Linux: bpf_insn_prepare_dump() in
// kernel/bpf/syscall.c, the end of jit_subprogs() in kernel/bpf/verifier.c). Pure.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "bpf/insn.h"

namespace bpfld::cli {

// spec: what the numbers in a program's instructions stand for, as far as it is known.
struct ProgramNames {
  std::map<u32, std::string> maps;     // by id
  std::map<i32, std::string> helpers;  // by imm
  bool operator==(const ProgramNames&) const = default;
};

// The maps that the instructions name by id, and the calls whose imm is a distance.
std::set<u32> map_ids(std::span<const bpf::Insn> insns);
std::set<i32> helper_distances(std::span<const bpf::Insn> insns);

// One text for each slot; that of an ld_imm64's second slot is empty. Not escaped.
std::vector<std::string> program_text(std::span<const bpf::Insn> insns, const ProgramNames& names);

// The slots where subprograms start, with the names "subprogram 1" and so on.
std::map<u64, std::string> subprogram_labels(std::span<const bpf::Insn> insns);

}  // namespace bpfld::cli
