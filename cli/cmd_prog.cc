// SPDX-License-Identifier: Apache-2.0
// `bpfld prog`: the programs that are in the kernel, whoever loaded them.
#include "base/escape.h"
#include "bpf/tables.h"
#include "cli/dump_text.h"
#include "cli/inspect.h"

namespace bpfld::cli {
namespace {

using bpf::ProgramInfo;
using loader::KernelObject;

constexpr OptionRow kOptions[] = {
    {.name = "output",
     .letter = 'o',
     .value = "FORMAT",
     .help = "columns (the default), or json: one object a line"},
};

std::string json_of(const ProgramInfo& info) {
  return format(
      "{{\"id\":{},\"type\":{},\"name\":{},\"tag\":{},\"gpl_compatible\":{},\"uid\":{},"
      "\"loaded_ns\":{},\"xlated_bytes\":{},\"jited_bytes\":{},\"verified_insns\":{},"
      "\"map_count\":{},\"btf_id\":{},\"runs\":{},\"run_ns\":{}}}\n",
      info.id, json_string(bpf::name_of(info.type)), json_string(info.name), json_string(info.tag),
      info.gpl ? "true" : "false", info.uid, info.loaded_ns, info.xlated_size, info.jited_size,
      info.verified_insns, info.map_count, info.btf_id, info.runs, info.run_ns);
}

void add_row(Rows& rows, const ProgramInfo& info) {
  if (rows.empty())
    rows.push_back({"ID", "TYPE", "NAME", "TAG", "INSNS", "MAPS", "RUNS", "AVERAGE"});
  rows.push_back({format("{}", info.id), bpf::name_of(info.type),
                  info.name.empty() ? "-" : escape_terminal(info.name), info.tag,
                  info.xlated_size == 0 ? "-" : format("{}", info.xlated_size / sizeof(bpf::Insn)),
                  format("{}", info.map_count), info.runs == 0 ? "-" : format("{}", info.runs),
                  info.runs == 0 ? "-" : format("{} ns", info.run_ns / info.runs)});
}

void add(const Inspection& inspection, Rows& rows, const KernelObject& object) {
  const ProgramInfo info = bpf::decode_program_info(object.info);
  if (inspection.json)
    inspection.print(json_of(info));
  else
    add_row(rows, info);
}

Status list(Inspection& inspection) {
  return list_action(inspection, add);
}

Status show(Inspection& inspection) {
  return show_action(inspection, add);
}

// What the kernel shows of an instruction's operand: ids instead of addresses.
std::string remark(const bpf::Insn& insn, const bpf::Insn* next) {
  if (insn.is_subprogram_call()) return format("call {}{}", insn.imm >= 0 ? "+" : "", insn.imm + 1);
  if (!insn.is_ld_imm64()) return {};
  const u8 source = insn.src();
  if (source == bpf::kPseudoMapFd) return format("map id {}", static_cast<u32>(insn.imm));
  if (source == bpf::kPseudoMapValue && next != nullptr)
    return format("map id {} +{}", static_cast<u32>(insn.imm), static_cast<u32>(next->imm));
  return {};
}

std::string spaced(const std::string& hex) {
  std::string out;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    out += (i == 0 ? "" : " ") + hex.substr(i, 2);
  return out;
}

Status dump_one(Inspection& inspection, const KernelObject& object) {
  const ProgramInfo info = bpf::decode_program_info(object.info);
  const std::vector<bpf::Insn> insns = TRY(loader::read_instructions(inspection.kernel, object));
  std::string out;
  if (inspection.json) {
    for (const bpf::Insn& insn : insns)
      out += format("{}\"{}\"", out.empty() ? "" : ",", to_hex(insn));
    inspection.print(
        format("{{\"id\":{},\"name\":{},\"insns\":[{}]}}\n", info.id, json_string(info.name), out));
    return {};
  }
  out = format("{} {} (id {}, tag {}):\n", bpf::name_of(info.type), escape_terminal(info.name),
               info.id, info.tag);
  if (insns.empty()) out += "  the kernel does not show its instructions\n";
  for (std::size_t i = 0; i < insns.size(); i++) {
    const bpf::Insn* next = i + 1 < insns.size() ? &insns[i + 1] : nullptr;
    const std::string note = remark(insns[i], next);
    const std::string number = format("{}", i);
    out += format("{}{}: {}{}{}\n", std::string(number.size() < 6 ? 6 - number.size() : 0, ' '),
                  number, spaced(to_hex(insns[i])), note.empty() ? "" : "   ; ", note);
  }
  inspection.print(out);
  return {};
}

Status dump(Inspection& inspection) {
  const Selector selector = TRY(take_selector(inspection.words));
  TRY(expect_end(inspection));
  for (const KernelObject& object :
       TRY(open_selected(inspection.kernel, inspection.kind, selector)))
    TRY(dump_one(inspection, object));
  return {};
}

// clang-format off
constexpr InspectAction kActions[] = {
    {"list",  "",                list},
    {"show",  "PROG",            show},
    {"dump",  "PROG",            dump},
    {"pin",   "PROG PATH",       pin_action},
    {"unpin", "PATH",            unpin_action},
};
// clang-format on

}  // namespace

const CommandRow kProgCommand = {
    .name = "prog",
    .operands = "[list | show PROG | dump PROG | pin PROG PATH | unpin PATH]",
    .summary = "look at the programs that are loaded",
    .about =
        "list: all programs, whoever loaded them.\n"
        "show PROG: one of them, or those of one name.\n"
        "dump PROG: its instructions as the verifier left them, with the ids of maps.\n"
        "pin PROG PATH, unpin PATH: keep it below /sys/fs/bpf, or remove such a pin.\n\n"
        "PROG is `id N`, `name NAME` (which may hold * and ?) or the path of a pin. RUNS and "
        "AVERAGE are counted while kernel.bpf_stats_enabled is 1.",
    .options = kOptions,
    .max_operands = 4,
};

int prog_command(const Invocation& invocation) {
  return run_inspection(invocation, bpf::ObjectKind::program, kProgCommand, kActions);
}

}  // namespace bpfld::cli
