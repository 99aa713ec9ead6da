// SPDX-License-Identifier: Apache-2.0
// The steps of `bpfld run` that are about pins: where maps that are pinned by name are looked for,
// and the set of --pin.
#include <unistd.h>

#include "base/escape.h"
#include "cli/run.h"

namespace bpfld::cli {
namespace {

constexpr u32 kEveryInstruction = 2;  // BPF_LOG_LEVEL2: also of what was accepted

}  // namespace

loader::PlanOptions Run::plan_options() const {
  loader::PlanOptions out;
  out.strict_sizes = options_.strict;
  out.token_folder = options_.token;
  if (options_.verifier_log == VerifierLog::full) out.log_level = kEveryInstruction;
  if (!options_.pin_root.empty()) {
    out.by_name_folder = options_.pin_root;
    out.pin_by_name = true;
  } else if (options_.replace) {
    // Such maps move from the old set to the new one, with what is in them.
    out.by_name_folder = options_.pin + "/maps";
  }
  return out;
}

Step<void> Run::pin() {
  if (options_.pin.empty()) return {};
  const std::size_t notes = session_->plan().notes.size();
  const std::vector<std::string> not_pinned =
      TRY(at(Phase::load, session_->pin({.folder = options_.pin,
                                         .replace = options_.replace,
                                         .all_links = options_.detach,
                                         .number = static_cast<u32>(::getpid())})));
  not_pinned_ = not_pinned.size();
  for (std::size_t i = notes; i < session_->plan().notes.size(); i++)
    report_.note(session_->plan().notes[i]);
  for (const std::string& program : not_pinned)
    report_.note(
        format("program {}: attached without a link, so it cannot be pinned and is "
               "detached when bpfld ends",
               escape_terminal(program)));
  return {};
}

}  // namespace bpfld::cli
