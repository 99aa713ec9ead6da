// SPDX-License-Identifier: Apache-2.0
#include "cli/commands.h"
namespace bpfld::cli {
const CommandRow kRunCommand = {.name = "run", .operands = "OBJECT", .summary = "x", .about = "", .options = {}, .min_operands = 1, .max_operands = 1, .takes_command = true};
int run_command(const Invocation&) { return 1; }
}
