// SPDX-License-Identifier: Apache-2.0
// Searches the table of hint_rows.h, and fills in its texts; see hints.h.
#include "cli/hints.h"

#include <algorithm>

#include "base/escape.h"
#include "base/near.h"
#include "bpf/tables.h"
#include "cli/hint_rows.h"

namespace bpfld::cli {
namespace {

// The exit status of an error without a row.
Exit exit_of(const Situation& s) {
  switch (s.phase) {
    case Phase::usage:
    case Phase::set: return Exit::usage;
    case Phase::open:
    case Phase::write:
    case Phase::read:
    case Phase::command: return s.error.code == Code::denied ? Exit::permission : Exit::internal;
    case Phase::parse:
    case Phase::btf:
    case Phase::link: return Exit::bad_object;
    case Phase::capture: return s.error.code == Code::denied ? Exit::permission : Exit::kernel;
    case Phase::load: return s.error.code == Code::denied ? Exit::permission : Exit::kernel;
    case Phase::attach: return s.error.code == Code::denied ? Exit::permission : Exit::attach;
  }
  return Exit::internal;
}

bool applies(const HintRow& row, const Situation& s, const std::string& message) {
  return row.phases.has(s.phase) && (!row.code || *row.code == s.error.code) &&
         (row.errno_value == kAnyErrno || row.errno_value == s.error.errno_value) &&
         (row.says.empty() || message.find(row.says) != std::string::npos) &&
         (row.when == nullptr || row.when(s));
}

std::string_view or_none(std::string_view text) {
  return text.empty() ? "none" : text;
}

// "4000000000 elements of 72 B are 268 GiB"
std::string size_of_elements(const loader::MapSpec& map) {
  static constexpr std::string_view kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  const u64 element = u64{map.key_size} + map.value_size;
  const u64 most = ~u64{0} / std::max<u64>(element, 1);
  u64 size = map.max_entries > most ? ~u64{0} : map.max_entries * element;
  std::size_t unit = 0;
  for (; size >= 10'240 && unit + 1 < std::size(kUnits); unit++)
    size /= 1024;
  return format("{} elements of {} B are {} {}", map.max_entries, element, size, kUnits[unit]);
}

std::string value_of(std::string_view name, const Situation& s) {
  if (name == "message") return s.error.message();
  if (name == "object") return std::string(s.object);
  if (name == "program" && s.program != nullptr) return format("program \"{}\"", s.program->name);
  if (name == "name" && s.program != nullptr) return s.program->name;
  if (const loader::ProgramSpec* owner = name == "owner" ? owner_of_function(s) : nullptr)
    return owner->name;
  if (name == "section" && s.program != nullptr) return s.program->section;
  if (s.program != nullptr && s.program->row != nullptr) {
    if (name == "type") return std::string(bpf::name_of(s.program->row->type));
    if (name == "since") return std::string(bpf::since(s.program->row->type));
  }
  if (const loader::MapSpec* map = s.spec == nullptr ? nullptr : map_of(s.error, *s.spec)) {
    if (name == "map") return map->name;
    if (name == "maptype") return std::string(bpf::name_of(map->type));
    if (name == "mapsince") return std::string(bpf::since(map->type));
    if (name == "size") return size_of_elements(*map);
  }
  if (name == "kernel") return s.facts.btf.empty() ? s.facts.kernel : s.facts.btf;
  if (name == "btf") return s.facts.btf.empty() ? "" : " " + s.facts.btf;
  if (name == "uid") return format("{}", s.facts.uid);
  if (name == "lockdown") return std::string(or_none(s.facts.lockdown));
  if (name == "lsm") return std::string(or_none(s.facts.security_modules));
  if (name == "memlock" && s.facts.memlock) return format("{}", *s.facts.memlock);
  return "?";
}

std::string fill_in(std::string_view text, const Situation& s) {
  std::string out;
  while (!text.empty()) {
    const std::size_t open = text.find('{');
    out += text.substr(0, open);
    if (open == std::string_view::npos) break;
    const std::size_t close = text.find('}', open);
    if (close == std::string_view::npos) break;
    out += value_of(text.substr(open + 1, close - open - 1), s);
    text.remove_prefix(close + 1);
  }
  return out;
}

std::string place_of(const Situation& s) {
  std::string out(s.object);
  if (s.program != nullptr) {
    out += format(": program \"{}\", SEC(\"{}\")", s.program->name, s.program->section);
  } else if (const loader::MapSpec* map = s.spec == nullptr ? nullptr : map_of(s.error, *s.spec)) {
    out += format(": map \"{}\": {}, key {}, value {}, max_entries {}", map->name,
                  bpf::name_of(map->type), map->key_size, map->value_size, map->max_entries);
  }
  return out;
}

}  // namespace

const loader::ProgramSpec* program_of(const Error& error, const loader::ObjectSpec& spec) {
  for (const loader::ProgramSpec& program : spec.programs)
    if (error.context.find(format("program \"{}\"", escape_terminal(program.name))) !=
        std::string::npos)
      return &program;
  return nullptr;
}

const loader::MapSpec* map_of(const Error& error, const loader::ObjectSpec& spec) {
  for (const loader::MapSpec& map : spec.maps)
    if (error.context.find(format("map \"{}\"", escape_terminal(map.name))) != std::string::npos)
      return &map;
  return nullptr;
}

Report explain(const Situation& situation) {
  Situation s = situation;
  if (s.program == nullptr && s.spec != nullptr) s.program = program_of(s.error, *s.spec);
  const std::string message = s.error.message();
  const auto row = std::ranges::find_if(
      hint_rows(), [&](const HintRow& candidate) { return applies(candidate, s, message); });
  Report report;
  report.what = message;
  report.exit = exit_of(s);
  // Before the object is understood its path is in `what`.
  if (s.phase != Phase::open && s.phase != Phase::parse && s.phase != Phase::usage)
    report.where = place_of(s);
  const std::string_view detail = s.error.detail;
  if (detail.starts_with(kDidYouMean))
    report.near = detail.substr(kDidYouMean.size());
  else if (s.phase == Phase::usage)
    report.near = detail;
  if (row != hint_rows().end()) {
    report.id = row->id;
    report.exit = row->exit;
    if (!row->what.empty()) report.what = fill_in(row->what, s);
    report.why = fill_in(row->why, s);
    report.hint = fill_in(row->hint, s);
  }
  if (report.why.empty() && detail.starts_with("its functions: ")) report.why = detail;
  return report;
}

}  // namespace bpfld::cli
