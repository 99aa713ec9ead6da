// SPDX-License-Identifier: Apache-2.0
// `bpfld verify`: what this kernel says to each program of each object, loaded alone. A row comes
// out as soon as it is known, since a run over many objects takes minutes, and should the kernel
// go down on one of them, the last row says which. Nothing stops the run: a file that is no object
// is a row too.
#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "base/escape.h"
#include "base/glob.h"
#include "base/mapped_file.h"
#include "bpf/tables.h"
#include "cli/commands.h"
#include "cli/facts.h"
#include "cli/load_failure.h"
#include "cli/object_warnings.h"
#include "cli/poison.h"
#include "cli/target_option.h"
#include "cli/verifier.h"
#include "loader/capture.h"
#include "loader/collect.h"
#include "loader/program_target.h"
#include "loader/session.h"
#include "loader/verify.h"

namespace bpfld::cli {
namespace {

using loader::Examination;
using loader::ObjectSpec;
using loader::ProgramSpec;

// clang-format off
constexpr OptionRow kOptions[] = {
    {"prog",    '\0', "GLOB",   "only programs whose names match; may be repeated", Repeat::many},
    kTargetOption,
    {"btf",     '\0', "FILE",   "take the kernel's types from FILE instead of /sys/kernel/btf/vmlinux", Repeat::once},
    {"explain", '\0', "",       "after the row of a refused program, where in its source and why", Repeat::once},
    {"output",  'o',  "FORMAT", "columns (the default), or json: one object per program on a line", Repeat::once},
};
// clang-format on

// spec: one row; also one line of JSON.
struct Row {
  std::string_view object;               // as on the command line
  const ProgramSpec* program = nullptr;  // null: the object itself was refused
  bool accepted = false;
  int errno_value = 0;
  std::string reason;
  VerifierStats stats;
  u64 load_micros = 0;
};

// Cells have these widths at least, so that the rows of most objects stand in the same columns.
constexpr std::size_t kProgramWidth = 28, kTypeWidth = 16;

std::string type_of(const Row& row) {
  if (row.program == nullptr || row.program->row == nullptr) return "-";
  return bpf::name_of(row.program->row->type);
}

std::string or_null(bool known, std::string_view text) {
  return known ? json_string(text) : "null";
}

std::string json_of(const Row& row) {
  const bool has_type = row.program != nullptr && row.program->row != nullptr;
  return format(
      "{{\"object\":{},\"program\":{},\"type\":{},\"ok\":{},\"errno\":{},\"insns\":{},"
      "\"reason\":{},\"section\":{},\"states\":{},\"peak_states\":{},\"time_us\":{},"
      "\"load_us\":{}}}\n",
      json_string(row.object),
      or_null(row.program != nullptr, row.program == nullptr ? "" : row.program->name),
      or_null(has_type, type_of(row)), row.accepted ? "true" : "false", row.errno_value,
      row.stats.processed, or_null(!row.accepted, row.reason),
      or_null(row.program != nullptr, row.program == nullptr ? "" : row.program->section),
      row.stats.states, row.stats.peak_states, row.stats.micros, row.load_micros);
}

std::string time_text(u64 micros) {
  if (micros < 1000) return format("{} us", micros);
  if (micros < 1'000'000) return format("{}.{} ms", micros / 1000, micros % 1000 / 100);
  return format("{}.{} s", micros / 1'000'000, micros % 1'000'000 / 100'000);
}

std::string right(std::string_view text, std::size_t width) {
  return std::string(width > text.size() ? width - text.size() : 0, ' ') + std::string(text);
}

// The error without the name of the program, which has a column of its own.
std::string without_program(Error error, const ProgramSpec* program) {
  if (program != nullptr) {
    const std::string label = format("program \"{}\"", escape_terminal(program->name));
    if (error.context == label) error.context.clear();
    if (error.context.starts_with(label + ": ")) error.context.erase(0, label.size() + 2);
  }
  return error.message();
}

// The verifier's sentence, or what else was in the way and, where the kernel is the reason, why, as
// `run` would explain it.
std::string reason_of(const Error& refusal, const LoadAttempt& attempt, u32 program) {
  std::string reason = refusal_reason(refusal, attempt, program);
  if (!reason.empty()) return reason;
  reason = without_program(refusal, &attempt.spec.programs[program]);
  if (refusal.errno_value == 0 && refusal.code != Code::not_found) return reason;
  const std::string why = explain_load_failure(refusal, attempt, read_facts()).why;
  return why.empty() ? reason : reason + ": " + why.substr(0, why.find('\n'));
}

// handle: one run of the command.
class Verify {
 public:
  Verify(const Invocation& invocation, bool json)
      : arguments_(invocation.arguments),
        streams_(invocation.streams),
        style_(style_for(invocation.arguments, invocation.streams.out)),
        json_(json) {
    for (const std::string& path : arguments_.operands)
      object_width_ = std::max(object_width_, escape_terminal(path).size());
  }

  int run();

 private:
  void object(const std::string& path);
  Result<ObjectSpec> read(const std::string& path) const;
  bool wanted(const ProgramSpec& program) const;
  Result<loader::KernelProfile> capture(const ObjectSpec& spec, const loader::Selection& selection);
  bool program(const std::string& path, const ObjectSpec& spec, u32 index,
               Result<loader::KernelProfile>& profile);
  std::string reason(const std::string& path, const ObjectSpec& spec, u32 program,
                     loader::KernelProfile& profile, const Error& refusal);
  void explain_refusal(const std::string& path, const ObjectSpec& spec, u32 program,
                       loader::KernelProfile& profile);
  void print(const Row& row);
  void print_cells(const std::vector<std::string>& cells, Ink ink);
  int finish();

  const Arguments& arguments_;
  Streams& streams_;
  Style style_;
  bool json_;
  std::size_t object_width_ = 6, program_width_ = kProgramWidth;
  std::string last_object_;  // above the rows, where there is no column for it
  bpf::LinuxKernel kernel_;
  std::array<loader::Answer, loader::kFeatureCount> features_{};  // learnt from all objects
  u64 accepted_ = 0, refused_ = 0, unreadable_ = 0;
  bool has_headings_ = false;
  bool denied_ = false;
};

Result<ObjectSpec> Verify::read(const std::string& path) const {
  const std::vector<std::byte> file = TRY(read_file(path));
  ObjectSpec spec = TRY(loader::collect(file, loader::object_name(path)));
  loader::Selection all;
  for (u32 i = 0; i < spec.programs.size(); i++)
    all.push_back(i);
  TRY(apply_target_options(arguments_.values("target"), all, spec));
  return spec;
}

bool Verify::wanted(const ProgramSpec& program) const {
  const std::span<const std::string> globs = arguments_.values("prog");
  return globs.empty() || std::ranges::any_of(globs, [&](const std::string& glob) {
           return glob_matches(glob, program.name);
         });
}

// Where a program attaches does not matter here.
Result<loader::KernelProfile> Verify::capture(const ObjectSpec& spec,
                                              const loader::Selection& selection) {
  loader::Needs needs = loader::needs(spec, loader::with_target_programs(spec, selection));
  needs.tracepoints.clear();
  Result<loader::KernelProfile> profile =
      loader::capture(needs, {.btf_path = std::string(arguments_.value("btf")),
                              .config_path = {},
                              .offline = false,
                              .kernel = &kernel_});
  if (profile) profile->features = features_;
  return profile;
}

// Whether it was accepted.
bool Verify::program(const std::string& path, const ObjectSpec& spec, u32 index,
                     Result<loader::KernelProfile>& profile) {
  Row row;
  row.object = path;
  row.program = &spec.programs[index];
  if (!profile) {
    row.errno_value = profile.error().errno_value;
    row.reason = profile.error().message();
    print(row);
    return false;
  }
  const Examination found = loader::examine(spec, index, *profile, kernel_);
  features_ = profile->features;
  row.accepted = !found.refusal;
  row.stats = read_verifier_stats(found.log);
  row.load_micros = static_cast<u64>(
      std::chrono::duration_cast<std::chrono::microseconds>(found.load_time).count());
  if (found.refusal) {
    row.errno_value = found.refusal->errno_value;
    row.reason = reason(path, spec, index, *profile, *found.refusal);
    denied_ |= found.refusal->code == Code::denied;
  }
  print(row);
  if (found.refusal && arguments_.has("explain")) explain_refusal(path, spec, index, *profile);
  return row.accepted;
}

// The statistics do not tell which instruction it was, and some sentences come only with the
// instructions ("invalid bpf_context access"); where that matters it is asked again.
std::string Verify::reason(const std::string& path, const ObjectSpec& spec, u32 program,
                           loader::KernelProfile& profile, const Error& refusal) {
  const loader::Selection alone = {program};
  const LoadAttempt attempt{
      .object = path, .spec = spec, .selection = alone, .profile = profile, .kernel = &kernel_};
  const Verdict verdict = read_verifier_log(refusal.detail);
  const bool lacks_place = is_core_poison(verdict) && !verdict.insn_index;
  const bool lacks_sentence = verdict.reason.empty() || verdict.is_remark;
  if (refusal.code == Code::rejected && (lacks_place || lacks_sentence)) {
    const Result<loader::Session> again = loader::Session::load(spec, alone, profile, kernel_);
    if (!again) return reason_of(again.error(), attempt, program);
  }
  return reason_of(refusal, attempt, program);
}

// Loads it again, as `run` would, for the log with its instructions and source lines.
void Verify::explain_refusal(const std::string& path, const ObjectSpec& spec, u32 program,
                             loader::KernelProfile& profile) {
  const loader::Selection alone = loader::with_target_programs(spec, {program});
  const Result<loader::Session> again = loader::Session::load(spec, alone, profile, kernel_);
  if (again) return;  // a refusal that did not last, such as ENOMEM
  Facts facts = read_facts();
  facts.btf = arguments_.value("btf");
  const Report report = explain_load_failure(
      again.error(),
      {.object = path, .spec = spec, .selection = alone, .profile = profile, .kernel = &kernel_},
      facts);
  streams_.say(json_ ? to_json(report) : to_text(report, style_for(arguments_, streams_.err)));
}

void Verify::object(const std::string& path) {
  const Result<ObjectSpec> spec = read(path);
  if (!spec) {
    unreadable_++;
    Row row;
    row.object = path;
    row.errno_value = spec.error().errno_value;
    row.reason = spec.error().message();
    print(row);
    return;
  }
  loader::Selection selection;
  for (u32 i = 0; i < spec->programs.size(); i++) {
    if (!wanted(spec->programs[i])) continue;
    selection.push_back(i);
    program_width_ = std::max(program_width_, escape_terminal(spec->programs[i].name).size());
  }
  if (spec->programs.empty()) {
    Report report;
    report.severity = Severity::warning;
    report.what = format("{} has no programs, so there is nothing to ask", path);
    streams_.say(json_ ? to_json(report) : to_text(report, style_for(arguments_, streams_.err)));
  }
  if (selection.empty()) return;
  if (const std::optional<Report> lost = lost_relocations(*spec, path))
    streams_.say(json_ ? to_json(*lost) : to_text(*lost, style_for(arguments_, streams_.err)));
  Result<loader::KernelProfile> profile = capture(*spec, selection);
  const bool is_shared = profile.has_value();
  for (const u32 index : selection) {
    // What cannot be found out for all programs may be what only one of them needs.
    if (!is_shared) profile = capture(*spec, {index});
    (program(path, *spec, index, profile) ? accepted_ : refused_)++;
  }
}

void Verify::print_cells(const std::vector<std::string>& cells, Ink ink) {
  constexpr std::size_t kNumbers = kTypeWidth + 8 + 8 + 7 + 9 + 5 * 2;  // what follows the program
  const std::size_t terminal = streams_.out.columns();
  std::size_t program = program_width_, before = object_width_ + 2 + program + 2 + kNumbers;
  std::string object = pad(cells[0], object_width_) + "  ";
  // A narrow terminal gets each object's name once, above its programs.
  if (terminal != 0 && before > terminal) {
    const bool is_new = std::exchange(last_object_, cells[0]) != cells[0];
    object = is_new ? cells[0] + "\n  " : "  ";
    program = terminal > kNumbers + 16 ? std::min(program, terminal - kNumbers - 4) : 12;
    before = 2 + program + 2 + kNumbers;
  }
  // A reason that has no room there stands below; a file or a pipe gets a line a program.
  const bool below = terminal != 0 && before + 2 + display_width(cells[7]) > terminal;
  std::string reason = cells[7].empty() ? "" : "  " + cells[7];
  if (below && !cells[7].empty())
    reason = "\n      " + style_.paint(Ink::faint, wrap(cells[7], 6, line_width(terminal)));
  streams_.out.write(format("{}{}  {}  {}  {}  {}  {}{}\n", object, pad(cells[1], program),
                            pad(cells[2], kTypeWidth), style_.paint(ink, pad(cells[3], 8)),
                            right(cells[4], 8), right(cells[5], 7), right(cells[6], 9), reason));
  streams_.out.flush();
}

void Verify::print(const Row& row) {
  if (json_) {
    streams_.out.write(json_of(row));
    streams_.out.flush();
    return;
  }
  if (!std::exchange(has_headings_, true))  // now that the first names are known
    print_cells({"OBJECT", "PROGRAM", "TYPE", "VERDICT", "INSNS", "STATES", "TIME", "REASON"},
                Ink::plain);
  const bool looked_at = row.stats.processed != 0;
  print_cells({escape_terminal(row.object),
               row.program == nullptr ? "-" : escape_terminal(row.program->name), type_of(row),
               row.accepted ? "ok" : "refused", looked_at ? format("{}", row.stats.processed) : "-",
               looked_at ? format("{}", row.stats.states) : "-",
               looked_at ? time_text(row.stats.micros) : "-", escape_terminal(row.reason)},
              row.accepted ? Ink::good : Ink::error);
}

int Verify::finish() {
  const u64 programs = accepted_ + refused_;
  if (programs == 0 && unreadable_ == 0 && arguments_.has("prog")) {
    const std::unexpected<Error> failure = fail(Code::usage, "no program's name matches --prog {}",
                                                escape_terminal(arguments_.values("prog").front()));
    return report_usage(failure.error(), &kVerifyCommand, streams_);
  }
  if (!json_) {
    std::string text =
        format("{}: {} accepted, {} refused", count_of(programs, "program"), accepted_, refused_);
    if (unreadable_ != 0) text += format("; {} unreadable", count_of(unreadable_, "object"));
    streams_.say(text + "\n");
  }
  const Facts facts = read_facts();
  if (denied_ && facts.cannot_load()) {
    const std::unexpected<Error> failure = fail(Code::denied, "loading needs privileges");
    const Report report = explain({.phase = Phase::load, .error = failure.error(), .facts = facts});
    streams_.say(json_ ? to_json(report) : to_text(report, style_for(arguments_, streams_.err)));
    return static_cast<int>(report.exit);
  }
  return static_cast<int>(refused_ + unreadable_ == 0 ? Exit::ok : Exit::refused);
}

int Verify::run() {
  for (const std::string& path : arguments_.operands) {
    if (streams_.out.closed()) break;  // `| head`
    object(path);
  }
  return finish();
}

}  // namespace

const CommandRow kVerifyCommand = {
    .name = "verify",
    .operands = "OBJECT...",
    .summary = "load each program alone, and say what the verifier thinks of it",
    .about =
        "Each program of each object is loaded by itself, also those whose SEC() starts with '?', "
        "and dropped again; nothing is attached. A row tells what became of it: the verdict, how "
        "many instructions the verifier looked at, how many states it kept, how long that took, "
        "and of a refusal the sentence that says why. Neither a refusal nor a file that is no "
        "object ends the run; the exit status is 9 if there was any.",
    .options = kOptions,
    .min_operands = 1,
    .max_operands = std::numeric_limits<std::size_t>::max(),
};

int verify_command(const Invocation& invocation) {
  const std::string_view output = invocation.arguments.value("output");
  if (!output.empty() && output != "columns" && output != "json") {
    const std::unexpected<Error> failure =
        fail(Code::usage, "-o takes columns or json, not \"{}\"", escape_terminal(output));
    return report_usage(failure.error(), &kVerifyCommand, invocation.streams);
  }
  if (invocation.arguments.has("target") && invocation.arguments.operands.size() > 1) {
    const std::unexpected<Error> failure =
        fail(Code::usage, "--target names programs of one OBJECT: give one");
    return report_usage(failure.error(), &kVerifyCommand, invocation.streams);
  }
  return Verify(invocation, output == "json").run();
}

}  // namespace bpfld::cli
