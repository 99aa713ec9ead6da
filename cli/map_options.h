// SPDX-License-Identifier: Apache-2.0
// --map: changes a map of an object before anything is loaded. Pure: an ObjectSpec is changed, no
// kernel.
//
//   conns.max_entries=64K     a number of its definition; so are key_size, value_size, map_flags,
//                             map_extra and numa_node
//   conns=/sys/fs/bpf/conns   the map that is pinned there takes its place
//   limits[7]=100             an element from the start, written as in btf/encode_value.h; a slot
//   of
//                             a map of maps or programs takes a name, a queue or stack no key
#pragma once

#include <string_view>

#include "base/result.h"
#include "btf/view.h"
#include "loader/spec.h"

namespace bpfld::cli {

// `text` is one of the above; a number may be set of several maps, by a glob. `btf` is the view of
// spec.btf, null when the object has none.
// Errors: usage; near names in `detail`.
[[nodiscard]] Status apply_map_option(loader::ObjectSpec& spec, const btf::View* btf,
                                      std::string_view text);

}  // namespace bpfld::cli
