// SPDX-License-Identifier: Apache-2.0
// See poison.h.
#include "cli/poison.h"

#include <charconv>

#include "base/format.h"
#include "loader/externs.h"
#include "loader/fixup.h"
#include "loader/plan.h"

namespace bpfld::cli {
namespace {

// The helper of "invalid func unknown#195896080".
std::optional<i32> helper_of(std::string_view reason) {
  const std::size_t at = reason.rfind('#');
  if (at == std::string_view::npos) return std::nullopt;
  i32 number = 0;
  const char* const end = reason.data() + reason.size();
  const std::from_chars_result done = std::from_chars(reason.data() + at + 1, end, number);
  return done.ec == std::errc() ? std::optional(number) : std::nullopt;
}

// The CO-RE relocation of the instruction that the verifier stopped at, with its answer.
std::string relocation_at(u64 insn, const LoadAttempt& attempt, const loader::Linked& linked,
                          const loader::LinkedProgram& code) {
  const loader::Piece* piece = nullptr;
  for (const loader::Piece& candidate : code.pieces)
    if (candidate.start.value <= insn) piece = &candidate;
  for (u32 i = 0; piece != nullptr && i < linked.core.sources.size(); i++) {
    const loader::CoreOutcome::Source source = linked.core.sources[i];
    if (source.function != piece->function) continue;
    const u64 at = attempt.spec.functions[source.function].core[source.index].at.value;
    if (piece->start.value + at == insn)
      return loader::describe_core(attempt.spec, attempt.profile, linked.core, i);
  }
  return {};
}

}  // namespace

bool is_core_poison(const Verdict& verdict) {
  return helper_of(verdict.reason) == loader::kPoisonHelper;
}

std::string missing_by_poison(const Verdict& verdict, const LoadAttempt& attempt,
                              const loader::Linked* linked, const loader::LinkedProgram* code) {
  const std::optional<i32> helper = helper_of(verdict.reason);
  if (!helper) return {};
  std::string out = format("what kernel {} does not have", attempt.profile.release);
  const std::vector<loader::ExternSpec>& externs = attempt.spec.externs;
  const std::vector<loader::MapSpec>& maps = attempt.spec.maps;
  if (const i64 index = i64{*helper} - loader::kPoisonKfunc; index >= 0) {
    if (index >= std::ssize(externs)) return {};
    return out + format(": the function {}()", externs[static_cast<std::size_t>(index)].name);
  }
  if (const i64 index = i64{*helper} - loader::kPoisonMap; index >= 0) {
    if (index >= std::ssize(maps)) return {};
    return format("the struct_ops map {}, which is left out here",
                  maps[static_cast<std::size_t>(index)].name);
  }
  if (*helper != loader::kPoisonHelper) return {};
  const std::string relocation = linked == nullptr || code == nullptr || !verdict.insn_index
                                     ? ""
                                     : relocation_at(*verdict.insn_index, attempt, *linked, *code);
  return relocation.empty() ? out : out + ": " + relocation;
}

}  // namespace bpfld::cli
