// SPDX-License-Identifier: Apache-2.0
// Program headers, then section headers, then symbols; see executable.h.
#include "elf/executable.h"

#include <algorithm>
#include <tuple>

#include "elf/format.h"
#include "elf/format32.h"
#include "elf/header.h"
#include "elf/section.h"

namespace bpfld::elf {
namespace {

// Elf64_Phdr.
struct ProgramHeader {
  u32 type;
  u32 flags;
  u64 offset;
  u64 address;
  u64 physical;
  u64 file_size;
  u64 memory_size;
  u64 alignment;
};
constexpr auto fields(ProgramHeader& p) {
  return std::tie(p.type, p.flags, p.offset, p.address, p.physical, p.file_size, p.memory_size,
                  p.alignment);
}
static_assert(sizeof(ProgramHeader) == 56);
constexpr ProgramHeader widen(const ProgramHeader32& p) {
  return {.type = p.type,
          .flags = p.flags,
          .offset = p.offset,
          .address = p.address,
          .physical = p.physical,
          .file_size = p.file_size,
          .memory_size = p.memory_size,
          .alignment = p.alignment};
}

constexpr u16 kTypeShared = 3;              // ET_DYN
constexpr u32 kSegmentLoad = 1;             // PT_LOAD
constexpr u32 kSegmentExecutable = 1;       // PF_X
constexpr u8 kSymbolFunction = 2;           // STT_FUNC
constexpr u8 kSymbolIndirect = 10;          // STT_GNU_IFUNC
constexpr u32 kSectionVerdef = 0x6ffffffd;  // SHT_GNU_verdef
constexpr u32 kSectionVersym = 0x6fffffff;  // SHT_GNU_versym
constexpr u16 kVersionHidden = 0x8000;      // name@VERSION, not name@@VERSION
constexpr u64 kMaxVersions = 32'768;
constexpr u8 kBindLocal = 0, kBindWeak = 2;
constexpr u16 kCountElsewhere = 0xffff;  // PN_XNUM: in section 0's sh_info

// Elf64_Verdef: the versions that a shared object defines; Elf64_Verdaux: their names.
struct VersionDefinition {
  u16 version, flags, index, count;
  u32 hash;
  u32 names;  // vd_aux, bytes from this record to its first VersionName
  u32 next;   // vd_next, bytes to the next record; 0: the last
};
constexpr auto fields(VersionDefinition& v) {
  return std::tie(v.version, v.flags, v.index, v.count, v.hash, v.names, v.next);
}
static_assert(sizeof(VersionDefinition) == 20);
struct VersionName {
  u32 name;  // vda_name, bytes into the linked string table
  u32 next;
};
constexpr auto fields(VersionName& v) {
  return std::tie(v.name, v.next);
}
static_assert(sizeof(VersionName) == 8);

// A broken table gives fewer names, not a failure: a probe needs none of them.
std::vector<std::string_view> read_versions(Bytes table, Bytes strings, ByteOrder order) {
  std::vector<std::string_view> names;
  u64 at = 0;
  for (u64 i = 0; i < kMaxVersions; i++) {
    const Result<VersionDefinition> version = load<VersionDefinition>(table, at, order);
    if (!version) break;
    const Result<VersionName> name = load<VersionName>(table, at + version->names, order);
    const std::size_t index = version->index & static_cast<u16>(~kVersionHidden);
    if (name) {
      if (index >= names.size()) names.resize(index + 1);
      names[index] = load_string(strings, name->name).value_or(std::string_view());
    }
    if (version->next == 0) break;
    at += version->next;
  }
  return names;
}

Result<FileHeader> read_header(Bytes file, ByteOrder& order, bool& wide) {
  constexpr u64 kShortest = kIdentSize + sizeof(FileHeader32);
  if (!is_elf(file) || file.size() < kShortest)
    return fail(Code::malformed, "not an ELF file: it has no ELF header");
  const u8 elf_class = static_cast<u8>(file[kIdentClass]);
  const u8 data = static_cast<u8>(file[kIdentData]);
  if (elf_class != kClass64 && elf_class != kClass32)
    return fail(Code::malformed, "EI_CLASS is {} (byte 0x4), neither ELFCLASS32 (1) nor 64 (2)",
                elf_class);
  wide = elf_class == kClass64;
  if (wide && file.size() < kFileHeaderSize)
    return fail(Code::malformed, "not an ELF file: it has no ELF header");
  if (data != kDataLittle && data != kDataBig)
    return fail(Code::malformed, "EI_DATA is {} (byte 0x5), neither 1 nor 2", data);
  order = data == kDataLittle ? ByteOrder::little : ByteOrder::big;
  if (wide) return load<FileHeader>(file, kIdentSize, order);
  return widen(TRY(load<FileHeader32>(file, kIdentSize, order)));
}

}  // namespace

// The record at `offset`, as this file's class has it.
template <typename Wide, typename Narrow>
Result<Wide> Executable::load_either(Bytes bytes, u64 offset) const {
  if (wide_) return load<Wide>(bytes, offset, order_);
  return widen(TRY(load<Narrow>(bytes, offset, order_)));
}

Status Executable::read_segments() {
  const FileHeader header = TRY(read_header(file_, order_, wide_));
  machine_ = header.machine;
  relocatable_ = header.type == kTypeShared;
  const u64 size = wide_ ? sizeof(ProgramHeader) : sizeof(ProgramHeader32);
  u64 count = header.program_count;
  if (count == 0 || header.program_headers == 0) return {};
  if (header.program_entry_size != size)
    return fail(Code::malformed, "e_phentsize is {} (byte {:#x}), not {}",
                header.program_entry_size, wide_ ? 0x36 : 0x2a, size);
  if (count == kCountElsewhere)
    count = TRY((load_either<SectionHeader, SectionHeader32>(file_, header.section_headers))).info;
  if (count > kMaxSegments)
    return fail(Code::limit, "{} program headers, more than {}", count, kMaxSegments);
  if (!fits(file_.size(), header.program_headers, count * size))
    return fail(Code::malformed, "{} program headers at {:#x} reach past the end ({} bytes)", count,
                header.program_headers, file_.size());
  for (u64 i = 0; i < count; i++) {
    const ProgramHeader segment = TRY(
        (load_either<ProgramHeader, ProgramHeader32>(file_, header.program_headers + i * size)));
    if (segment.type != kSegmentLoad || segment.file_size == 0) continue;
    if (!fits(file_.size(), segment.offset, segment.file_size)) continue;  // of a cut core, say
    segments_.push_back({.file_offset = segment.offset,
                         .file_size = segment.file_size,
                         .address = segment.address,
                         .executable = (segment.flags & kSegmentExecutable) != 0});
  }
  return {};
}

Status Executable::read_sections() {
  if (!wide_) {
    const FileHeader header = TRY(read_header(file_, order_, wide_));
    const u64 count = header.section_count;  // 0 when they are too many for a 16-bit number
    if (header.section_headers == 0 || count == 0) return {};
    if (header.section_entry_size != sizeof(SectionHeader32))
      return fail(Code::malformed, "e_shentsize is {} (byte 0x2e), not {}",
                  header.section_entry_size, sizeof(SectionHeader32));
    if (!fits(file_.size(), header.section_headers, count * sizeof(SectionHeader32)))
      return fail(Code::malformed, "{} section headers at {:#x} reach past the end ({} bytes)",
                  count, header.section_headers, file_.size());
    return read_section_table(header.section_headers, count, header.section_names);
  }
  const Result<FileOutline> outline = read_any_outline(file_);
  if (!outline) {
    // No table of sections is fine: what maps the file does not need one.
    const FileHeader header = TRY(load<FileHeader>(file_, kIdentSize, order_));
    if (header.section_headers == 0) return {};
    return std::unexpected(outline.error());
  }
  return read_section_table(outline->headers, outline->section_count, outline->names);
}

// `count` headers, which are inside the file; `names_index` may be anything.
Status Executable::read_section_table(u64 table, u64 count, u64 names_index) {
  const u64 size = wide_ ? sizeof(SectionHeader) : sizeof(SectionHeader32);
  std::vector<SectionHeader> headers;
  headers.reserve(static_cast<std::size_t>(count));
  for (u64 i = 0; i < count; i++)
    headers.push_back(TRY((load_either<SectionHeader, SectionHeader32>(file_, table + i * size))));
  const auto bytes_of_section = [&](u64 index) -> Bytes {
    const SectionHeader& header = headers[static_cast<std::size_t>(index)];
    if (header.type == kSectionNobits || header.type == kSectionNull ||
        (header.flags & kFlagCompressed) != 0)
      return {};
    const Result<Bytes> bytes = slice(file_, header.offset, header.size);
    return bytes ? *bytes : Bytes();
  };
  const Bytes names = names_index < count ? bytes_of_section(names_index) : Bytes();
  const u64 symbol_size = wide_ ? sizeof(SymbolRecord) : sizeof(SymbolRecord32);
  for (u64 i = 1; i < headers.size(); i++) {
    const SectionHeader& header = headers[static_cast<std::size_t>(i)];
    const Bytes data = bytes_of_section(i);
    const Result<std::string_view> name = load_string(names, header.name);
    if (name && !name->empty())
      sections_.push_back({.name = *name, .address = header.address, .data = data});
    const bool is_table = header.type == kSectionSymtab || header.type == kSectionDynsym;
    if (is_table && header.link < headers.size() && header.entry_size == symbol_size)
      tables_.push_back({.symbols = data,
                         .strings = bytes_of_section(header.link),
                         .dynamic = header.type == kSectionDynsym});
    if (header.type == kSectionVersym) version_of_ = data;
    if (header.type == kSectionVerdef && header.link < headers.size())
      versions_ = read_versions(data, bytes_of_section(header.link), order_);
  }
  return {};
}

Result<Executable> Executable::parse(Bytes file) {
  Executable out;
  out.file_ = file;
  TRY(out.read_segments());
  TRY(out.read_sections());
  return out;
}

const NamedSection* Executable::find_section(std::string_view name) const {
  const auto found = std::ranges::find(sections_, name, &NamedSection::name);
  return found != sections_.end() ? &*found : nullptr;
}

std::optional<u64> Executable::file_offset(u64 address) const {
  return find_offset(address, false);
}

std::optional<u64> Executable::code_offset(u64 address) const {
  return find_offset(address, true);
}

std::optional<u64> Executable::find_offset(u64 address, bool only_code) const {
  for (const Segment& segment : segments_) {
    if (only_code && !segment.executable) continue;
    if (address < segment.address || address - segment.address >= segment.file_size) continue;
    return segment.file_offset + (address - segment.address);
  }
  return std::nullopt;
}

// The name of a symbol without its version, which is behind an '@' in .symtab, and in a table
// beside .dynsym.
FunctionSymbol Executable::version_at(const Table& table, u64 symbol, std::string_view name) const {
  FunctionSymbol out;
  const std::size_t at = name.find('@');
  out.name = at == 0 ? name : name.substr(0, at);
  if (at != 0 && at != std::string_view::npos) {
    out.version = name.substr(at + 1);
    out.by_default = out.version.starts_with('@');
    if (out.by_default) out.version.remove_prefix(1);
  }
  if (!table.dynamic) return out;
  const Result<u16> version = load<u16>(version_of_, symbol * sizeof(u16), order_);
  if (!version) return out;
  const std::size_t index = *version & static_cast<u16>(~kVersionHidden);
  if (index > 1 && index < versions_.size()) out.version = versions_[index];  // 0, 1: none
  out.by_default = (*version & kVersionHidden) == 0;
  return out;
}

Result<std::vector<FunctionSymbol>> Executable::functions() const {
  std::vector<FunctionSymbol> out;
  u64 seen = 0;
  const u64 size = wide_ ? sizeof(SymbolRecord) : sizeof(SymbolRecord32);
  for (const Table& table : tables_) {
    const u64 count = table.symbols.size() / size;
    seen += count;
    if (seen > kMaxFunctions)
      return fail(Code::limit, "{} symbols, more than {}", seen, kMaxFunctions);
    for (u64 i = 1; i < count; i++) {
      const SymbolRecord record =
          TRY((load_either<SymbolRecord, SymbolRecord32>(table.symbols, i * size)));
      const u8 type = record.info & 0xf, binding = record.info >> 4;
      if (type != kSymbolFunction && type != kSymbolIndirect) continue;
      if (record.section == 0) continue;  // defined elsewhere
      const std::optional<u64> offset = code_offset(record.value);
      const Result<std::string_view> name = load_string(table.strings, record.name);
      if (!offset || !name || name->empty()) continue;
      FunctionSymbol function = version_at(table, i, *name);
      function.address = record.value;
      function.size = record.size;
      function.file_offset = *offset;
      function.indirect = type == kSymbolIndirect;
      function.weak = binding == kBindWeak;
      function.local = binding == kBindLocal;
      out.push_back(function);
    }
  }
  const auto key = [](const FunctionSymbol& f) { return std::tie(f.name, f.address); };
  std::ranges::stable_sort(out, {}, key);
  const auto rest = std::ranges::unique(out, {}, key);
  out.erase(rest.begin(), rest.end());
  return out;
}

}  // namespace bpfld::elf
