// SPDX-License-Identifier: Apache-2.0
// Command lines. Each command has a table of options, from which the parser and the help are made,
// so that the two cannot disagree. Names are exact: an abbreviation that works today would break
// the day a longer name is added. Everything after `--` is a command to run, and is not looked at.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace bpfld::cli {

enum class Repeat : u8 { once, many };

struct OptionRow {
  std::string_view name;   // "duration"
  char letter = '\0';      // 'o' for -o
  std::string_view value;  // what it takes, "TIME"; empty for a switch
  std::string_view help;
  Repeat repeat = Repeat::once;
};

struct CommandRow {
  std::string_view name;
  std::string_view operands;  // "OBJECT [-- CMD ARG...]"
  std::string_view summary;   // one line
  std::string_view about;     // paragraphs; may be empty
  std::span<const OptionRow> options;
  std::size_t min_operands = 0, max_operands = 0;
  bool takes_command = false;  // words after `--`
};

// spec: a command line that was understood.
class Arguments {
 public:
  bool has(std::string_view option) const;
  // Of an option that was given once; empty when it was not.
  std::string_view value(std::string_view option) const;
  // Of an option that may be repeated, in the order given.
  std::span<const std::string> values(std::string_view option) const;

  std::vector<std::string> operands;
  std::vector<std::string> command;  // after `--`
  bool has_command = false;

 private:
  friend Result<Arguments> parse_arguments(const CommandRow&, std::span<const std::string>);
  std::map<std::string, std::vector<std::string>, std::less<>> options_;
};

// `words` are those after the command's name. Errors: usage; near names in `detail`.
[[nodiscard]] Result<Arguments> parse_arguments(const CommandRow& command,
                                                std::span<const std::string> words);

// The --help of a command.
std::string help_of(const CommandRow& command);

// Options that every command has: --color, --help.
std::span<const OptionRow> common_options();

}  // namespace bpfld::cli
