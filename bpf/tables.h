// SPDX-License-Identifier: Apache-2.0
// The names of the kernel's enumerators, one row each: for output, for `bpfld list`, and for the
// test that compares them with the kernel's own BTF.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "bpf/uapi.h"

namespace bpfld::bpf {

struct NameRow {
  u32 value;
  std::string_view kernel_name;  // BPF_MAP_TYPE_HASH
  std::string_view name;         // hash
  std::string_view since;        // first kernel release that has it
};

std::span<const NameRow> command_rows();
std::span<const NameRow> map_type_rows();
std::span<const NameRow> prog_type_rows();
std::span<const NameRow> attach_type_rows();

// The short name ("hash", "ringbuf"); "map type 99" and the like for a number without a row.
std::string name_of(Command command);
std::string name_of(MapType type);
std::string name_of(ProgType type);
std::string name_of(AttachType type);

// The kernel's spelling, "BPF_PROG_LOAD".
std::string kernel_name_of(Command command);
std::string kernel_name_of(ProgType type);
std::string kernel_name_of(MapType type);

// Whether each CPU has its own value of an element; then a value is one per possible CPU, each on a
// multiple of eight bytes.
bool is_per_cpu(MapType type);

// The first kernel release that has the type, "4.7"; empty for a number without a row.
std::string_view since(ProgType type);
std::string_view since(MapType type);

}  // namespace bpfld::bpf
