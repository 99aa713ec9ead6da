// SPDX-License-Identifier: Apache-2.0
// The story of a load, told from the records that the stages return anyway: nothing here decides
// anything, so the story cannot differ from what `bpfld run` does. Each chapter is data: a
// headline, tables, and a few sentences about how and why; text and JSON are made from the same.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/style.h"
#include "cli/variants.h"
#include "elf/object.h"
#include "loader/plan.h"

namespace bpfld::cli {

// spec: rows under a title. `columns` name the cells, for JSON; text shows the cells only.
struct ExplainTable {
  std::string title;
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> rows;
};

// spec: one step. Nothing is escaped.
struct Chapter {
  std::string step;  // "elf": what --step takes
  std::string name;  // "ELF"
  std::string headline;
  std::vector<ExplainTable> tables;
  std::vector<std::string> notes;   // what a learner asks next
  std::vector<std::string> errors;  // what failed in this step
};

// view: all records of a load, as far as it got.
struct Story {
  std::string path;
  const elf::Object& object;
  const loader::ObjectSpec& spec;
  const loader::Selection& selection;
  const loader::KernelProfile& profile;
  std::optional<loader::CoreOutcome> core;  // of all functions that the selection reaches
  std::optional<loader::Linked> linked;
  std::optional<loader::Plan> plan;
  std::optional<Error> link_error, plan_error;
  bool all = false;                 // also the sections and symbols that nobody needs
  std::vector<WayTaken> ways = {};  // what was chosen where the object has several ways to a place
};

// Runs the pure stages, and keeps what they return also when one fails.
Story make_story(std::string path, const elf::Object& object, const loader::ObjectSpec& spec,
                 const loader::Selection& selection, const loader::KernelProfile& profile);

// explain_elf.cc
Chapter explain_elf(const Story& story);
Chapter explain_symbols(const Story& story);
Chapter explain_sections(const Story& story);
// explain_maps.cc
Chapter explain_maps(const Story& story);
// explain_code.cc
Chapter explain_relocations(const Story& story);
Chapter explain_core(const Story& story);
// explain_plan.cc
Chapter explain_load(const Story& story);
Chapter explain_attach(const Story& story);

// All of them, or those of one step ("elf", "maps", "relo", "core", "load", "attach"); empty for a
// step that there is none of.
std::vector<Chapter> explain_story(const Story& story, std::string_view step);
// The steps, for messages.
std::vector<std::string_view> explain_steps();

// In lines of `width` columns, as far as there are spaces to break them at.
std::string to_text(const Chapter& chapter, u32 number, const Style& style, std::size_t width);
// One JSON object on one line.
std::string to_json(const Chapter& chapter);

// "18 01 00 00 00 00 00 00": a slot's bytes as they lie in memory.
std::string spaced_hex(const bpf::Insn& insn);
// "$3": a file descriptor that does not exist yet.
std::string slot_text(const std::optional<u32>& slot);

}  // namespace bpfld::cli
