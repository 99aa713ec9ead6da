// SPDX-License-Identifier: Apache-2.0
// `bpfld run` with several objects: which of them an option is for, and what they cannot share.
#include <doctest/doctest.h>

#include "tests/cli/run_bpfld.h"

namespace {

using namespace bpfld::test;

std::string fixture(const std::string& name) {
  return std::string(BPFLD_BUILD) + "/fixtures/" + name + ".bpf.o";
}

// Without privileges a run goes as far as the kernel: status 6 says that all before was right.
Finished run_both(std::vector<std::string> options) {
  std::vector<std::string> words = {"run", fixture("minimal"), fixture("perf_getppid")};
  words.insert(words.end(), options.begin(), options.end());
  return run_command(words);
}

}  // namespace

TEST_CASE("run several: an option is for the objects that have what it names") {
  CHECK(run_both({}).status == 6);
  CHECK(run_both({"--set", "target_tgid=1"}).status == 6);  // only the second has it
  CHECK(run_both({"--set", "my_pid=1"}).status == 6);       // only the first
  CHECK(run_both({"--map", "events.max_entries=8"}).status == 6);
  CHECK(run_both({"--event", "events=event"}).status == 6);
  CHECK(run_both({"--columns", "pid,seq"}).status == 6);
  CHECK(run_both({"--field", "seq:hex"}).status == 6);
  CHECK(run_both({"--skip", "on_getppid", "--only", "on_getppid"}).status == 2);
}

TEST_CASE("run several: what no object has is refused as of one object") {
  Finished ran = run_both({"--set", "nobody=1"});
  CHECK(ran.status == 2);
  CHECK(first_line(ran.err) == "error[E26]: --set: there is no global variable \"nobody\"");
  ran = run_both({"--columns", "pid,nobody"});
  CHECK(ran.status == 2);
  CHECK(first_line(ran.err) == "error: --columns: there is no field \"nobody\"");
  ran = run_both({"--field", "sequ:hex"});
  CHECK(ran.status == 2);
  CHECK(contains(ran.err, "did you mean: seq"));
  CHECK(run_both({"--only", "nobody"}).status == 2);
  CHECK(run_both({"--event", "nobody=event"}).status == 2);
  CHECK(run_both({"--map", "nobody.max_entries=8"}).status == 2);
}

TEST_CASE("run several: a field's format must be one, and fit the field") {
  Finished ran = run_both({"--field", "seq"});
  CHECK(ran.status == 2);
  CHECK(first_line(ran.err) == "error: --field seq: want FIELD:FORMAT, such as saddr:ip");
  ran = run_both({"--field", "seq:roman"});
  CHECK(ran.status == 2);
  CHECK(contains(first_line(ran.err), "there is no format \"roman\""));
  ran = run_both({"--field", "seq:mac"});
  CHECK(ran.status == 2);
  CHECK(contains(first_line(ran.err), "its type cannot be shown as mac"));
}

TEST_CASE("run several: different maps of one name are refused before anything is loaded") {
  const std::vector<std::string> both = {"run", fixture("perf_getppid"),
                                         fixture("ringbuf_getppid")};
  const Finished ran = run_command(both);
  CHECK(ran.status == 2);
  CHECK(first_line(ran.err) ==
        "error[E28]: \"events\" in perf_getppid.bpf.o (perf_event_array) and "
        "ringbuf_getppid.bpf.o (ringbuf) cannot be one map");
  std::vector<std::string> apart = both;
  apart.emplace_back("--no-share");
  CHECK(run_command(apart).status == 6);
}

TEST_CASE("run several: event maps of one name whose events differ are two maps") {
  // Of the same type otherwise: as one map, the events of either would be shown as the other's.
  CHECK(run_command({"run", fixture("perf_getppid"), fixture("raw_tp")}).status == 6);
  // A ring buffer beside a perf event array is no conflict then, either.
  const Finished ran = run_command({"run", fixture("ringbuf_getppid"), fixture("raw_tp")});
  CHECK(ran.status == 6);
  CHECK_FALSE(contains(ran.err, "E28"));
}

TEST_CASE("run several: a set of pins is of one object") {
  const Finished ran = run_both({"--pin", "/sys/fs/bpf/x"});
  CHECK(ran.status == 2);
  CHECK(first_line(ran.err) == "error: --pin takes one OBJECT");
}
