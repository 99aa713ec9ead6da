// SPDX-License-Identifier: Apache-2.0
// See prog_text.h. Nothing here trusts the instructions: they are a kernel's, but maybe not one
// that this was written for.
#include "cli/prog_text.h"

#include "base/format.h"
#include "bpf/disasm.h"

namespace bpfld::cli {
namespace {

using bpf::Insn;

bool names_map(const Insn& insn) {
  return insn.is_ld_imm64() &&
         (insn.src() == bpf::kPseudoMapFd || insn.src() == bpf::kPseudoMapValue);
}

// Of a helper, or of a kernel function that is near enough.
bool calls_by_distance(const Insn& insn) {
  return insn.is_call() && !insn.is_subprogram_call();
}

std::string map_text(const Insn& insn, const Insn* second, const ProgramNames& names) {
  const u32 id = static_cast<u32>(insn.imm);
  const auto name = names.maps.find(id);
  const std::string map =
      name == names.maps.end() ? format("map {}", id) : format("map {} ({})", id, name->second);
  if (insn.src() == bpf::kPseudoMapFd) return format("r{} = {}", insn.dst(), map);
  return format("r{} = value of {} +{}", insn.dst(), map,
                second == nullptr ? 0 : static_cast<u32>(second->imm));
}

std::string call_text(const Insn& insn, const ProgramNames& names) {
  if (const auto name = names.helpers.find(insn.imm); name != names.helpers.end())
    return "call " + name->second;
  if (insn.imm == 0) return "call of a function that the kernel does not tell";
  return bpf::disassemble(insn);
}

// The slot that is `distance` after the one behind `at`, if there is one.
std::optional<u64> target_of(u64 at, i64 distance, std::size_t count) {
  const i64 target = static_cast<i64>(at) + 1 + distance;
  if (target < 0 || target >= static_cast<i64>(count)) return std::nullopt;
  return static_cast<u64>(target);
}

// A program with more than 32,767 slots has calls whose distance does not fit into `offset`: these
// have no target here.
std::optional<u64> called_slot(std::span<const Insn> insns, u64 at) {
  const Insn& insn = insns[at];
  if (insn.is_subprogram_call()) return target_of(at, insn.offset, insns.size());
  if (insn.is_function_address()) return target_of(at, insn.imm, insns.size());
  return std::nullopt;
}

}  // namespace

std::set<u32> map_ids(std::span<const Insn> insns) {
  std::set<u32> out;
  for (const Insn& insn : insns)
    if (names_map(insn)) out.insert(static_cast<u32>(insn.imm));
  return out;
}

std::set<i32> helper_distances(std::span<const Insn> insns) {
  std::set<i32> out;
  for (const Insn& insn : insns)
    if (calls_by_distance(insn) && insn.imm != 0) out.insert(insn.imm);
  return out;
}

std::vector<std::string> program_text(std::span<const Insn> insns, const ProgramNames& names) {
  std::vector<std::string> out(insns.size());
  for (std::size_t i = 0; i < insns.size(); i++) {
    const Insn& insn = insns[i];
    const Insn* second = i + 1 < insns.size() ? &insns[i + 1] : nullptr;
    if (const std::optional<u64> slot = called_slot(insns, i))
      out[i] = insn.is_call() ? format("call {}", *slot)
                              : format("r{} = address of {}", insn.dst(), *slot);
    else if (names_map(insn))
      out[i] = map_text(insn, second, names);
    else if (calls_by_distance(insn))
      out[i] = call_text(insn, names);
    else
      out[i] = bpf::disassemble(insn, second);
    if (insn.is_ld_imm64()) i++;
  }
  return out;
}

std::map<u64, std::string> subprogram_labels(std::span<const Insn> insns) {
  std::map<u64, std::string> out;
  for (std::size_t i = 0; i < insns.size(); i++) {
    if (const std::optional<u64> slot = called_slot(insns, i)) out.try_emplace(*slot);
    if (insns[i].is_ld_imm64()) i++;
  }
  u64 number = 1;
  for (auto& [slot, label] : out)
    label = format("subprogram {}", number++);
  return out;
}

}  // namespace bpfld::cli
