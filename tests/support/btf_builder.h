// SPDX-License-Identifier: Apache-2.0
// Writes .BTF and .BTF.ext for tests. A test builds valid input in a few lines, breaks one field
// and looks at the message. Ids are handed out in the order of the calls (the first is 1, or the
// count of the base); strings are shared. Either byte order, and both header layouts, come out of
// bytes().
//
//   BtfBuilder b;
//   const TypeId int_id = b.add_int("int", 4);
//   b.add_struct("pair", 8, {{"a", int_id, 0}, {"b", int_id, 32}});
//   b.type(1).name_offset = 9999;
//   const std::vector<std::byte> blob = b.bytes();
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "btf/ext.h"
#include "btf/view.h"

namespace bpfld::test {

using btf::TypeId;

// spec: one type record as it will be written, so that a test can break any field of it.
struct RawType {
  u32 name_offset = 0;
  u32 kind = 0;  // a number, so that kinds which do not exist can be written
  u32 vlen = 0;
  bool kind_flag = false;
  u32 size_or_type = 0;
  std::vector<u32> tail = {};  // the words after the common 12 bytes
};

// spec: fields of the header that a test wants to be wrong; what is not set is computed.
struct RawHeader {
  u16 magic = 0xeb9f;
  u8 version = 1;
  u8 flags = 0;
  std::optional<u32> hdr_len, type_off, type_len, str_off, str_len, layout_off, layout_len;
  u32 extra_bytes = 0;  // zeros after the known fields, counted in hdr_len
};

// spec: how long one kind's record is, as the layout section says it; in bytes.
struct RawLayout {
  u8 info_size = 0;   // once per record
  u8 entry_size = 0;  // times vlen
  u16 flags = 0;
};

struct MemberSpec {
  std::string name;
  TypeId type;
  u32 bit_offset = 0;
  u32 bitfield_size = 0;  // any that is not 0 sets the struct's kind flag
};
struct EnumeratorSpec {
  std::string name;
  i64 value = 0;
};
struct ParamSpec {
  std::string name;
  TypeId type;
};
struct VariableSpec {
  TypeId type;
  u32 offset = 0;
  u32 size = 0;
};

class BtfBuilder {
 public:
  BtfBuilder() = default;
  // Builds split BTF: ids and string offsets continue those of `base`; strings are not shared with
  // it.
  explicit BtfBuilder(const btf::View& base);

  TypeId add_int(std::string_view name, u32 size, u8 encoding = 1 /* signed */);
  TypeId add_uint(std::string_view name, u32 size) { return add_int(name, size, 0); }
  TypeId add_char(std::string_view name = "char") { return add_int(name, 1, 1); }
  TypeId add_bool(std::string_view name = "_Bool") { return add_int(name, 1, 4); }
  // An INT whose value takes only `bits` bits from `bit_offset` (old-style bitfields).
  TypeId add_int_bits(std::string_view name, u32 size, u8 encoding, u8 bit_offset, u8 bits);
  TypeId add_ptr(TypeId to);
  TypeId add_array(TypeId element, TypeId index, u32 count);
  TypeId add_struct(std::string_view name, u32 size, const std::vector<MemberSpec>& members = {});
  TypeId add_union(std::string_view name, u32 size, const std::vector<MemberSpec>& members = {});
  TypeId add_enum(std::string_view name, const std::vector<EnumeratorSpec>& values, u32 size = 4,
                  bool is_signed = false);
  TypeId add_enum64(std::string_view name, const std::vector<EnumeratorSpec>& values, u32 size = 8,
                    bool is_signed = false);
  TypeId add_fwd(std::string_view name, bool is_union = false);
  TypeId add_typedef(std::string_view name, TypeId to);
  TypeId add_volatile(TypeId to);
  TypeId add_const(TypeId to);
  TypeId add_restrict(TypeId to);
  TypeId add_func(std::string_view name, TypeId proto, u32 linkage = 1 /* global */);
  TypeId add_func_proto(TypeId result, const std::vector<ParamSpec>& params = {});
  TypeId add_var(std::string_view name, TypeId type, u32 linkage = 1 /* global */);
  TypeId add_datasec(std::string_view name, u32 size,
                     const std::vector<VariableSpec>& variables = {});
  TypeId add_float(std::string_view name, u32 size);
  TypeId add_decl_tag(std::string_view text, TypeId target, i32 component = -1);
  TypeId add_type_tag(std::string_view text, TypeId to);
  TypeId add_raw(const RawType& type);

  // Offset of `text` in the string table, added when it is not there yet; 0 for "".
  u32 add_string(std::string_view text);

  // To break things. References stay valid while types are added.
  RawType& type(u32 id);
  RawType& type(TypeId id) { return type(id.value); }
  RawHeader& header() { return header_; }
  std::string& strings() { return strings_; }  // starts as "\0"; empty for split BTF

  // Writes the longer header with a layout section: one row per known kind, then `more` for
  // kinds 20...
  void add_layout(const std::vector<RawLayout>& more = {});

  std::vector<std::byte> bytes(ByteOrder order = kHostOrder) const;

 private:
  TypeId add(btf::Kind kind, std::string_view name, u32 size_or_type, std::vector<u32> tail = {},
             u32 vlen = 0, bool kind_flag = false);
  TypeId add_composite(btf::Kind kind, std::string_view name, u32 size,
                       const std::vector<MemberSpec>& members);

  u32 first_id_ = 1;
  u32 first_string_ = 0;
  RawHeader header_;
  std::string strings_ = std::string(1, '\0');
  std::deque<RawType> types_;
  std::optional<std::vector<RawLayout>> layout_;
};

// spec: the records of one section in one table of .BTF.ext; words as they will be written.
struct RawExtSection {
  u32 name_offset = 0;
  std::optional<u32> count;  // when it should differ from the number of records
  std::vector<std::vector<u32>> records;
};
// spec: one table: func, line or CO-RE.
struct RawExtTable {
  u32 record_size = 0;  // bytes; records are cut or padded with zeros to it
  std::deque<RawExtSection> sections;
  std::optional<u32> offset, length;  // header fields, when they should be wrong
};

class BtfExtBuilder {
 public:
  // Section names, files and access strings are added to `btf`, so its bytes() must be taken last.
  explicit BtfExtBuilder(BtfBuilder& btf) : btf_(&btf) {}

  void add_func(std::string_view section, u32 insn_offset, TypeId type);
  void add_line(std::string_view section, u32 insn_offset, std::string_view file,
                std::string_view text, u32 line, u32 column = 0);
  void add_core(std::string_view section, u32 insn_offset, TypeId type, std::string_view access,
                btf::CoreKind kind);

  // To break things.
  RawExtTable functions{.record_size = 8, .sections = {}, .offset = {}, .length = {}};
  RawExtTable lines{.record_size = 16, .sections = {}, .offset = {}, .length = {}};
  RawExtTable core{.record_size = 16, .sections = {}, .offset = {}, .length = {}};
  u16 magic = 0xeb9f;
  u8 version = 1;
  std::optional<u32> hdr_len;
  bool without_core = false;  // the older header, which ends before the CO-RE fields

  std::vector<std::byte> bytes(ByteOrder order = kHostOrder) const;

 private:
  void add(RawExtTable& table, std::string_view section, std::vector<u32> record);
  BtfBuilder* btf_;
};

// What the error of a Result says; "no error" when there is none.
template <typename T>
std::string message(const Result<T>& result) {
  return result ? "no error" : result.error().message();
}

}  // namespace bpfld::test
