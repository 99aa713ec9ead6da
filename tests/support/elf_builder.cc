// SPDX-License-Identifier: Apache-2.0
// The writing side of elf/format.h. See elf_builder.h.
#include "tests/support/elf_builder.h"

#include <cstring>

namespace bpfld::test {
namespace {

using elf::FileHeader;
using elf::RelRecord;
using elf::SectionHeader;
using elf::SymbolRecord;

void append(std::vector<std::byte>& out, Bytes bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

template <Record T>
void append_record(std::vector<std::byte>& out, T record, ByteOrder order) {
  if (order != kHostOrder) swap_fields(record);
  append(out, bytes_of(record));
}

// Appends `text` and its NUL; the offset at which it starts.
u32 intern(std::string& strings, std::string_view text) {
  if (text.empty()) return 0;
  const u32 at = static_cast<u32>(strings.size());
  strings += text;
  strings += '\0';
  return at;
}

void pad_to(std::vector<std::byte>& out, u64 alignment) {
  while (alignment > 1 && out.size() % alignment != 0)
    out.push_back(std::byte{0});
}

u8 info_of(elf::SymbolType type, elf::SymbolBinding binding) {
  return static_cast<u8>(static_cast<u8>(binding) << 4 | static_cast<u8>(type));
}

}  // namespace

u32 ElfBuilder::add_section(std::string_view name, u32 type, u64 flags, Bytes data) {
  SectionPart part;
  part.name = name;
  part.header.type = type;
  part.header.flags = flags;
  part.header.size = data.size();
  part.header.alignment = 8;
  part.data.assign(data.begin(), data.end());
  sections_.push_back(std::move(part));
  return static_cast<u32>(sections_.size());
}

u32 ElfBuilder::add_code(std::string_view name, std::initializer_list<u64> insns) {
  return add_section(name, elf::kSectionProgbits, elf::kFlagAlloc | elf::kFlagExec,
                     std::as_bytes(std::span(insns.begin(), insns.size())));
}

u32 ElfBuilder::add_data(std::string_view name, Bytes data) {
  return add_section(name, elf::kSectionProgbits, elf::kFlagAlloc | elf::kFlagWrite, data);
}

u32 ElfBuilder::add_bss(std::string_view name, u64 size) {
  const u32 index = add_section(name, elf::kSectionNobits, elf::kFlagAlloc | elf::kFlagWrite, {});
  sections_.back().header.size = size;
  return index;
}

ElfBuilder::SymbolHandle ElfBuilder::add_symbol(std::string_view name, elf::SymbolType type,
                                                elf::SymbolBinding binding, u32 section, u64 value,
                                                u64 size) {
  SymbolPart part;
  part.name = name;
  part.record = {0, info_of(type, binding), 0, static_cast<u16>(section), value, size};
  part.local = binding == elf::SymbolBinding::local;
  symbols_.push_back(std::move(part));
  return static_cast<SymbolHandle>(symbols_.size() - 1);
}

ElfBuilder::SymbolHandle ElfBuilder::add_function(std::string_view name, u32 section, u64 value,
                                                  u64 size) {
  return add_symbol(name, elf::SymbolType::function, elf::SymbolBinding::global, section, value,
                    size);
}
ElfBuilder::SymbolHandle ElfBuilder::add_object(std::string_view name, u32 section, u64 value,
                                                u64 size) {
  return add_symbol(name, elf::SymbolType::object, elf::SymbolBinding::global, section, value,
                    size);
}
ElfBuilder::SymbolHandle ElfBuilder::add_extern(std::string_view name) {
  return add_symbol(name, elf::SymbolType::none, elf::SymbolBinding::global, 0, 0, 0);
}
ElfBuilder::SymbolHandle ElfBuilder::add_section_symbol(u32 section) {
  return add_symbol("", elf::SymbolType::section, elf::SymbolBinding::local, section, 0, 0);
}

void ElfBuilder::add_relocation(u32 target, u64 offset, SymbolHandle symbol, u32 type) {
  relocations_[target].push_back({offset, symbol, type});
}

void ElfBuilder::edit_section(u32 index, std::function<void(SectionHeader&)> edit) {
  section_edits_[index] = std::move(edit);
}
void ElfBuilder::edit_symbol(SymbolHandle symbol, std::function<void(SymbolRecord&)> edit) {
  symbol_edits_[static_cast<u32>(symbol)] = std::move(edit);
}
void ElfBuilder::edit_relocation(u32 target, u32 index, std::function<void(RelRecord&)> edit) {
  relocation_edits_[{target, index}] = std::move(edit);
}

u32 ElfBuilder::symbol_index(SymbolHandle symbol) const {
  const u32 wanted = static_cast<u32>(symbol);
  u32 index = 1;  // after the null symbol
  for (u32 i = 0; i < symbols_.size(); i++) {
    if (symbols_[i].local == symbols_[wanted].local ? i < wanted : symbols_[i].local) index++;
  }
  return index;
}

u32 ElfBuilder::index_of(std::string_view name) const {
  const std::vector<SectionPart> sections = all_sections();
  for (u32 i = 1; i < sections.size(); i++)
    if (sections[i].name == name) return i;
  return 0;
}

ElfBuilder::SectionPart ElfBuilder::relocation_section(
    u32 target, const std::vector<RelocationPart>& relocations) const {
  SectionPart part;
  part.name = ".rel" + sections_[target - 1].name;
  for (u32 i = 0; i < relocations.size(); i++) {
    const RelocationPart& relocation = relocations[i];
    RelRecord record{relocation.offset,
                     u64{symbol_index(relocation.symbol)} << 32 | relocation.type};
    const auto edit = relocation_edits_.find({target, i});
    if (edit != relocation_edits_.end()) edit->second(record);
    append_record(part.data, record, order_);
  }
  part.header.type = elf::kSectionRel;
  part.header.size = part.data.size();
  part.header.link = static_cast<u32>(sections_.size() + relocations_.size() + 1);  // .symtab
  part.header.info = target;
  part.header.alignment = 8;
  part.header.entry_size = sizeof(RelRecord);
  return part;
}

ElfBuilder::SectionPart ElfBuilder::symbol_section(std::string& strings) const {
  SectionPart part;
  part.name = ".symtab";
  append_record(part.data, SymbolRecord{}, order_);
  u32 locals = 1;
  for (const bool local : {true, false}) {
    for (u32 i = 0; i < symbols_.size(); i++) {
      if (symbols_[i].local != local) continue;
      SymbolRecord record = symbols_[i].record;
      record.name = intern(strings, symbols_[i].name);
      const auto edit = symbol_edits_.find(i);
      if (edit != symbol_edits_.end()) edit->second(record);
      append_record(part.data, record, order_);
      if (local) locals++;
    }
  }
  part.header.type = elf::kSectionSymtab;
  part.header.size = part.data.size();
  part.header.link = static_cast<u32>(sections_.size() + relocations_.size() + 2);  // .strtab
  part.header.info = locals;
  part.header.alignment = 8;
  part.header.entry_size = sizeof(SymbolRecord);
  return part;
}

// Every section with its bytes; names and file offsets are not yet in the headers.
std::vector<ElfBuilder::SectionPart> ElfBuilder::all_sections() const {
  const auto string_section = [](std::string_view name, const std::string& strings) {
    SectionPart part;
    part.name = name;
    part.header.type = elf::kSectionStrtab;
    part.header.alignment = 1;
    part.header.size = strings.size();
    append(part.data, bytes_of(std::string_view(strings)));
    return part;
  };
  std::vector<SectionPart> all{SectionPart{}};
  all.insert(all.end(), sections_.begin(), sections_.end());
  for (const auto& [target, relocations] : relocations_)
    all.push_back(relocation_section(target, relocations));
  std::string symbol_names(1, '\0');
  all.push_back(symbol_section(symbol_names));
  all.push_back(string_section(".strtab", symbol_names));

  std::string section_names(1, '\0');
  for (SectionPart& part : all)
    part.header.name = intern(section_names, part.name);
  const u32 own_name = intern(section_names, ".shstrtab");
  all.push_back(string_section(".shstrtab", section_names));
  all.back().header.name = own_name;
  return all;
}

std::vector<std::byte> ElfBuilder::build() const {
  std::vector<SectionPart> all = all_sections();
  std::vector<std::byte> out(elf::kFileHeaderSize);
  for (SectionPart& part : all) {
    if (part.header.type == elf::kSectionNull) continue;
    pad_to(out, part.header.alignment);
    part.header.offset = out.size();
    append(out, part.data);
  }
  pad_to(out, 8);
  FileHeader header{};
  header.type = elf::kTypeRelocatable;
  header.machine = elf::kMachineBpf;
  header.version = elf::kVersionCurrent;
  header.section_headers = out.size();
  header.header_size = elf::kFileHeaderSize;
  header.section_entry_size = sizeof(SectionHeader);
  header.section_count = static_cast<u16>(all.size());
  header.section_names = static_cast<u16>(all.size() - 1);
  for (u32 i = 0; i < all.size(); i++) {
    const auto edit = section_edits_.find(i);
    if (edit != section_edits_.end()) edit->second(all[i].header);
    append_record(out, all[i].header, order_);
  }
  if (header_edit_) header_edit_(header);

  std::vector<std::byte> front;
  append(front, std::as_bytes(std::span(elf::kElfMagic)));
  const bool little = order_ == ByteOrder::little;
  for (const u8 byte : {elf::kClass64, little ? elf::kDataLittle : elf::kDataBig, u8{1}})
    front.push_back(std::byte{byte});
  front.resize(elf::kIdentSize);
  for (const auto& [at, value] : ident_edits_)
    front[at] = std::byte{value};
  append_record(front, header, order_);
  std::memcpy(out.data(), front.data(), front.size());
  return out;
}

ElfBuilder small_object(ByteOrder order) {
  using enum elf::SymbolType;
  constexpr u64 kLoadMap = 0x0000000000000118;  // r1 = 0 ll, first slot of two
  constexpr u64 kCall = 0xffffffff00001085;     // call a subprogram
  ElfBuilder elf(order);
  const u32 text = elf.add_code(".text", {kMovR0Zero, kExit});
  const u32 code = elf.add_code("xdp", {kLoadMap, 0, kCall, kExit});
  const u32 maps = elf.add_data(".maps", std::string_view("\0\0\0\0\0\0\0\0", 8));
  const u32 rodata = elf.add_section(".rodata", elf::kSectionProgbits, elf::kFlagAlloc,
                                     bytes_of(std::string_view("abcd")));
  const u32 bss = elf.add_bss(".bss", 16);
  const u32 license = elf.add_data("license", std::string_view("GPL\0", 4));
  const ElfBuilder::SymbolHandle sub =
      elf.add_symbol("sub", function, elf::SymbolBinding::local, text, 0, 16);
  elf.add_section_symbol(rodata);
  elf.add_function("prog", code, 0, 32);
  const ElfBuilder::SymbolHandle map = elf.add_object("events", maps, 0, 8);
  elf.add_object("counter", bss, 8, 8);
  elf.add_object("_license", license, 0, 4);
  elf.add_extern("bpf_kfunc");
  elf.add_relocation(code, 0, map, elf::kReloc64);
  elf.add_relocation(code, 16, sub, elf::kReloc32);
  return elf;
}

}  // namespace bpfld::test
