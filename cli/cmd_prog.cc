// SPDX-License-Identifier: Apache-2.0
// `bpfld prog`: the programs that are in the kernel, whoever loaded them.
#include "base/escape.h"
#include "base/mapped_file.h"
#include "bpf/tables.h"
#include "cli/dump_text.h"
#include "cli/inspect.h"
#include "cli/prog_text.h"
#include "loader/kallsyms.h"

namespace bpfld::cli {
namespace {

using bpf::ProgramInfo;
using loader::KernelObject;

constexpr std::string_view kCallBase = "__bpf_call_base";  // what calls of helpers count from
constexpr u64 kMaxKallsyms = 128u << 20;                   // 5 MB are usual

constexpr OptionRow kOptions[] = {
    {.name = "hex", .letter = '\0', .value = "", .help = "dump: the bytes of each instruction too"},
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

// Names are for people: what cannot be found out stays a number.
ProgramNames find_names(Inspection& inspection, std::span<const bpf::Insn> insns) {
  ProgramNames out;
  for (const u32 id : map_ids(insns)) {
    const Result<KernelObject> map =
        loader::open_object(inspection.kernel, bpf::ObjectKind::map, id);
    if (map) out.maps.emplace(id, name_of(*map));
  }
  const std::set<i32> distances = helper_distances(insns);
  if (distances.empty()) return out;
  const Result<std::string> text = read_text("/proc/kallsyms", kMaxKallsyms);
  if (!text) return out;
  const std::vector<std::string> wanted = {std::string(kCallBase)};
  const loader::KernelSymbols base = loader::find_symbols(*text, wanted);
  if (base.hidden || base.found.empty()) return out;
  const u64 start = base.found.begin()->second.address;
  std::set<u64> addresses;
  for (const i32 distance : distances)
    addresses.insert(start + static_cast<u64>(i64{distance}));
  const std::map<u64, std::string> names = loader::names_at(*text, addresses);
  for (const i32 distance : distances)
    if (const auto name = names.find(start + static_cast<u64>(i64{distance})); name != names.end())
      out.helpers.emplace(distance, name->second);
  return out;
}

std::string spaced(const std::string& hex) {
  std::string out;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    out += (i == 0 ? "" : " ") + hex.substr(i, 2);
  return out;
}

std::string dump_json(const ProgramInfo& info, std::span<const bpf::Insn> insns,
                      std::span<const std::string> texts) {
  std::string slots, lines;
  for (std::size_t i = 0; i < insns.size(); i++) {
    slots += format("{}\"{}\"", i == 0 ? "" : ",", to_hex(insns[i]));
    lines += (i == 0 ? "" : ",") + json_string(texts[i]);
  }
  return format("{{\"id\":{},\"name\":{},\"insns\":[{}],\"text\":[{}]}}\n", info.id,
                json_string(info.name), slots, lines);
}

std::string dump_text(const ProgramInfo& info, std::span<const bpf::Insn> insns,
                      std::span<const std::string> texts, bool hex) {
  std::string out = format("{} {} (id {}, tag {}):\n", bpf::name_of(info.type),
                           escape_terminal(info.name), info.id, info.tag);
  if (insns.empty()) out += "  the kernel does not show its instructions\n";
  const std::map<u64, std::string> labels = subprogram_labels(insns);
  for (std::size_t i = 0; i < insns.size(); i++) {
    if (const auto label = labels.find(i); label != labels.end()) out += label->second + ":\n";
    if (hex)
      out += format("{:>6}: {}{}{}\n", i, spaced(to_hex(insns[i])), texts[i].empty() ? "" : "   ",
                    escape_terminal(texts[i]));
    else if (!texts[i].empty())
      out += format("{:>6}: {}\n", i, escape_terminal(texts[i]));
  }
  return out;
}

Status dump_one(Inspection& inspection, const KernelObject& object) {
  const ProgramInfo info = bpf::decode_program_info(object.info);
  const std::vector<bpf::Insn> insns = TRY(loader::read_instructions(inspection.kernel, object));
  const std::vector<std::string> texts = program_text(insns, find_names(inspection, insns));
  const bool hex = inspection.invocation.arguments.has("hex");
  inspection.print(inspection.json ? dump_json(info, insns, texts)
                                   : dump_text(info, insns, texts, hex));
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
        "dump PROG: its instructions as the verifier left them, with the names of maps and "
        "helpers.\n"
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
