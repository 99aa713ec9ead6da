// SPDX-License-Identifier: Apache-2.0
// Where a program goes: what `SEC("kprobe/do_unlinkat")` says after the slash, or, for the many
// programs whose section cannot say it (an interface, a cgroup, a socket), what the user named. A
// program may go to several places, and each is attached by itself. Families
// (loader/attach_<family>.cc) read a place; this is only its shape.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "loader/sections.h"

namespace bpfld::loader {

// spec: "prio=1", or a word such as "skb".
struct AttachOption {
  std::string name = {}, value = {};
  bool operator==(const AttachOption&) const = default;
};

// spec: one place. For the tracing families `place` is spelt as a section spells it ("fn+0x10",
// "/bin/bash:readline", "sched/sched_switch"), so that a family has one text to read.
struct AttachTarget {
  AttachMethod method = AttachMethod::none;  // may differ from the section's: SEC("kprobe")
                                             // programs can be attached as uprobes
  std::string kind;   // the word before the colon of --attach; empty when the section or a default
                      // says where
  std::string place;  // interface, path, map, function, event; may be empty: the family's default
  std::string hook;   // "ingress", "pre_routing"; empty: the section's, or the family's default
  std::vector<AttachOption> options;
  u32 more_target = 0;           // of a freplace program, n: ProgramSpec::more_targets[n - 1]
  std::optional<u32> pid;        // --pid: only in that process
  std::optional<u32> frequency;  // --freq: samples a second
  bool operator==(const AttachTarget&) const = default;

  bool has(std::string_view name) const { return option(name) != nullptr; }
  // The option's value, null when it was not given.
  const std::string* option(std::string_view name) const {
    for (const AttachOption& one : options)
      if (one.name == name) return &one.value;
    return nullptr;
  }
};

}  // namespace bpfld::loader
