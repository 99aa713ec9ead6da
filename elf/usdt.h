// SPDX-License-Identifier: Apache-2.0
// Statically defined probes (USDT): a program marks places in its code with nops, and says in notes
// where they are, what they are called and where their arguments lie. Some have a semaphore, a
// counter which the program looks at before it computes costly arguments.
//
// Format: SystemTap's wiki, "UserSpaceProbeImplementation"; /usr/include/sys/sdt.h.
#pragma once

#include <string_view>
#include <vector>

#include "elf/executable.h"

namespace bpfld::elf {

// view: one place of a probe; a probe that was inlined has several.
struct UsdtNote {
  std::string_view provider, name;
  std::string_view arguments;  // "-4@%edi 8@-16(%rbp)"
  u64 address = 0;             // of the nop, in memory, as the file is linked now
  u64 semaphore = 0;           // its address; 0: none
};

// All notes, in file order. Errors: malformed.
[[nodiscard]] Result<std::vector<UsdtNote>> usdt_notes(const Executable& file);

}  // namespace bpfld::elf
