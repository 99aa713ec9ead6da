// SPDX-License-Identifier: Apache-2.0
// See map_like.h.
#include "bpf/map_like.h"

#include "bpf/tables.h"

namespace bpfld::bpf {
Status check_like(const MapInfo& have, const MapCreate& want) {
  if (have.type != want.type)
    return fail(Code::unsupported, "the pinned map is of type {}, the object wants {}",
                name_of(have.type), name_of(want.type));
  // The kernel sets BPF_F_RDONLY_PROG on device maps itself (kernel/bpf/devmap.c).
  const bool devices = want.type == MapType::devmap || want.type == MapType::devmap_hash;
  const u32 ignored = devices ? kMapReadOnlyProg : 0;
  const struct {
    std::string_view name;
    u64 have, want;
  } rows[] = {
      {"key_size", have.key_size, want.key_size},
      {"value_size", have.value_size, want.value_size},
      {"max_entries", have.max_entries, want.max_entries},
      {"map_flags", have.flags & ~ignored, want.flags & ~ignored},
      {"map_extra", have.extra, have.has_extra ? want.map_extra : have.extra},
  };
  for (const auto& row : rows)
    if (row.have != row.want)
      return fail(Code::unsupported, "the pinned map has {} {}, the object wants {}", row.name,
                  row.have, row.want);
  return {};
}

}  // namespace bpfld::bpf
