// SPDX-License-Identifier: Apache-2.0
// Text for people; nothing here decides anything. Columns are as wide as their widest entry.
#include "elf/describe.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>
#include <vector>

#include "base/escape.h"
#include "elf/format.h"

namespace bpfld::elf {
namespace {

struct NumberName {
  u32 number;
  std::string_view name;
};

// clang-format off
constexpr std::array kSectionTypes = {
    NumberName{kSectionNull, "NULL"},         NumberName{kSectionProgbits, "PROGBITS"},
    NumberName{kSectionSymtab, "SYMTAB"},     NumberName{kSectionStrtab, "STRTAB"},
    NumberName{kSectionRela, "RELA"},         NumberName{7, "NOTE"},
    NumberName{kSectionNobits, "NOBITS"},     NumberName{kSectionRel, "REL"},
    NumberName{kSectionDynsym, "DYNSYM"},     NumberName{14, "INIT_ARRAY"},
    NumberName{15, "FINI_ARRAY"},             NumberName{17, "GROUP"},
    NumberName{kSectionSymtabIndex, "SYMTAB_SHNDX"},
    NumberName{kSectionLlvmAddrsig, "LLVM_ADDRSIG"},
};
constexpr std::array kRelocationTypes = {
    NumberName{kRelocNone, "R_BPF_NONE"},       NumberName{kReloc64, "R_BPF_64_64"},
    NumberName{kRelocAbs64, "R_BPF_64_ABS64"},  NumberName{kRelocAbs32, "R_BPF_64_ABS32"},
    NumberName{kRelocNodyld32, "R_BPF_64_NODYLD32"}, NumberName{kReloc32, "R_BPF_64_32"},
};
// gABI figure "Section Attribute Flags"; the letters are readelf's.
constexpr std::array<std::pair<u32, char>, 11> kFlagLetters = {{
    {0, 'W'}, {1, 'A'}, {2, 'X'}, {4, 'M'}, {5, 'S'}, {6, 'I'}, {7, 'L'}, {8, 'O'}, {9, 'G'}, {10, 'T'},
    {11, 'C'},
}};
// clang-format on

std::string_view find_name(std::span<const NumberName> rows, u32 number) {
  for (const NumberName& row : rows)
    if (row.number == number) return row.name;
  return {};
}

constexpr std::size_t kShownName = 64;  // bytes of a name that are shown

// Escaped, and cut to what fits a line.
std::string shown(std::string_view name) {
  if (name.size() <= kShownName) return escape_terminal(name);
  return escape_terminal(name.substr(0, kShownName)) + "...";
}

// Rows of cells; the last column is not padded.
class Table {
 public:
  enum class Align : u8 { left, right };
  struct Column {
    std::string_view title;
    Align align = Align::left;
  };

  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {
    for (const Column& column : columns_)
      widths_.push_back(column.title.size());
  }

  void add(std::vector<std::string> cells) {
    for (std::size_t i = 0; i < cells.size(); i++)
      widths_[i] = std::max(widths_[i], display_width(cells[i]));
    rows_.push_back(std::move(cells));
  }

  std::string text() const {
    std::string out;
    std::vector<std::string> titles;
    titles.reserve(columns_.size());
    for (const Column& column : columns_)
      titles.emplace_back(column.title);
    append(out, titles);
    for (const std::vector<std::string>& row : rows_)
      append(out, row);
    return out;
  }

 private:
  void append(std::string& out, const std::vector<std::string>& cells) const {
    for (std::size_t i = 0; i < cells.size(); i++) {
      if (i > 0) out += "  ";
      const std::size_t fill = widths_[i] - display_width(cells[i]);
      if (columns_[i].align == Align::right) out.append(fill, ' ');
      out += cells[i];
      if (columns_[i].align == Align::left && i + 1 < cells.size()) out.append(fill, ' ');
    }
    while (out.ends_with(' '))
      out.pop_back();
    out += '\n';
  }

  std::vector<Column> columns_;
  std::vector<std::size_t> widths_;
  std::vector<std::vector<std::string>> rows_;
};

constexpr Table::Align kRight = Table::Align::right;

// "[3] xdp", "extern", "absolute", "common"
std::string place_of(const Symbol& symbol, const std::vector<Section>& sections) {
  if (!symbol.is_defined()) return "extern";
  if (symbol.section == kAbsoluteSection) return "absolute";
  if (symbol.section == kCommonSection) return "common";
  return format("[{}] {}", symbol.section, shown(sections[symbol.section].name));
}

}  // namespace

std::string section_type_name(u32 type) {
  const std::string_view name = find_name(kSectionTypes, type);
  return name.empty() ? format("{:#x}", type) : std::string(name);
}

std::string relocation_type_name(u32 type) {
  const std::string_view name = find_name(kRelocationTypes, type);
  return name.empty() ? format("type {}", type) : std::string(name);
}

std::string section_flag_letters(u64 flags) {
  std::string letters;
  for (const auto& [bit, letter] : kFlagLetters) {
    if ((flags >> bit & 1) != 0) letters += letter;
    flags &= ~(u64{1} << bit);
  }
  if (flags != 0) letters += 'x';
  return letters;
}

std::string_view name_of(SymbolType type) {
  switch (type) {
    case SymbolType::none: return "none";
    case SymbolType::object: return "object";
    case SymbolType::function: return "function";
    case SymbolType::section: return "section";
    case SymbolType::file: return "file";
    case SymbolType::common: return "common";
    case SymbolType::tls: return "tls";
    case SymbolType::other: return "other";
  }
  std::unreachable();
}

std::string_view name_of(SymbolBinding binding) {
  switch (binding) {
    case SymbolBinding::local: return "local";
    case SymbolBinding::global: return "global";
    case SymbolBinding::weak: return "weak";
    case SymbolBinding::other: return "other";
  }
  std::unreachable();
}

std::string describe_sections(const Object& object) {
  Table table({{"Nr", kRight},
               {"Name"},
               {"Role"},
               {"Type"},
               {"Offset", kRight},
               {"Size", kRight},
               {"Entry", kRight},
               {"Flags"},
               {"Link", kRight},
               {"Info", kRight},
               {"Align", kRight}});
  for (const Section& section : object.sections()) {
    std::vector<std::string> cells;
    cells.push_back(format("[{}]", section.index));
    cells.push_back(shown(section.name));
    cells.emplace_back(section.type == kSectionNull ? "" : name_of(role_of(section)));
    cells.push_back(section_type_name(section.type));
    cells.push_back(format("{:#x}", section.file_offset));
    cells.push_back(format("{:#x}", section.size));
    cells.push_back(format("{}", section.entry_size));
    cells.push_back(section_flag_letters(section.flags));
    cells.push_back(format("{}", section.link));
    cells.push_back(format("{}", section.info));
    cells.push_back(format("{}", section.alignment));
    table.add(std::move(cells));
  }
  return table.text();
}

std::string describe_symbols(const Object& object) {
  Table table({{"Nr", kRight},
               {"Value", kRight},
               {"Size", kRight},
               {"Type"},
               {"Binding"},
               {"Section"},
               {"Name"}});
  for (const Symbol& symbol : object.symbols()) {
    std::vector<std::string> cells;
    cells.push_back(format("[{}]", symbol.index));
    cells.push_back(format("{:#x}", symbol.value));
    cells.push_back(format("{}", symbol.size));
    cells.emplace_back(name_of(symbol.type));
    cells.emplace_back(name_of(symbol.binding));
    cells.push_back(symbol.index == 0 ? "" : place_of(symbol, object.sections()));
    cells.push_back(shown(symbol.name));
    table.add(std::move(cells));
  }
  return table.text();
}

std::string describe_relocations(const Object& object) {
  std::string out;
  for (const RelocationTable& relocations : object.relocation_tables()) {
    const Section& target = object.sections()[relocations.target];
    out += format("[{}] {} patches [{}] {}: {} relocations\n", relocations.section,
                  shown(object.sections()[relocations.section].name), target.index,
                  shown(target.name), relocations.relocations.size());
    Table table({{"Offset", kRight}, {"Type"}, {"Addend", kRight}, {"Symbol"}});
    for (const Relocation& relocation : relocations.relocations) {
      const Symbol& symbol = object.symbols()[relocation.symbol];
      const bool is_section = symbol.type == SymbolType::section && symbol.is_in_section();
      std::vector<std::string> cells;
      cells.push_back(format("{:#x}", relocation.offset));
      cells.push_back(relocation_type_name(relocation.type));
      cells.push_back(format("{}", relocation.addend));
      cells.push_back(
          format("[{}] {}", symbol.index,
                 shown(is_section ? object.sections()[symbol.section].name : symbol.name)));
      table.add(std::move(cells));
    }
    out += table.text();
  }
  return out;
}

}  // namespace bpfld::elf
