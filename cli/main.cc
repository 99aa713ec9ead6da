// SPDX-License-Identifier: Apache-2.0
// The bpfld command: finds the sub-command, parses its command line, runs it, and makes sure that
// what was printed was written. Names are exact; a typo gets a suggestion, never a guess.
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <unistd.h>

#include "base/escape.h"
#include "base/near.h"
#include "cli/commands.h"

namespace bpfld::cli {
namespace {

// A standard stream that is closed would be the next file that is opened, and be written to.
void fill_standard_streams() {
  for (int fd : {0, 1, 2}) {
    if (::fcntl(fd, F_GETFD) >= 0 || errno != EBADF) continue;
    const int opened = ::open("/dev/null", fd == 0 ? O_RDONLY : O_WRONLY);
    if (opened >= 0 && opened != fd) ::close(opened);
  }
}

int unknown_command(const std::string& name, Streams& streams) {
  std::unexpected<Error> failure =
      fail(Code::usage, "there is no {} \"{}\"", name.starts_with('-') ? "option" : "command",
           escape_terminal(name));
  std::vector<std::string_view> names = {"--help", "--version"};
  for (const Command& command : commands())
    names.push_back(command.row->name);
  for (std::string_view near : nearest(name, names, 3))
    failure.error().detail += format("{}{}", failure.error().detail.empty() ? "" : ", ", near);
  return report_usage(failure.error(), nullptr, streams);
}

int dispatch(std::span<const std::string> words, Streams& streams) {
  if (words.empty()) {
    streams.say(overview());
    return static_cast<int>(Exit::usage);
  }
  const std::string& name = words.front();
  if (name == "--version" || name == "-V") {
    streams.out.write("bpfld " BPFLD_VERSION "\n");
    return 0;
  }
  if (name == "--help" || name == "-h") {
    streams.out.write(overview());
    return 0;
  }
  const Command* command = find_command(name);
  if (command == nullptr) return unknown_command(name, streams);
  const Result<Arguments> arguments = parse_arguments(*command->row, words.subspan(1));
  if (!arguments) return report_usage(arguments.error(), command->row, streams);
  if (arguments->has("help")) {
    streams.out.write(help_of(*command->row));
    return 0;
  }
  if (arguments->has("color") && !parse_color_mode(arguments->value("color"))) {
    const std::unexpected<Error> failure =
        fail(Code::usage, "--color takes auto, always or never, not \"{}\"",
             escape_terminal(arguments->value("color")));
    return report_usage(failure.error(), command->row, streams);
  }
  return command->run({*arguments, streams});
}

int run(int argc, char** argv) {
  fill_standard_streams();
  ::signal(SIGPIPE, SIG_IGN);  // a reader that goes away is seen as EPIPE: see stream.h
  Streams streams;
  std::vector<std::string> words;
  for (int i = 1; i < argc; i++)
    words.emplace_back(argv[i]);
  int status = dispatch(words, streams);
  streams.out.flush();
  if (streams.out.error() != 0) {
    const std::unexpected<Error> failure =
        fail_errno(streams.out.error(), "cannot write to standard output");
    streams.say("error: " + failure.error().message() + "\n");
    status = static_cast<int>(Exit::internal);
  }
  return status;
}

}  // namespace
}  // namespace bpfld::cli

int main(int argc, char** argv) {
  return bpfld::cli::run(argc, argv);
}
