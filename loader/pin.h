// SPDX-License-Identifier: Apache-2.0
// What is loaded lives as long as somebody holds a descriptor of it, or as long as it has a name on
// a BPF file system. --pin DIR gives names to all of it:
//
//   DIR/maps/NAME    DIR/progs/NAME    DIR/links/NAME
//
// The set appears at once or not at all: it is built beside DIR, as DIR_stage_<number>, and
// renamed. To replace a set the two are exchanged, and the old one is removed. Names come from the
// object, which anybody may have written: letters, digits, '_' and '-' only; the dot of ".rodata",
// which a BPF file system refuses, becomes '_'. Pure: the session makes the requests.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "loader/plan.h"

namespace bpfld::loader {

// spec: where to pin, and how.
struct PinOptions {
  std::string folder;  // the DIR
  bool replace = false;
  bool all_links = false;  // a program that is attached without a link is an error
  u32 number = 0;          // tells staging folders apart: a process id
};

// spec: the requests, in order, and what they make in case one fails.
struct PinPlan {
  std::string stage;                    // what is removed after a failure
  std::vector<Op> ops;                  // build the set in `stage`
  std::vector<std::string> not_pinned;  // names of programs that are attached without a link
  bool operator==(const PinPlan&) const = default;
};

// Errors: unsupported (a name that no file can have; two that become the same; with all_links, an
// attachment that ends with this process).
// `attached` are the attachments that were made.
[[nodiscard]] Result<PinPlan> plan_pins(const ObjectSpec& spec, const Plan& plan,
                                        const std::vector<AttachPlan>& attached,
                                        const PinOptions& options);

// Whether `name` can be the name of a pin. Errors: unsupported.
[[nodiscard]] Status check_pin_name(std::string_view name);

}  // namespace bpfld::loader
