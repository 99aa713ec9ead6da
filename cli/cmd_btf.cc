// SPDX-License-Identifier: Apache-2.0
// `bpfld btf`: what a kernel, a module or an object says about its types. All of it is pure but for
// reading files, so it needs no privileges and works for any kernel whose BTF is at hand.
#include <algorithm>
#include <array>
#include <optional>

#include "base/escape.h"
#include "base/near.h"
#include "btf/c_header.h"
#include "btf/diff.h"
#include "btf/dump.h"
#include "btf/search.h"
#include "btf/show.h"
#include "btf/slice.h"
#include "btf/types.h"
#include "cli/btf_source.h"
#include "cli/commands.h"
#include "cli/facts.h"
#include "cli/hints.h"
#include "elf/object.h"

namespace bpfld::cli {
namespace {

using btf::Kind;
using btf::KindMask;
using btf::TypeId;
using btf::View;

constexpr OptionRow kOptions[] = {
    {.name = "format",
     .letter = '\0',
     .value = "FORMAT",
     .help = "dump: c (a vmlinux.h; the default), raw (every record), or json (the same)"},
    {.name = "type",
     .letter = '\0',
     .value = "NAME",
     .help = "dump: only this type and what it needs; may be repeated",
     .repeat = Repeat::many},
    {.name = "kind",
     .letter = '\0',
     .value = "KIND",
     .help = "search, diff: only struct, union, enum, typedef, func...; may be repeated",
     .repeat = Repeat::many},
    {.name = "for",
     .letter = '\0',
     .value = "OBJECT",
     .help = "min: an object whose CO-RE relocations are to be answered; may be repeated",
     .repeat = Repeat::many},
    {.name = "base",
     .letter = '\0',
     .value = "BTF",
     .help = "what split BTF continues; the running kernel's for its modules"},
    {.name = "output",
     .letter = 'o',
     .value = "FORMAT",
     .help = "search, diff: text, or json: one object per line"},
};

// handle: one run of the command.
class BtfCommand {
 public:
  explicit BtfCommand(const Invocation& invocation)
      : arguments_(invocation.arguments), streams_(invocation.streams) {}

  int dump();
  int show();
  int search();
  int diff();
  int min();

 private:
  const std::string& operand(std::size_t index) const { return arguments_.operands[index]; }
  // The BTF of an operand that may be missing: the kernel's.
  std::optional<BtfSource> open(std::size_t index);
  std::optional<BtfSource> open(const std::string& name);
  int usage(std::unexpected<Error> failure, std::string_view near = {});
  int failed(Phase phase, const Error& error, const std::string& subject);
  std::optional<KindMask> kinds(KindMask if_none);
  std::optional<bool> wants_json();
  std::optional<std::vector<TypeId>> roots(const View& view);
  int no_type(const View& view, const std::string& name);
  bool keep_for(const std::string& path, btf::Slicer& slicer, bool& asks_ids);

  const Arguments& arguments_;
  Streams& streams_;
  int status_ = 0;  // of the last failure that was reported
};

constexpr KindMask kNamed = {Kind::int_,    Kind::struct_,  Kind::union_, Kind::enum_,
                             Kind::fwd,     Kind::typedef_, Kind::func,   Kind::var,
                             Kind::datasec, Kind::float_,   Kind::enum64};
constexpr KindMask kDiffed = {Kind::struct_, Kind::union_,   Kind::enum_,
                              Kind::enum64,  Kind::typedef_, Kind::func};

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

int BtfCommand::usage(std::unexpected<Error> failure, std::string_view near) {
  if (!near.empty()) failure.error().detail = near;
  status_ = report_usage(failure.error(), &kBtfCommand, streams_);
  return status_;
}

int BtfCommand::failed(Phase phase, const Error& error, const std::string& subject) {
  const Facts facts;
  const Report report =
      explain({.phase = phase, .error = error, .facts = facts, .object = subject});
  streams_.say(to_text(report, style_for(arguments_, streams_.err)));
  status_ = static_cast<int>(report.exit);
  return status_;
}

std::optional<BtfSource> BtfCommand::open(std::size_t index) {
  return open(index < arguments_.operands.size() ? operand(index) : "kernel");
}

std::optional<BtfSource> BtfCommand::open(const std::string& name) {
  Result<BtfSource> source = open_btf(name, std::string(arguments_.value("base")));
  if (source) return std::move(*source);
  const Error& error = source.error();
  const bool reading =
      error.code == Code::not_found || error.code == Code::denied || error.code == Code::kernel;
  failed(reading ? Phase::open : Phase::btf, error, name);
  return std::nullopt;
}

// What --kind says.
std::optional<KindMask> BtfCommand::kinds(KindMask if_none) {
  KindMask out;
  for (const std::string& word : arguments_.values("kind")) {
    const auto row = std::ranges::find_if(
        btf::kKinds, [&](const btf::KindRow& r) { return lower(r.name) == lower(word); });
    if (row == btf::kKinds.end()) {
      usage(fail(Code::usage, "there is no kind \"{}\"", escape_terminal(word)));
      return std::nullopt;
    }
    out = out.with(row->kind);
    if (row->kind == Kind::enum_) out = out.with(Kind::enum64);
  }
  return arguments_.has("kind") ? out : if_none;
}

std::optional<bool> BtfCommand::wants_json() {
  const std::string_view word = arguments_.value("output");
  if (word.empty() || word == "text") return false;
  if (word == "json") return true;
  usage(fail(Code::usage, "--output takes text or json, not \"{}\"", escape_terminal(word)));
  return std::nullopt;
}

int BtfCommand::no_type(const View& view, const std::string& name) {
  std::string near;
  for (const std::string_view other : btf::near_names(view, name, kNamed, 3))
    near += format("{}{}", near.empty() ? "" : ", ", other);
  return usage(fail(Code::usage, "there is no type \"{}\"", escape_terminal(name)), near);
}

// The types that --type names.
std::optional<std::vector<TypeId>> BtfCommand::roots(const View& view) {
  std::vector<TypeId> out;
  for (const std::string& name : arguments_.values("type")) {
    const std::size_t before = out.size();
    for (const btf::Hit& hit : btf::search(view, name, kNamed))
      if (hit.enumerator == btf::kWholeType) out.push_back(hit.type);
    if (out.size() == before) {
      no_type(view, name);
      return std::nullopt;
    }
  }
  std::ranges::sort(out);
  return out;
}

int BtfCommand::dump() {
  const std::string_view word = arguments_.value("format");
  const std::string_view form = word.empty() ? "c" : word;
  if (form != "c" && form != "raw" && form != "json")
    return usage(
        fail(Code::usage, "--format takes c, raw or json, not \"{}\"", escape_terminal(form)));
  const std::optional<BtfSource> source = open(1);
  if (!source) return status_;
  const View& view = *source->view;
  const std::optional<std::vector<TypeId>> wanted = roots(view);
  if (!wanted) return status_;
  const bool all = !arguments_.has("type");
  if (form == "c") {
    btf::CHeaderOptions options;
    if (!all) options.roots = *wanted;
    const Result<std::string> header = btf::c_header(view, options);
    if (!header) return failed(Phase::btf, header.error(), source->label);
    streams_.out.write(*header);
    return 0;
  }
  std::vector<TypeId> ids = *wanted;
  for (u32 id = view.first_id(); all && id < view.count(); id++)
    ids.push_back({id});
  std::string text;
  for (const TypeId id : ids) {
    text.clear();
    if (form == "raw")
      btf::append_raw_text(view, id, text);
    else
      btf::append_raw_json(view, id, text);
    streams_.out.write(text);
    if (streams_.out.closed()) break;
  }
  return 0;
}

int BtfCommand::show() {
  const std::optional<BtfSource> source = open(2);
  if (!source) return status_;
  const View& view = *source->view;
  std::string name = operand(1);
  KindMask kinds = kNamed;
  for (const auto& [word, kind] : {std::pair<std::string_view, Kind>{"struct ", Kind::struct_},
                                   {"union ", Kind::union_},
                                   {"enum ", Kind::enum_}}) {
    if (!name.starts_with(word)) continue;
    name.erase(0, word.size());
    kinds = kind == Kind::enum_ ? KindMask{Kind::enum_, Kind::enum64} : KindMask{kind};
  }
  bool first = true;
  for (const btf::Hit& hit : btf::search(view, name, kinds)) {
    if (hit.enumerator != btf::kWholeType && btf::name_of(view, hit) != name) continue;
    streams_.out.write((first ? "" : "\n") + btf::show_type(view, hit.type));
    first = false;
    if (streams_.out.closed()) break;
  }
  return first ? no_type(view, name) : 0;
}

std::string hit_json(const View& view, const btf::Hit& hit) {
  const btf::Type type = view.type(hit.type);
  std::string out = format("{{\"id\":{},\"kind\":\"{}\",\"name\":{}", hit.type.value,
                           btf::kind_name(type.kind), json_string(type.name));
  if (btf::third_word(type.kind) == btf::Third::size) out += format(",\"size\":{}", type.size());
  if (hit.enumerator != btf::kWholeType) {
    const btf::Enumerator entry = btf::enumerators(view, type)[hit.enumerator];
    out += format(",\"enumerator\":{},\"value\":\"{}\"", json_string(entry.name), entry.value);
  }
  return out + "}\n";
}

// Id, kind and what it is; the size where there is one.
std::vector<std::string> hit_row(const View& view, const btf::Hit& hit) {
  const btf::Type type = view.type(hit.type);
  std::string text = btf::title_of(view, hit.type);
  if (hit.enumerator != btf::kWholeType) {
    const btf::Enumerator entry = btf::enumerators(view, type)[hit.enumerator];
    const bool negative = type.kind_flag && entry.value >> 63 != 0;
    text = format(
        "{} = {}  in {}", escape_terminal(entry.name),
        negative ? format("{}", static_cast<i64>(entry.value)) : format("{}", entry.value), text);
  } else if (btf::is_composite(type.kind) || btf::is_enum(type.kind)) {
    text += format("  {} B", type.size());
  }
  return {format("[{}]", hit.type.value), std::string(btf::kind_name(type.kind)), text};
}

int BtfCommand::search() {
  const std::optional<KindMask> mask = kinds(kNamed);
  const std::optional<bool> json = wants_json();
  if (!mask || !json) return status_;
  const std::optional<BtfSource> source = open(2);
  if (!source) return status_;
  const View& view = *source->view;
  const std::vector<btf::Hit> hits = btf::search(view, operand(1), *mask);
  std::vector<std::vector<std::string>> rows;
  for (const btf::Hit& hit : hits) {
    if (*json)
      streams_.out.write(hit_json(view, hit));
    else
      rows.push_back(hit_row(view, hit));
  }
  streams_.out.write(align(rows));
  return hits.empty() ? no_type(view, operand(1)) : 0;
}

std::string side_json(std::string_view key, const btf::DiffSide& side) {
  return format(",\"{}\":{},\"{}_bit\":{}", key, json_string(side.text), key, side.bit_offset);
}

std::string_view name_of(const btf::DiffEntry& entry) {
  if (entry.after) return entry.after->name;
  return entry.before ? std::string_view(entry.before->name) : std::string_view();
}

std::string diff_json(const btf::TypeDiff& diff) {
  std::string out = format(
      "{{\"kind\":\"{}\",\"name\":{},\"before\":{},\"after\":{},\"size_before\":{},\"size_after\":"
      "{}",
      btf::kind_name(diff.kind), json_string(diff.name), diff.before.value, diff.after.value,
      diff.size_before, diff.size_after);
  if (diff.text_before != diff.text_after)
    out += format(",\"text_before\":{},\"text_after\":{}", json_string(diff.text_before),
                  json_string(diff.text_after));
  out += ",\"entries\":[";
  bool first = true;
  for (const btf::DiffEntry& entry : diff.entries) {
    out += first ? "{" : ",{";
    out += format("\"name\":{}", json_string(name_of(entry)));
    if (entry.before) out += side_json("before", *entry.before);
    if (entry.after) out += side_json("after", *entry.after);
    out += entry.renamed ? ",\"renamed\":true}" : "}";
    first = false;
  }
  return out + "]}\n";
}

int BtfCommand::diff() {
  const std::optional<KindMask> mask = kinds(kDiffed);
  const std::optional<bool> json = wants_json();
  if (!mask || !json) return status_;
  const std::optional<BtfSource> before = open(1);
  const std::optional<BtfSource> after = before ? open(2) : std::nullopt;
  if (!before || !after) return status_;
  const bool one = arguments_.operands.size() > 3;
  const Result<std::vector<btf::TypeDiff>> diffs =
      one ? btf::diff_named(*before->view, *after->view, operand(3))
          : btf::diff_all(*before->view, *after->view, *mask);
  if (!diffs) return failed(Phase::btf, diffs.error(), before->label);
  for (const btf::TypeDiff& entry : *diffs)
    streams_.out.write(*json ? diff_json(entry)
                       : one ? btf::describe(entry)
                             : btf::summarize(entry));
  return one && diffs->empty() ? no_type(*after->view, operand(3)) : 0;
}

bool asks_for_ids(std::span<const btf::CoreRelo> relos) {
  return std::ranges::find(relos, btf::CoreKind::type_id_target, &btf::CoreRelo::kind) !=
         relos.end();
}

// Marks what one object needs. False when it was reported.
bool BtfCommand::keep_for(const std::string& path, btf::Slicer& slicer, bool& asks_ids) {
  const Result<std::vector<std::byte>> file = read_file(path);
  if (!file) {
    failed(Phase::open, file.error(), path);
    return false;
  }
  const auto mark = [&]() -> Status {
    const elf::Object object = TRY(elf::Object::parse(*file));
    const elf::Section* types = object.find_section(".BTF");
    const elf::Section* extra = object.find_section(".BTF.ext");
    if (types == nullptr || extra == nullptr)
      return fail(Code::malformed, "the object has no .BTF.ext, so no CO-RE relocations");
    const View local = TRY(View::parse(types->data));
    TRY(local.validate());
    const btf::Ext ext = TRY(btf::Ext::parse(extra->data, local));
    for (const btf::SectionRecords<btf::CoreRelo>& section : ext.core) {
      TRY(slicer.keep_for(local, section.records));
      asks_ids = asks_ids || asks_for_ids(section.records);
    }
    return {};
  };
  const Status status = with_context(mark(), [&] { return escape_terminal(path); });
  if (!status) failed(Phase::parse, status.error(), path);
  return status.has_value();
}

int BtfCommand::min() {
  if (!arguments_.has("for"))
    return usage(fail(Code::usage, "btf min needs --for OBJECT: whose relocations to answer"));
  if (streams_.out.is_terminal())
    return usage(fail(Code::usage, "btf min writes bytes, not text: send them to a file"));
  const std::optional<BtfSource> source = open(1);
  if (!source) return status_;
  btf::Slicer slicer(*source->view);
  bool asks_ids = false;
  for (const std::string& path : arguments_.values("for"))
    if (!keep_for(path, slicer, asks_ids)) return status_;
  const Result<std::vector<std::byte>> blob = slicer.build();
  if (!blob) return failed(Phase::btf, blob.error(), source->label);
  if (asks_ids)
    streams_.say("warning: an object asks for ids of kernel types, which only the whole BTF has\n");
  streams_.out.write(text_of(*blob));
  return 0;
}

struct Action {
  std::string_view name;
  std::size_t min_operands, max_operands;
  std::string_view operands;
  int (BtfCommand::*run)();
};
// clang-format off
constexpr std::array<Action, 5> kActions = {{
    {"dump",   0, 1, "[BTF]",         &BtfCommand::dump},
    {"show",   1, 2, "TYPE [BTF]",    &BtfCommand::show},
    {"search", 1, 2, "GLOB [BTF]",    &BtfCommand::search},
    {"diff",   2, 3, "BTF BTF [TYPE]", &BtfCommand::diff},
    {"min",    0, 1, "--for OBJECT [BTF]", &BtfCommand::min},
}};
// clang-format on

}  // namespace

const CommandRow kBtfCommand = {
    .name = "btf",
    .operands = "dump|show|search|diff|min ...",
    .summary = "look at the types of a kernel, a module or an object",
    .about =
        "dump [BTF]: all types, as a header for .bpf.c files or as they are.\n"
        "show TYPE [BTF]: one type, with the offset of each member.\n"
        "search GLOB [BTF]: types, functions and enumerators by name.\n"
        "diff BTF BTF [TYPE]: what changed between two kernels.\n"
        "min --for OBJECT [BTF]: the smallest BTF with which the object can be loaded, for kernels "
        "that have none.\n\n"
        "BTF is `kernel` (the default), the name of a loaded module, a file of raw BTF, or any ELF "
        "file that has a .BTF section.",
    .options = kOptions,
    .min_operands = 1,
    .max_operands = 4,
};

int btf_command(const Invocation& invocation) {
  const std::vector<std::string>& operands = invocation.arguments.operands;
  const auto action = std::ranges::find(kActions, operands[0], &Action::name);
  if (action == kActions.end()) {
    std::unexpected<Error> failure =
        fail(Code::usage, "btf cannot \"{}\"", escape_terminal(operands[0]));
    std::vector<std::string_view> names;
    names.reserve(kActions.size());
    for (const Action& known : kActions)
      names.push_back(known.name);
    for (const std::string_view near : nearest(operands[0], names, 3))
      failure.error().detail += format("{}{}", failure.error().detail.empty() ? "" : ", ", near);
    return report_usage(failure.error(), &kBtfCommand, invocation.streams);
  }
  const std::size_t count = operands.size() - 1;
  if (count < action->min_operands || count > action->max_operands) {
    const std::unexpected<Error> failure =
        fail(Code::usage, "usage: bpfld btf {} {}", action->name, action->operands);
    return report_usage(failure.error(), &kBtfCommand, invocation.streams);
  }
  BtfCommand command(invocation);
  return (command.*action->run)();
}

}  // namespace bpfld::cli
