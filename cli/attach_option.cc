// SPDX-License-Identifier: Apache-2.0
// One row per kind: how its places are written, and which programs can go there.
#include "cli/attach_option.h"

#include <algorithm>
#include <charconv>

#include "base/escape.h"
#include "base/glob.h"
#include "base/near.h"
#include "cli/values.h"

namespace bpfld::cli {
namespace {

using bpf::ProgType;
using loader::AttachMethod;
using loader::AttachTarget;
using loader::ObjectSpec;
using loader::ProgramSpec;
using loader::SectionRow;

enum class Shape : u8 {
  text,     // all of it is the place
  event,    // the same; "category:event" also means "category/event"
  options,  // PLACE[,NAME[=VALUE]]...
  hook,     // PLACE[:HOOK][,NAME[=VALUE]]...
};

// Which programs, besides those whose section is of the same method.
enum class Fits : u8 {
  method,   // only these
  kprobe,   // any kprobe program: the kernel runs the same code at functions of either space
  section,  // the section's name is the kind's, or that with ".s": fentry, fexit ...
  type,     // those whose type is this
};

struct KindRow {
  std::string_view name;
  AttachMethod method;
  Shape shape;
  Fits fits;
  ProgType type;
  std::string_view options;  // "prio=N,skb": names, with "=N" if it takes a number, "=" a text
  std::string_view place;    // as --help writes it
};

// clang-format off
constexpr KindRow kKinds[] = {
    {"kprobe",         AttachMethod::kprobe,         Shape::text,    Fits::kprobe,  ProgType::kprobe,        "", "FUNCTION[+OFFSET]"},
    {"kprobe.multi",   AttachMethod::kprobe_multi,   Shape::text,    Fits::method,  ProgType::kprobe,        "", "GLOB"},
    {"ksyscall",       AttachMethod::ksyscall,       Shape::text,    Fits::kprobe,  ProgType::kprobe,        "", "NAME"},
    {"uprobe",         AttachMethod::uprobe,         Shape::text,    Fits::kprobe,  ProgType::kprobe,        "", "FILE:FUNCTION[+OFFSET]"},
    {"uprobe.multi",   AttachMethod::uprobe_multi,   Shape::text,    Fits::method,  ProgType::kprobe,        "", "FILE:GLOB"},
    {"usdt",           AttachMethod::usdt,           Shape::text,    Fits::kprobe,  ProgType::kprobe,        "", "FILE:PROVIDER:NAME"},
    {"tp",             AttachMethod::tracepoint,     Shape::event,   Fits::method,  ProgType::tracepoint,    "", "CATEGORY/EVENT"},
    {"raw_tp",         AttachMethod::raw_tracepoint, Shape::text,    Fits::method,  ProgType::raw_tracepoint, "", "EVENT"},
    {"tp_btf",         AttachMethod::tracing,        Shape::text,    Fits::section, ProgType::tracing,       "", "EVENT"},
    {"fentry",         AttachMethod::tracing,        Shape::text,    Fits::section, ProgType::tracing,       "", "FUNCTION"},
    {"fexit",          AttachMethod::tracing,        Shape::text,    Fits::section, ProgType::tracing,       "", "FUNCTION"},
    {"fmod_ret",       AttachMethod::tracing,        Shape::text,    Fits::section, ProgType::tracing,       "", "FUNCTION"},
    {"fsession",       AttachMethod::tracing,        Shape::text,    Fits::section, ProgType::tracing,       "", "FUNCTION"},
    {"fentry.multi",   AttachMethod::tracing_multi,  Shape::text,    Fits::section, ProgType::tracing,       "", "GLOB"},
    {"fexit.multi",    AttachMethod::tracing_multi,  Shape::text,    Fits::section, ProgType::tracing,       "", "GLOB"},
    {"fsession.multi", AttachMethod::tracing_multi,  Shape::text,    Fits::section, ProgType::tracing,       "", "GLOB"},
    {"lsm",            AttachMethod::tracing,        Shape::text,    Fits::section, ProgType::lsm,           "", "HOOK"},
    {"iter",           AttachMethod::iterator,       Shape::text,    Fits::section, ProgType::tracing,       "", "KIND[,OPTION=VALUE]"},
    {"perf",           AttachMethod::perf_event,     Shape::text,    Fits::method,  ProgType::perf_event,    "", "EVENT[@HZ]"},
    {"xdp",            AttachMethod::network_device, Shape::options, Fits::type,    ProgType::xdp,           "native,generic,offload,skb,drv,hw", "IF[,native|generic|offload]"},
    {"tcx",            AttachMethod::network_device, Shape::hook,    Fits::type,    ProgType::sched_cls,     "", "IF[:ingress|egress]"},
    {"tc",             AttachMethod::network_device, Shape::hook,    Fits::type,    ProgType::sched_cls,     "prio=N,handle=N", "IF[:ingress|egress][,prio=N][,handle=N]"},
    {"netkit",         AttachMethod::network_device, Shape::hook,    Fits::type,    ProgType::sched_cls,     "", "IF[:primary|peer]"},
    {"cgroup",         AttachMethod::cgroup,         Shape::text,    Fits::method,  ProgType::unspec,        "", "DIRECTORY"},
    {"socket",         AttachMethod::socket,         Shape::options, Fits::method,  ProgType::unspec,        "pid=N,fd=N", "IF, or pid=N,fd=N"},
    {"sockmap",        AttachMethod::sockmap,        Shape::hook,    Fits::method,  ProgType::unspec,        "", "MAP[:HOOK]"},
    {"netns",          AttachMethod::netns,          Shape::text,    Fits::method,  ProgType::unspec,        "", "FILE or NAME"},
    {"netfilter",      AttachMethod::netfilter,      Shape::hook,    Fits::method,  ProgType::netfilter,     "prio=I,defrag", "ipv4|ipv6:HOOK[,prio=N][,defrag]"},
    {"lwt",            AttachMethod::lwt,            Shape::options, Fits::method,  ProgType::unspec,        "dev=,via=", "PREFIX,dev=IF[,via=ADDRESS]"},
    {"lirc",           AttachMethod::lirc,           Shape::text,    Fits::method,  ProgType::lirc_mode2,    "", "DEVICE"},
};
// clang-format on

const KindRow* find_kind(std::string_view name) {
  const KindRow* found = std::ranges::find(kKinds, name, &KindRow::name);
  return found != std::end(kKinds) ? found : nullptr;
}

std::unexpected<Error> usage(std::string_view text, std::string_view what) {
  return fail(Code::usage, "--attach {}: {}", escape_terminal(text), what);
}

// What may follow the name of an option: '\0' when there is no such option, ' ' nothing, 'N' and
// 'I' an unsigned and a signed number, '=' any text.
char value_kind(std::string_view allowed, std::string_view name) {
  while (!allowed.empty()) {
    const std::string_view one = allowed.substr(0, allowed.find(','));
    const std::size_t equals = one.find('=');
    if (one.substr(0, equals) == name) {
      if (equals == std::string_view::npos) return ' ';
      return equals + 1 < one.size() ? one[equals + 1] : '=';
    }
    allowed.remove_prefix(std::min(allowed.size(), one.size() + 1));
  }
  return '\0';
}

template <typename T>
bool is_number(std::string_view text) {
  T value{};
  const char* const end = text.data() + text.size();
  const std::from_chars_result done = std::from_chars(text.data(), end, value);
  return done.ec == std::errc() && done.ptr == end;
}

Status read_option(const KindRow& row, std::string_view word, AttachTarget& out) {
  const std::size_t equals = word.find('=');
  loader::AttachOption option;
  option.name = word.substr(0, equals);
  if (equals != std::string_view::npos) option.value = word.substr(equals + 1);
  const char takes = value_kind(row.options, option.name);
  const std::string shown = escape_terminal(option.name);
  if (takes == '\0')
    return fail(Code::usage, "--attach {}:... takes no \"{}\"; want {}:{}", row.name, shown,
                row.name, row.place);
  const bool has_value = equals != std::string_view::npos && !option.value.empty();
  if (takes == ' ' && equals != std::string_view::npos)
    return fail(Code::usage, "--attach {}: {} takes no value", row.name, shown);
  if (takes != ' ' && !has_value)
    return fail(Code::usage, "--attach {}: {} needs a value, {}=...", row.name, shown, shown);
  if ((takes == 'N' && !is_number<u32>(option.value)) ||
      (takes == 'I' && !is_number<i32>(option.value)))
    return fail(Code::usage, "--attach {}: {} takes a number, not \"{}\"", row.name, shown,
                escape_terminal(option.value));
  out.options.push_back(std::move(option));
  return {};
}

Status read_place(const KindRow& row, std::string_view text, AttachTarget& out) {
  if (row.shape == Shape::text || row.shape == Shape::event) {
    out.place = text;
    const std::size_t colon = out.place.find(':');
    if (row.shape == Shape::event && colon != std::string::npos &&
        out.place.find('/') == std::string::npos)
      out.place[colon] = '/';
    return {};
  }
  bool first = true;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), word.size() + 1));
    if (first && word.find('=') == std::string_view::npos) {
      const std::size_t colon = row.shape == Shape::hook ? word.find(':') : std::string_view::npos;
      out.place = word.substr(0, colon);
      if (colon != std::string_view::npos) out.hook = word.substr(colon + 1);
    } else {
      TRY(read_option(row, word, out));
    }
    first = false;
  }
  return {};
}

bool is_plain_kprobe(AttachMethod method) {
  return method == AttachMethod::kprobe || method == AttachMethod::ksyscall ||
         method == AttachMethod::uprobe || method == AttachMethod::usdt;
}

bool fits(const KindRow& kind, const SectionRow& section) {
  switch (kind.fits) {
    case Fits::method: return section.method == kind.method;
    case Fits::kprobe: return is_plain_kprobe(section.method);
    case Fits::section:
      return section.name == kind.name || section.name == std::string(kind.name) + ".s";
    case Fits::type: return section.method == kind.method && section.type == kind.type;
  }
  std::unreachable();
}

std::unexpected<Error> unknown_program(std::string_view glob, const ObjectSpec& spec,
                                       const loader::Selection& selection) {
  std::vector<std::string_view> names;
  for (u32 i : selection)
    names.push_back(spec.programs[i].name);
  std::unexpected<Error> failure =
      fail(Code::usage, "--attach: there is no program \"{}\"", escape_terminal(glob));
  failure.error().detail = did_you_mean(nearest(glob, names, 3));
  return failure;
}

Status apply_attach(std::string_view text, const loader::Selection& selection, ObjectSpec& spec) {
  const std::size_t equals = text.find('=');
  if (equals == 0 || equals == std::string_view::npos)
    return usage(text, "want PROGRAM=KIND:PLACE, such as on_packet=xdp:eth0");
  const std::string_view glob = text.substr(0, equals);
  const AttachTarget target = TRY(parse_attach_target(text.substr(equals + 1)));
  const KindRow& kind = *find_kind(target.kind);
  bool found = false, fitting = false;
  const ProgramSpec* other = nullptr;
  for (u32 i : selection) {
    ProgramSpec& program = spec.programs[i];
    if (!glob_matches(glob, program.name)) continue;
    found = true;
    if (program.row == nullptr || !fits(kind, *program.row)) {
      other = &program;
      continue;
    }
    fitting = true;
    program.places.push_back(target);
  }
  if (!found) return unknown_program(glob, spec, selection);
  if (!fitting)
    return usage(
        text, format("program \"{}\" is SEC(\"{}\"), which does not go to {}:...",
                     escape_terminal(other->name), escape_terminal(other->section), target.kind));
  return {};
}

bool looks_at_packets(const SectionRow& row) {
  return row.method == AttachMethod::network_device || row.type == ProgType::socket_filter;
}
bool is_xdp(const SectionRow& row) {
  return row.method == AttachMethod::network_device && row.type == ProgType::xdp;
}
bool is_cgroup(const SectionRow& row) {
  return row.method == AttachMethod::cgroup;
}
bool is_netns(const SectionRow& row) {
  return row.method == AttachMethod::netns;
}
bool is_sampled(const SectionRow& row) {
  return row.method == AttachMethod::perf_event;
}
bool is_of_a_process(const SectionRow& row) {
  return row.method == AttachMethod::uprobe || row.method == AttachMethod::uprobe_multi ||
         row.method == AttachMethod::usdt || row.method == AttachMethod::perf_event;
}

// Gives `place` to every selected program of the class that has none yet. With an empty place, what
// the section says is written out, so that more can be said about it.
Status apply_default(std::string_view option, std::string_view place,
                     bool (*is_of_class)(const SectionRow&), const loader::Selection& selection,
                     ObjectSpec& spec, const std::vector<bool>& named) {
  bool any = false;
  for (u32 i : selection) {
    ProgramSpec& program = spec.programs[i];
    if (program.row == nullptr || !is_of_class(*program.row)) continue;
    any = true;
    if (named[i] || (place.empty() && !program.places.empty())) continue;
    AttachTarget target;
    target.method = program.row->method;
    target.place = place.empty() ? std::string_view(program.target) : place;
    program.places.push_back(std::move(target));
  }
  if (!any)
    return fail(Code::usage, "{}: the object has no program that it would apply to", option);
  return {};
}

}  // namespace

Result<AttachTarget> parse_attach_target(std::string_view text) {
  const std::size_t colon = text.find(':');
  const std::string_view kind = text.substr(0, colon);
  const KindRow* row = find_kind(kind);
  if (row == nullptr) {
    std::unexpected<Error> failure =
        usage(text, format("there is no kind of place \"{}\"", escape_terminal(kind)));
    std::vector<std::string_view> names;
    for (const KindRow& one : kKinds)
      names.push_back(one.name);
    failure.error().detail = did_you_mean(nearest(kind, names, 3));
    return failure;
  }
  AttachTarget out;
  out.method = row->method;
  out.kind = kind;
  if (colon != std::string_view::npos) TRY(read_place(*row, text.substr(colon + 1), out));
  if (out.place.empty() && out.options.empty())
    return usage(text, format("want {}:{}", row->name, row->place));
  return out;
}

Status apply_attach_options(const AttachOptions& options, const loader::Selection& selection,
                            ObjectSpec& spec) {
  for (const std::string& text : options.attach)
    TRY(apply_attach(text, selection, spec));
  std::vector<bool> named;
  for (const ProgramSpec& program : spec.programs)
    named.push_back(!program.places.empty());
  for (const std::string& device : options.devices)
    TRY(apply_default("--dev", device, looks_at_packets, selection, spec, named));
  if (!options.cgroup.empty())
    TRY(apply_default("--cgroup", options.cgroup, is_cgroup, selection, spec, named));
  if (!options.netns.empty())
    TRY(apply_default("--netns", options.netns, is_netns, selection, spec, named));
  if (options.frequency) TRY(apply_default("--freq", "", is_sampled, selection, spec, named));
  if (options.pid) TRY(apply_default("--pid", "", is_of_a_process, selection, spec, named));
  bool any_xdp = false;
  for (u32 i : selection) {
    ProgramSpec& program = spec.programs[i];
    for (AttachTarget& target : program.places) {
      if (is_of_a_process(*program.row)) target.pid = options.pid;
      if (is_sampled(*program.row)) target.frequency = options.frequency;
      if (is_xdp(*program.row) && target.options.empty() && !options.xdp_mode.empty())
        target.options.push_back({.name = options.xdp_mode, .value = ""});
    }
    any_xdp |= program.row != nullptr && is_xdp(*program.row);
  }
  if (!options.xdp_mode.empty() && !any_xdp)
    return fail(Code::usage, "--xdp-mode: the object has no program that it would apply to");
  return {};
}

}  // namespace bpfld::cli
