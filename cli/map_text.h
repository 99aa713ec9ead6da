// SPDX-License-Identifier: Apache-2.0
// The keys and values of a map in the kernel, as text and JSON, and back: by the types that its
// BTF gives them, or as bytes. The types come from whoever made the map, so what they claim is
// checked against the sizes that the kernel knows: types that do not fit are not used. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bpf/object_info.h"
#include "loader/kernel_objects.h"

namespace bpfld::cli {

// handle: a map's info, with its BTF if that fits.
class MapText {
 public:
  // `possible_cpus` counts the values of a per-CPU map.
  MapText(bpf::MapInfo info, std::optional<loader::LoadedBtf> btf, u32 possible_cpus);

  const bpf::MapInfo& info() const { return info_; }
  // What a lookup of this map gives.
  u64 lookup_size() const { return loader::lookup_size(info_, cpus_); }
  bool is_typed() const { return value_type_.value != 0; }

  // One line each: "KEY  VALUE", without a key where the map has none, or a line per variable for
  // the map of a data section.
  std::string element_text(Bytes key, Bytes value) const;
  std::string element_json(Bytes key, Bytes value) const;
  // Without its value, for one that cannot be read.
  std::string key_text(Bytes key) const;
  std::string key_json(Bytes key) const;

  // Errors: those of btf::encode_value().
  [[nodiscard]] Result<std::vector<std::byte>> encode_key(std::string_view text) const;
  // For a per-CPU map the same value for each CPU.
  [[nodiscard]] Result<std::vector<std::byte>> encode_value(std::string_view text) const;

 private:
  std::string value_text(Bytes value) const;
  std::string value_json(Bytes value) const;
  std::string section_text(Bytes value) const;
  std::string section_json(Bytes value) const;
  bool is_section() const;

  bpf::MapInfo info_;
  std::optional<loader::LoadedBtf> btf_;
  u32 cpus_;
  btf::TypeId key_type_, value_type_;  // 0: bytes
};

}  // namespace bpfld::cli
