// SPDX-License-Identifier: Apache-2.0
// `bpfld dump`: what is in an object's programs, and with --linked what the kernel would get: after
// subprograms were appended and CO-RE was applied, before maps have fds. Pure but for reading the
// two files, so it needs no privileges and works for any kernel whose BTF is at hand. When linking
// everything fails, each program is linked alone: one that cannot be does not hide the others.
#include <algorithm>
#include <fnmatch.h>
#include <optional>

#include "base/escape.h"
#include "base/mapped_file.h"
#include "bpf/tables.h"
#include "cli/commands.h"
#include "cli/dump_text.h"
#include "cli/facts.h"
#include "cli/hints.h"
#include "cli/saved_kernel.h"
#include "loader/collect.h"

namespace bpfld::cli {
namespace {

using loader::ObjectSpec;
using loader::ProgramSpec;
using loader::Selection;

constexpr OptionRow kOptions[] = {
    {.name = "linked",
     .letter = '\0',
     .value = "",
     .help = "programs as the kernel gets them: with their subprograms, after CO-RE"},
    {.name = "btf",
     .letter = '\0',
     .value = "FILE",
     .help = "answer CO-RE relocations from this kernel's BTF, not the running one's"},
    {.name = "profile",
     .letter = '\0',
     .value = "FILE",
     .help = "the same from a kernel that was saved with `bpfld profile save`"},
    {.name = "config",
     .letter = '\0',
     .value = "FILE",
     .help = "--linked: take Kconfig values from this configuration, plain or .gz"},
    {.name = "prog",
     .letter = '\0',
     .value = "GLOB",
     .help = "only programs whose names match; may be repeated",
     .repeat = Repeat::many},
    {.name = "output",
     .letter = 'o',
     .value = "FORMAT",
     .help = "text, or json: one object per program on a line"},
};

// handle: one run of the command.
class Dump {
 public:
  Dump(const Invocation& invocation, bool json)
      : arguments_(invocation.arguments),
        streams_(invocation.streams),
        style_(style_for(invocation.arguments, invocation.streams.out)),
        json_(json) {}

  int run();

 private:
  bool open();
  bool select();
  void dump_functions();
  void dump_programs();
  void print(const ProgramSpec* program, const Listing& listing,
             const loader::LinkedProgram* linked = nullptr);
  void print_heading(const ProgramSpec& program);
  void report(Phase phase, const Error& error, const ProgramSpec* program);

  const Arguments& arguments_;
  Streams& streams_;
  Style style_;
  bool json_;
  ObjectSpec spec_;
  loader::KernelProfile profile_;
  Selection selection_;
  Exit status_ = Exit::ok;
  bool first_ = true;
};

void Dump::report(Phase phase, const Error& error, const ProgramSpec* program) {
  Facts facts;
  facts.kernel = profile_.release;
  facts.btf = arguments_.value("btf");
  const bool understood = phase != Phase::open && phase != Phase::parse;
  const Report found = explain({.phase = phase,
                                .error = error,
                                .facts = facts,
                                .object = arguments_.operands[0],
                                .spec = understood ? &spec_ : nullptr,
                                .program = program});
  if (status_ == Exit::ok) status_ = found.exit;
  const Style style = style_for(arguments_, streams_.err);
  streams_.say(to_text(found, style));
}

bool Dump::open() {
  const std::string& path = arguments_.operands[0];
  const Result<std::vector<std::byte>> file = read_file(path);
  if (!file) {
    report(Phase::open, file.error(), nullptr);
    return false;
  }
  Result<ObjectSpec> spec = loader::collect(*file, loader::object_name(path));
  if (!spec) {
    report(Phase::parse, spec.error(), nullptr);
    return false;
  }
  spec_ = std::move(spec).value();
  return true;
}

// All programs unless --prog says otherwise, also those that are not loaded by default.
bool Dump::select() {
  const std::span<const std::string> globs = arguments_.values("prog");
  for (u32 i = 0; i < spec_.programs.size(); i++) {
    const auto matches = [&](const std::string& glob) {
      return ::fnmatch(glob.c_str(), spec_.programs[i].name.c_str(), 0) == 0;
    };
    if (globs.empty() || std::ranges::any_of(globs, matches)) selection_.push_back(i);
  }
  if (!selection_.empty()) return true;
  if (globs.empty()) return true;  // an object of maps only, or a library
  const std::unexpected<Error> failure =
      fail(Code::usage, "no program's name matches --prog {}", escape_terminal(globs.front()));
  report(Phase::usage, failure.error(), nullptr);
  return false;
}

void Dump::print_heading(const ProgramSpec& program) {
  const std::string section = format("SEC(\"{}\")", escape_terminal(program.section));
  std::string meaning = "unknown section name";
  if (program.row != nullptr) {
    meaning = bpf::name_of(program.row->type);
    if (program.row->attach_type != bpf::AttachType{})
      meaning += ", " + bpf::name_of(program.row->attach_type);
  }
  streams_.out.write(format("{}  {}\n", style_.paint(Ink::good, section), meaning));
}

std::string references_json(const Listing& listing) {
  std::string out;
  for (const ListedReference& reference : listing.references) {
    out += format("{}{{\"insn\":{},\"kind\":\"{}\",\"name\":{}", out.empty() ? "" : ",",
                  reference.at, reference.kind, json_string(reference.name));
    if (reference.kind == "map_value") out += format(",\"offset\":{}", reference.offset);
    out += "}";
  }
  return out;
}

std::string insns_json(const Listing& listing) {
  std::string out;
  for (const bpf::Insn& insn : listing.insns)
    out += format("{}\"{}\"", out.empty() ? "" : ",", to_hex(insn));
  return out;
}

std::string core_json(const Listing& listing) {
  std::string out;
  for (const auto& [at, text] : listing.core)
    out += format("{}{{\"insn\":{},\"text\":{}}}", out.empty() ? "" : ",", at, json_string(text));
  return out;
}

// [slot, type id]: as the kernel takes func_info.
std::string functions_json(const Listing& listing) {
  std::string out;
  for (const loader::FunctionInfo& info : listing.functions)
    out += format("{}[{},{}]", out.empty() ? "" : ",", info.at.value, info.type);
  return out;
}

// [slot, file, text, line and column]: as the kernel takes line_info, names as offsets in the BTF.
std::string lines_json(const Listing& listing) {
  std::string out;
  for (const loader::LineInfo& line : listing.lines)
    out += format("{}[{},{},{},{}]", out.empty() ? "" : ",", line.at.value, line.file_name,
                  line.line_text, line.line_column);
  return out;
}

// Name, section and types: the part of a JSON line that is known also of a program that cannot be
// linked.
std::string identity_json(const ProgramSpec* program, std::string_view name,
                          const loader::LinkedProgram* linked = nullptr) {
  std::string out = format("\"name\":{}", json_string(name));
  if (program == nullptr) return out;
  const loader::SectionRow* row = program->row;
  u32 attach_type = row == nullptr ? 0 : static_cast<u32>(row->attach_type);
  if (linked != nullptr && linked->struct_ops) attach_type = linked->struct_ops->member;
  return out + format(",\"section\":{},\"type\":{},\"expected_attach_type\":{}",
                      json_string(program->section),
                      row == nullptr ? 0 : static_cast<u32>(row->type), attach_type);
}

void Dump::print(const ProgramSpec* program, const Listing& listing,
                 const loader::LinkedProgram* linked) {
  if (json_) {
    streams_.out.write(format(
        "{{{},\"insns\":[{}],\"refs\":[{}],\"core\":[{}],\"func_info\":[{}],\"line_info\":[{}]}}\n",
        identity_json(program, listing.name, linked), insns_json(listing), references_json(listing),
        core_json(listing), functions_json(listing), lines_json(listing)));
    return;
  }
  if (!first_) streams_.out.write("\n");
  first_ = false;
  if (program != nullptr) print_heading(*program);
  streams_.out.write(to_text(listing, spec_, style_));
}

// Functions as they are in the object: the selected programs, then what these call.
void Dump::dump_functions() {
  std::vector<u32> functions;
  for (const u32 index : selection_)
    functions.push_back(spec_.programs[index].function);
  for (const u32 index : selection_)
    for (const u32 function : loader::reachable_functions(spec_, spec_.programs[index].function))
      if (std::ranges::find(functions, function) == functions.end()) functions.push_back(function);
  std::vector<u32> in_order = functions;
  std::ranges::sort(in_order);
  const Result<loader::CoreOutcome> core = loader::resolve_core(spec_, in_order, profile_);
  for (std::size_t i = 0; i < functions.size(); i++) {
    const Listing listing = list_function(spec_, functions[i], profile_, core ? &*core : nullptr);
    print(i < selection_.size() ? &spec_.programs[selection_[i]] : nullptr, listing);
  }
}

void Dump::dump_programs() {
  const Result<loader::Linked> all = loader::link(spec_, selection_, profile_);
  for (std::size_t i = 0; i < selection_.size(); i++) {
    const ProgramSpec& program = spec_.programs[selection_[i]];
    if (all) {
      print(&program, list_program(spec_, all->programs[i], profile_, all->core),
            &all->programs[i]);
      continue;
    }
    const Result<loader::Linked> alone = loader::link(spec_, {selection_[i]}, profile_);
    if (alone) {
      print(&program, list_program(spec_, alone->programs[0], profile_, alone->core),
            &alone->programs[0]);
      continue;
    }
    report(Phase::link, alone.error(), &program);
    if (json_)
      streams_.out.write(format("{{{},\"error\":{}}}\n", identity_json(&program, program.name),
                                json_string(alone.error().message())));
  }
}

int Dump::run() {
  if (!open() || !select()) return static_cast<int>(status_);
  loader::Needs needs = loader::needs(spec_, selection_);
  loader::Needs wanted;  // nothing is attached
  wanted.kernel_btf = needs.kernel_btf;
  wanted.names = std::move(needs.names);
  wanted.core_roots = std::move(needs.core_roots);
  if (arguments_.has("linked")) {
    wanted.kconfig = std::move(needs.kconfig);
    wanted.symbols = std::move(needs.symbols);
  }
  Result<loader::KernelProfile> profile = capture_kernel(wanted, arguments_);
  if (!profile) {
    const bool misused = profile.error().code == Code::usage;
    report(misused ? Phase::usage : Phase::btf, profile.error(), nullptr);
    return static_cast<int>(status_);
  }
  profile_ = std::move(profile).value();
  if (arguments_.has("linked"))
    dump_programs();
  else
    dump_functions();
  return static_cast<int>(status_);
}

}  // namespace

const CommandRow kDumpCommand = {
    .name = "dump",
    .operands = "OBJECT",
    .summary = "show the instructions of an object's programs",
    .about =
        "Shows each program and the functions it calls: bytes, source lines, references to maps "
        "and functions, and how each CO-RE relocation is answered for this kernel or the one of "
        "--btf. Nothing is loaded, and no privileges are needed.",
    .options = kOptions,
    .min_operands = 1,
    .max_operands = 1,
};

int dump_command(const Invocation& invocation) {
  const std::string_view output = invocation.arguments.value("output");
  if (!output.empty() && output != "text" && output != "json") {
    const std::unexpected<Error> failure =
        fail(Code::usage, "-o takes text or json, not \"{}\"", escape_terminal(output));
    return report_usage(failure.error(), &kDumpCommand, invocation.streams);
  }
  return Dump(invocation, output == "json").run();
}

}  // namespace bpfld::cli
