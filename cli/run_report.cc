// SPDX-License-Identifier: Apache-2.0
// Each fact in its two notations; see run_report.h.
#include "cli/run_report.h"

#include <algorithm>

#include "base/escape.h"
#include "base/format.h"

namespace bpfld::cli {
namespace {

using Certainty = perf::Lost::Certainty;

std::string_view name_of(Certainty certainty) {
  switch (certainty) {
    case Certainty::exact: return "exact";
    case Certainty::lower_bound: return "at least";
    case Certainty::unknown: return "unknown";
  }
  return "unknown";
}

std::string lost_text(const perf::Lost& lost) {
  if (lost.certainty == Certainty::exact) return format("{}", lost.events);
  if (lost.certainty == Certainty::unknown && lost.events == 0) return "an unknown number";
  return format("at least {}", lost.events);
}

// "{", or with several objects "{\"object\":\"a.bpf.o\",".
std::string open_json(std::string_view object) {
  return object.empty() ? "{" : format("{{\"object\":{},", json_string(object));
}

}  // namespace

void RunReport::start(const RunStart& start) {
  if (json_) {
    std::string line =
        format("{{\"object\":{},\"programs\":{},\"maps\":{},\"kernel\":{}",
               json_string(start.object), start.programs, start.maps, json_string(start.kernel));
    if (!start.btf.empty()) line += format(",\"btf\":{}", json_string(start.btf));
    return streams_.say(line + "}\n");
  }
  std::string line = format("bpfld: {}: {}, {}; kernel {}", escape_terminal(start.object),
                            count_of(start.programs, "program"), count_of(start.maps, "map"),
                            escape_terminal(start.kernel));
  if (!start.btf.empty()) line += format(", BTF {}", escape_terminal(start.btf));
  streams_.say(style_.paint(Ink::heading, line) + "\n");
}

void RunReport::expect(std::span<const ProgramLine> programs) {
  constexpr std::size_t kWidest = 48;
  for (const ProgramLine& program : programs) {
    name_width_ = std::max(name_width_, display_width(escape_terminal(program.name)));
    section_width_ = std::max(section_width_, display_width(escape_terminal(program.section)));
  }
  name_width_ = std::min(name_width_, kWidest);
  section_width_ = std::min(section_width_, kWidest);
}

void RunReport::program_line(Ink ink, char mark, const ProgramLine& program,
                             std::string_view text) {
  streams_.say(format("  {} {}  {}  {}\n", style_.paint(ink, std::string(1, mark)),
                      pad(escape_terminal(program.name), name_width_),
                      pad(escape_terminal(program.section), section_width_),
                      escape_terminal(text)));
}

void RunReport::object(std::string_view name) {
  if (!json_)
    streams_.say(style_.paint(Ink::heading, format("bpfld: {}", escape_terminal(name))) + "\n");
}

void RunReport::attached(const ProgramLine& program, std::string_view how) {
  if (!json_) return program_line(Ink::good, '+', program, how);
  streams_.say(format("{}\"program\":{},\"section\":{},\"attached\":{}}}\n",
                      open_json(program.object), json_string(program.name),
                      json_string(program.section), json_string(how)));
}

void RunReport::not_attached(const ProgramLine& program, std::string_view why) {
  if (!json_) return program_line(Ink::faint, '-', program, why);
  streams_.say(format("{}\"program\":{},\"section\":{},\"attached\":null,\"why\":{}}}\n",
                      open_json(program.object), json_string(program.name),
                      json_string(program.section), json_string(why)));
}

void RunReport::failed(const ProgramLine& program, const Report& report) {
  if (json_) return message(report);
  std::string text = report.what;
  if (!report.near.empty()) text += "; did you mean " + report.near + "?";
  program_line(Ink::warning, '!', program, text);
}

void RunReport::event_map(const EventMapLine& map) {
  if (json_) {
    std::string line = format("{}\"map\":{},\"map_type\":{},\"type\":", open_json(map.object),
                              json_string(map.name), json_string(map.map_type));
    line += map.type.empty() ? "null" : json_string(map.type);
    if (!map.type.empty())
      line += format(",\"size\":{},\"rule\":{}", map.size, json_string(map.rule));
    return streams_.say(line + "}\n");
  }
  std::string line =
      format("  ~ {}: {} -> ", escape_terminal(map.name), escape_terminal(map.map_type));
  if (map.type.empty())
    line += format("type unknown, shown as bytes; to name it: --event {}=STRUCT",
                   escape_terminal(map.name));
  else
    line += format("{}, {} ({})", escape_terminal(map.type), count_of(map.size, "byte"),
                   escape_terminal(map.rule));
  say_wrapped(line);
}

// On a terminal what goes on in the next line is indented.
void RunReport::say_wrapped(const std::string& line) {
  const std::size_t columns = streams_.err.is_terminal() ? streams_.err.columns() : 0;
  streams_.say((columns != 0 ? wrap(line, 4, columns) : line) + "\n");
}

void RunReport::note(std::string_view text) {
  if (json_) return streams_.say(format("{{\"note\":{}}}\n", json_string(text)));
  say_wrapped(format("  * {}", escape_terminal(text)));
}

void RunReport::message(const Report& report) {
  streams_.say(json_ ? to_json(report) : to_text(report, style_));
}

void RunReport::verifier_log(std::string_view log, std::string_view program) {
  if (json_) {
    const std::string whose =
        program.empty() ? "" : format("\"program\":{},", json_string(program));
    return streams_.say(format("{{{}\"verifier_log\":{}}}\n", whose, json_string(log)));
  }
  std::string text;
  if (!program.empty()) text = format("verifier log of \"{}\":\n", escape_terminal(program));
  text += escape_lines(log);
  std::ranges::replace(text, '\t', ' ');
  streams_.say(text + (log.ends_with('\n') ? "" : "\n"));
}

void RunReport::finish(const RunEnd& end) {
  if (json_) {
    std::string line = format("{{\"events\":{},\"lost\":{},\"lost_is\":\"{}\"", end.events,
                              end.lost.events, name_of(end.lost.certainty));
    if (!end.rings.empty()) line += format(",\"rings\":{}", json_string(end.rings));
    if (!end.command.empty()) line += format(",\"command\":{}", json_string(end.command));
    if (!end.pinned.empty()) line += format(",\"pinned\":{}", json_string(end.pinned));
    return streams_.say(line + format(",\"detached\":{}}}\n", end.detached));
  }
  std::string line =
      format("bpfld: {}, {} lost", count_of(end.events, "event"), lost_text(end.lost));
  if (!end.rings.empty()) line += format(" ({})", escape_terminal(end.rings));
  if (!end.command.empty()) line += format("; command {}", escape_terminal(end.command));
  if (end.pinned.empty() || end.detached != 0)
    line += format("; {} detached", count_of(end.detached, "program"));
  if (!end.pinned.empty()) line += format("; pinned in {}", escape_terminal(end.pinned));
  streams_.say(style_.paint(Ink::heading, line) + "\n");
}

}  // namespace bpfld::cli
