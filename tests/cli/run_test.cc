// SPDX-License-Identifier: Apache-2.0
// What `bpfld run` says on standard error, in both notations, and how events reach standard output:
// written into a pipe here, without a kernel.
#include <csignal>
#include <doctest/doctest.h>
#include <unistd.h>

#include "cli/event_printer.h"
#include "cli/run_report.h"
#include "tests/support/json.h"

namespace {

using namespace bpfld;
using namespace bpfld::cli;

// Two pipes to write into, and what was written.
class Captured {
 public:
  Captured() {
    REQUIRE(::pipe(out_) == 0);
    REQUIRE(::pipe(err_) == 0);
    streams = std::make_unique<Streams>(out_[1], err_[1]);
  }
  ~Captured() {
    streams.reset();
    for (int fd : {out_[0], out_[1], err_[0], err_[1]})
      if (fd >= 0) ::close(fd);
  }
  std::string out() { return read_all(out_); }
  std::string err() { return read_all(err_); }
  void close_reader() {
    ::close(out_[0]);
    out_[0] = -1;
  }

  std::unique_ptr<Streams> streams;

 private:
  std::string read_all(int (&fds)[2]) {
    streams->out.flush();
    ::close(fds[1]);
    fds[1] = -1;
    std::string text;
    char buffer[4096];
    for (ssize_t got; (got = ::read(fds[0], buffer, sizeof(buffer))) > 0;)
      text.append(buffer, static_cast<std::size_t>(got));
    return text;
  }
  int out_[2] = {-1, -1}, err_[2] = {-1, -1};
};

void tell_everything(RunReport& report, std::string_view text) {
  const ProgramLine program{text, text};
  const ProgramLine programs[] = {program};
  report.start({.object = text, .programs = 1, .maps = 2, .kernel = text, .btf = text});
  report.expect(programs);
  report.attached(program, text);
  report.not_attached(program, text);
  Report problem;
  problem.what = text;
  problem.near = text;
  report.failed(program, problem);
  EventMapLine map;
  map.name = map.map_type = map.type = map.rule = text;
  report.event_map(map);
  map.type.clear();
  report.event_map(map);
  report.note(text);
  report.message(problem);
  report.verifier_log(text);
  RunEnd end;
  end.rings = end.command = text;
  report.finish(end);
}

}  // namespace

TEST_CASE("run: what is said, as text") {
  Captured captured;
  RunReport report(*captured.streams, Style(), false);
  const ProgramLine programs[] = {{"enter", "tp/a/b"}, {"go", "xdp"}};
  report.start({.object = "x.bpf.o", .programs = 2, .maps = 1, .kernel = "6.1.0"});
  report.expect(programs);
  report.attached(programs[0], "perf link");
  report.not_attached(programs[1], "no place");
  report.event_map(
      {.name = "events", .map_type = "ringbuf", .type = "struct e", .size = 8, .rule = "rule"});
  report.event_map({.name = "raw", .map_type = "ringbuf", .type = "", .size = 0, .rule = ""});
  RunEnd end;
  end.events = 1;
  end.detached = 1;
  report.finish(end);
  end.lost = {5, perf::Lost::Certainty::lower_bound};
  end.rings = "events peak 3 % full";
  end.command = "exited 1";
  report.finish(end);
  CHECK(captured.err() ==
        "bpfld: x.bpf.o: 2 programs, 1 map; kernel 6.1.0\n"
        "  + enter  tp/a/b  perf link\n"
        "  - go     xdp     no place\n"
        "  ~ events: ringbuf -> struct e, 8 bytes (rule)\n"
        "  ~ raw: ringbuf -> type unknown, shown as bytes; to name it: --event raw=STRUCT\n"
        "bpfld: 1 event, 0 lost; 1 program detached\n"
        "bpfld: 1 event, at least 5 lost (events peak 3 % full); command exited 1; 1 program "
        "detached\n");
}

TEST_CASE("run: whatever the names are, the text is printable and the JSON is JSON") {
  const std::string_view hostile = "\x1b[2J\"\\\n\t\xff\xc2\x9b\xe2\x80\xae{}";
  for (const bool json : {false, true}) {
    Captured captured;
    RunReport report(*captured.streams, Style(), json);
    tell_everything(report, hostile);
    const std::string text = captured.err();
    INFO(text);
    CHECK(test::is_printable(text));
    if (json) CHECK(test::is_json_lines(text));
  }
}

TEST_CASE("run: several event maps: each block of rows says whose they are") {
  Captured captured;
  EventPrinter printer(*captured.streams, Style(), {});
  printer.add(3, EventTable("a", nullptr, std::nullopt), 0);
  printer.add(5, EventTable("b", nullptr, std::nullopt), 0);
  printer.begin();
  const u8 byte = 0x41;
  for (const u32 map : {5u, 5u, 3u, 5u})
    CHECK(printer.event(map, 0, bytes_of(byte)));
  const std::string text = captured.out();
  const std::string line = "  0000  41                                                |A|\n";
  CHECK(text == "b:\nb  1 byte  cpu 0\n" + line + "b  1 byte  cpu 0\n" + line +
                    "a:\na  1 byte  cpu 0\n" + line + "b:\nb  1 byte  cpu 0\n" + line);
}

TEST_CASE("run: the printer says when it has had enough") {
  Captured captured;
  EventPrinter printer(*captured.streams, Style(),
                       {.format = OutputFormat::json, .header = true, .limit = 2});
  printer.add(0, EventTable("a", nullptr, std::nullopt), 0);
  CHECK(printer.event(0, 0, {}));
  CHECK(!printer.event(0, 0, {}));
  CHECK(printer.limit_reached());
  CHECK(printer.count() == 2);
  CHECK(test::is_json_lines(captured.out()));
}

TEST_CASE("run: nothing is written after the reader has gone") {
  std::signal(SIGPIPE, SIG_IGN);  // as main() does
  Captured captured;
  captured.close_reader();
  EventPrinter printer(*captured.streams, Style(), {});
  printer.add(0, EventTable("a", nullptr, std::nullopt), 0);
  printer.event(0, 0, {});
  printer.flush();
  CHECK(printer.output_closed());
  CHECK(!printer.event(0, 0, {}));
}
