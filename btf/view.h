// SPDX-License-Identifier: Apache-2.0
// BTF is how an object and a kernel describe their C types. A kernel's has more than 100,000 of
// them in about 5 MB, and an object asks for a handful, so nothing is materialised: a View is a
// table of where types start (type_table.h) plus accessors that decode one type when asked.
//
// Format: Documentation/bpf/btf.rst and include/uapi/linux/btf.h, in both layouts: `info` holds
// vlen in bits 0-23 and kind in bits 24-30 (the widened form reads old blobs unchanged, whose upper
// vlen and kind bits are 0), and the header may carry a kind-layout section, by which unknown kinds
// are skipped.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "btf/format.h"
#include "btf/type_table.h"

namespace bpfld::btf {

// spec: a type's number within a View; 0 is void. In split BTF, ids below the base's count are the
// base's.
struct TypeId {
  u32 value = 0;
  constexpr auto operator<=>(const TypeId&) const = default;
};

// view: the part that all types share, decoded. `tail` holds the kind's extra words (members,
// params...).
struct Type {
  TypeId id = {};
  Kind kind = Kind::void_;
  u8 kind_number = 0;  // as in the record; tells unknown kinds apart
  bool kind_flag = false;
  u32 vlen = 0;                // number of members, params, enumerators, variables
  u32 size_or_type = 0;        // bytes or a type id, by kind
  std::string_view name = {};  // empty when anonymous
  Bytes tail = {};             // native order

  TypeId type() const { return {size_or_type}; }
  u32 size() const { return size_or_type; }
};

// Decoded tail entries; see types.h for the accessors that produce them.
struct Member {
  std::string_view name;
  TypeId type;
  u32 bit_offset = 0;     // bits from the start of the struct
  u32 bitfield_size = 0;  // bits; 0 when not a bitfield (or old-style: encoded in the INT)
};
struct Enumerator {
  std::string_view name;
  u64 value = 0;
};  // sign-extended when the enum is signed
struct Param {
  std::string_view name;
  TypeId type;
};  // variadic: name empty and type 0, last
struct Variable {
  TypeId type;
  u32 offset = 0;
  u32 size = 0;
};  // one entry of a DATASEC, bytes
struct Array {
  TypeId element;
  TypeId index;
  u32 count = 0;
};
struct Int {
  u8 encoding = 0;
  u8 bit_offset = 0;
  u8 bits = 0;
};  // encoding: kIntSigned | kIntChar | kIntBool

// view: one BTF blob, on top of a base for split BTF. Owns bytes only when it had to swap or align
// them. The base, and the blob, must outlive it. Moving a View keeps its string views valid.
class View {
 public:
  // One pass over the type section: header, record sizes, string terminators. After it, every
  // accessor is memory-safe on any bytes. It does NOT check that types make sense or that names
  // are inside the string table: see validate().
  // Errors: malformed (naming the rule and, where there is one, the type id), unsupported (unknown
  // kind without a layout entry, another version), limit (more types than the kernel takes). A blob
  // without types or strings is fine: modules that add no type have one.
  [[nodiscard]] static Result<View> parse(Bytes blob LIFETIMEBOUND, const View* base = nullptr);

  // Every rule of btf.rst that a consumer relies on: ids and names in range, names that are
  // identifiers, members inside their struct, no cycles through modifiers, arrays or by-value
  // members, known linkages... Run on all BTF that does not come from the running kernel, bases
  // first. Looks at own types only. Errors: malformed, naming type id and rule.
  [[nodiscard]] Status validate() const;

  // Number of ids, the base's included: valid ids are 0 .. count()-1.
  u32 count() const { return first_id_ + own_count(); }
  // The first id that is this blob's own: 1 without a base (0 is void).
  u32 first_id() const { return first_id_; }
  const View* base() const { return base_; }
  bool was_foreign_order() const { return foreign_; }

  // The type; void (kind void_, empty name) for id 0 and for an id out of range.
  Type type(TypeId id) const LIFETIMEBOUND;
  // Only the three words that all kinds share, or only the kind, without decoding the rest.
  TypeRecord record(TypeId id) const;
  Kind kind(TypeId id) const;
  // The string at `offset`; empty when out of range.
  std::string_view string(u32 offset) const LIFETIMEBOUND;
  // Whether string() would find something there. Offset 0 is always good: the empty name.
  bool has_string(u32 offset) const { return offset == 0 || offset < string_end(); }
  // The first string offset past this blob's own; what a split BTF on top of it continues from.
  u32 string_end() const { return first_string_ + static_cast<u32>(strings_.size()); }
  // The three words that all kinds share, of this blob's own type number `index`: id first_id() +
  // index.
  TypeRecord own_record(u32 index) const {
    return load_checked<TypeRecord>(types_, record_start(index));
  }
  u32 own_count() const { return table_.count(); }
  // Calls `see(index, record)` with each of them, in order: one walk, where own_record() would take
  // the steps from a mark each time.
  template <typename See>
  void each_record(See see) const {
    u64 at = 0;
    for (u32 index = 0; index < own_count(); index++) {
      const TypeRecord record = load_checked<TypeRecord>(types_, at);
      see(index, record);
      at += sizes_.of(record.info);
    }
  }
  // The same with each type decoded; stops at the first error that `see(type)` returns, and returns
  // it.
  template <typename See>
  [[nodiscard]] Status each_type(See see) const {
    u64 at = 0;
    for (u32 index = 0; index < own_count(); index++) {
      const Type own = decode({first_id_ + index}, at);
      TRY(see(own));
      at += kRecordBytes + own.tail.size();
    }
    return {};
  }
  // The same for those of these kinds only, which is much less work: `see(type)`, in order.
  template <typename See>
  void each_of(KindMask kinds, See see) const {
    u64 at = 0;
    for (u32 index = 0; index < own_count(); index++) {
      const u32 info = load_checked<u32>(types_, at + sizeof(u32));
      if (kinds.has(info_kind(info))) see(decode({first_id_ + index}, at));
      at += sizes_.of(info);
    }
  }
  // The positions of this blob's own structs and unions: what is mostly looked for, and no walk is
  // needed. In no order, some twice, and some may be no record's.
  std::span<const u32> composites() const LIFETIMEBOUND { return table_.composites(); }
  // This blob's own type whose record starts at that position, bytes from the start of the type
  // section; void if none does.
  TypeId id_at(u64 position) const {
    const std::optional<u32> index = table_.index_at(position, types_, sizes_);
    return index ? TypeId{first_id_ + *index} : TypeId{};
  }
  // Position of a type's record, bytes from the start of the type section (this blob's own ids
  // only).
  u32 record_offset(TypeId id) const;

  // The sections of this blob, in native order.
  Bytes type_bytes() const { return types_; }
  Bytes string_bytes() const { return strings_; }

 private:
  View() = default;
  Status find_types();
  Status look_closely() const;
  u64 record_start(u32 index) const { return table_.start_of(index, types_, sizes_); }
  Type decode(TypeId id, u64 start) const;
  const View* owner_of(TypeId id) const;
  const View* base_ = nullptr;
  u32 first_id_ = 1;
  u32 first_string_ = 0;  // split BTF's string offsets continue the base's
  bool foreign_ = false;
  std::shared_ptr<const std::vector<std::byte>> owned_;
  Bytes types_;
  Bytes strings_;
  RecordSizes sizes_;
  TypeTable table_;
};

}  // namespace bpfld::btf
