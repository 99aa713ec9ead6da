// SPDX-License-Identifier: Apache-2.0
// .BTF.ext is the compiler's side table to .BTF: which FUNC each subprogram is, which source line
// each instruction came from, and which instructions hold a CO-RE relocation. Records are grouped
// by ELF section name and addressed in bytes from that section's start.
//
// Format: Documentation/bpf/btf.rst "BTF.ext"; enum bpf_core_relo_kind in include/uapi/linux/bpf.h.
#pragma once

#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "btf/view.h"

namespace bpfld::btf {

struct FuncInfo {
  u32 insn_offset = 0;
  TypeId type;
};  // offset: bytes in the section
struct LineInfo {
  u32 insn_offset = 0;
  u32 file_name = 0, line_text = 0;  // string offsets, as the kernel takes them
  u32 line_column = 0;               // line << 10 | column, as in the record
  u32 line() const { return line_column >> 10; }
  u32 column() const { return line_column & 0x3ff; }
};

enum class CoreKind : u32 {
  field_byte_offset = 0,
  field_byte_size,
  field_exists,
  field_signed,
  field_lshift_u64,
  field_rshift_u64,
  type_id_local,
  type_id_target,
  type_exists,
  type_size,
  enumval_exists,
  enumval_value,
  type_matches,
};
inline constexpr u32 kCoreKinds = 13;
std::string_view core_kind_name(
    CoreKind kind);  // "byte_off", "type_exists" ..., as the kernel prints them

struct CoreRelo {
  u32 insn_offset = 0;      // bytes in the section
  TypeId type;              // root type in the object's own BTF
  std::string_view access;  // "0:1:2"; view into the strings of .BTF
  CoreKind kind = CoreKind::field_byte_offset;
  bool operator==(const CoreRelo&) const = default;
};

// view: the records of one ELF section; names are views into the BTF's strings.
template <typename T>
struct SectionRecords {
  std::string_view section;
  std::vector<T> records;  // in file order
};

// spec: a decoded .BTF.ext (its string views point into `btf`).
struct Ext {
  std::vector<SectionRecords<FuncInfo>> functions;
  std::vector<SectionRecords<LineInfo>> lines;
  std::vector<SectionRecords<CoreRelo>> core;
  bool foreign_order = false;

  // Errors: malformed (naming sub-section, record and rule): record size below the minimum or not a
  // multiple of 4, counts past the bytes, type ids or strings that `btf` lacks, func info whose
  // type is not a FUNC; unsupported: a CO-RE kind, version or flag newer than this program. Records
  // longer than the known size are read, their rest ignored (forward compatible).
  [[nodiscard]] static Result<Ext> parse(Bytes blob, const View& btf);
};

}  // namespace bpfld::btf
