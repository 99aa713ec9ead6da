// SPDX-License-Identifier: Apache-2.0
// XDP, by a link (since 5.9): it goes with us, and nobody else can take its place meanwhile.
// Without a wish for a mode, the driver's own comes first and the generic one, which is slower but
// everywhere, second; which one it became is said.
#include "loader/attach_parts.h"

namespace bpfld::loader {
namespace {

// XDP_FLAGS_*, include/uapi/linux/if_link.h
constexpr u32 kGeneric = 1u << 1, kNative = 1u << 2, kOffload = 1u << 3;

struct ModeRow {
  std::string_view option;
  std::string_view name;
  u32 flag;
};
// clang-format off
constexpr ModeRow kModes[] = {
    {"native",  "native",    kNative},
    {"drv",     "native",    kNative},
    {"generic", "generic",   kGeneric},
    {"skb",     "generic",   kGeneric},
    {"offload", "offloaded", kOffload},
    {"hw",      "offloaded", kOffload},
};
// clang-format on

std::string mode_text(const ModeRow& mode) {
  return format("xdp link, {}", mode.name);
}

void add_link(Attachment& attachment, u32 flags) {
  bpf::LinkCreate create;
  create.program = attachment.program_fd;
  create.interface = attachment.interface_index();
  create.attach_type = bpf::AttachType::xdp;
  create.flags = flags;
  attachment.add(create, attachment.new_slot());
}

}  // namespace

void attach_xdp(Attachment& attachment) {
  for (const ModeRow& mode : kModes) {
    if (!attachment.target.has(mode.option)) continue;
    attachment.out.how = mode_text(mode);
    return add_link(attachment, mode.flag);
  }
  attachment.out.how = mode_text(kModes[0]);
  add_link(attachment, kNative);
  attachment.otherwise("xdp link, generic (the driver has no native XDP for this)");
  add_link(attachment, kGeneric);
}

}  // namespace bpfld::loader
