// SPDX-License-Identifier: Apache-2.0
// One pass over the log's lines that remembers the last of each sort; see verifier.h.
#include "cli/verifier.h"

#include <charconv>

namespace bpfld::cli {
namespace {

constexpr std::string_view kFailed = "Verification failed";

// The next line without its newline; `text` moves past it.
std::string_view take_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

std::string_view trim(std::string_view text) {
  while (text.starts_with(' ') || text.starts_with('\t'))
    text.remove_prefix(1);
  while (text.ends_with(' ') || text.ends_with('\t') || text.ends_with('\r'))
    text.remove_suffix(1);
  return text;
}

// A sentence that kernels write where the line before has not ended, since they give up in the
// middle of it; and one that lacks its own end.
constexpr std::string_view kUnstarted = "BPF program is too large. ";
constexpr std::string_view kUnended = "cannot call exception cb directly";

// The next line, or as much of it as these leave; a line of source may hold anything.
std::string_view take_statement(std::string_view& text) {
  std::string_view rest = text;
  std::string_view line = take_line(rest);
  if (!line.starts_with(';') && !line.empty()) {
    line = line.substr(0, line.find(kUnstarted, 1));
    if (const std::size_t at = line.find(kUnended); at != std::string_view::npos)
      line = line.substr(0, at + kUnended.size());
  }
  const std::size_t taken = line.size();
  const bool is_whole = taken == text.size() || text[taken] == '\n';
  text.remove_prefix(is_whole ? text.size() - rest.size() : taken);
  return line;
}

// The number that `text` starts with; `text` moves past it.
std::optional<u64> take_number(std::string_view& text) {
  u64 value = 0;
  const std::from_chars_result done =
      std::from_chars(text.data(), text.data() + text.size(), value);
  if (done.ec != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(done.ptr - text.data()));
  return value;
}

// The number that follows the first `key`; 0 when there is none.
u64 number_after(std::string_view line, std::string_view key) {
  const std::size_t at = line.find(key);
  if (at == std::string_view::npos) return 0;
  line.remove_prefix(at + key.size());
  return take_number(line).value_or(0);
}

// "9: (79) r1 = *(u64 *)(r0 +0)   ; R0_w=..." is an instruction; "9: R0=..." is a state.
std::optional<u64> insn_of(std::string_view line) {
  const std::optional<u64> index = take_number(line);
  if (!index || !line.starts_with(": (")) return std::nullopt;
  return index;
}

// "R10=fp0", "R0_w=scalar()"; but "R0 invalid mem access" is a reason.
bool is_register_state(std::string_view line) {
  if (!line.starts_with('R')) return false;
  line.remove_prefix(1);
  return take_number(line) && (line.starts_with('=') || line.starts_with('_'));
}

// Registers, stack slots, branches and statistics: never the reason.
bool is_state(std::string_view line) {
  for (std::string_view start :
       {"from ", "mark_precise", "caller:", "callee:", "returning from", "to caller",
        "verification time", "stack depth", "cur state:", "insns processed ",
        "old state:", "propagating r", "Validating ", "func#"})
    if (line.starts_with(start)) return true;
  // "frame1: R1=...", but "frame pointer is read only" is a reason.
  if (line.size() > 5 && line.starts_with("frame") && line[5] >= '0' && line[5] <= '9') return true;
  if (is_register_state(line)) return true;
  if (line.starts_with("Func#") &&
      (line.ends_with(" is global and assumed valid.") ||
       line.ends_with(" is safe for any args that match its prototype")))
    return true;
  // "9: R0=...", "9: safe", and where a loop is: "10: for (i = 0; i < n; i++)".
  std::string_view rest = line;
  return take_number(rest) && rest.starts_with(": ");
}

// What the verifier says in passing about arguments whose type it cannot use; it goes on, and only
// sometimes that is what it fails for in the end (kernel/bpf/btf.c: btf_check_func_arg_match, up to
// 5.12 "Unrecognized arg#0 type PTR"), or whose type it took (btf_ctx_access); about what a program
// returns, which it asks of global functions (btf_prepare_func_args); and that arguments were not
// right, after it said in what.
bool is_remark(std::string_view line) {
  if (line.starts_with("func '") && line.find(" has btf_id ") != line.npos) return true;
  if (line.starts_with("Global function ") && line.ends_with(" Only those are supported."))
    return true;
  if (line.starts_with("Caller passes invalid args into func#")) return true;
  return line.starts_with("Unrecognized arg#") ||
         line.starts_with("reg type unsupported for arg#") ||
         line.starts_with("arg#0 type is not a struct") ||
         (line.starts_with("arg#") && line.find("size cannot be determined") != line.npos);
}

// "; *count += 1; @ verifier_null.bpf.c:22"
void read_source(std::string_view line, Verdict& out) {
  line.remove_prefix(1);
  const std::size_t at = line.rfind(" @ ");
  out.file.clear();
  out.line = 0;
  if (at != std::string_view::npos) {
    const std::string_view place = line.substr(at + 3);
    const std::size_t colon = place.rfind(':');
    std::string_view number = place.substr(colon == std::string_view::npos ? 0 : colon + 1);
    const std::optional<u64> value = take_number(number);
    if (colon != std::string_view::npos && value && number.empty() && *value <= 0xffffffff) {
      out.file = place.substr(0, colon);
      out.line = static_cast<u32>(*value);
      line = line.substr(0, at);
    }
  }
  out.source = trim(line);
}

void read_instruction(std::string_view line, u64 index, Verdict& out) {
  out.insn_index = index;
  const std::size_t state = line.find(" ;");  // the registers after it
  out.insn = trim(line.substr(0, state));
  out.reason.clear();
}

// The lines of a section up to the next blank one, joined.
std::string take_section(std::string_view& log) {
  std::string out;
  while (!log.empty()) {
    const std::string_view line = trim(take_line(log));
    if (line.empty()) break;
    if (!out.empty()) out += ' ';
    out += line;
  }
  return out;
}

// The report that newer kernels append; `log` starts after its first line.
void read_report(std::string_view first, std::string_view log, Verdict& out) {
  first.remove_prefix(kFailed.size());
  if (first.starts_with(':')) first.remove_prefix(1);
  out.title = trim(first);
  while (!log.empty()) {
    const std::string_view line = trim(take_line(log));
    if (line == "Reason:") out.explanation = take_section(log);
    if (line == "Suggestion:") out.suggestion = take_section(log);
    if (line.starts_with("processed ")) {
      std::string_view rest = line.substr(10);
      out.processed = take_number(rest);
    }
  }
}

}  // namespace

Verdict read_verifier_log(std::string_view log) {
  Verdict out;
  std::string remark;
  while (!log.empty()) {
    const std::string_view line = trim(take_statement(log));
    if (line.starts_with(kFailed)) {
      read_report(line, log, out);
      break;
    }
    if (line.starts_with("processed ")) {
      std::string_view rest = line.substr(10);
      out.processed = take_number(rest);
    } else if (const std::optional<u64> index = insn_of(line)) {
      read_instruction(line, *index, out);
    } else if (line.starts_with(';')) {
      read_source(line, out);
      out.reason.clear();
    } else if (!line.empty() && is_remark(line)) {
      remark = line;
    } else if (!line.empty() && !is_state(line) && out.reason.empty()) {
      out.reason = line;
    }
  }
  if (out.reason.empty() && out.title.empty()) {
    out.reason = remark;
    out.is_remark = !remark.empty();
  }
  if (out.reason.empty()) out.reason = out.explanation.empty() ? out.title : out.explanation;
  return out;
}

VerifierStats read_verifier_stats(std::string_view log) {
  // "verification time 184 usec", "processed 12 insns (limit 1000000) max_states_per_insn 0
  // total_states 1 peak_states 1 mark_read 1"
  VerifierStats out;
  while (!log.empty()) {
    const std::string_view line = trim(take_statement(log));
    if (line.starts_with("verification time ")) out.micros = number_after(line, "time ");
    if (!line.starts_with("processed ")) continue;
    out.processed = number_after(line, "processed ");
    out.states = number_after(line, " total_states ");
    out.peak_states = number_after(line, " peak_states ");
  }
  return out;
}

}  // namespace bpfld::cli
