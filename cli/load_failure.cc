// SPDX-License-Identifier: Apache-2.0
// The verdict of verifier.h, placed in the source; see load_failure.h.
#include "cli/load_failure.h"

#include <algorithm>
#include <charconv>

#include "base/escape.h"
#include "cli/poison.h"
#include "cli/silent_refusal.h"
#include "cli/verifier.h"
#include "loader/capture.h"
#include "loader/link.h"
#include "loader/places.h"
#include "loader/plan.h"
#include "loader/program_target.h"

namespace bpfld::cli {
namespace {

const loader::LinkedProgram* find_linked(const loader::Linked& linked, const LoadAttempt& attempt,
                                         const loader::ProgramSpec& program) {
  for (const loader::LinkedProgram& candidate : linked.programs)
    if (&attempt.spec.programs[candidate.program] == &program) return &candidate;
  return nullptr;
}

// Fills in what the log does not say (file and line, before 6.8): the line info of the program, as
// it was given to the kernel, at or before the instruction.
void place_by_line_info(Verdict& verdict, const LoadAttempt& attempt,
                        const loader::LinkedProgram& program) {
  if (verdict.line != 0 || !verdict.insn_index) return;
  const Result<btf::View> btf = btf::View::parse(attempt.spec.btf);
  const loader::LineInfo* found = nullptr;
  for (const loader::LineInfo& line : program.line_info)
    if (line.at.value <= *verdict.insn_index) found = &line;
  if (!btf || found == nullptr) return;
  const std::string_view path = btf->string(found->file_name);
  verdict.file = path.substr(path.find_last_of('/') + 1);  // as the kernel writes it
  verdict.line = found->line_column >> 10;                 // BPF_LINE_INFO_LINE_NUM
  if (verdict.source.empty()) verdict.source = btf->string(found->line_text);
}

// A line of source can be as long as a file.
std::string cut(std::string_view line) {
  constexpr std::size_t kShown = 160;
  return std::string(line.substr(0, kShown)) + (line.size() > kShown ? "..." : "");
}

// The source line with its number, the instruction and the sentence below it.
std::vector<std::string> excerpt_of(const Verdict& verdict) {
  std::vector<std::string> out;
  const std::string number = verdict.line == 0 ? "" : format("{}", verdict.line);
  const std::string margin(number.size(), ' ');
  if (!verdict.source.empty()) out.push_back(format("{} | {}", number, cut(verdict.source)));
  if (!verdict.insn.empty()) out.push_back(format("{} |   {}", margin, cut(verdict.insn)));
  if (!verdict.insn.empty() || !verdict.source.empty())
    out.push_back(format("{} |   ^ {}", margin, cut(verdict.reason)));
  return out;
}

// "invalid func unknown#182", "unknown func bpf_strncmp#182": the number of what no program of this
// kernel can call. Larger numbers are no helpers of any kernel's.
std::optional<u32> unknown_helper(std::string_view reason) {
  constexpr u32 kMost = 4096;
  if (!reason.starts_with("invalid func ") && !reason.starts_with("unknown func ")) return {};
  const std::size_t mark = reason.rfind('#');
  if (mark == std::string_view::npos) return {};
  u32 number = 0;
  const char* const end = reason.data() + reason.size();
  const std::from_chars_result done = std::from_chars(reason.data() + mark + 1, end, number);
  if (done.ec != std::errc() || number == 0 || number > kMost) return {};
  return number;
}

void add_verdict(Report& report, const Error& error, const LoadAttempt& attempt,
                 const loader::ProgramSpec& program, const Facts& facts) {
  Verdict verdict = read_verifier_log(error.detail);
  const Result<loader::Linked> linked =
      loader::link(attempt.spec, attempt.selection, attempt.profile);
  const loader::LinkedProgram* code = linked ? find_linked(*linked, attempt, program) : nullptr;
  if (code != nullptr) place_by_line_info(verdict, attempt, *code);
  report.what = format("verifier rejected program \"{}\" ({}): {}", program.name,
                       errno_name(error.errno_value), verdict.reason);
  if (!verdict.file.empty()) report.where += format(", {}:{}", verdict.file, verdict.line);
  report.excerpt = excerpt_of(verdict);
  const std::string missing =
      missing_by_poison(verdict, attempt, linked ? &*linked : nullptr, code);
  if (!missing.empty()) {
    report.id = "E04";
    report.exit = Exit::kernel;
    report.what = format("program \"{}\" needs {}", program.name, missing);
  }
  if (!report.why.empty()) return;  // something outside the program explains it
  if (const std::optional<u32> helper = unknown_helper(verdict.reason); helper && missing.empty()) {
    const std::string_view since = loader::helper_since(*helper);
    report.id = "E24";
    report.exit = Exit::kernel;
    report.what = format("program \"{}\" calls helper #{}, which kernel {} does not know",
                         program.name, *helper, facts.kernel);
    if (!since.empty()) report.what += format(" (it came with v{})", since);
  }
  // Advice on helpers is for those that the source calls.
  const bool is_poison = !missing.empty() && !is_core_poison(verdict);
  const VerifierAdvice* advice = is_poison ? nullptr : find_advice(verdict.reason);
  if (!verdict.explanation.empty())
    report.why = verdict.explanation;
  else if (advice != nullptr)
    report.why = advice->why;
  if (!verdict.suggestion.empty())
    report.hint = verdict.suggestion;
  else if (advice != nullptr)
    report.hint = advice->hint;
  if (!report.hint.empty()) report.hint += '\n';
  report.hint += "--verifier-log full: the whole log";
  if (verdict.processed)
    report.hint += format(" ({})", count_of(*verdict.processed, "instruction"));
}

// The last lines of a log that is not the verifier's: of BTF, for instance.
std::vector<std::string> last_lines(std::string_view log) {
  constexpr std::size_t kShown = 5;
  std::vector<std::string> lines;
  while (!log.empty()) {
    const std::size_t end = log.find('\n');
    const std::string_view line = log.substr(0, end);
    if (!line.empty()) lines.emplace_back(line);
    if (lines.size() > kShown) lines.erase(lines.begin());
    log.remove_prefix(end == std::string_view::npos ? log.size() : end + 1);
  }
  return lines;
}

// The request for one program, as it was made.
std::optional<bpf::ProgLoad> request_for(const LoadAttempt& attempt, u32 program) {
  const loader::Selection selection = loader::with_target_programs(attempt.spec, attempt.selection);
  const Result<loader::Linked> linked = loader::link(attempt.spec, selection, attempt.profile);
  if (!linked) return std::nullopt;
  const Result<loader::Plan> plan = loader::make_plan(attempt.spec, *linked, attempt.profile);
  if (!plan || program >= plan->program_slots.size() || !plan->program_slots[program])
    return std::nullopt;
  for (const loader::Op& op : plan->load)
    if (const bpf::ProgLoad* load = std::get_if<bpf::ProgLoad>(&op.request))
      if (op.result == plan->program_slots[program]) return *load;
  return std::nullopt;
}

// ": CONFIG_X is not set (/boot/config-6.1.0)", as far as the kernel's configuration can be read.
std::string configured(std::string_view option) {
  loader::Needs needs;
  needs.kconfig.emplace_back(option);
  const Result<loader::KernelProfile> profile = loader::capture(needs);
  if (!profile || profile->kconfig.source.empty()) return format("; it takes {}", option);
  const auto found = profile->kconfig.options.find(std::string(option));
  if (found == profile->kconfig.options.end())
    return format(": {} is not set ({})", option, profile->kconfig.source);
  return format(", although {} is {} ({})", option, found->second, profile->kconfig.source);
}

// Why, when the kernel did not say; empty when it did.
std::string silence_of(const Error& error, const LoadAttempt& attempt,
                       const loader::ProgramSpec& program) {
  if (!is_silent(error)) return {};
  const std::size_t index = static_cast<std::size_t>(&program - attempt.spec.programs.data());
  const std::optional<bpf::ProgLoad> load = request_for(attempt, static_cast<u32>(index));
  if (!load) return {};
  const SilentRefusal found = explain_silence(*load, error, program.target, attempt.kernel);
  // An older kernel has no such option.
  const u32 version = loader::kernel_version_code(attempt.profile.release, "");
  const bool is_old = version != 0 && version < loader::kernel_version_code(found.since, "");
  const bool has_option = !found.option.empty() && found.is_certain && !is_old;
  return found.sentence + (has_option ? configured(found.option) : "");
}

}  // namespace

std::string refusal_reason(const Error& error, const LoadAttempt& attempt, u32 program) {
  const loader::ProgramSpec* named = program_of(error, attempt.spec);
  if (std::string silence =
          silence_of(error, attempt, named == nullptr ? attempt.spec.programs[program] : *named);
      !silence.empty())
    return silence;
  if (error.code != Code::rejected) return {};
  const Verdict verdict = read_verifier_log(error.detail);
  if (verdict.reason.find('#') == std::string::npos) return verdict.reason;  // no poison
  const Result<loader::Linked> linked =
      loader::link(attempt.spec, attempt.selection, attempt.profile);
  const loader::LinkedProgram* code =
      linked ? find_linked(*linked, attempt, attempt.spec.programs[program]) : nullptr;
  const std::string missing =
      missing_by_poison(verdict, attempt, linked ? &*linked : nullptr, code);
  return missing.empty() ? verdict.reason : "needs " + missing;
}

Report explain_load_failure(const Error& error, const LoadAttempt& attempt, const Facts& facts) {
  // Linking and planning make no system call, so their errors carry no errno.
  const Phase phase = error.errno_value == 0 ? Phase::link : Phase::load;
  const loader::ProgramSpec* program = program_of(error, attempt.spec);
  Report report = explain({.phase = phase,
                           .error = error,
                           .facts = facts,
                           .object = attempt.object,
                           .spec = &attempt.spec,
                           .program = program});
  const bool is_verdict = error.code == Code::rejected && program != nullptr;
  if (is_verdict) add_verdict(report, error, attempt, *program, facts);
  if (const std::string silence = program == nullptr ? "" : silence_of(error, attempt, *program);
      !silence.empty()) {
    report.what = format("{}: {}", program->name, silence);
    report.why =
        format("the kernel refused it with {} and did not say why", errno_name(error.errno_value));
  } else if (!is_verdict && phase == Phase::load && report.near.empty()) {
    report.excerpt = last_lines(error.detail);
  }
  return report;
}

}  // namespace bpfld::cli
