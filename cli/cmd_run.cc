// SPDX-License-Identifier: Apache-2.0
// `bpfld run`: see run.h.
#include "cli/commands.h"
#include "cli/facts.h"
#include "cli/run.h"

namespace bpfld::cli {

Report Run::explained(Phase phase, const Error& error, const loader::ProgramSpec* program) const {
  const Facts facts = read_facts();
  return explain({.phase = phase,
                  .error = error,
                  .facts = facts,
                  .object = options_.object,
                  .spec = &spec_,
                  .program = program});
}

int run_command(const Invocation& invocation) {
  Result<RunOptions> options = read_run_options(invocation.arguments);
  if (!options) return report_usage(options.error(), &kRunCommand, invocation.streams);
  RunAll run(std::move(*options), invocation.streams,
             style_for(invocation.arguments, invocation.streams.out),
             style_for(invocation.arguments, invocation.streams.err));
  return run.run();
}

}  // namespace bpfld::cli
