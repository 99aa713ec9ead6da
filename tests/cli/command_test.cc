// SPDX-License-Identifier: Apache-2.0
// The command line of the built bpfld: what it takes, what it says when it does not, and that it
// never goes on after a mistake.
#include <doctest/doctest.h>

#include "tests/cli/run_bpfld.h"
#include "tests/support/json.h"

namespace {

using namespace bpfld::test;

// A usage error: exit 2, nothing on standard output, `what` first, then how to go on.
void check_usage(const Finished& ran, const std::string& what) {
  CAPTURE(ran.err);
  CHECK(ran.status == 2);
  CHECK(ran.out.empty());
  CHECK(first_line(ran.err) == "error: " + what);
  CHECK(contains(ran.err, "\n  try: bpfld "));
  CHECK(is_printable(ran.err));
}

}  // namespace

TEST_CASE("command: without words the overview goes to standard error, and the status is 2") {
  const Finished ran = run_command({});
  CHECK(ran.status == 2);
  CHECK(ran.out.empty());
  CHECK(contains(ran.err, "usage: bpfld COMMAND"));
}

TEST_CASE("command: --version is one line on standard output") {
  const Finished ran = run_command({"--version"});
  CHECK(ran.status == 0);
  CHECK(ran.out.starts_with("bpfld "));
  CHECK(ran.out.find('\n') == ran.out.size() - 1);
  CHECK(ran.err.empty());
}

TEST_CASE("command: help, --help and -h are the same, for every command") {
  CHECK(run_command({"--help"}).out == run_command({"-h"}).out);
  for (const char* name : {"run", "list", "dump", "btf", "help"}) {
    CAPTURE(name);
    const Finished ran = run_command({name, "--help"});
    CHECK(ran.status == 0);
    CHECK(ran.out.starts_with(std::string("bpfld ") + name + ": "));
    CHECK(ran.out == run_command({name, "-h"}).out);
    CHECK(ran.out == run_command({"help", name}).out);
  }
}

TEST_CASE("command: help knows every error by its number, in either case") {
  const Finished ran = run_command({"help", "e15"});
  CHECK(ran.status == 0);
  CHECK(ran.out.starts_with("E15: "));
  check_usage(run_command({"help", "E99"}), "there is no help about \"E99\"");
}

TEST_CASE("command: a typo in a command gets a suggestion, not a guess") {
  const Finished ran = run_command({"rnu", "x.o"});
  check_usage(ran, "there is no command \"rnu\"");
  CHECK(contains(ran.err, "\n  did you mean: run\n"));
}

TEST_CASE("command: the beginning of a command or of an option is not the command or the option") {
  check_usage(run_command({"li", "sec"}), "there is no command \"li\"");
  const Finished ran = run_command({"run", "--dur", "1s", "x.o"});
  check_usage(ran, "there is no option --dur");
  CHECK(contains(ran.err, "did you mean: --duration\n"));
}

TEST_CASE("command: a typo in an option gets the nearest option") {
  const Finished ran = run_command({"run", "--onyl=a", "x.o"});
  check_usage(ran, "there is no option --onyl");
  CHECK(contains(ran.err, "did you mean: --only\n"));
}

TEST_CASE("command: an option's value is checked before anything is opened") {
  check_usage(run_command({"run", "--duration", "10 s", "/nonexistent"}),
              "--duration: \"10 s\" is not a time; want 10s, 500ms, 2m or 1h");
  check_usage(run_command({"run", "--count", "0", "/nonexistent"}),
              "--count: \"0\" is not a count; want a number of at least 1");
  check_usage(run_command({"run", "--buffer=1T", "/nonexistent"}),
              "--buffer: \"1T\" is not a size; want 65536, 64K, 4M or 1G");
  check_usage(run_command({"run", "-o", "xml", "/nonexistent"}),
              "--output takes columns or json, not \"xml\"");
  check_usage(run_command({"run", "--event", "events", "/nonexistent"}),
              "--event events: want MAP=TYPE");
  check_usage(run_command({"run", "--color=blue", "/nonexistent"}),
              "--color takes auto, always or never, not \"blue\"");
}

TEST_CASE("command: values that are missing, and those that are too many") {
  check_usage(run_command({"run", "x.o", "--count"}), "option --count needs a value");
  check_usage(run_command({"run", "--strict=yes", "x.o"}), "option --strict takes no value");
  check_usage(run_command({"run", "--count", "1", "--count", "2", "x.o"}),
              "option --count is given twice");
}

TEST_CASE("command: operands that are missing, and those that are too many") {
  check_usage(run_command({"run"}), "run needs OBJECT... [-- CMD ARG...]");
  check_usage(run_command({"dump", "a.o", "b.o"}), "\"b.o\" is one operand too many");
  check_usage(run_command({"list"}),
              "list needs KIND[:GLOB] | GLOB | uprobe:FILE[:GLOB] | usdt:FILE[:GLOB]");
  check_usage(run_command({"list", "sec", "--", "ls"}), "list takes no command after --");
  check_usage(run_command({"run", "x.o", "--"}), "there is no command after --");
}

TEST_CASE("command: words after -- are the command's, whatever they look like") {
  // The object is missed first, so nothing is said about --duratoin.
  const Finished ran = run_command({"run", "/nonexistent", "--", "ls", "--duratoin"});
  CHECK(ran.status == 1);
  CHECK(first_line(ran.err) ==
        "error: cannot open /nonexistent: No such file or directory (ENOENT)");
}

TEST_CASE("command: what is wrong on the command line is escaped") {
  check_usage(run_command({"\x1b[31m"}), "there is no command \"\\x1b[31m\"");
  check_usage(run_command({"run", "--\x1b]0;x\a", "x.o"}), "there is no option --\\x1b]0;x\\x07");
  check_usage(run_command({"list", "sec", "\xff\x1b"}), "no section name matches \"\\xff\\x1b\"");
}

TEST_CASE("command: list sec filters by pattern and names near ones") {
  const Finished all = run_command({"list", "sec"});
  CHECK(all.status == 0);
  CHECK(all.out.starts_with("SECTION "));
  const Finished some = run_command({"list", "sec", "xdp*", "--no-header"});
  CHECK(some.out.starts_with("xdp"));
  CHECK(all.out.size() > some.out.size());
  const Finished none = run_command({"list", "sec", "kprob"});
  check_usage(none, "no section name matches \"kprob\"");
  CHECK(contains(none.err, "did you mean: kprobe"));
}

TEST_CASE("command: colours only where they are asked for") {
  const Finished plain = run_command({"list", "sec", "xdp"});
  CHECK(!contains(plain.out, "\x1b"));
  CHECK(contains(run_command({"list", "sec", "xdp", "--color=always"}).out, "\x1b[1m"));
  CHECK(run_command({"list", "sec", "xdp", "--color", "never"}).out == plain.out);
}

TEST_CASE("command: a reader that goes away is a quiet end") {
  const Finished ran = run_command({"list", "sec"}, {.close_output = true});
  CHECK(ran.status == 0);
  CHECK(ran.err.empty());
}

TEST_CASE("command: output that cannot be written is an error") {
  const Finished ran = run_process({"/bin/sh", "-c", "exec " BPFLD_COMMAND " list sec >/dev/full"});
  CHECK(ran.status == 1);
  CHECK(ran.err == "error: cannot write to standard output: No space left on device (ENOSPC)\n");
}

TEST_CASE("command: closed standard streams are not taken for files") {
  const Finished ran =
      run_process({"/bin/sh", "-c", "exec " BPFLD_COMMAND " run /nonexistent <&- >&- 2>&-"});
  CHECK(ran.status == 1);
  CHECK(ran.out.empty());
}
