// SPDX-License-Identifier: Apache-2.0
// struct bpf_prog_info, bpf_map_info and bpf_link_info as BPF_OBJ_GET_INFO_BY_FD writes them. An
// older kernel writes less than a newer one knows: what it does not tell is 0. Pure.
//
// Source: include/uapi/linux/bpf.h.
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"
#include "bpf/uapi.h"

namespace bpfld::bpf {

// What to ask for: as much as v6.18 tells.
inline constexpr u32 kInfoSize = 256;

// spec: a program that is loaded.
struct ProgramInfo {
  ProgType type{};
  u32 id = 0;
  std::string tag;    // sixteen hexadecimal digits
  std::string name;   // at most 15 bytes; not escaped
  u64 loaded_ns = 0;  // since boot
  u32 uid = 0;
  u32 jited_size = 0, xlated_size = 0;  // bytes; xlated 0: the kernel does not show it
  u32 map_count = 0, btf_id = 0;
  u32 function_count = 0;  // records of func_info
  bool gpl = false;
  u64 run_ns = 0, runs = 0;  // when kernel.bpf_stats_enabled is set
  u32 verified_insns = 0;
  bool operator==(const ProgramInfo&) const = default;
};
ProgramInfo decode_program_info(Bytes info);

// spec: a map.
struct MapInfo {
  MapType type{};
  u32 id = 0, key_size = 0, value_size = 0, max_entries = 0, flags = 0;
  std::string name;
  u64 extra = 0;           // map_extra
  bool has_extra = false;  // since v5.16
  u32 btf_id = 0, btf_key_type = 0, btf_value_type = 0;
  bool operator==(const MapInfo&) const = default;
};
MapInfo decode_map_info(Bytes info);

// spec: a link.
struct LinkInfo {
  u32 type = 0;  // enum bpf_link_type
  u32 id = 0, program = 0;
  bool operator==(const LinkInfo&) const = default;
};
LinkInfo decode_link_info(Bytes info);

// "perf_event" for 7; "link type 99" for a number without a row.
std::string link_type_name(u32 type);

// spec: BTF that is loaded.
struct BtfInfo {
  u32 size = 0, id = 0;
  bool is_kernels = false;  // of the kernel or of a module
  bool operator==(const BtfInfo&) const = default;
};
BtfInfo decode_btf_info(Bytes info);

// Whether the value that the kernel gives is the id of a program or of a map.
bool holds_ids(MapType type);

}  // namespace bpfld::bpf
