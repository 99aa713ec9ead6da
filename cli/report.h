// SPDX-License-Identifier: Apache-2.0
// An error as a person reads it: what, where, why, what to try. The first line is enough alone;
// `bpfld help E15` says more. Errors of the library become reports by the table in hint_rows.cc.
//
//   error[E15]: tracepoint sched/sched_swich does not exist on this kernel
//     --> missing.bpf.o: program "on_switch", SEC("tp/sched/sched_swich")
//     did you mean: sched/sched_switch
//     try: ...
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/int.h"
#include "cli/style.h"

namespace bpfld::cli {

// The exit status of every command.
enum class Exit : u8 {
  ok = 0,
  internal = 1,    // our bug, or reading and writing files failed
  usage = 2,       // the command line
  bad_object = 3,  // the object is malformed, or not one that bpfld loads
  kernel = 4,      // this kernel cannot run it
  verifier = 5,    // the verifier refused a program
  permission = 6,  // root or capabilities are missing, or a policy forbids it
  attach = 7,      // it loads, but does not attach
  lost = 8,        // events were lost, with --fail-on-lost
  refused = 9,     // of what was to be verified, something was refused
  interrupted = 130,
};

enum class Severity : u8 { error, warning };

// spec: one message in the form of the catalogue. Texts need not be escaped; only `excerpt` and
// `why` and `hint` may have several lines.
struct Report {
  Severity severity = Severity::error;
  std::string id = {};  // "E15"; empty when the catalogue has no page for it
  Exit exit = Exit::internal;
  std::string what = {};                  // one line
  std::string where = {};                 // file, program, place in the source
  std::vector<std::string> excerpt = {};  // of the source or of a log
  std::string near = {};                  // what was meant, perhaps
  std::string why = {};
  std::string hint = {};  // what to try
};

// The lines, with a newline at the end. Everything is escaped.
std::string to_text(const Report& report, const Style& style);
// One JSON object on one line, with a newline.
std::string to_json(const Report& report);

}  // namespace bpfld::cli
