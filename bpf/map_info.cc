// SPDX-License-Identifier: Apache-2.0
// See map_info.h. Offsets: include/uapi/linux/bpf.h, struct bpf_map_info.
#include "bpf/map_info.h"

#include "bpf/tables.h"

namespace bpfld::bpf {
namespace {

constexpr u64 kNameAt = 24, kMapExtraAt = 80;

}  // namespace

MapInfo parse_map_info(Bytes info) {
  MapInfo out;
  out.type = static_cast<MapType>(load_checked<u32>(info, 0));
  out.id = load_checked<u32>(info, 4);
  out.key_size = load_checked<u32>(info, 8);
  out.value_size = load_checked<u32>(info, 12);
  out.max_entries = load_checked<u32>(info, 16);
  out.flags = load_checked<u32>(info, 20);
  if (const Result<Bytes> name = slice(info, kNameAt, kObjectNameLength)) {
    out.name = text_of(*name);
    out.name.resize(std::min(out.name.find('\0'), out.name.size()));
  }
  out.btf_id = load_checked<u32>(info, 64);
  out.btf_key_type_id = load_checked<u32>(info, 68);
  out.btf_value_type_id = load_checked<u32>(info, 72);
  out.has_map_extra = info.size() >= kMapExtraAt + sizeof(u64);
  out.map_extra = load_checked<u64>(info, kMapExtraAt);
  return out;
}

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
      {"map_extra", have.map_extra, have.has_map_extra ? want.map_extra : have.map_extra},
  };
  for (const auto& row : rows)
    if (row.have != row.want)
      return fail(Code::unsupported, "the pinned map has {} {}, the object wants {}", row.name,
                  row.have, row.want);
  return {};
}

}  // namespace bpfld::bpf
