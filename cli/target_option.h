// SPDX-License-Identifier: Apache-2.0
// --target PROG=WHAT: programs that trace or replace a function of another program, and which
// program that is:
//
//   watch=on_packet              a program of the same object
//   watch=id:7                   one that is loaded, by the id that `bpfld prog` shows
//   watch=/sys/fs/bpf/progs/xdp  one that is pinned
//   watch=on_packet:parse        its function `parse`, whatever the section says
//
// Pure: an ObjectSpec is changed.
#pragma once

#include <span>
#include <string>

#include "base/result.h"
#include "cli/options.h"
#include "loader/profile.h"
#include "loader/spec.h"

namespace bpfld::cli {

// The option's row, for the commands that take it.
inline constexpr OptionRow kTargetOption = {
    .name = "target",
    .letter = '\0',
    .value = "PROG=WHAT",
    .help =
        "which program the fentry, fexit and freplace programs of this name (or pattern) are "
        "about: NAME of this object, id:N or /PINNED; with :FUNCTION, which function of it",
    .repeat = Repeat::many};

// Writes the target programs into the programs of `selection`. PROG is a glob. Errors: usage; near
// names in `detail`.
[[nodiscard]] Status apply_target_options(std::span<const std::string> options,
                                          const loader::Selection& selection,
                                          loader::ObjectSpec& spec);

}  // namespace bpfld::cli
