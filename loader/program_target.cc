// SPDX-License-Identifier: Apache-2.0
// See program_target.h.
#include "loader/program_target.h"

#include <algorithm>
#include <optional>

#include "base/escape.h"
#include "base/near.h"
#include "btf/view.h"
#include "loader/attach_parts.h"
#include "loader/kernel_lookup.h"
#include "loader/link.h"

namespace bpfld::loader {
namespace {

using bpf::AttachType;

// A few names are a help, a hundred are not.
constexpr std::size_t kShownFunctions = 8;

std::string program_text(const ProgramFact& fact) {
  const std::string name = escape_terminal(fact.name);
  return fact.id == 0 ? format("program \"{}\"", name)
                      : format("program \"{}\" (id {})", name, fact.id);
}

// "did you mean", or all that there are.
std::string functions_detail(const ProgramFact& fact, std::string_view wanted) {
  std::vector<std::string_view> names;
  for (const ProgramFunction& function : fact.functions)
    names.push_back(function.name);
  std::string out = did_you_mean(nearest(wanted, names, 3));
  if (!out.empty()) return out;
  for (std::size_t i = 0; i < names.size() && i < kShownFunctions; i++)
    out += format("{}{}", i == 0 ? "its functions: " : ", ", escape_terminal(names[i]));
  if (names.size() > kShownFunctions)
    out += format(", and {} more", names.size() - kShownFunctions);
  return out;
}

// The function that is meant. A section often names what the target program is attached to, and not
// the program's function (SEC("fentry/netlink_extack")): a program of one function leaves no doubt.
Result<const ProgramFunction*> find_function(const ProgramFact& fact, std::string_view wanted,
                                             bool replaces, std::string& note) {
  const auto found = std::ranges::find(fact.functions, wanted, &ProgramFunction::name);
  if (found != fact.functions.end()) return &*found;
  const ProgramFunction& entry = fact.functions.front();
  if (wanted.empty() && !replaces) return &entry;
  if (!wanted.empty() && !replaces && fact.functions.size() == 1) {
    note = format("{} has no function {}: its only one, {}, is taken", program_text(fact),
                  escape_terminal(wanted), escape_terminal(entry.name));
    return &entry;
  }
  std::unexpected<Error> failure =
      wanted.empty() ? fail(Code::unsupported, "it is not said which function of {} is replaced",
                            program_text(fact))
                     : fail(Code::not_found, "{} has no function \"{}\"", program_text(fact),
                            escape_terminal(wanted));
  failure.error().detail = functions_detail(fact, wanted);
  return failure;
}

// What the kernel would refuse, said before it is asked.
Status check_target(const ProgramFact& fact, const SectionRow& row) {
  if (!fact.problem.empty()) return std::unexpected(missing_fact(fact.problem, fact.errno_value));
  if (row.attach_type == AttachType::modify_return)
    return fail(Code::unsupported,
                "SEC(\"{}\") changes what functions of the kernel return; {} is no function of "
                "the kernel",
                row.name, program_text(fact));
  if (!fact.has_btf || fact.functions.empty())
    return fail(Code::unsupported,
                "{} was loaded without BTF, which tells the kernel where its functions are",
                program_text(fact));
  if (!fact.is_jited)
    return fail(Code::unsupported,
                "{} is interpreted, and only programs that are compiled can be traced or replaced",
                program_text(fact));
  if (row.type == bpf::ProgType::ext && fact.type == bpf::ProgType::ext)
    return fail(Code::unsupported,
                "{} replaces a function itself, and the kernel lets nobody replace a replacement",
                program_text(fact));
  return {};
}

}  // namespace

bool takes_target_program(const SectionRow& row) {
  return row.type == bpf::ProgType::ext || row.attach_type == AttachType::trace_fentry ||
         row.attach_type == AttachType::trace_fexit ||
         row.attach_type == AttachType::trace_fsession ||
         row.attach_type == AttachType::modify_return;
}

ProgramFact own_program(const ObjectSpec& spec, u32 index) {
  const ProgramSpec& program = spec.programs[index];
  ProgramFact fact;
  if (program.row != nullptr) fact.type = program.row->type;
  fact.name = program.name;
  const Result<btf::View> btf = btf::View::parse(spec.btf);
  if (spec.btf.empty() || !btf) return fact;
  // As link() does: no func_info at all unless every function has some.
  for (const u32 number : reachable_functions(spec, program.function)) {
    const FunctionSpec& function = spec.functions[number];
    if (function.func_info.empty() || function.func_info.front().at.value != 0) {
      fact.functions.clear();
      return fact;
    }
    fact.functions.push_back({.name = function.name,
                              .type = function.func_info.front().type,
                              .is_global = !function.is_static});
  }
  fact.has_btf = true;
  return fact;
}

Result<Binding> bind_to_program(const ObjectSpec& spec, const ProgramSpec& program,
                                const TargetProgram& target, const KernelProfile& profile) {
  ProgramFact fact;
  if (target.own) {
    fact = own_program(spec, *target.own);
  } else {
    const auto found = profile.programs.find(target.loaded);
    if (found == profile.programs.end())
      return fail(Code::internal, "{} was not looked up", escape_terminal(target.loaded));
    fact = found->second;
  }
  TRY(check_target(fact, *program.row));
  const bool replaces = program.row->type == bpf::ProgType::ext;
  const std::string_view section =
      program.places.empty() ? program.target : program.places.front().place;
  Binding out;
  const ProgramFunction* const function = TRY(
      find_function(fact, target.function.empty() ? section : target.function, replaces, out.note));
  if (replaces && !function->is_global)
    return fail(Code::unsupported,
                "function \"{}\" of {} is static, and only global functions can be replaced: the "
                "verifier looks at them alone",
                escape_terminal(function->name), program_text(fact));
  out.type = function->type;
  out.own_program = target.own;
  out.program_id = fact.id;
  return out;
}

Selection with_target_programs(const ObjectSpec& spec, const Selection& selection) {
  std::vector<bool> wanted(spec.programs.size(), false);
  std::vector<u32> open(selection.begin(), selection.end());
  while (!open.empty()) {
    const u32 program = open.back();
    open.pop_back();
    if (wanted[program]) continue;
    wanted[program] = true;
    const std::optional<TargetProgram>& target = spec.programs[program].target_program;
    if (target && target->own) open.push_back(*target->own);
    for (const TargetProgram& other : spec.programs[program].more_targets)
      if (other.own) open.push_back(*other.own);
  }
  Selection out;
  for (u32 i = 0; i < wanted.size(); i++)
    if (wanted[i]) out.push_back(i);
  return out;
}

Result<u32> load_depth(const ObjectSpec& spec, u32 program) {
  u32 depth = 0;
  for (u32 at = program;; depth++) {
    const std::optional<TargetProgram>& target = spec.programs[at].target_program;
    if (!target || !target->own) return depth;
    at = *target->own;
    if (depth >= spec.programs.size())
      return fail(Code::usage, "program \"{}\" is, in the end, about itself",
                  escape_terminal(spec.programs[program].name));
  }
}

}  // namespace bpfld::loader
