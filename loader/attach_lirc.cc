// SPDX-License-Identifier: Apache-2.0
// Two that are rarely seen: decoders of an infrared receiver, which the device holds; and `syscall`
// programs, which are not attached at all but run once.
#include "base/escape.h"
#include "loader/attach_parts.h"

namespace bpfld::loader {
namespace {

// A `syscall` program's context is whatever its caller passes: zeros, and as many as the kernel
// takes at least from any program (kernel/bpf/syscall.c: bpf_prog_test_run_syscall, U16_MAX).
constexpr u32 kContextSize = 0xffff;

}  // namespace

void lirc_needs(const AttachSite& site, Needs& out) {
  add_once(out.paths, site.target.place);
}

std::optional<Error> lirc_problem(const AttachSite& site, const KernelProfile& profile) {
  return path_problem(site.target.place, profile);
}

void attach_lirc(Attachment& attachment) {
  const std::string& path = attachment.target.place;
  const u32 device = attachment.new_slot();
  attachment.out.how = format("attached to {}", escape_terminal(path));
  attachment.out.remains = format("the program at {}", escape_terminal(path));
  attachment.add(bpf::OpenPath{.path = path}, device);
  attachment.add(bpf::ProgAttach{.target = bpf::Fd::slot(device),
                                 .program = attachment.program_fd,
                                 .attach_type = bpf::AttachType::lirc_mode2,
                                 .flags = 0});
}

std::optional<AttachTarget> run_unnamed(const ObjectSpec&, const ProgramSpec& program) {
  AttachTarget target;
  target.method = program.row->method;
  return target;
}

void attach_run(Attachment& attachment) {
  attachment.out.how = "ran once";
  bpf::ProgTestRun run;
  run.program = attachment.program_fd;
  run.repeat = 0;
  run.context_size = kContextSize;
  attachment.add(std::move(run));
}

}  // namespace bpfld::loader
