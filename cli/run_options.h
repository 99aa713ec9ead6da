// SPDX-License-Identifier: Apache-2.0
// The options of `bpfld run`, read and checked before anything is opened.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "cli/attach_option.h"
#include "cli/event_table.h"
#include "cli/options.h"

namespace bpfld::cli {

enum class VerifierLog : u8 { off, fail, full };

// spec: one --event.
struct EventOption {
  std::string map, type;
};

// spec: one part of --field.
struct FieldOption {
  std::string field, show;
};

// spec: what was asked for.
struct RunOptions {
  std::vector<std::string> objects;
  std::string object;  // the one of them that these are for
  OutputFormat format = OutputFormat::columns;
  std::vector<EventOption> events;
  std::vector<std::string> sets;        // "NAME=VALUE"
  std::vector<std::string> only, skip;  // globs
  std::vector<std::string> columns;
  std::vector<FieldOption> fields;
  bool share = true;  // maps of one name in several objects
  AttachOptions places;
  std::vector<std::string> targets;  // as target_option.h reads them
  std::vector<std::string> maps;     // as map_options.h reads them
  std::string pin, pin_root;         // folders; empty: not given
  std::string btf;
  std::string token;  // a folder; empty: not given
  std::optional<std::chrono::milliseconds> duration;
  u64 count = ~u64{0};
  u64 buffer = 256u << 10;  // bytes per CPU
  VerifierLog verifier_log = VerifierLog::fail;
  bool all_variants = false;
  bool strict = false, header = true, fail_on_lost = false, exit_with_command = false;
  bool replace = false, detach = false;
  std::vector<std::string> command;
};

// Errors: usage.
[[nodiscard]] Result<RunOptions> read_run_options(const Arguments& arguments);

}  // namespace bpfld::cli
