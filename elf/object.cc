// SPDX-License-Identifier: Apache-2.0
// Parsing is one pass in the order in which ELF's tables depend on each other: file header, section
// headers, names, symbols, relocations. Every index and range is checked when it is read, so that
// what Object hands out can be used without looking back at the file.
//
// Rules: elf(5); System V gABI chapter 4. The file header is header.cc's.
#include "elf/object.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/escape.h"
#include "elf/format.h"
#include "elf/header.h"
#include "elf/role.h"

namespace bpfld::elf {
namespace {

constexpr std::size_t kShownName = 64;  // bytes

// Escaped and in quotes. Names are cut: an error is one line.
std::string quoted(std::string_view name) {
  const bool cut = name.size() > kShownName;
  return format("\"{}{}\"", escape_terminal(name.substr(0, kShownName)), cut ? "..." : "");
}

// One name of a string table. Looking at kMaxNameSize bytes at most keeps a file of a million names
// that all start in the same megabyte linear.
Result<std::string_view> name_at(Bytes strings, u64 offset) {
  if (offset == 0 && strings.empty()) return std::string_view();
  if (offset >= strings.size())
    return fail(Code::malformed, "name offset {:#x} is past the string table ({} bytes)", offset,
                strings.size());
  const Bytes rest = strings.subspan(static_cast<std::size_t>(offset));
  const Bytes window = rest.first(std::min<std::size_t>(rest.size(), kMaxNameSize + 1));
  const Result<std::string_view> name = load_string(window, 0);
  if (name) return *name;
  if (window.size() <= kMaxNameSize)
    return fail(Code::malformed, "name at {:#x} of the string table has no terminating NUL",
                offset);
  return fail(Code::limit, "name at {:#x} of the string table is longer than {} bytes", offset,
              kMaxNameSize);
}

// The range, type-independent rules and name of one section.
Result<Section> read_section(Bytes file, const SectionHeader& header, u32 index, u64 header_at,
                             Bytes names) {
  Section section;
  section.index = index;
  section.type = header.type;
  if (header.type == kSectionNull) return section;  // gABI: the other members have no meaning
  section.name =
      TRY(with_context(name_at(names, header.name), [&] { return format("section [{}]", index); }));
  section.flags = header.flags;
  section.address = header.address;
  section.file_offset = header.offset;
  section.size = header.size;
  section.link = header.link;
  section.info = header.info;
  section.alignment = header.alignment;
  section.entry_size = header.entry_size;
  if ((header.alignment & (header.alignment - 1)) != 0)
    return fail(Code::malformed, "{}: alignment {:#x} is not a power of two", label(section),
                header.alignment);
  if (header.type == kSectionNobits) return section;
  if (!fits(file.size(), header.offset, header.size))
    return fail(Code::malformed,
                "{} says offset {:#x} size {:#x}, file has {} bytes (header at byte {:#x})",
                label(section), header.offset, header.size, file.size(), header_at);
  section.data =
      file.subspan(static_cast<std::size_t>(header.offset), static_cast<std::size_t>(header.size));
  if ((header.flags & kFlagCompressed) != 0 && role_of(section) != SectionRole::debug)
    return fail(Code::unsupported, "{} is compressed (SHF_COMPRESSED)", label(section));
  return section;
}

Result<std::vector<Section>> read_sections(Bytes file, const FileOutline& outline) {
  // The names come first: all other sections' messages need them.
  const u64 names_at = outline.headers + outline.names * sizeof(SectionHeader);
  const SectionHeader names = TRY(load<SectionHeader>(file, names_at, outline.order));
  if (names.type != kSectionStrtab)
    return fail(Code::malformed,
                "section [{}], the section name table, has type {}, not SHT_STRTAB (3)",
                outline.names, names.type);
  if (!fits(file.size(), names.offset, names.size))
    return fail(
        Code::malformed,
        "section [{}], the section name table, says offset {:#x} size {:#x}, file has {} bytes "
        "(header at byte {:#x})",
        outline.names, names.offset, names.size, file.size(), names_at);
  const Bytes strings = TRY(slice(file, names.offset, names.size));

  std::vector<Section> sections;
  sections.reserve(outline.section_count);
  for (u32 i = 0; i < outline.section_count; i++) {
    const u64 at = outline.headers + i * sizeof(SectionHeader);
    const SectionHeader header = TRY(load<SectionHeader>(file, at, outline.order));
    if (i == 0 && header.type != kSectionNull)
      return fail(Code::malformed, "section [0] has type {}, not SHT_NULL (0)", header.type);
    Section section = TRY(read_section(file, header, i, at, strings));
    sections.push_back(section);
  }
  return sections;
}

// The rows of a table section; malformed when its entry size is not the format's or does not divide
// it.
Result<u64> count_entries(const Section& table, u64 entry_size) {
  if (table.entry_size != entry_size)
    return fail(Code::malformed, "{}: entry size is {}, not {}", label(table), table.entry_size,
                entry_size);
  if (table.size % entry_size != 0)
    return fail(Code::malformed, "{}: size {:#x} is not a multiple of its entry size {}",
                label(table), table.size, entry_size);
  return table.size / entry_size;
}

// In the order of STT_NOTYPE = 0 to STT_TLS = 6.
constexpr std::array kSymbolTypes = {SymbolType::none,    SymbolType::object, SymbolType::function,
                                     SymbolType::section, SymbolType::file,   SymbolType::common,
                                     SymbolType::tls};

SymbolType symbol_type(u8 info) {
  const std::size_t type = info & 0xf;
  return type < kSymbolTypes.size() ? kSymbolTypes[type] : SymbolType::other;
}

SymbolBinding symbol_binding(u8 info) {
  switch (info >> 4) {
    case 0: return SymbolBinding::local;
    case 1: return SymbolBinding::global;
    case 2: return SymbolBinding::weak;
    default: return SymbolBinding::other;
  }
}

// The parts of the symbol table: its records, its names, and the indices that do not fit st_shndx.
struct SymbolSource {
  Bytes records;
  Bytes names;
  Bytes extended;
  ByteOrder order = kHostOrder;
};

// Turns st_shndx into an index that is valid, or into one of the k…Section constants.
Result<u32> symbol_section(const SymbolSource& source, u16 on_disk, u32 symbol, u64 section_count) {
  u64 index = on_disk;
  if (on_disk == kIndexAbsolute) return kAbsoluteSection;
  if (on_disk == kIndexCommon) return kCommonSection;
  if (on_disk == kIndexExtended) {
    const Result<u32> extended =
        load<u32>(source.extended, u64{symbol} * sizeof(u32), source.order);
    if (!extended)
      return fail(Code::malformed,
                  "its section index is SHN_XINDEX, but no SHT_SYMTAB_SHNDX entry has it");
    index = *extended;
  } else if (on_disk >= kIndexReserved) {
    return fail(Code::unsupported, "section index {:#x} is reserved", on_disk);
  }
  if (index >= section_count)
    return fail(Code::malformed, "section [{}] does not exist ({} sections)", index, section_count);
  return static_cast<u32>(index);
}

// A program, a map, a variable or a label must lie inside its section, wherever it is used later.
Status check_symbol_range(const Symbol& symbol, const std::vector<Section>& sections) {
  const bool is_place = symbol.type == SymbolType::function || symbol.type == SymbolType::object ||
                        symbol.type == SymbolType::none;
  if (!is_place || !symbol.is_in_section()) return {};
  const Section& section = sections[symbol.section];
  if (fits(section.size, symbol.value, symbol.size)) return {};
  return fail(Code::malformed, "{}: value {:#x} size {:#x} is outside {} ({} bytes)", label(symbol),
              symbol.value, symbol.size, label(section), section.size);
}

Result<Symbol> read_symbol(const SymbolSource& source, u32 index,
                           const std::vector<Section>& sections) {
  const SymbolRecord record =
      TRY(load<SymbolRecord>(source.records, u64{index} * sizeof(SymbolRecord), source.order));
  Symbol symbol;
  symbol.index = index;
  symbol.name = TRY(with_context(name_at(source.names, record.name),
                                 [&] { return format("symbol [{}]", index); }));
  symbol.type = symbol_type(record.info);
  symbol.binding = symbol_binding(record.info);
  symbol.visibility = static_cast<SymbolVisibility>(record.other & 3);
  symbol.section = TRY(with_context(symbol_section(source, record.section, index, sections.size()),
                                    [&] { return label(symbol); }));
  symbol.value = record.value;
  symbol.size = record.size;
  TRY(check_symbol_range(symbol, sections));
  return symbol;
}

// The symbol table; null when the object is stripped.
Result<const Section*> find_symbol_table(const std::vector<Section>& sections) {
  const Section* found = nullptr;
  for (const Section& section : sections) {
    if (section.type != kSectionSymtab) continue;
    if (found != nullptr)
      return fail(Code::malformed, "{} is a second symbol table; the first is {}", label(section),
                  label(*found));
    found = &section;
  }
  return found;
}

Result<std::vector<Symbol>> read_symbols(const Section& table, const std::vector<Section>& sections,
                                         ByteOrder order) {
  const u64 count = TRY(count_entries(table, sizeof(SymbolRecord)));
  if (count > kMaxSymbols)
    return fail(Code::limit, "{}: {} symbols, more than {}", label(table), count, kMaxSymbols);
  if (table.link >= sections.size() || sections[table.link].type != kSectionStrtab)
    return fail(Code::malformed, "{}: sh_link is {}, not a string table", label(table), table.link);
  SymbolSource source{table.data, sections[table.link].data, {}, order};
  for (const Section& section : sections)
    if (section.type == kSectionSymtabIndex && section.link == table.index)
      source.extended = section.data;

  std::vector<Symbol> symbols;
  symbols.reserve(count);
  if (count > 0) symbols.emplace_back();  // the null symbol, whatever the file says
  for (u32 i = 1; i < count; i++) {
    const Symbol symbol = TRY(read_symbol(source, i, sections));
    symbols.push_back(symbol);
  }
  return symbols;
}

// Bytes that a relocation patches. In code a 64_64 covers both slots of an ld_imm64; in data, where
// LLVM before 13 used the same two types, they are a plain 64-bit and 32-bit word.
u64 patched_size(u32 type, bool in_code) {
  switch (type) {
    case kRelocNone: return 0;
    case kReloc64: return in_code ? 16 : 8;
    case kReloc32: return in_code ? 8 : 4;
    case kRelocAbs64: return 8;
    case kRelocAbs32:
    case kRelocNodyld32: return 4;
    default: return 1;
  }
}

Result<Relocation> read_relocation(const Section& table, u64 index, ByteOrder order) {
  Relocation relocation;
  u64 info = 0;
  if (table.type == kSectionRel) {
    const RelRecord record = TRY(load<RelRecord>(table.data, index * sizeof(RelRecord), order));
    relocation.offset = record.offset;
    info = record.info;
  } else {
    const RelaRecord record = TRY(load<RelaRecord>(table.data, index * sizeof(RelaRecord), order));
    relocation.offset = record.offset;
    relocation.addend = record.addend;
    info = record.info;
  }
  relocation.symbol = static_cast<u32>(info >> 32);
  relocation.type = static_cast<u32>(info);
  return relocation;
}

Result<RelocationTable> read_relocation_table(const Section& table, const Section& target,
                                              u64 count, u64 symbol_count, ByteOrder order) {
  RelocationTable result{table.index, target.index, {}};
  result.relocations.reserve(count);
  for (u64 i = 0; i < count; i++) {
    const Relocation relocation = TRY(read_relocation(table, i, order));
    if (relocation.symbol >= symbol_count)
      return fail(Code::malformed, "{}: relocation #{}: symbol [{}] does not exist ({} symbols)",
                  label(table), i, relocation.symbol, symbol_count);
    const u64 width = patched_size(relocation.type, target.is_code());
    if (!fits(target.data.size(), relocation.offset, width))
      return fail(Code::malformed,
                  "{}: relocation #{}: {} bytes at offset {:#x} are outside {} ({} bytes)",
                  label(table), i, width, relocation.offset, label(target), target.data.size());
    result.relocations.push_back(relocation);
  }
  return result;
}

// Checks one relocation section's links; null when nothing reads what it patches.
Result<const Section*> relocation_target(const Section& table, const Section* symbols,
                                         const std::vector<Section>& sections) {
  if (table.info == 0 || table.info >= sections.size())
    return fail(Code::malformed, "{}: it patches section [{}], which does not exist ({} sections)",
                label(table), table.info, sections.size());
  const Section& target = sections[table.info];
  if (has_unread_relocations(role_of(target))) return nullptr;
  if (symbols == nullptr)
    return fail(Code::malformed, "{}: there is no symbol table (stripped object?)", label(table));
  if (table.link != symbols->index)
    return fail(Code::malformed, "{}: sh_link is {}, not the symbol table {}", label(table),
                table.link, label(*symbols));
  return &target;
}

}  // namespace

bool Section::is_code() const {
  return type == kSectionProgbits && (flags & kFlagExec) != 0;
}
bool Section::is_nobits() const {
  return type == kSectionNobits;
}

std::string label(const Section& section) {
  return format("section [{}] {}", section.index, quoted(section.name));
}

std::string label(const Symbol& symbol) {
  return format("symbol [{}] {}", symbol.index, quoted(symbol.name));
}

Result<Object> Object::parse(Bytes file) {
  Object object;
  object.file_ = file;
  const FileOutline outline = TRY(read_outline(file));
  object.order_ = outline.order;
  object.machine_ = outline.machine;
  object.sections_ = TRY(read_sections(file, outline));
  const Section* symbols = TRY(find_symbol_table(object.sections_));
  if (symbols != nullptr)
    object.symbols_ = TRY(read_symbols(*symbols, object.sections_, object.order_));
  TRY(object.read_relocations(symbols));
  return object;
}

Status Object::read_relocations(const Section* symbols) {
  table_of_.resize(sections_.size());
  u64 total = 0;
  for (const Section& section : sections_) {
    if (role_of(section) != SectionRole::relocations) continue;
    const Section* target = TRY(relocation_target(section, symbols, sections_));
    if (target == nullptr) continue;
    if (table_of_[target->index] != 0)
      return fail(Code::unsupported, "{} is a second relocation section for {}", label(section),
                  label(*target));
    const bool rela = section.type == kSectionRela;
    const u64 count = TRY(count_entries(section, rela ? sizeof(RelaRecord) : sizeof(RelRecord)));
    total += count;
    if (total > kMaxRelocations)
      return fail(Code::limit, "{}: {} relocations so far, more than {}", label(section), total,
                  kMaxRelocations);
    relocations_.push_back(
        TRY(read_relocation_table(section, *target, count, symbols_.size(), order_)));
    table_of_[target->index] = static_cast<u32>(relocations_.size());
  }
  return {};
}

const Section* Object::find_section(std::string_view name) const {
  for (const Section& section : sections_)
    if (section.type != kSectionNull && section.name == name) return &section;
  return nullptr;
}

const RelocationTable* Object::relocations_for(u32 section) const {
  if (section >= table_of_.size() || table_of_[section] == 0) return nullptr;
  return &relocations_[table_of_[section] - 1];
}

}  // namespace bpfld::elf
