// SPDX-License-Identifier: Apache-2.0
// tracefs format files: the record of a tracepoint.
#include "perf/event_format.h"

#include <doctest/doctest.h>

namespace {

using namespace bpfld;
using namespace bpfld::perf;

constexpr std::string_view kExec =
    "name: sched_process_exec\n"
    "ID: 365\n"
    "format:\n"
    "\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n"
    "\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n"
    "\n"
    "\tfield:__data_loc char[] filename;\toffset:8;\tsize:4;\tsigned:0;\n"
    "\tfield:pid_t pid;\toffset:12;\tsize:4;\tsigned:1;\n"
    "\tfield:char comm[16];\toffset:16;\tsize:16;\tsigned:0;\n"
    "\tfield:__rel_loc u8[] rest;\toffset:32;\tsize:4;\tsigned:0;\n"
    "\tfield:unsigned long args[6];\toffset:40;\tsize:48;\tsigned:0;\n"
    "\n"
    "print fmt: \"field:not one\", REC->pid\n";

std::string message(std::string_view text) {
  const Result<EventFormat> format = parse_event_format(text);
  return format ? "it parses" : format.error().what;
}

}  // namespace

TEST_CASE("event format: fields with their names, places and sizes") {
  const Result<EventFormat> format = parse_event_format(kExec);
  REQUIRE(format.has_value());
  CHECK(format->name == "sched_process_exec");
  CHECK(format->id == 365);
  REQUIRE(format->fields.size() == 7);
  CHECK(format->fields[0].common);
  CHECK(format->fields[0].name == "common_type");
  CHECK(!format->fields[3].common);
  CHECK(format->fields[3].declaration == "pid_t pid");
  CHECK(format->fields[3].offset == 12);
  CHECK(format->fields[3].size == 4);
  CHECK(format->fields[3].is_signed);
  CHECK(format->fields[4].name == "comm");
  CHECK(format->fields[6].name == "args");
}

TEST_CASE("event format: what stands behind the record is told apart from what is in it") {
  const Result<EventFormat> format = parse_event_format(kExec);
  REQUIRE(format.has_value());
  CHECK(format->fields[2].location == Location::data_loc);
  CHECK(format->fields[2].declaration == "char[] filename");
  CHECK(format->fields[2].name == "filename");
  CHECK(format->fields[5].location == Location::rel_loc);
  CHECK(format->fields[4].location == Location::in_place);
}

TEST_CASE("event format: lines that are no fields are malformed, and named") {
  CHECK(message("") == "event format: there is no name: line");
  CHECK(message("name: x\nID: many\n") == "event format, line 2: not a number");
  CHECK(message("name: x\nfield:int a; offset:0;\n") ==
        "event format, line 2: \"field:int a; offset:0;\" is not a field");
  CHECK(message("name: x\nfield:int a; offset:-1; size:4;\n") ==
        "event format, line 2: \"field:int a; offset:-1; size:4;\" is not a field");
  CHECK(message("name: x\nfield:int a; offset:99999999999; size:4;\n") ==
        "event format, line 2: \"field:int a; offset:99999999999; size:4;\" is not a field");
}

TEST_CASE("event format: any prefix of a file is read or refused") {
  for (std::size_t size = 0; size <= kExec.size(); size++) {
    const Result<EventFormat> format = parse_event_format(kExec.substr(0, size));
    if (format) CHECK(format->fields.size() <= 7);
  }
}
