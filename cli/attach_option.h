// SPDX-License-Identifier: Apache-2.0
// Where programs go, from the command line: --attach 'PROG=KIND:PLACE' for single programs, and
// defaults for classes of them (--dev IF for all that look at packets of an interface, --cgroup
// PATH
// ...). Both end as ProgramSpec::places, which is all that the loader knows. Pure.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "loader/profile.h"
#include "loader/spec.h"

namespace bpfld::cli {

// spec: the options of `bpfld run` that say where.
struct AttachOptions {
  std::vector<std::string> attach = {};   // "PROG=KIND:PLACE", in the order given
  std::vector<std::string> devices = {};  // --dev
  std::string cgroup = {}, netns = {};
  std::string xdp_mode = {};  // native, generic, offload; empty: native, else generic
  std::optional<u32> pid = {}, frequency = {};
  bool operator==(const AttachOptions&) const = default;
};

// What follows the '=' of --attach: "xdp:eth0,skb", "tcx:eth0:egress", "uprobe:/bin/bash:readline".
// Errors: usage; near names in `detail`.
[[nodiscard]] Result<loader::AttachTarget> parse_attach_target(std::string_view text);

// Writes the places into the selected programs of `spec`. PROG is a glob; what an --attach of a
// single name cannot do is an error, what a pattern cannot is passed over as long as it does
// something. Errors: usage.
[[nodiscard]] Status apply_attach_options(const AttachOptions& options,
                                          const loader::Selection& selection,
                                          loader::ObjectSpec& spec);

}  // namespace bpfld::cli
