// SPDX-License-Identifier: Apache-2.0
// See target_option.h.
#include "cli/target_option.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "base/escape.h"
#include "base/glob.h"
#include "base/near.h"
#include "loader/program_target.h"

namespace bpfld::cli {
namespace {

using loader::ObjectSpec;
using loader::ProgramSpec;
using loader::TargetProgram;

std::unexpected<Error> usage(std::string_view text, std::string_view what) {
  return fail(Code::usage, "--target {}: {}", escape_terminal(text), what);
}

std::unexpected<Error> unknown_program(std::string_view text, std::string_view name,
                                       const ObjectSpec& spec) {
  std::vector<std::string_view> names;
  for (const ProgramSpec& program : spec.programs)
    names.push_back(program.name);
  std::unexpected<Error> failure =
      usage(text, format("the object has no program \"{}\"", escape_terminal(name)));
  failure.error().detail = did_you_mean(nearest(name, names, 3));
  return failure;
}

// "id:7", "id:7:parse", "/sys/fs/bpf/x:parse", "on_packet:parse".
Result<TargetProgram> read_target(std::string_view text, std::string_view what,
                                  const ObjectSpec& spec) {
  TargetProgram out;
  const bool by_id = what.starts_with("id:");
  const bool pinned = what.starts_with('/');
  const std::size_t slash = pinned ? what.rfind('/') : 0;
  const std::size_t colon = what.find(':', by_id ? 3 : slash);
  if (colon != std::string_view::npos) {
    out.function = what.substr(colon + 1);
    what = what.substr(0, colon);
    if (out.function.empty()) return usage(text, "the function after the colon is missing");
  }
  if (by_id || pinned) {
    out.loaded = what;
    return out;
  }
  const auto found = std::ranges::find(spec.programs, what, &ProgramSpec::name);
  if (found == spec.programs.end()) return unknown_program(text, what, spec);
  out.own = static_cast<u32>(found - spec.programs.begin());
  return out;
}

// One more target of a program that has one from this command line. A program that replaces can be
// attached once more; the others are bound to their function by being loaded.
Status add_target(std::string_view text, const TargetProgram& target, ProgramSpec& program) {
  if (program.row->type != bpf::ProgType::ext)
    return usage(text, format("program \"{}\" has a target already: SEC(\"{}\") programs are bound "
                              "to one function when they are loaded, so a second target takes a "
                              "second program, or a second bpfld",
                              escape_terminal(program.name), escape_terminal(program.section)));
  const bool known = program.target_program == target ||
                     std::ranges::find(program.more_targets, target) != program.more_targets.end();
  if (known) return usage(text, "the same target twice");
  program.more_targets.push_back(target);
  return {};
}

// `named`: the programs that have a target from this command line.
Status apply_target(std::string_view text, const loader::Selection& selection, ObjectSpec& spec,
                    std::vector<bool>& named) {
  const std::size_t equals = text.find('=');
  if (equals == 0 || equals == std::string_view::npos || equals + 1 == text.size())
    return usage(text, "want PROGRAM=TARGET, such as watch=on_packet, watch=id:7 or watch=/PINNED");
  const std::string_view glob = text.substr(0, equals);
  const TargetProgram target = TRY(read_target(text, text.substr(equals + 1), spec));
  bool found = false, fitting = false;
  const ProgramSpec* other = nullptr;
  for (const u32 i : selection) {
    ProgramSpec& program = spec.programs[i];
    if (!glob_matches(glob, program.name)) continue;
    found = true;
    if (program.row == nullptr || !loader::takes_target_program(*program.row)) {
      other = &program;
      continue;
    }
    if (target.own == i)
      return usage(text,
                   format("program \"{}\" cannot be about itself", escape_terminal(program.name)));
    fitting = true;
    if (named[i]) {
      TRY(add_target(text, target, program));
      continue;
    }
    named[i] = true;
    program.target_program = target;
    program.more_targets.clear();
  }
  if (!found) {
    const bool left_out = std::ranges::any_of(
        spec.programs, [&](const ProgramSpec& one) { return glob_matches(glob, one.name); });
    return left_out ? usage(text, format("program \"{}\" is not among those that are loaded",
                                         escape_terminal(glob)))
                    : unknown_program(text, glob, spec);
  }
  if (!fitting)
    return usage(text, format("program \"{}\" is SEC(\"{}\"), and only fentry, fexit, fsession and "
                              "freplace programs are about other programs",
                              escape_terminal(other->name), escape_terminal(other->section)));
  return {};
}

}  // namespace

Status apply_target_options(std::span<const std::string> options,
                            const loader::Selection& selection, ObjectSpec& spec) {
  std::vector<bool> named(spec.programs.size(), false);
  for (const std::string& text : options)
    TRY(apply_target(text, selection, spec, named));
  return {};
}

}  // namespace bpfld::cli
