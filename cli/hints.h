// SPDX-License-Identifier: Apache-2.0
// From an error of the library to a report that helps: which page of the catalogue it is, why it
// happened here, and what to try. The library only says what failed; what that means depends on the
// step and on this machine, and is a table in hint_rows.cc.
#pragma once

#include "base/result.h"
#include "cli/facts.h"
#include "cli/report.h"
#include "loader/spec.h"

namespace bpfld::cli {

// What was being done.
enum class Phase : u8 {
  usage,    // reading the command line
  set,      // --set
  open,     // opening and reading the object
  parse,    // understanding it
  btf,      // --btf
  capture,  // looking at the kernel
  link,     // programs, relocations, maps: still without the kernel
  load,     // BTF, maps, programs
  attach,
  read,     // events
  write,    // standard output
  command,  // the command after --
};

// view: all that an explanation depends on; valid during the call.
struct Situation {
  Phase phase = Phase::usage;
  const Error& error;
  const Facts& facts;
  std::string_view object = {};                  // path, as given
  const loader::ObjectSpec* spec = nullptr;      // when it was understood
  const loader::ProgramSpec* program = nullptr;  // when it is about one
};

// Never fails: an error without a row gets its message and the exit status of its phase.
Report explain(const Situation& situation);

// The program, or the map, that the error's context names; null when it names none.
const loader::ProgramSpec* program_of(const Error& error, const loader::ObjectSpec& spec);
const loader::MapSpec* map_of(const Error& error, const loader::ObjectSpec& spec);

}  // namespace bpfld::cli
