// SPDX-License-Identifier: Apache-2.0
// See dump_text.h.
#include "cli/dump_text.h"

#include <algorithm>
#include <array>
#include <bit>

#include "base/escape.h"
#include "btf/view.h"

namespace bpfld::cli {
namespace {

using loader::ObjectSpec;
using loader::Reference;
using loader::ReferenceKind;

constexpr std::size_t kNoteColumn = 34;  // where what is said about an instruction starts

ListedReference to_listed(const ObjectSpec& spec, const Reference& reference) {
  ListedReference out{.at = reference.at.value, .kind = "", .name = "", .offset = 0};
  switch (reference.kind) {
    case ReferenceKind::map:
      out.kind = "map";
      out.name = spec.maps[reference.index].name;
      return out;
    case ReferenceKind::map_value:
      out.kind = "map_value";
      out.name = spec.maps[reference.index].name;
      out.offset = reference.offset;
      return out;
    case ReferenceKind::call:
    case ReferenceKind::function:
      out.kind = reference.kind == ReferenceKind::call ? "call" : "func";
      out.name = spec.functions[reference.index].name;
      return out;
    case ReferenceKind::jump_table:
      out.kind = "jump_table";
      out.name = spec.jump_tables[reference.index].name;
      break;
    case ReferenceKind::extern_:
      out.kind = "extern";
      out.name = spec.externs[reference.index].name;
      return out;
  }
  return out;
}

std::string question(const loader::CoreRelocation& relocation) {
  return format("core {} of type {}, {}", btf::core_kind_name(relocation.kind), relocation.type,
                relocation.access);
}

// Adds the answers about `function` to `listing`, in which it starts at `start`.
void add_core(Listing& listing, const ObjectSpec& spec, u32 function, u64 start,
              const loader::KernelProfile& profile, const loader::CoreOutcome& core) {
  for (u32 i = 0; i < core.resolutions.size(); i++) {
    const loader::CoreOutcome::Source source = core.sources[i];
    if (source.function != function) continue;
    const u64 at = start + spec.functions[function].core[source.index].at.value;
    listing.core.emplace(at, "core " + loader::describe_core(spec, profile, core, i));
  }
}

std::string note_of(const ListedReference& reference) {
  const std::string name = escape_terminal(reference.name);
  if (reference.kind == "map_value") return format("map_value {} + {}", name, reference.offset);
  return format("{} {}", reference.kind, name);
}

// "; 44      e = bpf_ringbuf_reserve(&rb, sizeof(*e), 0);"; the file's name if the text is not
// known.
std::string source_line(const loader::LineInfo& line, const btf::View& btf) {
  std::string text = escape_terminal(btf.string(line.line_text));
  if (text.empty()) text = escape_terminal(btf.string(line.file_name));
  while (text.starts_with("\\t"))
    text.replace(0, 2, "  ");
  return format("; {:<5} {}", line.line_column >> 10, text);
}

// What became of an extern that is no type of the kernel.
void add_extern(Listing& listing, const ObjectSpec& spec, const Reference& reference, u64 at) {
  const loader::ExternSpec& external = spec.externs[reference.index];
  const bpf::Insn& insn = listing.insns[at];
  if (!insn.is_ld_imm64()) return;  // a kfunc, or poison
  if (external.kind == loader::ExternKind::kconfig)
    listing.references.push_back({.at = at,
                                  .kind = "map_value",
                                  .name = spec.maps[external.map].name,
                                  .offset = external.offset});
  else if (insn.src() == 0)
    listing.references.push_back({.at = at, .kind = "address", .name = external.name, .offset = 0});
}

}  // namespace

Listing list_function(const ObjectSpec& spec, u32 function, const loader::KernelProfile& profile,
                      const loader::CoreOutcome* core) {
  const loader::FunctionSpec& from = spec.functions[function];
  Listing out;
  out.name = from.name;
  out.insns = from.insns;
  out.labels.emplace(0, from.name);
  out.functions = from.func_info;
  out.lines = from.line_info;
  for (const Reference& reference : from.references)
    out.references.push_back(to_listed(spec, reference));
  if (core != nullptr) {
    add_core(out, spec, function, 0, profile, *core);
  } else {
    for (const loader::CoreRelocation& relocation : from.core)
      out.core.emplace(relocation.at.value, question(relocation));
  }
  return out;
}

Listing list_program(const ObjectSpec& spec, const loader::LinkedProgram& program,
                     const loader::KernelProfile& profile, const loader::CoreOutcome& core) {
  Listing out;
  out.name = spec.programs[program.program].name;
  out.insns = program.insns;
  out.functions = program.func_info;
  out.lines = program.line_info;
  for (const loader::KernelReference& reference : program.kernel_references) {
    ListedReference listed{.at = reference.at.value, .kind = "kfunc", .name = "", .offset = 0};
    if (!out.insns[listed.at].is_call()) listed.kind = "ksym";
    listed.name = spec.externs[reference.index].name;
    out.references.push_back(listed);
  }
  for (const loader::Piece& piece : program.pieces) {
    const loader::FunctionSpec& function = spec.functions[piece.function];
    out.labels.emplace(piece.start.value, function.name);
    add_core(out, spec, piece.function, piece.start.value, profile, core);
    for (const Reference& reference : function.references) {
      ListedReference listed = to_listed(spec, reference);
      listed.at += piece.start.value;
      if (reference.kind == ReferenceKind::extern_) {
        add_extern(out, spec, reference, listed.at);
        continue;
      }
      // One that CO-RE turned into poison refers to nothing any more.
      const bpf::Insn& insn = out.insns[listed.at];
      if (insn.is_ld_imm64() || insn.is_subprogram_call()) out.references.push_back(listed);
    }
  }
  std::ranges::stable_sort(out.references, {}, &ListedReference::at);
  return out;
}

std::string to_hex(const bpf::Insn& insn) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (const u8 byte : std::bit_cast<std::array<u8, sizeof(bpf::Insn)>>(insn)) {
    out += kDigits[byte >> 4];
    out += kDigits[byte & 0xf];
  }
  return out;
}

std::string to_text(const Listing& listing, const ObjectSpec& spec, const Style& style) {
  const Result<btf::View> btf = btf::View::parse(spec.btf);
  std::string out;
  auto reference = listing.references.begin();
  auto line = listing.lines.begin();
  std::string last_line;  // one statement often has several records in a row
  for (u64 at = 0; at < listing.insns.size(); at++) {
    if (const auto label = listing.labels.find(at); label != listing.labels.end()) {
      out += style.paint(Ink::heading, escape_terminal(label->second) + ":") + "\n";
      last_line.clear();
    }
    for (; line != listing.lines.end() && line->at.value <= at; ++line) {
      if (!btf || line->at.value != at) continue;
      std::string text = source_line(*line, *btf);
      if (text != last_line) out += style.paint(Ink::faint, text) + "\n";
      last_line = std::move(text);
    }
    std::string hex;
    const std::string digits = to_hex(listing.insns[at]);
    for (std::size_t i = 0; i < digits.size(); i += 2)
      hex += " " + digits.substr(i, 2);
    std::vector<std::string> notes;
    for (; reference != listing.references.end() && reference->at <= at; ++reference)
      if (reference->at == at) notes.push_back(note_of(*reference));
    for (auto [note, end] = listing.core.equal_range(at); note != end; ++note)
      notes.push_back(escape_terminal(note->second));
    std::string row = format("{:>6}:{}", at, hex);
    for (std::size_t i = 0; i < notes.size(); i++) {
      out += pad(row, kNoteColumn) + "; " + notes[i] + "\n";
      row.clear();
    }
    if (notes.empty()) out += row + "\n";
  }
  return out;
}

}  // namespace bpfld::cli
