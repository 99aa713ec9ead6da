// SPDX-License-Identifier: Apache-2.0
// An instruction that cannot work on a kernel is replaced by a call of a helper that does not
// exist (loader/fixup.h, loader/externs.h, loader/plan_programs.cc), and a program that may reach
// it is refused with a number. Here the number becomes the name of what is missing.
#pragma once

#include <string>

#include "cli/load_failure.h"
#include "cli/verifier.h"
#include "loader/link.h"

namespace bpfld::cli {

// Whether the verifier's sentence is about an instruction that CO-RE replaced. Which one, and so
// what is missing, only a log with instructions tells.
bool is_core_poison(const Verdict& verdict);

// "what kernel 6.1 does not have: field task_struct.x ..."; empty when the verdict is about
// something else. `code` may be null: then a field has no name. Not escaped.
std::string missing_by_poison(const Verdict& verdict, const LoadAttempt& attempt,
                              const loader::Linked* linked, const loader::LinkedProgram* code);

}  // namespace bpfld::cli
