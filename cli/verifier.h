// SPDX-License-Identifier: Apache-2.0
// What the verifier's log says about a refusal. A log has a line per instruction and per branch, up
// to megabytes; what matters is its end: the sentence that refuses, the instruction it is about and
// the source line above that. Pure: text in, text out.
//
// Two forms are known. Up to 7.2 the sentence follows the instruction it is about:
//
//   ; *count += 1; @ verifier_null.bpf.c:22
//   9: (79) r1 = *(u64 *)(r0 +0)
//   R0 invalid mem access 'map_value_or_null'
//   processed 10 insns (limit 1000000) ...
//
// From 7.3 on (Linux commit ce7c9f6c599b) a report in sections comes after that: "Verification
// failed: ...", "Reason:", "At:", "Causal path:", "Suggestion:".
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/int.h"

namespace bpfld::cli {

// spec: the end of a verifier log, taken apart. Nothing is escaped.
struct Verdict {
  std::string reason;       // "R0 invalid mem access 'map_value_or_null'"; empty for an empty log
  bool is_remark = false;   // the reason is but something said in passing: the log has no other
  std::string title;        // new form: "Register Type Safety: Unreadable register"
  std::string explanation;  // new form: what follows "Reason:"
  std::string suggestion;   // new form: what follows "Suggestion:"
  std::string insn;  // the last instruction that was looked at: "9: (79) r1 = *(u64 *)(r0 +0)"
  std::optional<u64> insn_index;
  std::string source;            // the nearest source line above it: "*count += 1;"
  std::string file;              // "verifier_null.bpf.c"; empty before 6.8
  u32 line = 0;                  // 0 when the log does not tell
  std::optional<u64> processed;  // instructions looked at
  bool operator==(const Verdict&) const = default;
};

Verdict read_verifier_log(std::string_view log);

// spec: the verifier's statistics, from the end of a log of level 4 (BPF_LOG_STATS); what it did
// not write is 0.
struct VerifierStats {
  u64 processed = 0;    // instructions looked at, each as often as it was
  u64 states = 0;       // states kept
  u64 peak_states = 0;  // at most, at one time
  u64 micros = 0;       // verification time
  bool operator==(const VerifierStats&) const = default;
};
VerifierStats read_verifier_stats(std::string_view log);

// spec: what a refusal means, and what helps.
struct VerifierAdvice {
  std::string_view pattern;  // a part of the reason; '*' in it stands for anything
  std::string_view why;
  std::string_view hint;  // may be empty
};
std::span<const VerifierAdvice> verifier_advice_rows();
// The first row whose pattern the reason holds, or null.
const VerifierAdvice* find_advice(std::string_view reason);

}  // namespace bpfld::cli
