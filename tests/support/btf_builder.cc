// SPDX-License-Identifier: Apache-2.0
// See btf_builder.h. The layout written here is that of Documentation/bpf/btf.rst, put down a
// second time on purpose: the tests would prove little if they shared the reader's tables.
#include "tests/support/btf_builder.h"

#include <algorithm>
#include <cassert>

namespace bpfld::test {
namespace {

using btf::Kind;

// Appends integers in one byte order.
class Writer {
 public:
  explicit Writer(ByteOrder order) : order_(order) {}

  template <typename T>
  void put(T value) {
    if (order_ != kHostOrder) value = swap_bytes(value);
    put_raw(bytes_of(value));
  }
  void put_text(std::string_view text) { put_raw(bytes_of(text)); }
  void put_zeros(u32 count) { out_.resize(out_.size() + count); }
  void append(const Writer& other) { put_raw(other.out_); }
  u32 size() const { return static_cast<u32>(out_.size()); }
  std::vector<std::byte> take() { return std::move(out_); }

 private:
  // Byte by byte: GCC 12 at -O3 imagines an overflow in vector's insert().
  void put_raw(Bytes raw) {
    for (const std::byte byte : raw)
      out_.push_back(byte);
  }

  ByteOrder order_;
  std::vector<std::byte> out_;
};

u32 low_half(i64 value) {
  return static_cast<u32>(static_cast<u64>(value));
}
u32 high_half(i64 value) {
  return static_cast<u32>(static_cast<u64>(value) >> 32);
}

}  // namespace

BtfBuilder::BtfBuilder(const btf::View& base) : first_id_(base.count()), strings_() {
  for (const btf::View* view = &base; view != nullptr; view = view->base())
    first_string_ += static_cast<u32>(view->string_bytes().size());
}

u32 BtfBuilder::add_string(std::string_view text) {
  if (text.empty()) return 0;
  const std::string with_nul = std::string(text) + '\0';
  std::size_t at = 0;
  while ((at = strings_.find(with_nul, at)) != std::string::npos) {
    if (at == 0 || strings_[at - 1] == '\0') return first_string_ + static_cast<u32>(at);
    at++;
  }
  const u32 offset = first_string_ + static_cast<u32>(strings_.size());
  strings_ += with_nul;
  return offset;
}

RawType& BtfBuilder::type(u32 id) {
  assert(id >= first_id_ && id - first_id_ < types_.size());
  return types_[id - first_id_];
}

TypeId BtfBuilder::add_raw(const RawType& type) {
  types_.push_back(type);
  return {first_id_ + static_cast<u32>(types_.size()) - 1};
}

TypeId BtfBuilder::add(Kind kind, std::string_view name, u32 size_or_type, std::vector<u32> tail,
                       u32 vlen, bool kind_flag) {
  return add_raw(
      {add_string(name), static_cast<u32>(kind), vlen, kind_flag, size_or_type, std::move(tail)});
}

TypeId BtfBuilder::add_int(std::string_view name, u32 size, u8 encoding) {
  return add_int_bits(name, size, encoding, 0, static_cast<u8>(size * 8));
}

TypeId BtfBuilder::add_int_bits(std::string_view name, u32 size, u8 encoding, u8 bit_offset,
                                u8 bits) {
  return add(Kind::int_, name, size, {u32{encoding} << 24 | u32{bit_offset} << 16 | bits});
}

TypeId BtfBuilder::add_ptr(TypeId to) {
  return add(Kind::ptr, "", to.value);
}

TypeId BtfBuilder::add_array(TypeId element, TypeId index, u32 count) {
  return add(Kind::array, "", 0, {element.value, index.value, count});
}

TypeId BtfBuilder::add_composite(Kind kind, std::string_view name, u32 size,
                                 const std::vector<MemberSpec>& members) {
  const bool bitfields = std::ranges::any_of(
      members, [](const MemberSpec& member) { return member.bitfield_size != 0; });
  // The struct's own name comes first in the table, as compilers write it.
  add_string(name);
  std::vector<u32> tail;
  for (const MemberSpec& member : members) {
    tail.push_back(add_string(member.name));
    tail.push_back(member.type.value);
    tail.push_back(bitfields ? member.bitfield_size << 24 | member.bit_offset : member.bit_offset);
  }
  return add(kind, name, size, std::move(tail), static_cast<u32>(members.size()), bitfields);
}

TypeId BtfBuilder::add_struct(std::string_view name, u32 size,
                              const std::vector<MemberSpec>& members) {
  return add_composite(Kind::struct_, name, size, members);
}

TypeId BtfBuilder::add_union(std::string_view name, u32 size,
                             const std::vector<MemberSpec>& members) {
  return add_composite(Kind::union_, name, size, members);
}

TypeId BtfBuilder::add_enum(std::string_view name, const std::vector<EnumeratorSpec>& values,
                            u32 size, bool is_signed) {
  add_string(name);
  std::vector<u32> tail;
  for (const EnumeratorSpec& value : values) {
    tail.push_back(add_string(value.name));
    tail.push_back(low_half(value.value));
  }
  return add(Kind::enum_, name, size, std::move(tail), static_cast<u32>(values.size()), is_signed);
}

TypeId BtfBuilder::add_enum64(std::string_view name, const std::vector<EnumeratorSpec>& values,
                              u32 size, bool is_signed) {
  add_string(name);
  std::vector<u32> tail;
  for (const EnumeratorSpec& value : values) {
    tail.push_back(add_string(value.name));
    tail.push_back(low_half(value.value));
    tail.push_back(high_half(value.value));
  }
  return add(Kind::enum64, name, size, std::move(tail), static_cast<u32>(values.size()), is_signed);
}

TypeId BtfBuilder::add_fwd(std::string_view name, bool is_union) {
  return add(Kind::fwd, name, 0, {}, 0, is_union);
}

TypeId BtfBuilder::add_typedef(std::string_view name, TypeId to) {
  return add(Kind::typedef_, name, to.value);
}

TypeId BtfBuilder::add_volatile(TypeId to) {
  return add(Kind::volatile_, "", to.value);
}
TypeId BtfBuilder::add_const(TypeId to) {
  return add(Kind::const_, "", to.value);
}
TypeId BtfBuilder::add_restrict(TypeId to) {
  return add(Kind::restrict_, "", to.value);
}

TypeId BtfBuilder::add_func(std::string_view name, TypeId proto, u32 linkage) {
  return add(Kind::func, name, proto.value, {}, linkage);
}

TypeId BtfBuilder::add_func_proto(TypeId result, const std::vector<ParamSpec>& params) {
  std::vector<u32> tail;
  for (const ParamSpec& param : params) {
    tail.push_back(add_string(param.name));
    tail.push_back(param.type.value);
  }
  return add(Kind::func_proto, "", result.value, std::move(tail), static_cast<u32>(params.size()));
}

TypeId BtfBuilder::add_var(std::string_view name, TypeId type, u32 linkage) {
  return add(Kind::var, name, type.value, {linkage});
}

TypeId BtfBuilder::add_datasec(std::string_view name, u32 size,
                               const std::vector<VariableSpec>& variables) {
  std::vector<u32> tail;
  for (const VariableSpec& variable : variables) {
    tail.push_back(variable.type.value);
    tail.push_back(variable.offset);
    tail.push_back(variable.size);
  }
  return add(Kind::datasec, name, size, std::move(tail), static_cast<u32>(variables.size()));
}

TypeId BtfBuilder::add_float(std::string_view name, u32 size) {
  return add(Kind::float_, name, size);
}

TypeId BtfBuilder::add_decl_tag(std::string_view text, TypeId target, i32 component) {
  return add(Kind::decl_tag, text, target.value, {static_cast<u32>(component)});
}

TypeId BtfBuilder::add_type_tag(std::string_view text, TypeId to) {
  return add(Kind::type_tag, text, to.value);
}

void BtfBuilder::add_layout(const std::vector<RawLayout>& more) {
  //                         void    int     ptr     array    struct   union    enum    fwd
  layout_ = {{0, 0, 0},
             {4, 0, 0},
             {0, 0, 0},
             {12, 0, 0},
             {0, 12, 0},
             {0, 12, 0},
             {0, 8, 0},
             {0, 0, 0},
             //  typedef  volatile   const      restrict   func       proto      var        datasec
             {0, 0, 0},
             {0, 0, 0},
             {0, 0, 0},
             {0, 0, 0},
             {0, 0, 0},
             {0, 8, 0},
             {4, 0, 0},
             {0, 12, 0},
             //  float    decl_tag   type_tag   enum64
             {0, 0, 0},
             {4, 0, 0},
             {0, 0, 0},
             {0, 12, 0}};
  layout_->insert(layout_->end(), more.begin(), more.end());
}

std::vector<std::byte> BtfBuilder::bytes(ByteOrder order) const {
  Writer types(order);
  for (const RawType& type : types_) {
    types.put(type.name_offset);
    types.put(u32{type.kind_flag} << 31 | (type.kind & 0x7f) << 24 | (type.vlen & 0xffffff));
    types.put(type.size_or_type);
    for (const u32 word : type.tail)
      types.put(word);
  }
  Writer layout(order);
  if (layout_) {
    for (const RawLayout& row : *layout_) {
      layout.put(row.info_size);
      layout.put(row.entry_size);
      layout.put(row.flags);
    }
  }
  const u32 known = layout_ ? 32 : 24;
  Writer out(order);
  out.put(header_.magic);
  out.put(header_.version);
  out.put(header_.flags);
  out.put(header_.hdr_len.value_or(known + header_.extra_bytes));
  out.put(header_.type_off.value_or(0));
  out.put(header_.type_len.value_or(types.size()));
  out.put(header_.str_off.value_or(types.size() + layout.size()));
  out.put(header_.str_len.value_or(static_cast<u32>(strings_.size())));
  if (layout_) {
    out.put(header_.layout_off.value_or(types.size()));
    out.put(header_.layout_len.value_or(layout.size()));
  }
  out.put_zeros(header_.extra_bytes);
  out.append(types);
  out.append(layout);
  out.put_text(strings_);
  return out.take();
}

void BtfExtBuilder::add(RawExtTable& table, std::string_view section, std::vector<u32> record) {
  const u32 name = btf_->add_string(section);
  for (RawExtSection& known : table.sections) {
    if (known.name_offset == name) return known.records.push_back(std::move(record));
  }
  table.sections.push_back({name, {}, {std::move(record)}});
}

void BtfExtBuilder::add_func(std::string_view section, u32 insn_offset, TypeId type) {
  add(functions, section, {insn_offset, type.value});
}

void BtfExtBuilder::add_line(std::string_view section, u32 insn_offset, std::string_view file,
                             std::string_view text, u32 line, u32 column) {
  const u32 file_name = btf_->add_string(file);
  const u32 line_text = btf_->add_string(text);
  add(lines, section, {insn_offset, file_name, line_text, line << 10 | column});
}

void BtfExtBuilder::add_core(std::string_view section, u32 insn_offset, TypeId type,
                             std::string_view access, btf::CoreKind kind) {
  const u32 access_offset = btf_->add_string(access);
  add(core, section, {insn_offset, type.value, access_offset, static_cast<u32>(kind)});
}

std::vector<std::byte> BtfExtBuilder::bytes(ByteOrder order) const {
  const auto write_table = [order](const RawExtTable& table) {
    Writer out(order);
    if (table.sections.empty()) return out;
    out.put(table.record_size);
    for (const RawExtSection& section : table.sections) {
      out.put(section.name_offset);
      out.put(section.count.value_or(static_cast<u32>(section.records.size())));
      for (const std::vector<u32>& record : section.records) {
        const u32 words = table.record_size / 4;
        for (u32 i = 0; i < words; i++)
          out.put(i < record.size() ? record[i] : 0u);
        out.put_zeros(table.record_size % 4);
      }
    }
    return out;
  };
  Writer body(order);
  Writer out(order);
  out.put(magic);
  out.put(version);
  out.put(u8{0});
  out.put(hdr_len.value_or(without_core ? 24 : 32));
  for (const RawExtTable* table : {&functions, &lines, &core}) {
    if (table == &core && without_core) continue;
    const Writer written = write_table(*table);
    out.put(table->offset.value_or(body.size()));
    out.put(table->length.value_or(written.size()));
    body.append(written);
  }
  out.append(body);
  return out.take();
}

}  // namespace bpfld::test
