// SPDX-License-Identifier: Apache-2.0
// The sub-commands: a table of rows, each with its options and its function. main() looks a name up
// and calls; nothing else knows which commands exist.
#pragma once

#include <span>

#include "cli/options.h"
#include "cli/report.h"
#include "cli/stream.h"

namespace bpfld::cli {

// view: what a command gets.
struct Invocation {
  const Arguments& arguments;
  Streams& streams;
};

struct Command {
  const CommandRow* row;
  int (*run)(const Invocation&);  // the exit status
};

extern const CommandRow kRunCommand, kListCommand, kDumpCommand, kBtfCommand, kVerifyCommand,
    kFeatureCommand, kExplainCommand, kProfileCommand, kProgCommand, kMapCommand, kLinkCommand,
    kHelpCommand;
int run_command(const Invocation& invocation);      // cmd_run.cc
int list_command(const Invocation& invocation);     // cmd_list.cc
int dump_command(const Invocation& invocation);     // cmd_dump.cc
int btf_command(const Invocation& invocation);      // cmd_btf.cc
int verify_command(const Invocation& invocation);   // cmd_verify.cc
int feature_command(const Invocation& invocation);  // cmd_feature.cc
int explain_command(const Invocation& invocation);  // cmd_explain.cc
int profile_command(const Invocation& invocation);  // cmd_profile.cc
int prog_command(const Invocation& invocation);     // cmd_prog.cc
int map_command(const Invocation& invocation);      // cmd_map.cc
int link_command(const Invocation& invocation);     // cmd_link.cc
int help_command(const Invocation& invocation);     // help.cc

std::span<const Command> commands();
const Command* find_command(std::string_view name);

// What `bpfld --help` prints.
std::string overview();

// Prints a usage error of `command` (null: of bpfld itself) and returns its exit status.
int report_usage(const Error& error, const CommandRow* command, Streams& streams);

// The style for standard output or standard error, after --color.
Style style_for(const Arguments& arguments, const Stream& stream);

}  // namespace bpfld::cli
