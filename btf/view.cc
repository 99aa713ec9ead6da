// SPDX-License-Identifier: Apache-2.0
// Finding the sections, then the start of every type (type_table.cc), then what is wrong if that
// failed. What needs more thought is in validate.cc. Rules: kernel/bpf/btf.c btf_parse_hdr(),
// btf_check_sec_info(), btf_check_meta().
#include "btf/view.h"

#include <algorithm>

namespace bpfld::btf {
namespace {

struct Sections {
  ByteOrder order;
  Bytes types;
  Bytes strings;
  Bytes layout;
};

// Where each section says it is, relative to the header's end.
struct Extent {
  std::string_view name;
  u32 offset;
  u32 size;
};

Result<Bytes> cut(Bytes body, const Extent& extent) {
  if (!fits(body.size(), extent.offset, extent.size))
    return fail(Code::malformed,
                "BTF header: {} section {:#x}..+{:#x} reaches past the end ({} bytes)", extent.name,
                extent.offset, extent.size, body.size());
  if (extent.offset % 4 != 0 && extent.name != "string")
    return fail(Code::malformed, "BTF header: {} section offset {:#x} is not a multiple of 4",
                extent.name, extent.offset);
  return body.subspan(extent.offset, extent.size);
}

// Neither overlap is a danger to us; the kernel refuses them, so the message had better be ours.
Status check_overlap(const Extent& a, const Extent& b) {
  const bool apart = a.size == 0 || b.size == 0 || u64{a.offset} + a.size <= b.offset ||
                     u64{b.offset} + b.size <= a.offset;
  if (!apart)
    return fail(Code::malformed, "BTF header: {} and {} sections overlap", a.name, b.name);
  return {};
}

Result<ByteOrder> find_order(Bytes blob) {
  const Result<u16> magic = load<u16>(blob, 0);
  if (!magic) return fail(Code::malformed, "BTF header: {} bytes are too few", blob.size());
  if (*magic == kMagic) return kHostOrder;
  if (swap_bytes(*magic) == kMagic)
    return kHostOrder == ByteOrder::little ? ByteOrder::big : ByteOrder::little;
  return fail(Code::malformed, "BTF header: magic {:#x} is not {:#x}", *magic, kMagic);
}

Result<Sections> find_sections(Bytes blob) {
  Sections out = {.order = TRY(find_order(blob)), .types = {}, .strings = {}, .layout = {}};
  const Result<Header> loaded = load<Header>(blob, 0, out.order);
  if (!loaded) return fail(Code::malformed, "BTF header: {} bytes are too few", blob.size());
  const Header& header = *loaded;
  if (header.version != kVersion)
    return fail(Code::unsupported, "BTF header: version {} is not {}", header.version, kVersion);
  if (header.flags != 0)
    return fail(Code::unsupported, "BTF header: unknown flags {:#x}", header.flags);
  if (header.header_size < sizeof(Header) || header.header_size > blob.size())
    return fail(Code::malformed, "BTF header: length {} is not between {} and the blob's {} bytes",
                header.header_size, sizeof(Header), blob.size());

  const Bytes body = blob.subspan(header.header_size);
  const Extent types = {"type", header.type_offset, header.type_size};
  const Extent strings = {"string", header.string_offset, header.string_size};
  out.types = TRY(cut(body, types));
  out.strings = TRY(cut(body, strings));
  TRY(check_overlap(types, strings));
  if (header.header_size >= sizeof(Header) + sizeof(LayoutFields)) {
    const LayoutFields at = TRY(load<LayoutFields>(blob, sizeof(Header), out.order));
    const Extent layout = {"layout", at.offset, at.size};
    out.layout = TRY(cut(body, layout));
    TRY(check_overlap(types, layout));
    TRY(check_overlap(strings, layout));
  }
  return out;
}

Status check_strings(Bytes strings, bool is_split) {
  if (strings.empty()) return {};
  if (strings.back() != std::byte{0})
    return fail(Code::malformed, "BTF: string table does not end with a NUL");
  if (!is_split && strings.front() != std::byte{0})
    return fail(Code::malformed, "BTF: string table does not start with the empty string");
  return {};
}

std::vector<std::byte> swapped_words(Bytes words) {
  std::vector<std::byte> out(words.size());
  for (std::size_t at = 0; fits(words.size(), at, 4); at += 4) {
    const u32 word = swap_bytes(load_checked<u32>(words, at));
    std::memcpy(out.data() + at, &word, 4);
  }
  return out;
}

}  // namespace

// What is wrong with the first record that breaks a rule: the walk from the first byte, slowly.
Status View::look_closely() const {
  u32 id = first_id_;
  for (u64 at = 0; at != types_.size(); id++) {
    const u64 left = types_.size() - at;
    if (left < kRecordBytes)
      return fail(Code::malformed, "BTF type [{}]: {} bytes are left for a record of at least {}",
                  id, left, kRecordBytes);
    const TypeRecord record = load_checked<TypeRecord>(types_, at);
    const u32 kind = info_kind(record.info);
    const u64 length = sizes_.of(record.info);
    if (kind == 0) return fail(Code::malformed, "BTF type [{}]: kind 0 (void) has no record", id);
    if (length == 0)
      return fail(Code::unsupported,
                  "BTF type [{}]: kind {} is newer than this program, and the BTF does not say how "
                  "long it is",
                  id, kind);
    if (length % 4 != 0)
      return fail(Code::malformed,
                  "BTF type [{}]: the layout gives kind {} a length of {}, not a multiple of 4", id,
                  kind, length);
    if (length > left)
      return fail(Code::malformed,
                  "BTF type [{}]: {} of {} entries takes {} bytes, {} are left in the type section",
                  id, kind < kKindCount ? kKinds[kind].name : "an unknown kind",
                  info_vlen(record.info), length, left);
    at += length;
  }
  return fail(Code::internal, "BTF: the type section was walked in two ways that differ");
}

Status View::find_types() {
  table_ = TypeTable(types_, sizes_, std::max(string_end(), 1u));  // name 0 is "no name" always
  if (!table_.is_whole()) return look_closely();
  if (count() - 1 > kMaxTypes)
    return fail(Code::limit, "BTF: {} types are more than the kernel's maximum of {}", count() - 1,
                kMaxTypes);
  return {};
}

Result<View> View::parse(Bytes blob, const View* base) {
  const Sections sections = TRY(find_sections(blob));
  TRY(check_strings(sections.strings, base != nullptr));
  View view;
  view.base_ = base;
  view.foreign_ = sections.order != kHostOrder;
  view.strings_ = sections.strings;
  view.types_ = sections.types;
  if (base != nullptr) {
    view.first_id_ = base->count();
    view.first_string_ = base->string_end();
    if (sections.strings.size() > ~view.first_string_)
      return fail(Code::malformed, "BTF: the strings of base and split BTF exceed 32 bits");
  }
  if (view.foreign_) {
    view.owned_ = std::make_shared<const std::vector<std::byte>>(swapped_words(sections.types));
    view.types_ = *view.owned_;
  }
  view.sizes_ = {.layout = sections.layout, .order = sections.order};
  TRY(view.find_types());
  return view;
}

const View* View::owner_of(TypeId id) const {
  if (id.value == 0 || id.value >= count()) return nullptr;
  const View* view = this;
  while (id.value < view->first_id_)
    view = view->base_;
  return view;
}

Type View::decode(TypeId id, u64 start) const {
  const TypeRecord record = load_checked<TypeRecord>(types_, start);
  const u64 length = sizes_.of(record.info);
  Type type;
  type.id = id;
  type.kind = kind_of(record);
  type.kind_number = static_cast<u8>(info_kind(record.info));
  type.kind_flag = info_flag(record.info);
  type.vlen = info_vlen(record.info);
  type.size_or_type = record.size_or_type;
  type.name = string(record.name);
  if (length > kRecordBytes)  // parse() saw that it fits
    type.tail = types_.subspan(start + kRecordBytes, length - kRecordBytes);
  return type;
}

Type View::type(TypeId id) const {
  const View* view = owner_of(id);
  if (view == nullptr) return {};
  return view->decode(id, view->record_start(id.value - view->first_id_));
}

TypeRecord View::record(TypeId id) const {
  const View* view = owner_of(id);
  return view == nullptr ? TypeRecord{} : view->own_record(id.value - view->first_id_);
}

Kind View::kind(TypeId id) const {
  return kind_of(record(id));
}

std::string_view View::string(u32 offset) const {
  const View* view = this;
  while (offset < view->first_string_)
    view = view->base_;
  if (offset >= view->string_end()) return {};
  // The table ends with a NUL (checked by parse), so this search stays inside.
  return text_of(view->strings_).data() + (offset - view->first_string_);
}

u32 View::record_offset(TypeId id) const {
  const bool own = id.value >= first_id_ && id.value < count();
  return own ? static_cast<u32>(record_start(id.value - first_id_)) : 0;
}

}  // namespace bpfld::btf
