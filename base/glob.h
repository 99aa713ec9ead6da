// SPDX-License-Identifier: Apache-2.0
// Shell patterns against names: `tcp_*sock`, `bpf_map_?`, `[a-z]*`, `[!_]*`; a backslash takes the
// next character as itself. Unlike fnmatch(3) it depends on no locale and takes no more than
// pattern times text steps on any input.
#pragma once

#include <string_view>

namespace bpfld {

// Whether `pattern` matches all of `text`. A '[' that nothing closes stands for itself.
bool glob_matches(std::string_view pattern, std::string_view text);
// Whether it has any of *?[\, so that it can match more than one name.
bool is_glob(std::string_view pattern);

}  // namespace bpfld
