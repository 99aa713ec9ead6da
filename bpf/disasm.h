// SPDX-License-Identifier: Apache-2.0
// One instruction as text, in the words of the verifier's log: registers are r0 to r10, w0 to w10
// where only their lower half counts, jumps are relative. Pure; whatever the eight bytes are, they
// have a text.
//
// Source: Documentation/bpf/standardization/instruction-set.rst; the form is that of
// kernel/bpf/disasm.c: print_bpf_insn().
#pragma once

#include <string>

#include "bpf/insn.h"

namespace bpfld::bpf {

// "r1 = *(u64 *)(r0 +8)". `second` is the slot after it, of which an ld_imm64 is made too; it may
// be null. A helper that is called is its number, "call #14": see helper_name() for names.
std::string disassemble(const Insn& insn, const Insn* second = nullptr);

}  // namespace bpfld::bpf
