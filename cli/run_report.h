// SPDX-License-Identifier: Apache-2.0
// What `bpfld run` says about itself, on standard error: as text for people, or, with -o json, one
// JSON object a line, so that both streams can be read by a program. Standard output is for events
// alone.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "cli/report.h"
#include "cli/stream.h"
#include "cli/style.h"
#include "perf/reader.h"

namespace bpfld::cli {

// spec: the line that a run starts with.
struct RunStart {
  std::string_view object;
  std::size_t programs = 0, maps = 0;
  std::string_view kernel;
  std::string_view btf = {};  // a file that was named instead of the kernel's own
};

// spec: one program and where it belongs.
struct ProgramLine {
  std::string_view name, section;
  std::string_view object = {};  // its file, where there are several
};

// spec: one event map and what its samples are.
struct EventMapLine {
  std::string object = {};  // its file, where there are several
  std::string name, map_type;
  std::string type;  // "struct event"; empty when it is not known
  u64 size = 0;      // bytes
  std::string rule;
};

// spec: the line that a run ends with.
struct RunEnd {
  u64 events = 0;
  perf::Lost lost;
  std::string rings;    // "rb peak 3 % full"
  std::string command;  // "exited 1"; empty without one
  std::size_t detached = 0;
  std::string pinned;  // the folder that keeps what was attached; empty: nothing stays
  bool waited = true;  // false: nothing was attached, and nothing was waited for
};

class RunReport {
 public:
  RunReport(Streams& streams, const Style& style, bool json)
      : streams_(streams), style_(style), json_(json) {}

  void start(const RunStart& start);
  // The names that will come, so that their columns can be as wide as the widest.
  void expect(std::span<const ProgramLine> programs);
  // With several objects: whose programs the next lines are about.
  void object(std::string_view name);
  void attached(const ProgramLine& program, std::string_view how);
  void not_attached(const ProgramLine& program, std::string_view why);  // on purpose
  void failed(const ProgramLine& program, const Report& report);        // others go on
  void event_map(const EventMapLine& map);
  void note(std::string_view text);
  void message(const Report& report);
  // `program` is empty when an error says which one it is.
  void verifier_log(std::string_view log, std::string_view program = {});
  void finish(const RunEnd& end);

  bool json() const { return json_; }

 private:
  void say_wrapped(const std::string& line);
  void program_line(Ink ink, char mark, const ProgramLine& program, std::string_view text);

  Streams& streams_;
  Style style_;
  bool json_;
  std::size_t name_width_ = 0, section_width_ = 0;
};

}  // namespace bpfld::cli
