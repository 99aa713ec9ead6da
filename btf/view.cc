// SPDX-License-Identifier: Apache-2.0
// Finding the sections, then the start of every type. The walk visits each of a kernel's 120,000
// records once and every step waits for the one before it, so it does no more than that: two shifts
// in place of a table look-up, one compare for the bounds, one for the name. What needs more
// thought is in validate.cc. Rules: kernel/bpf/btf.c btf_parse_hdr(), btf_check_sec_info(),
// btf_check_meta().
#include "btf/view.h"

#include <algorithm>

namespace bpfld::btf {
namespace {

// Both record lengths of a kind, two bits each, so that the walk needs no memory access for them.
constexpr u64 pack(u8 KindRow::* words) {
  u64 packed = 0;
  for (const KindRow& row : kKinds)
    packed |= u64{row.*words} << (2 * static_cast<u32>(row.kind));
  return packed;
}
constexpr u64 kTailWords = pack(&KindRow::tail_words);
constexpr u64 kEntryWords = pack(&KindRow::words_per_entry);

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

// Bytes of a record whose kind has no row here, by the blob's own layout section.
Result<u64> length_by_layout(Bytes layout, ByteOrder order, u32 id, u32 info) {
  const u32 kind = info_kind(info);
  const Result<LayoutRow> row = load<LayoutRow>(layout, u64{kind} * sizeof(LayoutRow), order);
  if (kind == 0) return fail(Code::malformed, "BTF type [{}]: kind 0 (void) has no record", id);
  if (!row)
    return fail(
        Code::unsupported,
        "BTF type [{}]: kind {} is newer than this program, and the BTF does not say how long "
        "it is",
        id, kind);
  const u64 length = kRecordBytes + row->info_bytes + u64{row->entry_bytes} * info_vlen(info);
  if (length % 4 != 0)
    return fail(Code::malformed,
                "BTF type [{}]: the layout gives kind {} a length of {}, not a multiple of 4", id,
                kind, length);
  return length;
}

// A kernel's records take 25 bytes on average; should another's be shorter, the table grows.
constexpr u64 kUsualRecordBytes = 20;

}  // namespace

Status View::find_types(Bytes layout, ByteOrder order) {
  const u64 size = types_.size();
  const u32 names = std::max(string_end(), 1u);  // name 0 is "no name" even without strings
  offsets_.reserve(size / kUsualRecordBytes);
  u64 at = 0;
  while (at != size) {
    const u32 id = count();
    if (!fits(size, at, kRecordBytes))
      return fail(Code::malformed, "BTF type [{}]: {} bytes are left for a record of at least {}",
                  id, size - at, kRecordBytes);
    const u32 info = load_checked<u32>(types_, at + 4);
    const u32 kind = info_kind(info);
    u64 length;
    if (kind - 1 < kKindCount - 1) [[likely]] {
      length = kRecordBytes + 4 * ((kTailWords >> (2 * kind) & 3) +
                                   (kEntryWords >> (2 * kind) & 3) * u64{info_vlen(info)});
    } else {
      length = TRY(length_by_layout(layout, order, id, info));
    }
    if (length > size - at)
      return fail(Code::malformed,
                  "BTF type [{}]: {} of {} entries takes {} bytes, {} are left in the type section",
                  id, kind < kKindCount ? kKinds[kind].name : "an unknown kind", info_vlen(info),
                  length, size - at);
    const u32 name = load_checked<u32>(types_, at);
    if (name >= names) [[unlikely]]
      return fail(Code::malformed,
                  "BTF type [{}]: name offset {} is past the string table ({} bytes)", id, name,
                  string_end());
    offsets_.push_back(static_cast<u32>(at));
    at += length;
  }
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
  TRY(view.find_types(sections.layout, sections.order));
  return view;
}

const View* View::owner_of(TypeId id) const {
  if (id.value == 0 || id.value >= count()) return nullptr;
  const View* view = this;
  while (id.value < view->first_id_)
    view = view->base_;
  return view;
}

Type View::type(TypeId id) const {
  const View* view = owner_of(id);
  if (view == nullptr) return {};
  const u32 index = id.value - view->first_id_;
  const u64 start = view->offsets_[index];
  const u64 end =
      index + 1 < view->offsets_.size() ? view->offsets_[index + 1] : view->types_.size();
  const TypeRecord record = view->own_record(index);
  const u32 kind = info_kind(record.info);
  Type type;
  type.id = id;
  type.kind = kind < kKindCount ? static_cast<Kind>(kind) : Kind::unknown;
  type.kind_number = static_cast<u8>(kind);
  type.kind_flag = info_flag(record.info);
  type.vlen = info_vlen(record.info);
  type.size_or_type = record.size_or_type;
  type.name = view->string(record.name);
  type.tail = view->types_.subspan(start + kRecordBytes, end - start - kRecordBytes);
  return type;
}

Kind View::kind(TypeId id) const {
  const View* view = owner_of(id);
  if (view == nullptr) return Kind::void_;
  const u32 kind = info_kind(view->own_record(id.value - view->first_id_).info);
  return kind < kKindCount ? static_cast<Kind>(kind) : Kind::unknown;
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
  return own ? offsets_[id.value - first_id_] : 0;
}

}  // namespace bpfld::btf
