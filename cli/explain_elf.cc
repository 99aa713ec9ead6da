// SPDX-License-Identifier: Apache-2.0
// The first three chapters: what lies in the file, which names it gives to its parts, and what the
// name of each program's section makes of it.
#include <algorithm>

#include "base/escape.h"
#include "bpf/tables.h"
#include "btf/view.h"
#include "cli/explain.h"
#include "elf/describe.h"
#include "elf/role.h"

namespace bpfld::cli {
namespace {

using elf::Section;
using elf::SectionRole;

bool matters(SectionRole role) {
  switch (role) {
    case SectionRole::code:
    case SectionRole::maps:
    case SectionRole::data:
    case SectionRole::rodata:
    case SectionRole::bss:
    case SectionRole::arena:
    case SectionRole::struct_ops:
    case SectionRole::kconfig:
    case SectionRole::ksyms:
    case SectionRole::license:
    case SectionRole::version:
    case SectionRole::btf:
    case SectionRole::btf_ext:
    case SectionRole::legacy_maps:
    case SectionRole::relocations: return true;
    case SectionRole::ignored:
    case SectionRole::jump_tables:
    case SectionRole::symbols:
    case SectionRole::strings:
    case SectionRole::debug: return false;
  }
  return false;
}

bool patches_code(const Story& story, const Section& section) {
  const std::vector<Section>& sections = story.object.sections();
  return section.info < sections.size() &&
         elf::role_of(sections[section.info]) == SectionRole::code;
}

std::string join(const std::vector<std::string>& parts) {
  std::string out;
  for (const std::string& part : parts)
    out += (out.empty() ? "" : ", ") + part;
  return out;
}

std::string code_meaning(const Story& story, const Section& section) {
  std::vector<std::string> names;
  for (const loader::FunctionSpec& function : story.spec.functions)
    if (function.origin.section == section.name) names.push_back(function.name);
  return format("{}: {}", count_of(section.size / kInsnSize, "instruction slot"),
                names.empty() ? "no function" : join(names));
}

std::string data_meaning(const Story& story, const Section& section) {
  std::vector<std::string> names;
  for (const loader::VariableSpec& variable : story.spec.variables)
    if (story.spec.maps[variable.map].origin.section == section.name)
      names.push_back(variable.name);
  return names.empty() ? "no named variables" : join(names);
}

std::string map_meaning(const Story& story, const Section& section) {
  std::vector<std::string> names;
  for (const loader::MapSpec& map : story.spec.maps)
    if (map.origin.section == section.name) names.push_back(map.name);
  return join(names);
}

std::string btf_meaning(const Section& section) {
  const Result<btf::View> view = btf::View::parse(section.data);
  return view ? count_of(view->count() - 1, "type") : view.error().message();
}

std::string meaning_of(const Story& story, const Section& section, SectionRole role) {
  switch (role) {
    case SectionRole::code: return code_meaning(story, section);
    case SectionRole::maps:
    case SectionRole::struct_ops: return map_meaning(story, section);
    case SectionRole::data:
    case SectionRole::rodata:
    case SectionRole::bss: return data_meaning(story, section);
    case SectionRole::license: {
      const bool gpl = story.spec.license.find("GPL") != std::string::npos;
      return format("\"{}\": helpers for GPL programs {}", story.spec.license,
                    gpl ? "may be called" : "are refused");
    }
    case SectionRole::btf: return btf_meaning(section);
    case SectionRole::btf_ext: return "func_info, line_info and CO-RE relocations";
    case SectionRole::relocations: {
      for (const elf::RelocationTable& table : story.object.relocation_tables())
        if (table.section == section.index)
          return format("{} to patch in section [{}]", count_of(table.relocations.size(), "place"),
                        table.target);
      return "not for us";
    }
    case SectionRole::version: return "the kernel version that very old kernels compare";
    case SectionRole::arena:
    case SectionRole::kconfig:
    case SectionRole::ksyms:
    case SectionRole::jump_tables:
    case SectionRole::symbols:
    case SectionRole::strings:
    case SectionRole::debug:
    case SectionRole::legacy_maps:
    case SectionRole::ignored: break;
  }
  return {};
}

}  // namespace

Chapter explain_elf(const Story& story) {
  Chapter out{
      .step = "elf", .name = "ELF", .headline = {}, .tables = {}, .notes = {}, .errors = {}};
  const std::vector<Section>& sections = story.object.sections();
  ExplainTable table{.title = {},
                     .columns = {"index", "section", "offset", "size", "flags", "role", "meaning"},
                     .rows = {}};
  for (const Section& section : sections) {
    if (section.index == 0) continue;
    const SectionRole role = elf::role_of(section);
    const bool shown = role == SectionRole::relocations ? patches_code(story, section)
                                                        : matters(role) && section.size != 0;
    if (!shown && !story.all) continue;
    table.rows.push_back({format("[{}]", section.index), std::string(section.name),
                          format("{:#x}", section.file_offset), format("{} B", section.size),
                          elf::section_flag_letters(section.flags), std::string(elf::name_of(role)),
                          meaning_of(story, section, role)});
  }
  const u64 count = sections.size() - 1;
  out.headline =
      format("{}: ELF64, {}-endian, relocatable, machine BPF ({}), {} B, {}", story.path,
             story.object.order() == ByteOrder::little ? "little" : "big", story.object.machine(),
             story.object.file().size(), count_of(count, "section"));
  if (table.rows.size() < count)
    out.headline += format("; {} matter here, --all shows the rest", table.rows.size());
  out.tables.push_back(std::move(table));
  out.notes = {
      "an object file is never executed from where it lies: the code is copied out of its "
      "sections, "
      "patched, and handed to the kernel. There is no linker and no entry point: each function in "
      "a "
      "section with SEC() is a program of its own.",
      "tables of names, and DWARF (.debug_*), are for tools; the kernel gets its types from .BTF."};
  for (const std::string& note : story.spec.notes)
    out.errors.push_back("left out: " + note);
  return out;
}

namespace {

// What the loader makes of a symbol; empty: nothing.
std::string role_of_symbol(const Story& story, const elf::Symbol& symbol) {
  for (const loader::ProgramSpec& program : story.spec.programs)
    if (program.name == symbol.name && symbol.type == elf::SymbolType::function) return "program";
  for (const loader::FunctionSpec& function : story.spec.functions)
    if (function.name == symbol.name && symbol.type == elf::SymbolType::function)
      return function.is_static ? "subprogram, verified with each caller"
                                : "subprogram, verified once by itself";
  for (const loader::MapSpec& map : story.spec.maps)
    if (map.name == symbol.name) return "map";
  for (const loader::VariableSpec& variable : story.spec.variables)
    if (variable.name == symbol.name) return "global variable";
  for (const loader::ExternSpec& external : story.spec.externs)
    if (external.name == symbol.name) return "provided by the kernel";
  return {};
}

}  // namespace

Chapter explain_symbols(const Story& story) {
  Chapter out{
      .step = "elf", .name = "SYMBOLS", .headline = {}, .tables = {}, .notes = {}, .errors = {}};
  ExplainTable table{
      .title = {}, .columns = {"symbol", "type", "binding", "place", "size", "role"}, .rows = {}};
  u64 total = 0;
  for (const elf::Symbol& symbol : story.object.symbols()) {
    if (symbol.index == 0) continue;
    total++;
    const std::string role = role_of_symbol(story, symbol);
    if (role.empty() && !story.all) continue;
    table.rows.push_back(
        {std::string(symbol.name), std::string(elf::name_of(symbol.type)),
         std::string(elf::name_of(symbol.binding)),
         symbol.is_in_section() ? format("[{}]+{:#x}", symbol.section, symbol.value) : "undefined",
         format("{} B", symbol.size), role});
  }
  out.headline = format("{} of {} name something that is loaded", table.rows.size(),
                        count_of(total, "symbol"));
  out.tables.push_back(std::move(table));
  out.notes = {
      "the place is [section]+offset. Relocations speak of symbols by number; this is how "
      "`&map` in C finds its map."};
  return out;
}

namespace {

// Which of several ways to one place is taken, and why not the others.
ExplainTable ways_table(const Story& story) {
  ExplainTable table{.title = "one way of several",
                     .columns = {"place", "verdict", "programs", "why"},
                     .rows = {}};
  const auto names_of = [&](const loader::Selection& programs) {
    std::string out;
    for (const u32 index : programs) {
      const loader::ProgramSpec& program = story.spec.programs[index];
      out += format("{}{} ({})", out.empty() ? "" : ", ", program.name, program.row->name);
    }
    return out;
  };
  for (const WayTaken& way : story.ways) {
    table.rows.push_back({way.place, "taken", names_of(way.taken), ""});
    for (const WayTaken::LeftOut& other : way.left_out)
      table.rows.push_back({"", "left out", names_of(other.programs), other.why});
  }
  return table;
}

}  // namespace

Chapter explain_sections(const Story& story) {
  Chapter out{
      .step = "elf", .name = "SEC()", .headline = {}, .tables = {}, .notes = {}, .errors = {}};
  ExplainTable table{
      .title = {},
      .columns = {"program", "section", "row", "type", "attach_type", "target", "context"},
      .rows = {}};
  bool has_tracepoint = false;
  for (const u32 index : story.selection) {
    const loader::ProgramSpec& program = story.spec.programs[index];
    const std::string section = format("SEC(\"{}\")", program.section);
    if (program.row == nullptr) {
      out.errors.push_back(
          format("{}: {} matches no row: `bpfld list sec` has them all", program.name, section));
      continue;
    }
    const loader::SectionRow& row = *program.row;
    has_tracepoint = has_tracepoint || row.method == loader::AttachMethod::tracepoint;
    table.rows.push_back(
        {program.name, section, format("-> row \"{}\"", row.name),
         format("{} ({})", bpf::kernel_name_of(row.type), static_cast<u32>(row.type)),
         row.attach_type == bpf::AttachType{}
             ? ""
             : format("{} ({})", bpf::name_of(row.attach_type), static_cast<u32>(row.attach_type)),
         program.target.empty() ? "" : format("target \"{}\"", program.target),
         format("ctx: {}", row.context)});
  }
  std::string optional;  // programs that nobody asked for
  for (u32 i = 0; i < story.spec.programs.size(); i++) {
    const loader::ProgramSpec& program = story.spec.programs[i];
    if (program.autoload || std::ranges::find(story.selection, i) != story.selection.end())
      continue;
    optional += (optional.empty() ? "" : ", ") + escape_terminal(program.name);
  }
  out.headline = format("{}; the section's name says what a program is and where it goes",
                        count_of(story.selection.size(), "program"));
  out.tables.push_back(std::move(table));
  if (!story.ways.empty()) out.tables.push_back(ways_table(story));
  out.notes = {
      "the first row of `bpfld list sec` that the name equals, or that it continues with a "
      "'/', decides; the text behind that '/' is the target. A '?' in front means: not "
      "loaded unless asked for."};
  if (!optional.empty())
    out.notes.push_back("left out, since the names of their sections begin with a '?': " +
                        optional + "; --prog NAME takes them in.");
  if (has_tracepoint)
    out.notes.push_back(
        "a tracepoint program's ctx is the event's record (`bpfld list -v tp:...` "
        "shows it); its first 8 bytes, common_*, are off limits.");
  if (!story.ways.empty())
    out.notes.push_back(
        "programs that look at one place in different ways are there for different kernels; run "
        "together, they would see everything twice. `run` takes the best way that loads, and the "
        "next one when the kernel refuses it; --all-variants takes all.");
  return out;
}

}  // namespace bpfld::cli
