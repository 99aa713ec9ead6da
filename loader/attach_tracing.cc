// SPDX-License-Identifier: Apache-2.0
// Programs whose place is a BTF id, fixed when they were loaded (fentry, fexit, fmod_ret, tp_btf,
// lsm): attaching only switches them on.
#include "base/escape.h"
#include "loader/attach_parts.h"
#include "loader/program_target.h"

namespace bpfld::loader {

using bpf::AttachType;

void attach_tracing(Attachment& attachment) {
  const AttachType type = attachment.program.row->attach_type;
  // Before v5.19 only BPF_RAW_TRACEPOINT_OPEN did this; sessions are younger and know only the
  // other.
  if (attachment.profile.lacks(Feature::tracing_link) && type != AttachType::trace_fsession) {
    attachment.out.how = "raw tracepoint link";
    attachment.add(bpf::RawTracepointOpen{attachment.program_fd, {}}, attachment.new_slot());
    return;
  }
  attachment.out.how = "tracing link";
  bpf::LinkCreate create;
  create.program = attachment.program_fd;
  create.attach_type = type;
  attachment.add(create, attachment.new_slot());
}

// The first target is the one for which the program was loaded; others are named when a link is
// made, since v5.10.
std::optional<Error> freplace_problem(const AttachSite& site, const KernelProfile& profile) {
  const u32 number = site.target.more_target;
  if (number == 0 || number > site.program.more_targets.size()) return std::nullopt;
  const Result<Binding> binding =
      bind_to_program(site.spec, site.program, site.program.more_targets[number - 1], profile);
  return binding ? std::nullopt : std::optional<Error>(binding.error());
}

void attach_freplace(Attachment& attachment) {
  const u32 number = attachment.target.more_target;
  if (number == 0) return attach_tracing(attachment);
  const Result<Binding> binding =
      bind_to_program(attachment.spec, attachment.program,
                      attachment.program.more_targets[number - 1], attachment.profile);
  if (!binding) return;  // freplace_problem() said so
  bpf::LinkCreate create;
  create.program = attachment.program_fd;
  create.attach_type = attachment.program.row->attach_type;
  create.target_type = binding->type;
  if (binding->own_program) {
    const std::optional<u32> slot = attachment.plan.program_slots[*binding->own_program];
    if (!slot) {
      attachment.out.problem =
          fail(Code::not_found, "program \"{}\", which it is about, is not loaded",
               escape_terminal(attachment.spec.programs[*binding->own_program].name))
              .error();
      return;
    }
    create.target = bpf::Fd::slot(*slot);
  } else {
    const u32 slot = attachment.new_slot();
    attachment.add(bpf::ObjectById{bpf::ObjectKind::program, binding->program_id}, slot);
    create.target = bpf::Fd::slot(slot);
  }
  attachment.out.how = "tracing link, one target more";
  attachment.add(create, attachment.new_slot());
}

}  // namespace bpfld::loader
