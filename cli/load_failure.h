// SPDX-License-Identifier: Apache-2.0
// Why loading failed, with everything that is known at that point: for a refusal of the verifier
// the sentence, the instruction and the line of source, joined through the object's line info where
// the kernel's log does not name the line.
#pragma once

#include "bpf/kernel.h"
#include "cli/hints.h"
#include "loader/profile.h"

namespace bpfld::cli {

// view: what was being loaded.
struct LoadAttempt {
  std::string_view object;  // path, as given
  const loader::ObjectSpec& spec;
  const loader::Selection& selection;
  const loader::KernelProfile& profile;
  // Asked what it knows when it refused without a word; null: nobody is asked.
  bpf::Kernel* kernel = nullptr;
};

// The report for an error of Session::load().
Report explain_load_failure(const Error& error, const LoadAttempt& attempt, const Facts& facts);

// In one line why the kernel refused programs[program], of the attempt's selection: the verifier's
// sentence, or what the kernel lacks. Empty when it was not the kernel that looked at the program.
// Not escaped.
std::string refusal_reason(const Error& error, const LoadAttempt& attempt, u32 program);

}  // namespace bpfld::cli
