// SPDX-License-Identifier: Apache-2.0
// See object_info.h. Numbers at their offsets: bytes that are not there read as 0.
#include "bpf/object_info.h"

#include <array>

#include "base/format.h"

namespace bpfld::bpf {
namespace {

constexpr u64 kTagSize = 8, kNameSize = 16;

u32 u32_at(Bytes info, u64 offset) {
  return load_checked<u32>(info, offset);
}
u64 u64_at(Bytes info, u64 offset) {
  return load_checked<u64>(info, offset);
}

std::string name_at(Bytes info, u64 offset) {
  std::string out;
  for (u64 i = 0; i < kNameSize; i++) {
    const char c = load_checked<char>(info, offset + i);
    if (c == 0) break;
    out += c;
  }
  return out;
}

std::string hex_at(Bytes info, u64 offset, u64 size) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (u64 i = 0; i < size; i++) {
    const u8 byte = load_checked<u8>(info, offset + i);
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
  return out;
}

// enum bpf_link_type, from 1.
constexpr std::array<std::string_view, 15> kLinkTypes = {
    "raw_tracepoint", "tracing",      "cgroup",       "iter",      "netns", "xdp",
    "perf_event",     "kprobe_multi", "struct_ops",   "netfilter", "tcx",   "uprobe_multi",
    "netkit",         "sockmap",      "tracing_multi"};

}  // namespace

ProgramInfo decode_program_info(Bytes info) {
  ProgramInfo out;
  out.type = static_cast<ProgType>(u32_at(info, 0));
  out.id = u32_at(info, 4);
  out.tag = hex_at(info, 8, kTagSize);
  out.jited_size = u32_at(info, 16);
  out.xlated_size = u32_at(info, 20);
  out.loaded_ns = u64_at(info, 40);
  out.uid = u32_at(info, 48);
  out.map_count = u32_at(info, 52);
  out.name = name_at(info, 64);
  out.gpl = (u32_at(info, 84) & 1) != 0;
  out.btf_id = u32_at(info, 128);
  out.function_count = u32_at(info, 144);
  out.run_ns = u64_at(info, 192);
  out.runs = u64_at(info, 200);
  out.verified_insns = u32_at(info, 216);
  return out;
}

MapInfo decode_map_info(Bytes info) {
  MapInfo out;
  out.type = static_cast<MapType>(u32_at(info, 0));
  out.id = u32_at(info, 4);
  out.key_size = u32_at(info, 8);
  out.value_size = u32_at(info, 12);
  out.max_entries = u32_at(info, 16);
  out.flags = u32_at(info, 20);
  out.name = name_at(info, 24);
  out.btf_id = u32_at(info, 64);
  out.btf_key_type = u32_at(info, 68);
  out.btf_value_type = u32_at(info, 72);
  out.extra = u64_at(info, 80);
  out.has_extra = fits(info.size(), 80, sizeof(out.extra));
  return out;
}

LinkInfo decode_link_info(Bytes info) {
  LinkInfo out;
  out.type = u32_at(info, 0);
  out.id = u32_at(info, 4);
  out.program = u32_at(info, 8);
  return out;
}

std::string link_type_name(u32 type) {
  if (type == 0 || type > kLinkTypes.size()) return format("link type {}", type);
  return std::string(kLinkTypes[type - 1]);
}

BtfInfo decode_btf_info(Bytes info) {
  BtfInfo out;
  out.size = u32_at(info, 8);
  out.id = u32_at(info, 12);
  out.is_kernels = u32_at(info, 28) != 0;
  return out;
}

bool holds_ids(MapType type) {
  return type == MapType::prog_array || type == MapType::array_of_maps ||
         type == MapType::hash_of_maps;
}

}  // namespace bpfld::bpf
