// SPDX-License-Identifier: Apache-2.0
// Why loading failed, with everything that is known at that point: for a refusal of the verifier
// the sentence, the instruction and the line of source, joined through the object's line info where
// the kernel's log does not name the line.
#pragma once

#include "cli/hints.h"
#include "loader/profile.h"

namespace bpfld::cli {

// view: what was being loaded.
struct LoadAttempt {
  std::string_view object;  // path, as given
  const loader::ObjectSpec& spec;
  const loader::Selection& selection;
  const loader::KernelProfile& profile;
};

// The report for an error of Session::load().
Report explain_load_failure(const Error& error, const LoadAttempt& attempt, const Facts& facts);

// In one line why the verifier refused programs[program], of the attempt's selection: its sentence,
// or what the kernel lacks. Empty when it is not a refusal of the verifier. Not escaped.
std::string refusal_reason(const Error& error, const LoadAttempt& attempt, u32 program);

}  // namespace bpfld::cli
