// SPDX-License-Identifier: Apache-2.0
// What the kernel says to one program of an object, loaded alone: the others are left out, and
// whatever is wrong with them, a target that does not exist, an extern that nobody provides, a
// section name that means nothing, does not matter. Everything is closed again at once. Each
// program is asked about once: the verifier is told to write its statistics, and with them, when it
// refuses, its sentence (BPF_LOG_STATS, Linux commit 06ee7115b0d1 "bpf: add verifier stats and
// log_level bit 2", in v5.2). Shell.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "bpf/kernel.h"
#include "loader/profile.h"
#include "loader/spec.h"

namespace bpfld::loader {

// spec: what became of one program.
struct Examination {
  std::optional<Error> refusal;  // empty: accepted; its detail holds the log
  std::string log;              // the verifier's, of the last BPF_PROG_LOAD; empty if none was made
  bool reached_kernel = false;  // a BPF_PROG_LOAD of the program was made
  std::chrono::nanoseconds load_time{};  // of that call, as user space sees it
};

// Loads programs[program], with the programs of the object that it is about, and drops it.
// `profile` holds at least what needs(spec, {program}) asks for; what the kernel turns out to lack
// is noted there. Errors are data here: those of Session::load().
Examination examine(const ObjectSpec& spec, u32 program, KernelProfile& profile,
                    bpf::Kernel& kernel);

}  // namespace bpfld::loader
