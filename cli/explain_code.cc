// SPDX-License-Identifier: Apache-2.0
// Instructions that change on the way to the kernel: those that refer to maps and functions, and
// those that hold an offset of a kernel structure.
#include <algorithm>

#include "btf/view.h"
#include "cli/explain.h"
#include "cli/object_warnings.h"

namespace bpfld::cli {
namespace {

using loader::Piece;
using loader::Reference;
using loader::ReferenceKind;

// ":44  e = bpf_ringbuf_reserve(...)": the line that the slot was compiled from.
std::string source_of(const Story& story, const std::optional<btf::View>& types, u32 function,
                      u64 at) {
  if (!types) return {};
  const loader::LineInfo* found = nullptr;
  for (const loader::LineInfo& line : story.spec.functions[function].line_info)
    if (line.at.value <= at) found = &line;
  if (found == nullptr) return {};
  std::string_view text = types->string(found->line_text);
  while (text.starts_with(' ') || text.starts_with('\t'))
    text.remove_prefix(1);
  return format("; {}: {}", found->line_column >> 10, text);
}

std::optional<btf::View> types_of(const Story& story) {
  if (story.spec.btf.empty()) return std::nullopt;
  Result<btf::View> view = btf::View::parse(story.spec.btf);
  return view ? std::optional<btf::View>(std::move(*view)) : std::nullopt;
}

// The instructions of a program as the kernel will get them: from the plan, else as linked.
const std::vector<bpf::Insn>& final_insns(const Story& story,
                                          const loader::LinkedProgram& program) {
  if (!story.plan) return program.insns;
  for (const loader::Op& op : story.plan->load) {
    const bpf::ProgLoad* load = std::get_if<bpf::ProgLoad>(&op.request);
    if (load != nullptr && op.result == story.plan->program_slots[program.program])
      return load->insns;
  }
  return program.insns;
}

std::string map_after(const Story& story, const bpf::Insn& insn, const Reference& reference) {
  std::string hex = spaced_hex(insn).substr(0, 11);  // opcode, registers, offset; the fd follows
  std::string fd = "fd of the map";
  if (story.plan && reference.index < story.plan->map_slots.size())
    fd = "fd " + slot_text(story.plan->map_slots[reference.index]);
  hex += format(" <{}>", fd);
  if (reference.kind == ReferenceKind::map_value) hex += format(", then +{}", reference.offset);
  return hex;
}

std::string kind_text(ReferenceKind kind) {
  switch (kind) {
    case ReferenceKind::map: return "map: BPF_PSEUDO_MAP_FD";
    case ReferenceKind::map_value: return "in its value: BPF_PSEUDO_MAP_VALUE";
    case ReferenceKind::call: return "distance in slots: BPF_PSEUDO_CALL";
    case ReferenceKind::function: return "address of it: BPF_PSEUDO_FUNC";
    case ReferenceKind::extern_: return "provided by the kernel";
    case ReferenceKind::jump_table: return "map of the targets: BPF_PSEUDO_MAP_VALUE";
  }
  return {};
}

std::string name_of(const Story& story, const Reference& reference) {
  switch (reference.kind) {
    case ReferenceKind::map: return story.spec.maps[reference.index].name;
    case ReferenceKind::map_value:
      return format("{}+{}", story.spec.maps[reference.index].name, reference.offset);
    case ReferenceKind::call:
    case ReferenceKind::function: return story.spec.functions[reference.index].name;
    case ReferenceKind::extern_: return story.spec.externs[reference.index].name;
    case ReferenceKind::jump_table: return story.spec.jump_tables[reference.index].name;
  }
  return {};
}

ExplainTable relocation_table(const Story& story, const loader::LinkedProgram& program) {
  ExplainTable table{
      .title = {},
      .columns = {"insn", "refers_to", "before", "arrow", "after", "meaning", "source"},
      .rows = {}};
  const std::optional<btf::View> types = types_of(story);
  const std::vector<bpf::Insn>& after = final_insns(story, program);
  for (const Piece& piece : program.pieces) {
    const loader::FunctionSpec& function = story.spec.functions[piece.function];
    for (const Reference& reference : function.references) {
      const u64 at = piece.start.value + reference.at.value;
      const bool is_map =
          reference.kind == ReferenceKind::map || reference.kind == ReferenceKind::map_value;
      const bpf::Insn& patched = after[static_cast<std::size_t>(at)];
      table.rows.push_back(
          {format("insn {}", at), name_of(story, reference),
           spaced_hex(function.insns[static_cast<std::size_t>(reference.at.value)]), "->",
           is_map ? map_after(story, patched, reference) : spaced_hex(patched),
           kind_text(reference.kind), source_of(story, types, piece.function, reference.at.value)});
    }
  }
  return table;
}

std::string pieces_text(const Story& story, const loader::LinkedProgram& program) {
  std::string out = format("{}: {}", story.spec.programs[program.program].name,
                           count_of(program.insns.size(), "instruction slot"));
  for (std::size_t i = 1; i < program.pieces.size(); i++)
    out += format("{} {} at {}", i == 1 ? "; appended:" : ",",
                  story.spec.functions[program.pieces[i].function].name,
                  program.pieces[i].start.value);
  return out;
}

// The few forms that CO-RE patches, as the verifier would print them.
std::string insn_text(const bpf::Insn& insn) {
  static constexpr std::string_view kSizes[] = {"u32", "u16", "u8", "u64"};
  const std::string_view size = kSizes[(insn.opcode & bpf::kSizeMask) >> 3];
  const auto place = [&](u8 base) {
    return format("*({} *)(r{} {} {})", size, base, insn.offset < 0 ? "-" : "+",
                  insn.offset < 0 ? -i32{insn.offset} : i32{insn.offset});
  };
  if (insn == loader::kPoison) return "call to no helper: poison";
  if (insn.opcode == bpf::kOpMov64Imm) return format("r{} = {}", insn.dst(), insn.imm);
  if (insn.opcode == bpf::kOpAdd64Imm) return format("r{} += {}", insn.dst(), insn.imm);
  if (insn.is_ld_imm64()) return format("r{} = {} ll", insn.dst(), insn.imm);
  switch (insn.instruction_class()) {
    case bpf::kClassLdx: return format("r{} = {}", insn.dst(), place(insn.src()));
    case bpf::kClassStx: return format("{} = r{}", place(insn.dst()), insn.src());
    case bpf::kClassSt: return format("{} = {}", place(insn.dst()), insn.imm);
    default: return format("imm {}", insn.imm);
  }
}

}  // namespace

Chapter explain_relocations(const Story& story) {
  Chapter out{
      .step = "relo", .name = "RELOCS", .headline = {}, .tables = {}, .notes = {}, .errors = {}};
  if (!story.linked) {
    out.headline = "linking failed, so no instruction stream exists";
    if (story.link_error) out.errors.push_back(story.link_error->message());
    return out;
  }
  u64 count = 0;
  for (const loader::LinkedProgram& program : story.linked->programs) {
    ExplainTable table = relocation_table(story, program);
    count += table.rows.size();
    table.title = pieces_text(story, program);
    if (table.rows.empty()) table.rows.push_back({"no references"});
    out.tables.push_back(std::move(table));
  }
  out.headline =
      format("{} that need an address which only loading makes", count_of(count, "instruction"));
  out.notes = {
      "slots are counted from the start of the program with its subprograms behind it: the "
      "verifier "
      "wants one array. An ld_imm64 takes two slots, the second holds the upper half.",
      "$3 is a file descriptor that does not exist yet: the kernel gives it in the LOAD chapter, "
      "and takes the map's address from it."};
  return out;
}

Chapter explain_core(const Story& story) {
  Chapter out{
      .step = "core", .name = "CO-RE", .headline = {}, .tables = {}, .notes = {}, .errors = {}};
  if (!story.core) {
    out.headline = "no answers";
    if (story.link_error) out.errors.push_back(story.link_error->message());
    return out;
  }
  const loader::CoreOutcome& core = *story.core;
  const std::optional<btf::View> types = types_of(story);
  ExplainTable answers{.title = "what the object asks, and what this kernel answers:",
                       .columns = {"number", "function", "insn", "question", "answer", "source"},
                       .rows = {}};
  ExplainTable changes{.title = "what that makes of the instructions:",
                       .columns = {"number", "before", "arrow", "after", "text"},
                       .rows = {}};
  for (u32 i = 0; i < core.resolutions.size(); i++) {
    const loader::CoreOutcome::Source source = core.sources[i];
    const loader::FunctionSpec& function = story.spec.functions[source.function];
    const loader::CoreRelocation& relocation = function.core[source.index];
    const std::string text = loader::describe_core(story.spec, story.profile, core, i);
    const std::size_t split = text.find("): ");
    const std::size_t end = split == std::string::npos ? text.size() : split + 1;
    answers.rows.push_back({format("#{}", relocation.number), function.name,
                            format("insn {}", relocation.at.value), text.substr(0, end),
                            split == std::string::npos ? "" : text.substr(split + 3),
                            source_of(story, types, source.function, relocation.at.value)});
  }
  for (const loader::Fixup& fixup : core.fixups) {
    const loader::CoreOutcome::Source source = core.sources[fixup.resolution];
    const u32 number = story.spec.functions[source.function].core[source.index].number;
    const bool same = fixup.before[0] == fixup.after[0];
    changes.rows.push_back({format("#{}", number), spaced_hex(fixup.before[0]), same ? "=" : "->",
                            same ? "unchanged" : spaced_hex(fixup.after[0]),
                            insn_text(fixup.after[0])});
  }
  const u64 asked = core.resolutions.size();
  const std::optional<Report> lost = lost_relocations(story.spec, story.path);
  out.headline = lost && asked == 0 ? "no relocations, or no more"
                 : asked == 0
                     ? "no relocations: the object reads no kernel structure by its compiled layout"
                     : format("{} against {}", count_of(asked, "relocation"),
                              story.profile.btf != nullptr ? story.profile.btf->path
                                                           : std::string("no kernel BTF"));
  out.tables.push_back(std::move(answers));
  out.tables.push_back(std::move(changes));
  if (lost) {
    out.errors.push_back(lost->what);
    out.errors.push_back(lost->why);
  }
  if (story.link_error) out.errors.push_back(story.link_error->message());
  if (asked != 0)
    out.notes = {
        "the numbers in brackets walk the object's own types: 0 dereferences the pointer, 5 is the "
        "sixth member, and so on. The same names are then looked for in the kernel's types, and "
        "the offset, size or value found there goes into the instruction.",
        "a field that the kernel does not have becomes poison, a call that the verifier refuses: "
        "code behind bpf_core_field_exists() is never reached there and may keep it."};
  return out;
}

}  // namespace bpfld::cli
