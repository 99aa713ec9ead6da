// SPDX-License-Identifier: Apache-2.0
// Ways by section name; see variants.h.
#include "cli/variants.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <string_view>

#include "loader/plan.h"

namespace bpfld::cli {
namespace {

using loader::ObjectSpec;
using loader::ProgramSpec;
using loader::Selection;

struct WayRow {
  std::string_view section;
  char place;  // entry, return, or an event
  u32 rank;    // 0: the best
};

// clang-format off
constexpr std::array<WayRow, 9> kWays = {{
    {"fentry", 'e', 0}, {"fentry.s", 'e', 0}, {"kprobe", 'e', 1},
    {"fexit",  'r', 0}, {"fexit.s",  'r', 0}, {"kretprobe", 'r', 1},
    {"tp_btf", 't', 0}, {"raw_tp",   't', 1}, {"raw_tracepoint", 't', 1},
}};
// clang-format on

const WayRow* way_of(const ProgramSpec& program) {
  // A place, or a program, that the user named is meant, whatever else the object has.
  if (program.row == nullptr || program.target.empty() || !program.places.empty() ||
      program.target_program)
    return nullptr;
  const WayRow* row = std::ranges::find(kWays, program.row->name, &WayRow::section);
  return row != kWays.end() ? row : nullptr;
}

void sort_in(Selection& selection, const Selection& more) {
  selection.insert(selection.end(), more.begin(), more.end());
  std::ranges::sort(selection);
}

void take_out(Selection& selection, const Selection& less) {
  std::erase_if(selection,
                [&](u32 program) { return std::ranges::find(less, program) != less.end(); });
}

}  // namespace

std::vector<Variants> find_variants(const ObjectSpec& spec, const Selection& selection) {
  std::map<std::pair<char, std::string>, std::map<u32, Selection>> groups;
  for (u32 program : selection)
    if (const WayRow* way = way_of(spec.programs[program]))
      groups[{way->place, spec.programs[program].target}][way->rank].push_back(program);
  std::vector<Variants> out;
  for (const auto& [key, ways] : groups) {
    if (ways.size() < 2) continue;
    Variants variants;
    variants.place = (key.first == 'r' ? "the return of " : "") + key.second;
    for (const auto& [rank, programs] : ways)
      variants.ways.push_back(programs);
    out.push_back(std::move(variants));
  }
  return out;
}

void choose_first_ways(const std::vector<Variants>& all, Selection& selection) {
  for (const Variants& variants : all)
    for (std::size_t way = 1; way < variants.ways.size(); way++)
      take_out(selection, variants.ways[way]);
}

std::vector<WayTaken> choose_ways(std::vector<Variants>& all, const ObjectSpec& spec,
                                  const loader::KernelProfile& profile, Selection& selection) {
  std::vector<WayTaken> out;
  choose_first_ways(all, selection);
  for (Variants& variants : all) {
    WayTaken taken{.place = variants.place, .taken = {}, .left_out = {}};
    while (variants.ways.size() > 1) {
      std::optional<Error> problem;
      for (const u32 program : variants.ways[0])
        if (!problem)
          problem = loader::attach_problem(spec, program, profile, loader::NearNames::left_out);
      if (!problem) break;
      taken.left_out.push_back({.programs = variants.ways[0], .why = problem->message()});
      choose_next_way(all, variants.ways[0].front(), selection);
    }
    taken.taken = variants.ways[0];
    for (std::size_t i = 1; i < variants.ways.size(); i++)
      taken.left_out.push_back(
          {.programs = variants.ways[i],
           .why = "it sees the same at more cost, and without the types of the arguments"});
    out.push_back(std::move(taken));
  }
  return out;
}

bool choose_next_way(std::vector<Variants>& all, u32 program, Selection& selection) {
  for (Variants& variants : all) {
    if (variants.ways.size() < 2) continue;
    if (std::ranges::find(variants.ways[0], program) == variants.ways[0].end()) continue;
    take_out(selection, variants.ways[0]);
    variants.ways.erase(variants.ways.begin());
    sort_in(selection, variants.ways[0]);
    return true;
  }
  return false;
}

}  // namespace bpfld::cli
