// SPDX-License-Identifier: Apache-2.0
// The order of the chapters, and how one looks; see explain.h.
#include "cli/explain.h"

#include <algorithm>
#include <array>

#include "base/escape.h"

namespace bpfld::cli {
namespace {

struct Step {
  std::string_view name;
  Chapter (*tell)(const Story&);
};
// clang-format off
constexpr std::array<Step, 8> kSteps = {{
    {"elf",    explain_elf},
    {"elf",    explain_symbols},
    {"elf",    explain_sections},
    {"maps",   explain_maps},
    {"relo",   explain_relocations},
    {"core",   explain_core},
    {"load",   explain_load},
    {"attach", explain_attach},
}};
// clang-format on

constexpr std::size_t kTextWidth = 100;  // of sentences
constexpr std::size_t kIndent = 10;      // "1 ELF     "

std::vector<u32> selected_functions(const loader::ObjectSpec& spec,
                                    const loader::Selection& selection) {
  std::vector<u32> out;
  for (const u32 index : selection)
    for (const u32 function : loader::reachable_functions(spec, spec.programs[index].function))
      out.push_back(function);
  std::ranges::sort(out);
  const auto rest = std::ranges::unique(out);
  out.erase(rest.begin(), rest.end());
  return out;
}

// Cells of one table, escaped, with columns that no row uses left out.
std::string table_text(const ExplainTable& table, std::size_t width) {
  std::vector<std::vector<std::string>> rows;
  for (const std::vector<std::string>& row : table.rows) {
    std::vector<std::string>& out = rows.emplace_back();
    for (std::size_t i = 0; i < row.size(); i++) {
      const bool used = std::ranges::any_of(
          table.rows, [&](const auto& other) { return i < other.size() && !other[i].empty(); });
      if (used) out.push_back(escape_terminal(row[i]));
    }
  }
  return align(rows, 3, width);
}

}  // namespace

Story make_story(std::string path, const elf::Object& object, const loader::ObjectSpec& spec,
                 const loader::Selection& selection, const loader::KernelProfile& profile) {
  Story story{.path = std::move(path),
              .object = object,
              .spec = spec,
              .selection = selection,
              .profile = profile,
              .core = {},
              .linked = {},
              .plan = {},
              .link_error = {},
              .plan_error = {}};
  Result<loader::Linked> linked = loader::link(spec, selection, profile);
  if (linked) {
    story.core = linked->core;
    story.linked = std::move(linked).value();
    Result<loader::Plan> plan = loader::make_plan(spec, *story.linked, profile);
    if (plan)
      story.plan = std::move(plan).value();
    else
      story.plan_error = plan.error();
    return story;
  }
  story.link_error = linked.error();
  Result<loader::CoreOutcome> core =
      loader::resolve_core(spec, selected_functions(spec, selection), profile);
  if (core) story.core = std::move(core).value();
  return story;
}

std::vector<Chapter> explain_story(const Story& story, std::string_view step) {
  std::vector<Chapter> out;
  for (const Step& row : kSteps)
    if (step.empty() || row.name == step) out.push_back(row.tell(story));
  return out;
}

std::vector<std::string_view> explain_steps() {
  std::vector<std::string_view> out;
  for (const Step& row : kSteps)
    if (out.empty() || out.back() != row.name) out.push_back(row.name);
  return out;
}

std::string to_text(const Chapter& chapter, u32 number, const Style& style, std::size_t width) {
  const std::size_t text = std::min(width, kTextWidth);
  const std::string name = format("{} {}", number, chapter.name);
  std::string out = style.paint(Ink::heading, pad(name, kIndent)) +
                    wrap(escape_terminal(chapter.headline), kIndent, text) + "\n";
  for (const ExplainTable& table : chapter.tables) {
    if (table.rows.empty()) continue;
    if (!table.title.empty()) out += "   " + wrap(escape_terminal(table.title), 3, text) + "\n";
    out += table_text(table, width);
  }
  for (const std::string& error : chapter.errors)
    out += "   " + style.paint(Ink::error, wrap(escape_terminal(error), 3, text)) + "\n";
  for (const std::string& note : chapter.notes)
    out += "   " + style.paint(Ink::faint, wrap("~ " + escape_terminal(note), 5, text)) + "\n";
  return out;
}

namespace {

std::string list_json(const std::vector<std::string>& texts) {
  std::string out;
  for (const std::string& text : texts)
    out += (out.empty() ? "" : ",") + json_string(text);
  return "[" + out + "]";
}

std::string row_json(const ExplainTable& table, const std::vector<std::string>& row) {
  std::string out;
  for (std::size_t i = 0; i < row.size() && i < table.columns.size(); i++)
    if (!row[i].empty())
      out += format("{}{}:{}", out.empty() ? "" : ",", json_string(table.columns[i]),
                    json_string(row[i]));
  return "{" + out + "}";
}

std::string table_json(const ExplainTable& table) {
  std::string rows;
  for (const std::vector<std::string>& row : table.rows)
    rows += (rows.empty() ? "" : ",") + row_json(table, row);
  return format("{{\"title\":{},\"rows\":[{}]}}", json_string(table.title), rows);
}

}  // namespace

std::string to_json(const Chapter& chapter) {
  std::string tables;
  for (const ExplainTable& table : chapter.tables)
    if (!table.rows.empty()) tables += (tables.empty() ? "" : ",") + table_json(table);
  return format(
      "{{\"step\":{},\"name\":{},\"headline\":{},\"tables\":[{}],\"errors\":{},\"notes\":{}}}\n",
      json_string(chapter.step), json_string(chapter.name), json_string(chapter.headline), tables,
      list_json(chapter.errors), list_json(chapter.notes));
}

std::string spaced_hex(const bpf::Insn& insn) {
  std::string out;
  for (const std::byte byte : bytes_of(insn))
    out += format("{}{:02x}", out.empty() ? "" : " ", static_cast<u32>(byte));
  return out;
}

std::string slot_text(const std::optional<u32>& slot) {
  return slot ? format("${}", *slot) : std::string();
}

}  // namespace bpfld::cli
