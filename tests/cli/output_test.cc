// SPDX-License-Identifier: Apache-2.0
// Events as rows, JSON and hexdumps, and reports as text and JSON; without a process or a kernel.
#include <algorithm>
#include <doctest/doctest.h>

#include "cli/event_table.h"
#include "cli/facts.h"
#include "cli/hints.h"
#include "cli/report.h"
#include "cli/values.h"
#include "tests/support/btf_builder.h"
#include "tests/support/json.h"

namespace {

using namespace bpfld;
using namespace bpfld::cli;
using test::BtfBuilder;
using test::TypeId;

struct Event {
  u32 pid;
  i32 ret;
  char comm[16];
  u64 cpu;
};

// The BTF of Event, plus what a test adds.
struct Types {
  BtfBuilder builder;
  TypeId event;
  std::vector<std::byte> blob;
  std::optional<btf::View> view;

  Types() {
    const TypeId i32_id = builder.add_int("int", 4);
    const TypeId u32_id = builder.add_uint("unsigned int", 4);
    const TypeId u64_id = builder.add_uint("unsigned long", 8);
    const TypeId comm = builder.add_array(builder.add_char(), u32_id, 16);
    event = builder.add_struct(
        "event", sizeof(Event),
        {{"pid", u32_id, 0}, {"ret", i32_id, 32}, {"comm", comm, 64}, {"cpu", u64_id, 192}});
    blob = builder.bytes();
    Result<btf::View> parsed = btf::View::parse(blob);
    REQUIRE(parsed);
    view.emplace(std::move(*parsed));
  }
};

Report explained(Phase phase, Error error, const Facts& facts = {}) {
  return explain({.phase = phase, .error = error, .facts = facts, .object = "x.bpf.o"});
}

}  // namespace

TEST_CASE("table: rows align with the header, and the last column is not padded") {
  const Types types;
  const EventTable table("events", &*types.view, types.event);
  std::string out = table.header() + '\n';
  table.add_row(out, 0, bytes_of(Event{7, 0, "sh", 3}));
  table.add_row(out, 0, bytes_of(Event{4194304, -2, "fifteen letters", 12}));
  CHECK(out ==
        "PID      RET   COMM              CPU\n"
        "7        0     sh                3\n"
        "4194304  -2    fifteen letters   12\n");
}

TEST_CASE("table: a value wider than its column is not cut, and what follows is still apart") {
  const Types types;
  EventTable table("events", &*types.view, types.event);
  const std::vector<std::string> columns = {"ret", "pid"};
  REQUIRE(table.choose(columns));
  std::string out = table.header() + '\n';
  table.add_row(out, 0, bytes_of(Event{1, -2147483647, "", 0}));
  CHECK(out == "RET   PID\n-2147483647  1\n");
}

TEST_CASE("table: on a line that is too short values keep to their columns, and the rest is cut") {
  const Types types;
  EventTable table("events", &*types.view, types.event);
  const std::vector<std::string> columns = {"ret", "comm", "pid"};
  REQUIRE(table.choose(columns));
  std::string out;
  const Event event{1, -2147483647, "fifteen letters", 0};
  table.add_row(out, 0, bytes_of(event), 40);
  CHECK(out == "-2147483647  fifteen letters   1\n");  // all of it has room
  out.clear();
  table.add_row(out, 0, bytes_of(event), 26);
  CHECK(out == "-21…  fifteen letters   1\n");
  out.clear();
  table.add_row(out, 0, bytes_of(event), 12);
  CHECK(out == "-21…  fifte…\n");
  CHECK(table.header(12) == "RET   COMM …");
  CHECK(table.header() == "RET   COMM              PID");
}

TEST_CASE("table: a field is shown as a tag or the user says, in a column of that width") {
  Types types;
  EventTable table("events", &*types.view, types.event);
  CHECK(table.show("cpu", "ns"));
  CHECK(table.show("pid", "ip"));
  CHECK(table.show("nobody", "ip"));  // of another map's type
  CHECK(table.show("pid", "roman").error().what ==
        "there is no format \"roman\"; want one of ip, mac, port, hex, ns, us, ms, s");
  CHECK(table.show("comm", "ns").error().what == "its type cannot be shown as ns");
  std::string out = table.header() + '\n';
  table.add_row(out, 0, bytes_of(Event{0x0100007f, 0, "sh", 2'310'000}));
  if constexpr (kHostOrder == ByteOrder::little)
    CHECK(out ==
          "PID              RET   COMM              CPU\n"
          "127.0.0.1        0     sh                2.31ms\n");
  out.clear();
  table.add_json(out, 0, bytes_of(Event{7, 0, "", 1500}));
  CHECK(out.find("\"cpu\":1500,\"cpu_str\":\"1.5us\"") != std::string::npos);
}

TEST_CASE("table: with several objects an event says whose it is") {
  const Types types;
  const EventTable table("events", &*types.view, types.event, "a.bpf.o");
  CHECK(table.title() == "a.bpf.o:events");
  std::string out;
  table.add_json(out, 0, bytes_of(Event{7, 0, "", 0}));
  CHECK(out.starts_with("{\"object\":\"a.bpf.o\",\"map\":\"events\","));
}

TEST_CASE("style: text is cut where no column is left, and never inside a letter") {
  CHECK(cut("eight", 5) == "eight");
  CHECK(cut("eight", 4) == "eig…");
  CHECK(cut("eight", 1) == "…");
  CHECK(cut("eight", 0) == "");
  CHECK(cut("größer", 4) == "grö…");
  CHECK(cut_lines("one two\nthree\n", 5) == "one …\nthree\n");
  CHECK(cut_lines("one two\nlast one", 5) == "one …\nlast…");
  CHECK(cut_lines("one two\n", 0) == "one two\n");
}

TEST_CASE("table: escape sequences in a field do not reach the terminal") {
  const Types types;
  const EventTable table("events", &*types.view, types.event);
  std::string out;
  table.add_row(out, 0, bytes_of(Event{1, 0, "\x1b[2J\nx", 0}));
  CHECK(test::is_printable(out));
  CHECK(std::ranges::count(out, '\n') == 1);
}

TEST_CASE("table: a record that is too short shows what it has") {
  const Types types;
  const EventTable table("events", &*types.view, types.event);
  std::string out;
  table.add_row(out, 0, bytes_of(u32{7}));
  CHECK(out == "7        -     -                 -\n");
  out.clear();
  table.add_json(out, 0, bytes_of(u32{7}));
  CHECK(out == "{\"map\":\"events\",\"_cpu\":0,\"pid\":7}\n");
  out.clear();
  table.add_json(out, std::nullopt, {});
  CHECK(out == "{\"map\":\"events\"}\n");
}

TEST_CASE("table: JSON has the map and the cpu first, under names that the record does not have") {
  const Types types;
  const EventTable table("ev\"ents", &*types.view, types.event);
  std::string out;
  table.add_json(out, 1, bytes_of(Event{7, -2, "sh", 3}));
  CHECK(out ==
        "{\"map\":\"ev\\\"ents\",\"_cpu\":1,\"pid\":7,\"ret\":-2,\"comm\":\"sh\",\"cpu\":3}\n");
  CHECK(test::is_json_lines(out));
}

TEST_CASE("table: without a type the bytes are shown") {
  const EventTable table("even\x1bts", nullptr, std::nullopt);
  CHECK(table.header().empty());
  std::string out;
  table.add_row(out, 2, bytes_of(std::string_view("/bin/ls -la\0\x1b\xff and more", 23)));
  CHECK(out ==
        "even\\x1bts  23 bytes  cpu 2\n"
        "  0000  2f 62 69 6e 2f 6c 73 20  2d 6c 61 00 1b ff 20 61  |/bin/ls -la... a|\n"
        "  0010  6e 64 20 6d 6f 72 65                              |nd more|\n");
  out.clear();
  table.add_json(out, 2, bytes_of(u32{0x04030201}));
  CHECK(out == "{\"map\":\"even\\u001bts\",\"cpu\":2,\"size\":4,\"hex\":\"01020304\"}\n");
}

TEST_CASE("table: lines of bytes that repeat are one star, and the last one is always there") {
  std::vector<std::byte> bytes(16 * 5);
  const std::string zeros =
      "00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |................|\n";
  CHECK(hexdump(bytes) == "  0000  " + zeros + "  *\n  0040  " + zeros);
  bytes[16 * 2] = std::byte{'a'};
  bytes.resize(16 * 5 + 1);
  CHECK(hexdump(bytes) == "  0000  " + zeros + "  *\n  0020  61" + zeros.substr(2, 48) +
                              "|a...............|\n" + "  0030  " + zeros + "  *\n  0050  00" +
                              std::string(47, ' ') + " |.|\n");
  CHECK(hexdump(std::span(bytes).first(32)) == "  0000  " + zeros + "  0010  " + zeros);
}

TEST_CASE("report: every line of a text is indented below its first, and nothing empty is shown") {
  const Report report = {.severity = Severity::error,
                         .id = "E15",
                         .exit = Exit::kernel,
                         .what = "what",
                         .where = "where",
                         .excerpt = {"1 | line"},
                         .near = "near",
                         .why = "why one\nwhy two",
                         .hint = ""};
  CHECK(to_text(report, Style()) ==
        "error[E15]: what\n"
        "  --> where\n"
        "    1 | line\n"
        "  did you mean: near\n"
        "  why: why one\n"
        "       why two\n");
  CHECK(to_json(report) ==
        "{\"error\":\"E15\",\"exit\":4,\"what\":\"what\",\"where\":\"where\",\"excerpt\":[\"1 | "
        "line\"],\"did_you_mean\":\"near\",\"why\":\"why one\\nwhy two\"}\n");
}

TEST_CASE("report: text from elsewhere is escaped in every place") {
  const std::string bad = "\x1b[31m\n\"";
  const Report report = {
      .what = bad, .where = bad, .excerpt = {bad, bad}, .near = bad, .why = bad, .hint = bad};
  CHECK(test::is_printable(to_text(report, Style())));
  CHECK(test::is_json_lines(to_json(report)));
}

TEST_CASE("hints: a refusal without privileges is about privileges, whatever was refused") {
  Facts facts;
  facts.uid = 1000;
  facts.effective_capabilities = 0;
  Error error;
  error.code = Code::denied;
  error.errno_value = 1;
  error.what = "bpf(BPF_MAP_CREATE)";
  const Report report = explained(Phase::load, error, facts);
  CHECK(report.id == "E01");
  CHECK(report.exit == Exit::permission);
  CHECK(report.what.find("uid 1000") != std::string::npos);
}

TEST_CASE("hints: with privileges the same refusal is about something else") {
  Facts facts;
  facts.effective_capabilities = ~u64{0};
  facts.kernel = "6.1.0";
  facts.lockdown = "integrity";
  Error error;
  error.code = Code::denied;
  error.errno_value = 1;
  error.what = "bpf(BPF_MAP_CREATE)";
  Report report = explained(Phase::load, error, facts);
  CHECK(report.id.empty());
  CHECK(report.why.find("lockdown: integrity") != std::string::npos);
  facts.kernel = "5.10.0-40-amd64";
  facts.memlock = 65536;
  report = explained(Phase::load, error, facts);
  CHECK(report.id == "E17");
  CHECK(report.why.find("65536") != std::string::npos);
}

TEST_CASE("hints: fentry refused with an empty log is not about memory") {
  Facts facts;
  facts.effective_capabilities = ~u64{0};
  facts.kernel = "5.10.0";
  facts.memlock = 65536;
  loader::ObjectSpec spec;
  loader::ProgramSpec program;
  program.name = "on_enter";
  program.section = "fentry/do_unlinkat";
  program.row = loader::match_section("fentry/do_unlinkat")->row;
  spec.programs.push_back(program);
  Error error;
  error.code = Code::denied;
  error.errno_value = 1;
  error.what = "bpf(BPF_PROG_LOAD)";
  error.context = "program \"on_enter\"";
  const Report report =
      explain({.phase = Phase::load, .error = error, .facts = facts, .object = "x", .spec = &spec});
  CHECK(report.id == "E02");
  CHECK(report.where == "x: program \"on_enter\", SEC(\"fentry/do_unlinkat\")");
}

TEST_CASE("hints: a type of program that the kernel does not know is told with its release") {
  Facts facts;
  facts.effective_capabilities = ~u64{0};
  facts.kernel = "5.10.0-test";
  loader::ObjectSpec spec;
  loader::ProgramSpec program;
  program.name = "on_packet";
  program.section = "netfilter";
  program.row = loader::match_section("netfilter")->row;
  spec.programs.push_back(program);
  Error error;
  error.code = Code::kernel;
  error.errno_value = 22;
  error.what = "bpf(BPF_PROG_LOAD)";
  error.context = "program \"on_packet\"";
  const auto report = [&] {
    return explain(
        {.phase = Phase::load, .error = error, .facts = facts, .object = "x", .spec = &spec});
  };
  CHECK(report().id == "E19");
  CHECK(report().why.find("netfilter programs came with v6.4") != std::string::npos);
  error.detail = "BTF is mangled";  // it looked at something
  CHECK(report().id.empty());
}

TEST_CASE("hints: a map that is too large is told how large it would be") {
  loader::ObjectSpec spec;
  loader::MapSpec map;
  map.name = "conn";
  map.type = bpf::MapType::hash;
  map.key_size = 8;
  map.value_size = 64;
  map.max_entries = 4'000'000'000;
  spec.maps.push_back(map);
  Error error;
  error.code = Code::kernel;
  error.errno_value = 7;
  error.what = "bpf(BPF_MAP_CREATE)";
  error.context = "map \"conn\"";
  const Facts facts;
  const Report report =
      explain({.phase = Phase::load, .error = error, .facts = facts, .object = "x", .spec = &spec});
  CHECK(report.id == "E12");
  CHECK(report.why ==
        "it has more elements than a map of its type can have, or is larger in all than a map can "
        "be: 4000000000 elements of 72 B are 268 GiB");
  CHECK(report.hint == "--map conn.max_entries=65536, or another smaller number");
}

TEST_CASE("hints: a hardware event without counters is not a missing file") {
  Facts facts;
  facts.effective_capabilities = ~u64{0};
  facts.hardware_counters = false;
  loader::ObjectSpec spec;
  loader::ProgramSpec program;
  program.name = "on_sample";
  program.section = "perf_event";
  program.row = loader::match_section("perf_event")->row;
  loader::AttachTarget target;
  target.method = loader::AttachMethod::perf_event;
  target.place = "cycles@99";
  program.places = {target};
  spec.programs.push_back(program);
  Error error;
  error.code = Code::kernel;
  error.errno_value = 2;
  error.what = "perf_event_open";
  error.context = "program \"on_sample\"";
  const auto report = [&] {
    return explain(
        {.phase = Phase::attach, .error = error, .facts = facts, .object = "x", .spec = &spec});
  };
  CHECK(report().what ==
        "program \"on_sample\": perf_event_open: No such file or directory (ENOENT): there are no "
        "hardware counters here");
  CHECK(report().hint.starts_with("--attach on_sample=perf:cpu-clock@99"));
  facts.hardware_counters = true;
  CHECK(report().what.ends_with("this processor does not count the event"));
  error.errno_value = 95;
  CHECK(report().what.ends_with("so it counts but takes no samples"));
  spec.programs[0].places[0].place = "cpu-clock@99";  // the kernel's own
  CHECK(report().what.ends_with("(EOPNOTSUPP)"));
}

TEST_CASE("hints: an error that no row knows keeps its message and its errno") {
  Error error;
  error.code = Code::kernel;
  error.errno_value = 28;
  error.what = "bpf(BPF_BTF_LOAD)";
  const Report report = explained(Phase::load, error);
  CHECK(report.exit == Exit::kernel);
  CHECK(report.what == "bpf(BPF_BTF_LOAD): No space left on device (ENOSPC)");
}

TEST_CASE("facts: capabilities and lockdown are read from the kernel's texts") {
  CHECK(parse_effective_capabilities("Name:\tx\nCapEff:\t000001ffffffffff\nCapBnd:\t0\n") ==
        0x1ffffffffff);
  CHECK(!parse_effective_capabilities("Name:\tx\n"));
  CHECK(!parse_effective_capabilities("Name:\tCapEff:\nCapEff:\tzz\n"));
  CHECK(!is_user_namespace("         0          0 4294967295\n"));
  CHECK(is_user_namespace("         0          0          1\n"));
  CHECK(is_user_namespace("0 100000 65536"));
  CHECK(is_user_namespace("1000 0 4294967295"));
  CHECK(!is_user_namespace(""));  // unknown is not "yes"
  CHECK(!is_user_namespace("0 0"));
  CHECK(parse_lockdown("none [integrity] confidentiality") == "integrity");
  CHECK(parse_lockdown("[none] integrity confidentiality").empty());
  CHECK(parse_lockdown("").empty());
  CHECK(parse_lockdown("]x[").empty());
  Facts facts;
  CHECK(!facts.cannot_load());  // unknown is not "no"
  facts.effective_capabilities = u64{1} << 39;
  CHECK(!facts.cannot_load());
  facts.effective_capabilities = u64{1} << 12;
  CHECK(facts.cannot_load());
}

TEST_CASE("values: times and sizes have units, and nothing overflows") {
  CHECK(parse_duration("10")->count() == 10'000);
  CHECK(parse_duration("500ms")->count() == 500);
  CHECK(parse_duration("2h")->count() == 7'200'000);
  for (std::string_view text : {"", "s", "-1s", "1.5s", "1d", "18446744073709551615h", "1 s"})
    CHECK(!parse_duration(text));
  CHECK(*parse_size("64K") == 65536);
  CHECK(*parse_size("4MiB") == 4u << 20);
  for (std::string_view text : {"", "0", "K", "-1", "99999999999G", "0x10"})
    CHECK(!parse_size(text));
}

TEST_CASE("style: wrapped lines stay within the width and keep every word") {
  CHECK(wrap("one two three", 2, 9) == "one two\n  three");
  CHECK(wrap("a\n  kept", 0, 80) == "a\n  kept");
  CHECK(wrap("averylongword short", 0, 5) == "averylongword\nshort");
  CHECK(align({{"a", "b"}, {"long", ""}}, 1) == " a     b\n long\n");
  CHECK(line_width(0) == 120);
  CHECK(line_width(80) == 80);
  CHECK(line_width(3) == 60);
}

TEST_CASE("style: what does not fit beside a row stands below it") {
  CHECK(align({{"a", "b", "c"}, {"x", "some more words", "y"}}, 1, 20) ==
        " a  b\n"
        "       c\n"
        " x  some more words\n"
        "       y\n");
  CHECK(align({{"a", "many words that are wider than it"}}, 0, 16) ==
        "a\n"
        "      many words\n"
        "      that are\n"
        "      wider than\n"
        "      it\n");
  CHECK(align({{"longer than the width"}}, 0, 5) == "longer than the width\n");
}
