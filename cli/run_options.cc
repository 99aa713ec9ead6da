// SPDX-License-Identifier: Apache-2.0
// The table of options, and their values; see run_options.h.
#include "cli/run_options.h"

#include "base/escape.h"
#include "cli/commands.h"
#include "cli/values.h"

namespace bpfld::cli {
namespace {

using enum Repeat;

// clang-format off
constexpr OptionRow kOptions[] = {
    {"output",        'o',  "FORMAT",     "columns (the default), or json: one object a line, on standard error too", once},
    {"duration",      '\0', "TIME",       "end after 10s, 500ms, 2m ...", once},
    {"count",         '\0', "N",          "end after N events", once},
    {"event",         '\0', "MAP=TYPE",   "what the events of a map are, when the object does not tell or tells wrong", many},
    {"columns",       '\0', "A,B,...",    "show these fields, in that order", once},
    {"no-header",     '\0', "",           "rows only", once},
    {"set",           '\0', "NAME=VALUE", "give a global variable its value: a number, true, false, an enumerator, text, @self (process id of bpfld) or @child (of CMD)", many},
    {"only",          '\0', "GLOB",       "load only the programs of these names; also those whose SEC() starts with '?'", many},
    {"skip",          '\0', "GLOB",       "do not load the programs of these names", many},
    {"strict",        '\0', "",           "a program that does not attach is an error, even when others do", once},
    {"btf",           '\0', "FILE",       "take the kernel's types from FILE instead of /sys/kernel/btf/vmlinux", once},
    {"buffer",        '\0', "SIZE",       "of a perf event array, for each CPU: 64K, 4M ... (default 256K)", once},
    {"fail-on-lost",  '\0', "",           "exit status 8 when events were lost", once},
    {"verifier-log",  '\0', "WHEN",       "off, fail (the lines that matter; the default) or full", once},
    {"exit-with-cmd", '\0', "",           "end with the exit status of CMD", once},
};
// clang-format on

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> out;
  while (true) {
    const std::size_t end = text.find(separator);
    if (end != 0 && !text.empty()) out.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return out;
    text.remove_prefix(end + 1);
  }
}

Status read_format(const Arguments& arguments, RunOptions& out) {
  if (!arguments.has("output")) return {};
  const std::string_view format = arguments.value("output");
  if (format != "columns" && format != "json")
    return fail(Code::usage, "--output takes columns or json, not \"{}\"", escape_terminal(format));
  if (format == "json") out.format = OutputFormat::json;
  return {};
}

Status read_verifier_log(const Arguments& arguments, RunOptions& out) {
  if (!arguments.has("verifier-log")) return {};
  const std::string_view when = arguments.value("verifier-log");
  if (when == "off")
    out.verifier_log = VerifierLog::off;
  else if (when == "full")
    out.verifier_log = VerifierLog::full;
  else if (when != "fail")
    return fail(Code::usage, "--verifier-log takes off, fail or full, not \"{}\"",
                escape_terminal(when));
  return {};
}

Status read_events(const Arguments& arguments, RunOptions& out) {
  for (const std::string& text : arguments.values("event")) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == text.size())
      return fail(Code::usage, "--event {}: want MAP=TYPE", escape_terminal(text));
    out.events.push_back({.map = text.substr(0, equals), .type = text.substr(equals + 1)});
  }
  return {};
}

Status read_limits(const Arguments& arguments, RunOptions& out) {
  if (arguments.has("duration"))
    out.duration = TRY(with_context(parse_duration(arguments.value("duration")),
                                    [] { return std::string("--duration"); }));
  if (arguments.has("count"))
    out.count = TRY(
        with_context(parse_count(arguments.value("count")), [] { return std::string("--count"); }));
  if (arguments.has("buffer"))
    out.buffer = TRY(with_context(parse_size(arguments.value("buffer")),
                                  [] { return std::string("--buffer"); }));
  return {};
}

std::vector<std::string> to_vector(std::span<const std::string> values) {
  return {values.begin(), values.end()};
}

}  // namespace

const CommandRow kRunCommand = {
    .name = "run",
    .operands = "OBJECT [-- CMD ARG...]",
    .summary = "load an object, attach its programs, print what they emit",
    .about =
        "Loads OBJECT (a .bpf.o file), attaches every program whose SEC() names a place, and "
        "prints "
        "the events of its perf event arrays and ring buffers until Ctrl-C. Events go to standard "
        "output, everything else to standard error. With CMD, which starts when everything is "
        "attached, the run ends when CMD does. Nothing stays behind.\n"
        "\n"
        "Which type the events have: --event; else a tag on the map "
        "(btf_decl_tag(\"bpfld:event=struct event\")); else the value type of the ring buffer; "
        "else "
        "that of the map which the data comes from; else a variable that keeps one type in the BTF "
        "(const struct event *unused). Otherwise the bytes are shown.",
    .options = kOptions,
    .min_operands = 1,
    .max_operands = 1,
    .takes_command = true,
};

Result<RunOptions> read_run_options(const Arguments& arguments) {
  RunOptions out;
  out.object = arguments.operands.front();
  TRY(read_format(arguments, out));
  TRY(read_verifier_log(arguments, out));
  TRY(read_events(arguments, out));
  TRY(read_limits(arguments, out));
  out.sets = to_vector(arguments.values("set"));
  out.only = to_vector(arguments.values("only"));
  out.skip = to_vector(arguments.values("skip"));
  out.columns = split(arguments.value("columns"), ',');
  out.btf = arguments.value("btf");
  out.strict = arguments.has("strict");
  out.header = !arguments.has("no-header");
  out.fail_on_lost = arguments.has("fail-on-lost");
  out.exit_with_command = arguments.has("exit-with-cmd");
  out.command = arguments.command;
  if (out.exit_with_command && out.command.empty())
    return fail(Code::usage, "--exit-with-cmd needs a command after --");
  return out;
}

}  // namespace bpfld::cli
