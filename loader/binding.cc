// SPDX-License-Identifier: Apache-2.0
// See binding.h. The prefixes are the kernel's: include/trace/bpf_probe.h (btf_trace_),
// include/linux/bpf_lsm.h (bpf_lsm_), include/linux/bpf.h: DEFINE_BPF_ITER_FUNC (bpf_iter_).
#include "loader/binding.h"

#include <algorithm>

#include "base/escape.h"
#include "loader/kernel_lookup.h"
#include "loader/program_target.h"

namespace bpfld::loader {
namespace {

using bpf::AttachType;

struct TargetRow {
  AttachType type{};
  NameKind kind = NameKind::function;
  std::string_view prefix;
  std::string_view what;  // for messages
};

// clang-format off
constexpr TargetRow kTargets[] = {
    {AttachType::trace_raw_tp,   NameKind::typedef_, "btf_trace_", "tracepoint"},
    {AttachType::trace_fentry,   NameKind::function, "",           "function"},
    {AttachType::trace_fexit,    NameKind::function, "",           "function"},
    {AttachType::modify_return,  NameKind::function, "",           "function"},
    {AttachType::trace_fsession, NameKind::function, "",           "function"},
    {AttachType::lsm_mac,        NameKind::function, "bpf_lsm_",   "LSM hook"},
    {AttachType::lsm_cgroup,     NameKind::function, "bpf_lsm_",   "LSM hook"},
    {AttachType::trace_iter,     NameKind::function, "bpf_iter_",  "iterator"},
};
// clang-format on

const TargetRow* find_row(const ProgramSpec& program) {
  if (program.row == nullptr || (program.row->flags & kAttachBtf) == 0) return nullptr;
  const TargetRow* row = std::ranges::find(kTargets, program.row->attach_type, &TargetRow::type);
  return row != std::end(kTargets) ? row : nullptr;
}

// SEC("lsm_cgroup/HOOK") has two places: the hook, here, and the cgroups that it is attached to.
bool is_of_cgroup(const ProgramSpec& program) {
  return program.row != nullptr && program.row->method == AttachMethod::cgroup;
}

// Where the user puts it comes before what the section says. An iterator's place goes on with what
// is to be walked: "task,pid=7".
std::string_view place_of(const ProgramSpec& program) {
  const std::string_view place = program.places.empty() || is_of_cgroup(program)
                                     ? program.target
                                     : program.places.front().place;
  const bool iterates =
      program.row != nullptr && program.row->attach_type == AttachType::trace_iter;
  return iterates ? place.substr(0, place.find(',')) : place;
}

}  // namespace

std::optional<KernelName> bound_name(const ProgramSpec& program) {
  const TargetRow* row = find_row(program);
  std::string_view name = place_of(program);
  if (row == nullptr || name.empty() || program.target_program) return std::nullopt;
  KernelName out{.kind = row->kind, .name = {}, .module = {}};
  // "fentry/module:function".
  const std::size_t colon = name.find(':');
  if (colon != std::string_view::npos) {
    out.module = name.substr(0, colon);
    name.remove_prefix(colon + 1);
  }
  out.name = std::string(row->prefix) + std::string(name);
  return out;
}

Result<std::optional<Binding>> binding_of(const ObjectSpec& spec, const ProgramSpec& program,
                                          const KernelProfile& profile, NearNames near_names) {
  if (program.row == nullptr || (program.row->flags & kAttachBtf) == 0) return std::nullopt;
  if (program.target_program)
    return TRY(bind_to_program(spec, program, *program.target_program, profile));
  const TargetRow* row = find_row(program);
  const std::string section = escape_terminal(program.section);
  if (row == nullptr)
    return fail(Code::unsupported,
                "SEC(\"{}\") replaces a function of another program, and none was given", section);
  const std::optional<KernelName> name = bound_name(program);
  if (!name)
    return fail(Code::unsupported,
                "SEC(\"{}\") names no {}, which must be known when the program is loaded", section,
                row->what);
  if (program.places.size() > 1 && !is_of_cgroup(program))
    return fail(Code::unsupported, "is bound to one {} when it is loaded, and {} were given",
                row->what, program.places.size());
  const KernelPlace place =
      TRY(find_name(profile, *name, format("{} {}", row->what, place_of(program)), near_names));
  return Binding{.type = place.type, .module = place.module};
}

}  // namespace bpfld::loader
