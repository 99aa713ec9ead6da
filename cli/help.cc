// SPDX-License-Identifier: Apache-2.0
// The table of commands, and the texts that tell about them: `bpfld --help`, `bpfld help run`,
// `bpfld help E15`.
#include <array>

#include "base/escape.h"
#include "base/near.h"
#include "cli/commands.h"
#include "cli/error_pages.h"
#include "cli/hints.h"

namespace bpfld::cli {
namespace {

constexpr std::array<Command, 12> kCommands = {{
    {&kRunCommand, run_command},
    {&kListCommand, list_command},
    {&kFeatureCommand, feature_command},
    {&kExplainCommand, explain_command},
    {&kDumpCommand, dump_command},
    {&kBtfCommand, btf_command},
    {&kVerifyCommand, verify_command},
    {&kProgCommand, prog_command},
    {&kMapCommand, map_command},
    {&kLinkCommand, link_command},
    {&kProfileCommand, profile_command},
    {&kHelpCommand, help_command},
}};

// Everything that `help` takes, for "did you mean".
std::vector<std::string_view> topics() {
  std::vector<std::string_view> names;
  for (const Command& command : kCommands)
    names.push_back(command.row->name);
  for (const ErrorPage& page : error_pages())
    names.push_back(page.id);
  return names;
}

}  // namespace

const CommandRow kHelpCommand = {
    .name = "help",
    .operands = "[COMMAND | E##]",
    .summary = "explain a command or an error",
    .about = "An error's number is in its first line: `error[E15]: ...`.",
    .options = {},
    .max_operands = 1,
};

std::span<const Command> commands() {
  return kCommands;
}

const Command* find_command(std::string_view name) {
  for (const Command& command : kCommands)
    if (command.row->name == name) return &command;
  return nullptr;
}

std::string overview() {
  std::vector<std::vector<std::string>> rows;
  for (const Command& command : kCommands)
    rows.push_back({std::string(command.row->name), std::string(command.row->summary)});
  return "bpfld runs BPF objects (.bpf.o) that need no user-space code: it loads one,\n"
         "attaches its programs and prints what they emit, typed by the object's own BTF.\n"
         "\n"
         "usage: bpfld COMMAND [OPTION...]\n"
         "\n" +
         align(rows, 2) +
         "\n"
         "bpfld COMMAND --help shows what a command takes; bpfld --version the version.\n"
         "A hostile object can do harm once it is loaded, which is what root asks for with\n"
         "`run`; until then no file, whatever is in it, can.\n"
         "\n"
         "exit status: 0 done, 1 internal or I/O, 2 usage, 3 bad object,\n"
         "             4 this kernel cannot, 5 verifier, 6 permission, 7 attach,\n"
         "             8 events lost (--fail-on-lost), 9 verify: something was refused\n";
}

int help_command(const Invocation& invocation) {
  if (invocation.arguments.operands.empty()) {
    invocation.streams.out.write(overview() + "\nerrors, each with a page:\n" + list_error_pages());
    return 0;
  }
  const std::string& topic = invocation.arguments.operands.front();
  if (const Command* command = find_command(topic)) {
    invocation.streams.out.write(help_of(*command->row));
    return 0;
  }
  if (const ErrorPage* page = find_error_page(topic)) {
    invocation.streams.out.write(to_text(*page));
    return 0;
  }
  std::unexpected<Error> failure =
      fail(Code::usage, "there is no help about \"{}\"", escape_terminal(topic));
  for (std::string_view near : nearest(topic, topics(), 3))
    failure.error().detail += format("{}{}", failure.error().detail.empty() ? "" : ", ", near);
  return report_usage(failure.error(), &kHelpCommand, invocation.streams);
}

int report_usage(const Error& error, const CommandRow* command, Streams& streams) {
  const Facts facts;
  Report report = explain({.phase = Phase::usage, .error = error, .facts = facts});
  report.hint = command == nullptr ? "bpfld --help" : format("bpfld {} --help", command->name);
  streams.say(to_text(report, Style::choose(ColorMode::auto_, streams.err.is_terminal())));
  return static_cast<int>(report.exit);
}

Style style_for(const Arguments& arguments, const Stream& stream) {
  const ColorMode mode = parse_color_mode(arguments.value("color")).value_or(ColorMode::auto_);
  return Style::choose(mode, stream.is_terminal());
}

}  // namespace bpfld::cli
