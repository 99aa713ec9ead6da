// SPDX-License-Identifier: Apache-2.0
// See ext.h. Three tables with one shape: a record size, then per ELF section a name, a count and
// that many records. One reader walks all three; only the decoding of a record differs.
//
// Rules: kernel/bpf/verifier.c check_btf_func(), check_btf_line() for what records may refer to.
#include "btf/ext.h"

#include <array>

#include "base/escape.h"
#include "btf/format.h"

namespace bpfld::btf {
namespace {

struct ExtHeader {
  u16 magic;
  u8 version;
  u8 flags;
  u32 header_size;  // the offsets below count from here
  u32 func_offset;
  u32 func_size;
  u32 line_offset;
  u32 line_size;
};
auto fields(ExtHeader& h) {
  return std::tie(h.magic, h.version, h.flags, h.header_size, h.func_offset, h.func_size,
                  h.line_offset, h.line_size);
}

// Follows ExtHeader when header_size covers it.
struct CoreFields {
  u32 offset;
  u32 size;
};
auto fields(CoreFields& f) {
  return std::tie(f.offset, f.size);
}

struct FuncRecord {
  u32 insn_offset;
  u32 type;
};
auto fields(FuncRecord& r) {
  return std::tie(r.insn_offset, r.type);
}

struct LineRecord {
  u32 insn_offset;
  u32 file_name;
  u32 line_text;
  u32 line_column;
};
auto fields(LineRecord& r) {
  return std::tie(r.insn_offset, r.file_name, r.line_text, r.line_column);
}

struct CoreRecord {
  u32 insn_offset;
  u32 type;
  u32 access;
  u32 kind;
};
auto fields(CoreRecord& r) {
  return std::tie(r.insn_offset, r.type, r.access, r.kind);
}

Result<std::string_view> find_string(const View& btf, std::string_view what, u32 offset) {
  if (!btf.has_string(offset))
    return fail(Code::malformed, "{} offset {} is past the string table ({} bytes)", what, offset,
                btf.string_end());
  return btf.string(offset);
}

Status check_type(const View& btf, u32 id) {
  if (id == 0 || id >= btf.count())
    return fail(Code::malformed, "type [{}] does not exist, the last one is [{}]", id,
                btf.count() - 1);
  return {};
}

Result<FuncInfo> decode(const FuncRecord& record, const View& btf) {
  TRY(check_type(btf, record.type));
  const TypeId type = {record.type};
  if (btf.kind(type) != Kind::func)
    return fail(Code::malformed, "type [{}] is {}, not FUNC", record.type,
                kind_name(btf.kind(type)));
  return FuncInfo{record.insn_offset, type};
}

Result<LineInfo> decode(const LineRecord& record, const View& btf) {
  TRY(find_string(btf, "file name", record.file_name));
  TRY(find_string(btf, "line text", record.line_text));
  return LineInfo{record.insn_offset, record.file_name, record.line_text, record.line_column};
}

Result<CoreRelo> decode(const CoreRecord& record, const View& btf) {
  TRY(check_type(btf, record.type));
  const std::string_view access = TRY(find_string(btf, "access string", record.access));
  if (record.kind >= kCoreKinds)
    return fail(Code::unsupported, "CO-RE relocation kind {} is newer than this program",
                record.kind);
  return CoreRelo{record.insn_offset, {record.type}, access, static_cast<CoreKind>(record.kind)};
}

// One table of the file: where it is and what to call it in messages.
struct Table {
  std::string_view name;
  Bytes bytes;
  ByteOrder order;
};

template <typename Raw, typename T>
Result<SectionRecords<T>> read_section(Cursor& cursor, u32 record_size, const Table& table,
                                       const View& btf) {
  const Result<u32> name = cursor.next<u32>();
  const Result<u32> count = cursor.next<u32>();
  if (!name || !count) return fail(Code::malformed, "a section's header is cut short");
  SectionRecords<T> out;
  out.section = TRY(find_string(btf, "section name", *name));
  if (out.section.empty()) return fail(Code::malformed, "a section without a name");
  if (*count == 0)
    return fail(Code::malformed, "section \"{}\" has no records", escape_terminal(out.section));
  if (*count > cursor.left() / record_size)
    return fail(Code::malformed, "section \"{}\": {} records of {} bytes, {} bytes are left",
                escape_terminal(out.section), *count, record_size, cursor.left());
  out.records.reserve(*count);
  for (u32 i = 0; i < *count; i++) {
    const Bytes bytes = TRY(cursor.take(record_size));
    const Raw raw = TRY(load<Raw>(bytes, 0, table.order));
    out.records.push_back(TRY(with_context(decode(raw, btf), [&] {
      return format("section \"{}\", record {}", escape_terminal(out.section), i);
    })));
  }
  return out;
}

template <typename Raw, typename T>
Status read_table(const Table& table, const View& btf, std::vector<SectionRecords<T>>& out) {
  if (table.bytes.empty()) return {};
  Cursor cursor(table.bytes, table.order);
  const Result<u32> record_size = cursor.next<u32>();
  if (!record_size) return fail(Code::malformed, "{} bytes are too few", table.bytes.size());
  if (*record_size < sizeof(Raw) || *record_size % 4 != 0)
    return fail(Code::malformed, "record size {} is not a multiple of 4 from {} on", *record_size,
                sizeof(Raw));
  while (!cursor.done())
    out.push_back(TRY((read_section<Raw, T>(cursor, *record_size, table, btf))));
  return {};
}

template <typename Raw, typename T>
Status read_named_table(const Table& table, const View& btf, std::vector<SectionRecords<T>>& out) {
  return with_context(read_table<Raw, T>(table, btf, out),
                      [&] { return format(".BTF.ext: {} info", table.name); });
}

Result<Bytes> cut(Bytes body, std::string_view name, u32 offset, u32 size) {
  if (!fits(body.size(), offset, size))
    return fail(Code::malformed,
                ".BTF.ext header: {} info {:#x}..+{:#x} reaches past the end ({} bytes)", name,
                offset, size, body.size());
  return body.subspan(offset, size);
}

constexpr ByteOrder kOtherOrder =
    kHostOrder == ByteOrder::little ? ByteOrder::big : ByteOrder::little;

Result<std::array<Table, 3>> find_tables(Bytes blob) {
  const Result<u16> magic = load<u16>(blob, 0);
  if (!magic || blob.size() < sizeof(ExtHeader))
    return fail(Code::malformed, ".BTF.ext header: {} bytes are too few", blob.size());
  const bool foreign = swap_bytes(*magic) == kMagic;
  if (*magic != kMagic && !foreign)
    return fail(Code::malformed, ".BTF.ext header: magic {:#x} is not {:#x}", *magic, kMagic);
  const ByteOrder order = foreign ? kOtherOrder : kHostOrder;
  const ExtHeader header = TRY(load<ExtHeader>(blob, 0, order));
  if (header.version != kVersion)
    return fail(Code::unsupported, ".BTF.ext header: version {} is not {}", header.version,
                kVersion);
  if (header.flags != 0)
    return fail(Code::unsupported, ".BTF.ext header: unknown flags {:#x}", header.flags);
  if (header.header_size < sizeof(ExtHeader) || header.header_size > blob.size())
    return fail(Code::malformed,
                ".BTF.ext header: length {} is not between {} and the blob's {} bytes",
                header.header_size, sizeof(ExtHeader), blob.size());

  const Bytes body = blob.subspan(header.header_size);
  CoreFields core = {0, 0};
  if (header.header_size >= sizeof(ExtHeader) + sizeof(CoreFields))
    core = TRY(load<CoreFields>(blob, sizeof(ExtHeader), order));
  const Bytes func_bytes = TRY(cut(body, "func", header.func_offset, header.func_size));
  const Bytes line_bytes = TRY(cut(body, "line", header.line_offset, header.line_size));
  const Bytes core_bytes = TRY(cut(body, "CO-RE", core.offset, core.size));
  return std::array<Table, 3>{Table{"func", func_bytes, order}, Table{"line", line_bytes, order},
                              Table{"CO-RE", core_bytes, order}};
}

// clang-format off
constexpr std::array<std::string_view, kCoreKinds> kCoreKindNames = {
    "byte_off", "byte_sz", "field_exists", "signed", "lshift_u64", "rshift_u64",
    "local_type_id", "target_type_id", "type_exists", "type_size", "enumval_exists", "enumval_value",
    "type_matches",
};
// clang-format on
static_assert(static_cast<u32>(CoreKind::type_matches) == kCoreKinds - 1);

}  // namespace

std::string_view core_kind_name(CoreKind kind) {
  const auto index = static_cast<std::size_t>(kind);
  return index < kCoreKindNames.size() ? kCoreKindNames[index] : "unknown";
}

Result<Ext> Ext::parse(Bytes blob, const View& btf) {
  const std::array<Table, 3> tables = TRY(find_tables(blob));
  Ext ext;
  ext.foreign_order = tables[0].order != kHostOrder;
  TRY((read_named_table<FuncRecord>(tables[0], btf, ext.functions)));
  TRY((read_named_table<LineRecord>(tables[1], btf, ext.lines)));
  TRY((read_named_table<CoreRecord>(tables[2], btf, ext.core)));
  return ext;
}

}  // namespace bpfld::btf
