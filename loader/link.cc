// SPDX-License-Identifier: Apache-2.0
// Appending subprograms and rewriting distances; see link.h.
#include "loader/link.h"

#include <algorithm>
#include <unordered_map>

#include "base/escape.h"
#include "loader/collect.h"

namespace bpfld::loader {
namespace {

bool is_callee(const Reference& reference) {
  return reference.kind == ReferenceKind::call || reference.kind == ReferenceKind::function;
}

// Whether the instruction is still what the reference was made for: CO-RE may have poisoned it, and
// then nothing else applies to it.
bool still_applies(const Reference& reference, const bpf::Insn& insn) {
  switch (reference.kind) {
    case ReferenceKind::call: return insn.is_subprogram_call();
    case ReferenceKind::map:
    case ReferenceKind::map_value:
    case ReferenceKind::jump_table:
    case ReferenceKind::function: return insn.is_ld_imm64();
    case ReferenceKind::extern_: return insn.is_ld_imm64() || (insn.is_call() && insn != kPoison);
  }
  std::unreachable();
}

void append_info(const ObjectSpec& spec, LinkedProgram& out) {
  const auto all_have = [&](auto member) {
    return std::ranges::none_of(out.pieces, [&](const Piece& piece) {
      const auto& info = spec.functions[piece.function].*member;
      return info.empty() || info.front().at != InsnIndex{0};
    });
  };
  // The verifier wants a record at the start of every function, or none at all (check_btf_func,
  // check_btf_line in kernel/bpf/verifier.c); line_info needs func_info.
  const bool funcs = all_have(&FunctionSpec::func_info);
  const bool lines = funcs && all_have(&FunctionSpec::line_info);
  for (const Piece& piece : out.pieces) {
    const FunctionSpec& function = spec.functions[piece.function];
    if (funcs) out.func_info.push_back({piece.start, function.func_info.front().type});
    if (!lines) continue;
    for (LineInfo line : function.line_info) {
      line.at = piece.start + line.at.value;
      out.line_info.push_back(line);
    }
  }
}

// Turns references into what the kernel reads: distances for calls; maps are left for the executor.
Status apply_references(const ObjectSpec& spec, const ExternOutcome& externs,
                        const KernelProfile& profile, LinkedProgram& out) {
  std::unordered_map<u32, InsnIndex> starts;
  for (const Piece& piece : out.pieces)
    starts.emplace(piece.function, piece.start);
  for (const Piece& piece : out.pieces) {
    for (const Reference& reference : spec.functions[piece.function].references) {
      const InsnIndex at = piece.start + reference.at.value;
      bpf::Insn& insn = out.insns[at.value];
      if (!still_applies(reference, insn)) continue;
      if (is_callee(reference)) {
        const auto target = starts.find(reference.index);
        if (target == starts.end()) return fail(Code::internal, "a called function was not linked");
        insn.imm = static_cast<i32>(static_cast<i64>(target->second.value) -
                                    static_cast<i64>(at.value) - 1);
        if (insn.is_ld_imm64()) {
          insn.set_src(bpf::kPseudoFunc);
          out.insns[at.value + 1].imm = 0;
        }
        continue;
      }
      if (reference.kind == ReferenceKind::extern_) {
        Reference moved = reference;
        moved.at = at;
        TRY(apply_extern(spec, externs.externs[reference.index], moved, profile, out));
        continue;
      }
      if (reference.kind == ReferenceKind::jump_table)
        out.jump_references.push_back({at, reference.index, piece.start});
      insn.set_src(reference.kind == ReferenceKind::map ? bpf::kPseudoMapFd : bpf::kPseudoMapValue);
      insn.imm = 0;
      out.insns[at.value + 1].imm = static_cast<i32>(reference.offset);
      if (reference.kind == ReferenceKind::jump_table) continue;
      Reference moved = reference;
      moved.at = at;
      out.map_references.push_back(moved);
    }
  }
  std::ranges::stable_sort(out.map_references, {}, &Reference::at);
  std::ranges::stable_sort(out.jump_references, {}, &JumpReference::at);
  std::ranges::stable_sort(out.kernel_references, {}, &KernelReference::at);
  return {};
}

Result<LinkedProgram> link_program(const ObjectSpec& spec, u32 index,
                                   std::span<const u32> functions,
                                   const std::vector<std::vector<bpf::Insn>>& code,
                                   const ExternOutcome& externs, const KernelProfile& profile) {
  LinkedProgram out;
  out.program = index;
  for (u32 function : functions) {
    out.pieces.push_back({function, InsnIndex{out.insns.size()}});
    out.insns.insert(out.insns.end(), code[function].begin(), code[function].end());
    if (out.insns.size() > kMaxInsns)
      return fail(Code::limit, "has more than {} instructions with its subprograms", kMaxInsns);
  }
  TRY(apply_references(spec, externs, profile, out));
  append_info(spec, out);
  return out;
}

std::string label(const ProgramSpec& program) {
  return format("program \"{}\"", escape_terminal(program.name));
}

}  // namespace

std::vector<u32> reachable_functions(const ObjectSpec& spec, u32 entry) {
  std::vector<u32> order;
  std::vector<bool> seen(spec.functions.size(), false);
  struct Frame {
    u32 function;
    std::size_t next;  // the next reference to look at
  };
  std::vector<Frame> stack;
  const auto enter = [&](u32 function) {
    seen[function] = true;
    order.push_back(function);
    stack.push_back({function, 0});
  };
  enter(entry);
  std::optional<u32> callback = spec.functions[entry].exception_callback;
  while (true) {
    if (stack.empty()) {  // all that is called is there; next, what the kernel calls
      if (!callback || seen[*callback]) break;
      enter(*callback);
    }
    Frame& top = stack.back();
    const std::vector<Reference>& references = spec.functions[top.function].references;
    while (top.next < references.size() &&
           (!is_callee(references[top.next]) || seen[references[top.next].index]))
      top.next++;
    if (top.next == references.size()) {
      stack.pop_back();
    } else {
      enter(references[top.next].index);  // invalidates `top`
    }
  }
  return order;
}

Result<Linked> link(const ObjectSpec& spec, const Selection& selection,
                    const KernelProfile& profile) {
  std::vector<std::vector<u32>> reached;
  std::vector<bool> wanted(spec.functions.size(), false);
  for (u32 index : selection) {
    reached.push_back(reachable_functions(spec, spec.programs[index].function));
    for (u32 function : reached.back())
      wanted[function] = true;
  }
  std::vector<u32> functions;
  std::vector<std::vector<bpf::Insn>> code(spec.functions.size());
  for (u32 i = 0; i < spec.functions.size(); i++) {
    if (!wanted[i]) continue;
    functions.push_back(i);
    code[i] = spec.functions[i].insns;
  }
  Linked linked;
  linked.core = TRY(relocate_core(spec, functions, profile, code));
  StructOpsOutcome struct_ops = TRY(fit_struct_ops(spec, selection, profile));
  linked.struct_ops = std::move(struct_ops.maps);
  linked.externs = resolve_externs(spec, functions, profile);
  u64 total = 0;
  for (std::size_t i = 0; i < selection.size(); i++) {
    const ProgramSpec& program = spec.programs[selection[i]];
    for (u32 function : reached[i])
      total += code[function].size();
    if (total > kMaxLinkedInsns)
      return fail(Code::limit, "the programs have more than {} instructions with their subprograms",
                  kMaxLinkedInsns);
    linked.programs.push_back(TRY(
        with_context(link_program(spec, selection[i], reached[i], code, linked.externs, profile),
                     [&] { return label(program); })));
    linked.programs.back().struct_ops = struct_ops.targets[selection[i]];
  }
  return linked;
}

}  // namespace bpfld::loader
