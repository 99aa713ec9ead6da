// SPDX-License-Identifier: Apache-2.0
// What the kernel says of a map that exists (struct bpf_map_info), and whether a map that was
// pinned by somebody can stand for one that an object asks for. Pure.
#pragma once

#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "bpf/request.h"

namespace bpfld::bpf {

// spec: the answer to ObjectInfo about a map. What an older kernel does not tell is 0.
struct MapInfo {
  MapType type = MapType::unspec;
  u32 id = 0;
  u32 key_size = 0, value_size = 0, max_entries = 0, flags = 0;
  std::string name;
  u32 btf_id = 0, btf_key_type_id = 0, btf_value_type_id = 0;
  u64 map_extra = 0;
  bool has_map_extra = false;  // since v5.16
  bool operator==(const MapInfo&) const = default;
};
MapInfo parse_map_info(Bytes info);

// Errors: unsupported, naming the first property that differs: "has max_entries 16, the object
// wants 32". The name and the types of keys and values are not compared.
[[nodiscard]] Status check_like(const MapInfo& have, const MapCreate& want);

}  // namespace bpfld::bpf
