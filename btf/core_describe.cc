// SPDX-License-Identifier: Apache-2.0
// CO-RE's records as text. Made when someone asks, so that resolving allocates no strings.
#include <algorithm>

#include "btf/core_resolve.h"

namespace bpfld::btf::core {
namespace {

std::string target_text(const Candidate& candidate, std::span<const Target> targets) {
  const std::string_view name =
      candidate.target < targets.size() ? targets[candidate.target].name : "?";
  return format("{} [{}]", name, candidate.type.value);
}

// What became of the candidates that were not chosen, "; 2 others lost: vmlinux [7] has no ...".
std::string losers_text(const Resolution& resolution, std::span<const Target> targets) {
  if (resolution.losers == 0) return {};
  const bool has_winner = resolution.winners != 0;
  std::string text = format("; {}{} lost:", resolution.losers,
                            !has_winner ? resolution.losers == 1 ? " candidate" : " candidates"
                            : resolution.losers == 1 ? " other"
                                                     : " others");
  u32 shown = 0;
  for (const Candidate& candidate : resolution.considered) {
    if (candidate.reason == Reason::none) continue;
    text += format("{} {} {}", shown++ == 0 ? "" : ",", target_text(candidate, targets),
                   reason_text(candidate.reason));
    if (candidate.lost_in != kNoRelo) text += format(" (#{})", candidate.lost_in);
  }
  if (shown < resolution.losers) text += format(", and {} more", resolution.losers - shown);
  return text;
}

// Enumerators are shown with their sign; everything else has none.
std::string value_text(CoreKind kind, u64 value) {
  return kind == CoreKind::enumval_value ? format("{}", static_cast<i64>(value))
                                         : format("{}", value);
}

// Who disagrees: ": vmlinux [7] gives 8, vmlinux [9] gives 16".
std::string winners_text(const Resolution& resolution, std::span<const Target> targets) {
  std::string text;
  for (const Candidate& candidate : resolution.considered) {
    if (candidate.reason != Reason::none) continue;
    text += format("{} {} gives {}", text.empty() ? ":" : ",", target_text(candidate, targets),
                   value_text(resolution.kind, candidate.value));
  }
  return text;
}

std::string answer_text(const Resolution& resolution, std::span<const Target> targets) {
  const Candidate chosen = {.type = resolution.type, .target = resolution.target};
  const std::string local = value_text(resolution.kind, resolution.local_value);
  switch (resolution.verdict) {
    case Verdict::matched: {
      std::string text =
          format("{} -> {} in {}", local, value_text(resolution.kind, resolution.target_value),
                 target_text(chosen, targets));
      if (resolution.size_conflict)
        text += format("; a load of {} bytes cannot become one of {}", resolution.local_size,
                       resolution.target_size);
      if (resolution.winners > 1) text += format("; {} candidates agree", resolution.winners);
      return text;
    }
    case Verdict::local: return format("{}, the object's own", local);
    case Verdict::absent: return format("{} -> 0, no match", local);
    case Verdict::poisoned: return format("{} -> poison, no match", local);
    case Verdict::ambiguous:
    case Verdict::malformed:
    case Verdict::unsupported:
    case Verdict::undecided:
      return format("{}: {}{}", verdict_name(resolution.verdict), reason_text(resolution.reason),
                    winners_text(resolution, targets));
  }
  std::unreachable();
}

}  // namespace

std::string_view verdict_name(Verdict verdict) {
  switch (verdict) {
    case Verdict::matched: return "matched";
    case Verdict::local: return "local";
    case Verdict::absent: return "absent";
    case Verdict::poisoned: return "poisoned";
    case Verdict::ambiguous: return "ambiguous";
    case Verdict::malformed: return "malformed";
    case Verdict::unsupported: return "unsupported";
    case Verdict::undecided: return "undecided";
  }
  std::unreachable();
}

bool is_usable(Verdict verdict) {
  return verdict <= Verdict::poisoned;
}

Code code_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::matched:
    case Verdict::local:
    case Verdict::absent:
    case Verdict::poisoned: return Code::internal;  // nothing failed
    case Verdict::ambiguous: return Code::ambiguous;
    case Verdict::malformed: return Code::malformed;
    case Verdict::unsupported: return Code::unsupported;
    case Verdict::undecided: return Code::limit;
  }
  std::unreachable();
}

std::string question_text(const CoreRelo& relo, const View& local) {
  return format("{} {} ({})", core_kind_name(relo.kind), path_text(local, relo), relo.access);
}

std::string evidence(const Resolution& resolution, std::span<const Target> targets) {
  const std::string text = (is_usable(resolution.verdict) ? answer_text(resolution, targets)
                                                          : winners_text(resolution, targets)) +
                           losers_text(resolution, targets);
  const std::size_t start = text.find_first_not_of(":; ");
  return start == std::string::npos ? std::string() : text.substr(start);
}

std::string describe(const Resolution& resolution, const CoreRelo& relo, const View& local,
                     std::span<const Target> targets) {
  return format("{}: {}{}", question_text(relo, local), answer_text(resolution, targets),
                losers_text(resolution, targets));
}

}  // namespace bpfld::btf::core
