// SPDX-License-Identifier: Apache-2.0
// BTF's numbers: kinds, header, info word. One row per kind says how long its record is, so that
// the walk over a type section is a table look-up and an unknown kind is an error, not a
// derailment.
//
// A blob is: header, type section, string section, and in newer blobs a layout section. All offsets
// in the header count from the header's end. The type section is u32 words and nothing else, which
// is why a blob of the other byte order can be swapped without understanding it.
//
// Facts: include/uapi/linux/btf.h; Documentation/bpf/btf.rst.
#pragma once

#include <algorithm>
#include <array>
#include <initializer_list>
#include <string_view>
#include <tuple>

#include "base/bytes.h"
#include "base/int.h"

namespace bpfld::btf {

enum class Kind : u8 {
  void_ = 0,
  int_,
  ptr,
  array,
  struct_,
  union_,
  enum_,
  fwd,
  typedef_,
  volatile_,
  const_,
  restrict_,
  func,
  func_proto,
  var,
  datasec,
  float_,
  decl_tag,
  type_tag,
  enum64,
  unknown = 0x80,  // a kind newer than this table, whose length the blob's layout section gave
};
inline constexpr u32 kKindCount = 20;

// What the third word of a record means.
enum class Third : u8 { unused, size, type };

struct KindRow {
  Kind kind;
  std::string_view name;
  u8 tail_words;       // u32 words after the common three, once per record
  u8 words_per_entry;  // and per entry of vlen (FUNC keeps its linkage in vlen, so 0)
  Third third;
  std::string_view since;
};

// clang-format off
inline constexpr std::array<KindRow, kKindCount> kKinds = {{
    // kind            name          tail  per entry  third          since
    {Kind::void_,      "VOID",       0,    0,         Third::unused, "v4.18"},
    {Kind::int_,       "INT",        1,    0,         Third::size,   "v4.18"},
    {Kind::ptr,        "PTR",        0,    0,         Third::type,   "v4.18"},
    {Kind::array,      "ARRAY",      3,    0,         Third::unused, "v4.18"},
    {Kind::struct_,    "STRUCT",     0,    3,         Third::size,   "v4.18"},
    {Kind::union_,     "UNION",      0,    3,         Third::size,   "v4.18"},
    {Kind::enum_,      "ENUM",       0,    2,         Third::size,   "v4.18"},
    {Kind::fwd,        "FWD",        0,    0,         Third::unused, "v4.18"},
    {Kind::typedef_,   "TYPEDEF",    0,    0,         Third::type,   "v4.18"},
    {Kind::volatile_,  "VOLATILE",   0,    0,         Third::type,   "v4.18"},
    {Kind::const_,     "CONST",      0,    0,         Third::type,   "v4.18"},
    {Kind::restrict_,  "RESTRICT",   0,    0,         Third::type,   "v4.18"},
    {Kind::func,       "FUNC",       0,    0,         Third::type,   "v5.0"},
    {Kind::func_proto, "FUNC_PROTO", 0,    2,         Third::type,   "v5.0"},
    {Kind::var,        "VAR",        1,    0,         Third::type,   "v5.2"},
    {Kind::datasec,    "DATASEC",    0,    3,         Third::size,   "v5.2"},
    {Kind::float_,     "FLOAT",      0,    0,         Third::size,   "v5.13"},
    {Kind::decl_tag,   "DECL_TAG",   1,    0,         Third::type,   "v5.16"},
    {Kind::type_tag,   "TYPE_TAG",   0,    0,         Third::type,   "v5.17"},
    {Kind::enum64,     "ENUM64",     0,    3,         Third::size,   "v6.0"},
}};
// clang-format on

consteval bool kinds_are_in_order() {
  for (u32 i = 0; i < kKinds.size(); i++)
    if (static_cast<u32>(kKinds[i].kind) != i || kKinds[i].name.empty()) return false;
  return true;
}
static_assert(kinds_are_in_order(), "the row of a kind is found by its number");
// The row of a kind; null for Kind::unknown.
constexpr const KindRow* find_kind(Kind kind) {
  const auto index = static_cast<std::size_t>(kind);
  return index < kKinds.size() ? &kKinds[index] : nullptr;
}
// "STRUCT"; "unknown" for kinds without a row.
constexpr std::string_view kind_name(Kind kind) {
  const KindRow* row = find_kind(kind);
  return row != nullptr ? row->name : "unknown";
}
// What the third word means; unused for kinds without a row.
constexpr Third third_word(Kind kind) {
  const KindRow* row = find_kind(kind);
  return row != nullptr ? row->third : Third::unused;
}

// spec: a set of kinds.
class KindMask {
 public:
  constexpr KindMask() = default;
  constexpr KindMask(std::initializer_list<Kind> kinds) {
    for (const Kind kind : kinds)
      bits_ |= 1u << static_cast<u32>(kind);
  }
  static constexpr KindMask all() {
    KindMask mask;
    mask.bits_ = (1u << kKindCount) - 1;
    return mask;
  }
  constexpr KindMask with(Kind kind) const {
    KindMask mask = *this;
    mask.bits_ |= 1u << static_cast<u32>(kind);
    return mask;
  }
  constexpr KindMask without(Kind kind) const {
    KindMask mask = *this;
    mask.bits_ &= ~(1u << static_cast<u32>(kind));
    return mask;
  }
  // `kind_number` as in a record; kinds without a row are in no set.
  constexpr bool has(u32 kind_number) const {
    return kind_number < kKindCount && (bits_ >> kind_number & 1) != 0;
  }
  constexpr bool has(Kind kind) const { return has(static_cast<u32>(kind)); }
  constexpr bool within(KindMask other) const { return (bits_ & ~other.bits_) == 0; }
  bool operator==(const KindMask&) const = default;

 private:
  u32 bits_ = 0;
};

constexpr bool is_composite(Kind kind) {
  return kind == Kind::struct_ || kind == Kind::union_;
}
inline constexpr KindMask kComposites = {Kind::struct_, Kind::union_};

inline constexpr u16 kMagic = 0xeb9f;
inline constexpr u8 kVersion = 1;
inline constexpr u32 kMaxTypes = 0xfffff;  // BTF_MAX_TYPE; the kernel takes no more
inline constexpr u32 kRecordBytes = 12;    // name, info, size or type: common to all kinds

// The header's oldest form; newer ones are longer and say so in `header_size`.
struct Header {
  u16 magic;
  u8 version;
  u8 flags;
  u32 header_size;  // all offsets below count from here
  u32 type_offset;
  u32 type_size;
  u32 string_offset;
  u32 string_size;
};
inline auto fields(Header& h) {
  return std::tie(h.magic, h.version, h.flags, h.header_size, h.type_offset, h.type_size,
                  h.string_offset, h.string_size);
}

// Follows Header when header_size covers it.
struct LayoutFields {
  u32 offset;
  u32 size;
};
inline auto fields(LayoutFields& f) {
  return std::tie(f.offset, f.size);
}

// One row of the layout section, found by kind number: how many bytes a record has after its
// first 12.
struct LayoutRow {
  u8 info_bytes;
  u8 entry_bytes;  // times vlen
  u16 flags;       // none is defined yet
};
inline auto fields(LayoutRow& r) {
  return std::tie(r.info_bytes, r.entry_bytes, r.flags);
}

struct TypeRecord {
  u32 name;
  u32 info;
  u32 size_or_type;
};
inline auto fields(TypeRecord& r) {
  return std::tie(r.name, r.info, r.size_or_type);
}
static_assert(sizeof(TypeRecord) == kRecordBytes && sizeof(Header) == 24);

// Bits of `info`. Blobs from before the widening have zeros in the added bits.
constexpr u32 info_vlen(u32 info) {
  return info & 0xffffff;
}
constexpr u32 info_kind(u32 info) {
  return info >> 24 & 0x7f;
}
constexpr bool info_flag(u32 info) {
  return info >> 31 != 0;
}
constexpr u32 make_info(u32 kind, u32 vlen, bool flag) {
  return u32{flag} << 31 | (kind & 0x7f) << 24 | (vlen & 0xffffff);
}

constexpr Kind kind_of(const TypeRecord& record) {
  const u32 kind = info_kind(record.info);
  return kind < kKindCount ? static_cast<Kind>(kind) : Kind::unknown;
}

// What a walk over a type section needs to know of a kind: bytes of a record without entries, bytes
// per entry, and whether it is a struct or union.
class RecordShape {
 public:
  // Longer than any section, so that whoever steps over a record of unknown length is past the end.
  static constexpr u32 kUnknownBytes = 0xffffffff;

  constexpr RecordShape() = default;  // of kinds without a row
  constexpr explicit RecordShape(const KindRow& row)
      : bytes_(kRecordBytes + 4u * row.tail_words),
        per_entry_(static_cast<u16>(4u * row.words_per_entry)),
        composite_(is_composite(row.kind)) {}
  constexpr bool is_known() const { return bytes_ != kUnknownBytes; }
  constexpr u64 bytes(u32 vlen) const { return bytes_ + u64{per_entry_} * vlen; }
  constexpr u32 is_composite_bit() const { return composite_; }

 private:
  u32 bytes_ = kUnknownBytes;
  u16 per_entry_ = 0;
  u16 composite_ = 0;
};
// By the highest byte of an info word: the kind and the flag above it.
consteval std::array<RecordShape, 256> make_record_shapes() {
  std::array<RecordShape, 256> out = {};
  for (const KindRow& row : kKinds)
    for (const u32 flag : {0u, 128u})
      if (row.kind != Kind::void_) out[static_cast<u32>(row.kind) + flag] = RecordShape(row);
  return out;
}
inline constexpr std::array<RecordShape, 256> kRecordShapes = make_record_shapes();
// Of the kind in an info word.
constexpr RecordShape record_shape(u32 info) {
  return kRecordShapes[info >> 24];
}

// Bits of an INT's encoding.
inline constexpr u8 kIntSigned = 1;
inline constexpr u8 kIntChar = 2;
inline constexpr u8 kIntBool = 4;

}  // namespace bpfld::btf
