// SPDX-License-Identifier: Apache-2.0
// `bpfld run`: the order of the steps; see run.h.
#include "cli/commands.h"
#include "cli/run.h"

namespace bpfld::cli {

int Run::run() {
  const Step<int> status = steps();
  if (status) return *status;
  report_.message(status.error());
  return static_cast<int>(status.error().exit);
}

Step<int> Run::steps() {
  TRY(read_object());
  TRY(select_programs());
  TRY(start_command());
  TRY(set_variables());
  TRY(set_maps());
  TRY(find_event_types());
  TRY(look_at_kernel());
  TRY(load());
  TRY(open_events());
  TRY(attach());
  TRY(pin());
  TRY(watch());
  return finish();
}

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
  Run run(std::move(*options), invocation.streams,
          style_for(invocation.arguments, invocation.streams.out),
          style_for(invocation.arguments, invocation.streams.err));
  return run.run();
}

}  // namespace bpfld::cli
