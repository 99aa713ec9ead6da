// SPDX-License-Identifier: Apache-2.0
// A program says what it is by the name of its ELF section: SEC("tracepoint/sched/sched_switch") is
// a tracepoint program to be attached to that event. This is the whole table of names that the
// field uses, one fact a line; everything that depends on a program's type starts from the row that
// matched.
#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "bpf/uapi.h"

namespace bpfld::loader {

// How a program of that section is attached; each family has a file loader/attach_<family>.cc.
enum class AttachMethod : u8 {
  none,        // the section gives no place to attach: a target must be named, or nothing attaches
  tracepoint,  // perf event of the tracepoint
  raw_tracepoint,  // BPF_RAW_TRACEPOINT_OPEN
  kprobe,
  kprobe_multi,
  ksyscall,
  uprobe,
  uprobe_multi,
  usdt,
  tracing,  // fentry, fexit, tp_btf, lsm ...: the target is a BTF id fixed at load time
  tracing_multi,
  freplace,
  iterator,
  struct_ops,      // attached through its map
  network_device,  // xdp, tc, netkit
  cgroup,
  socket,
  sockmap,
  netns,
  netfilter,
  perf_event,
  lirc,
  lwt,
  run,  // BPF_PROG_TYPE_SYSCALL: run once, nothing to attach
};

enum SectionFlags : u8 {
  kNoFlags = 0,
  kAttachBtf = 1 << 0,  // the text after '/' names a BTF type that becomes attach_btf_id
  kSleepable = 1 << 1,  // BPF_F_SLEEPABLE
  kFrags = 1 << 2,      // BPF_F_XDP_HAS_FRAGS
  kAttachHint =
      1 << 3,  // expected_attach_type only matters to kernels that check it at attach time
};

enum class Target : u8 {
  forbidden,  // SEC("xdp"), never SEC("xdp/eth0")
  optional,   // SEC("kprobe") or SEC("kprobe/func")
  label,      // SEC("lirc_mode2/rc_mm"): ir-keytable gives a protocol a name so; it is no place
};

struct SectionRow {
  std::string_view name;
  Target target = Target::forbidden;
  bpf::ProgType type{};
  bpf::AttachType attach_type{};
  AttachMethod method = AttachMethod::none;
  u8 flags = kNoFlags;
  std::string_view context;  // what the program's first argument points to
};

// spec: how a section name was understood. Views into the name that was given.
struct SectionMatch {
  const SectionRow* row = nullptr;
  std::string_view target;  // the text after the row's name and '/', empty if none
  bool autoload = true;     // false for SEC("?...")
};

// The whole table; the order decides when several rows match ("xdp.frags/devmap" before
// "xdp.frags").
std::span<const SectionRow> section_rows();

// The row that `section_name` matches: exactly, or as "name/target" where the row allows a target.
// A leading '?' is stripped first. Empty when no row matches.
std::optional<SectionMatch> match_section(std::string_view section_name);

// Names of rows that resemble a section name that did not match, best first, at most `limit`.
std::vector<std::string_view> similar_sections(std::string_view section_name, std::size_t limit);

}  // namespace bpfld::loader
