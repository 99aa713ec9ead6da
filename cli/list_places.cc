// SPDX-License-Identifier: Apache-2.0
// Where names come from, and their lines; see list_places.h.
#include "cli/list_places.h"

#include <algorithm>
#include <unistd.h>

#include "base/escape.h"
#include "base/glob.h"
#include "base/near.h"
#include "btf/index.h"
#include "btf/show.h"
#include "perf/event_format.h"

namespace bpfld::cli {

using loader::Place;
using loader::PlaceKind;
using loader::PlaceKindRow;

void append_escaped(std::string& out, std::string_view text) {
  const bool plain = std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
  if (plain)
    out += text;
  else
    out += escape_terminal(text);
}

std::span<const loader::NamedBtf> PlaceLister::btfs() {
  const Result<std::span<const loader::NamedBtf>> all = files_.btfs();
  return all ? *all : std::span<const loader::NamedBtf>();
}

namespace {

// "available_events: EPERM, Operation not permitted": why a file was not used.
std::string reason(const KernelText& text) {
  return format(
      "{}: {}", text.path,
      text.error->errno_value != 0 ? errno_text(text.error->errno_value) : text.error->message());
}

// The notes that kernels without kprobes need: names alone do not make them attachable.
std::string kprobe_note(const KernelPaths& paths) {
  const bool missing =
      !paths.is_other_kernel() && ::access("/sys/bus/event_source/devices/kprobe", F_OK) != 0;
  return missing ? "; this kernel has no kprobes (CONFIG_KPROBES is not set)" : "";
}

}  // namespace

Result<PlaceLister::Found> PlaceLister::find_events() {
  const KernelText& events = files_.events();
  if (events.error) return std::unexpected(*events.error);
  return Found{loader::parse_events(events.text), events.path};
}

// Errors: that of reading /proc/kallsyms.
Result<PlaceLister::Functions> PlaceLister::read_functions() {
  const KernelText& traceable = files_.traceable();
  if (!traceable.error)
    return Functions{.places = loader::parse_traceable(traceable.text),
                     .source = traceable.path,
                     .traceable = true};
  const KernelText& symbols = files_.kallsyms();
  if (symbols.error) return std::unexpected(*symbols.error);
  return Functions{.places = loader::parse_kallsyms(symbols.text),
                   .source = format("{}, as {}", symbols.path, reason(traceable))};
}

// The kernel writes /proc/kallsyms a page at a time, 40 ms of its own; what BTF says can be found
// meanwhile. The events are read first, as both look for where tracefs is.
void PlaceLister::read_ahead() {
  static_cast<void>(files_.events());
  ahead_ = std::async([this] { return read_functions(); });
}

Result<const PlaceLister::Functions*> PlaceLister::functions() {
  if (!functions_) functions_ = ahead_.valid() ? ahead_.get() : read_functions();
  if (!*functions_) return std::unexpected(functions_->error());
  return &functions_->value();
}

Result<PlaceLister::Found> PlaceLister::find_functions() {
  if (const Result<std::span<const loader::NamedBtf>> all = files_.btfs(); all && ahead_.valid())
    described_ = loader::find_in_btf(*all, PlaceKind::fentry);
  const Functions* found = TRY(functions());
  return Found{found->places, found->source + kprobe_note(files_.paths())};
}

Result<PlaceLister::Found> PlaceLister::find_traceable() {
  const std::span<const loader::NamedBtf> all = TRY(files_.btfs());
  if (!described_) described_ = loader::find_in_btf(all, PlaceKind::fentry);
  std::vector<Place>& described = *described_;
  const Result<const Functions*> known = functions();
  if (!known)
    return Found{std::move(described), format("BTF alone, as {}: some of them may not be traceable",
                                              reason(files_.traceable()))};
  return Found{loader::intersect(described, (*known)->places),
               format("BTF and {}{}", (*known)->source,
                      (*known)->traceable ? "" : ": some of them may not be traceable")};
}

Result<PlaceLister::Found> PlaceLister::find_kfuncs() {
  const std::span<const loader::NamedBtf> all = TRY(files_.btfs());
  if (!loader::has_kfunc_tags(all))
    return fail(Code::unsupported,
                "this kernel's BTF does not tell kfuncs from other functions: it has no bpf_kfunc "
                "declaration tags, which kernels have since v6.10 when built with pahole 1.27");
  return Found{loader::find_in_btf(all, PlaceKind::kfunc), "BTF, declaration tags"};
}

Result<PlaceLister::Found> PlaceLister::find(const PlaceKindRow& row) {
  switch (row.kind) {
    case PlaceKind::tracepoint: return find_events();
    case PlaceKind::kprobe: return find_functions();
    case PlaceKind::fentry: return find_traceable();
    case PlaceKind::kfunc: return find_kfuncs();
    case PlaceKind::raw_tp:
    case PlaceKind::lsm:
    case PlaceKind::iter:
    case PlaceKind::struct_ops:
    case PlaceKind::helper: break;
  }
  const std::span<const loader::NamedBtf> all = TRY(files_.btfs());
  return Found{loader::find_in_btf(all, row.kind), "BTF"};
}

// Functions that were found by their symbols get the types of their arguments where BTF has them.
void PlaceLister::add_prototypes(std::vector<Place>& places) {
  loader::add_types(places, loader::functions_in_btf(btfs()));
}

// What a name that matches nothing may have been meant for; empty for a glob, and for a match.
std::string PlaceLister::near_names(const PlaceKindRow& row,
                                    const std::vector<Place>& places) const {
  if (!request_.alone || is_glob(request_.glob)) return {};
  std::vector<std::string_view> names;
  for (const Place& place : places) {
    if (loader::matches_place(request_.glob, row, place.name)) return {};
    names.push_back(place.name);
  }
  std::string wanted(request_.glob);
  if (row.kind == PlaceKind::tracepoint) std::ranges::replace(wanted, '/', ':');
  const std::string near = did_you_mean(nearest(wanted, names, 3));
  return near.empty() ? near : "  " + near + "\n";
}

Result<u64> PlaceLister::list(const PlaceKindRow& row) {
  Found found = TRY(find(row));
  const std::string near = near_names(row, found.places);
  std::erase_if(found.places, [&](const Place& place) {
    return !loader::matches_place(request_.glob, row, place.name);
  });
  const bool wants_types = request_.verbose && row.kind == PlaceKind::kprobe;
  if (wants_types && !found.places.empty()) add_prototypes(found.places);
  for (const Place& place : found.places) {
    if (request_.json)
      print_json(row, place);
    else
      print(row, place);
    if (streams_.out.closed()) break;
  }
  const bool say = !request_.quiet && (request_.alone || !found.places.empty());
  if (say && !streams_.out.closed())
    streams_.say(format("bpfld: {} {} (from {})\n{}", found.places.size(),
                        found.places.size() == 1 ? format("of the {} matches", row.what)
                                                 : format("{} match", row.what),
                        escape_terminal(found.source), near));
  return u64{found.places.size()};
}

void PlaceLister::print(const PlaceKindRow& row, const Place& place) {
  line_.assign(row.name);
  line_ += ':';
  append_escaped(line_, place.name);
  if (!place.module.empty()) {
    line_ += "  [";
    append_escaped(line_, place.module);
    line_ += ']';
  }
  line_ += '\n';
  if (request_.verbose) line_ = style_.paint(Ink::heading, line_) + details(row, place);
  streams_.out.write(line_);
}

namespace {

// "    @8   4 B  __data_loc char[] msg      string: (char *)ctx + (msg & 0xffff), ... bytes"
std::vector<std::string> field_row(const perf::EventField& field) {
  std::string text = escape_terminal(field.declaration);
  std::string meaning;
  const std::string name = escape_terminal(field.name);
  if (field.location == perf::Location::data_loc) {
    text = "__data_loc " + text;
    meaning = format("at (char *)ctx + ({} & 0xffff), {} >> 16 bytes long", name, name);
  } else if (field.location == perf::Location::rel_loc) {
    text = "__rel_loc " + text;
    meaning = format("at (char *)ctx + {} + ({} & 0xffff), {} >> 16 bytes long",
                     u64{field.offset} + field.size, name, name);
  }
  return {format("@{}", field.offset), format("{} B", field.size), text, meaning};
}

}  // namespace

std::string PlaceLister::event_details(const Place& place) {
  const Result<std::string> text = files_.event_format(place.name);
  if (!text) return "    " + escape_terminal(text.error().message()) + "\n";
  const Result<perf::EventFormat> parsed = perf::parse_event_format(*text);
  if (!parsed) return "    " + escape_terminal(parsed.error().message()) + "\n";
  std::vector<std::vector<std::string>> rows;
  u32 common = 0;
  for (const perf::EventField& field : parsed->fields) {
    if (field.common)
      common = std::max(common, field.offset + field.size);
    else
      rows.push_back(field_row(field));
  }
  std::string out =
      format("    id {}; bytes 0 to {} hold the common fields, which programs may not read\n",
             parsed->id, common == 0 ? 0 : common - 1);
  const std::string context = "trace_event_raw_" + std::string(parsed->name);
  for (const loader::NamedBtf& btf : btfs())
    if (btf::find_one(*btf.view, context, {btf::Kind::struct_}) != btf::TypeId{}) {
      out += format("    context: struct {}\n", escape_terminal(context));
      break;
    }
  return out + align(rows, 4);
}

// What stands below a place that a type describes.
std::string PlaceLister::type_details(const PlaceKindRow& row, const Place& place) {
  const std::span<const loader::NamedBtf> all = btfs();
  const std::string prototype = loader::prototype_of(row.kind, place, all);
  if (row.kind == PlaceKind::kfunc) return format("    extern {} __ksym;\n", prototype);
  if (row.kind == PlaceKind::struct_ops && place.btf < all.size()) {
    std::string out;
    const std::string text = btf::show_type(*all[place.btf].view, place.type);
    for (std::string_view rest = text; !rest.empty();) {
      const std::size_t end = std::min(rest.find('\n'), rest.size() - 1);
      out += format("    {}\n", rest.substr(0, end));
      rest.remove_prefix(end + 1);
    }
    return out;
  }
  if (row.kind == PlaceKind::raw_tp) return format("    arguments: {}\n", prototype);
  if (row.kind == PlaceKind::iter) return format("    context: {}\n", prototype);
  if (!prototype.empty()) return format("    {}\n", prototype);
  return row.kind == PlaceKind::kprobe ? "    no BTF: its arguments are not known\n" : "";
}

std::string PlaceLister::details(const PlaceKindRow& row, const Place& place) {
  std::string out;
  if (row.kind == PlaceKind::helper) {
    const std::string_view since = loader::helper_since(place.number);
    return format("    BPF_FUNC_{}, #{}{}{}\n", escape_terminal(place.name), place.number,
                  since.empty() ? "" : ", since v", since);
  }
  const std::vector<std::string> sections = loader::section_texts(row, place);
  for (const std::string& text : sections)
    out += (out.empty() ? "    " : "  ") + text;
  if (!out.empty()) out += '\n';
  if (place.copies > 1)
    out += format("    {} functions have this name: a kprobe by name is refused as ambiguous\n",
                  place.copies);
  if (row.kind == PlaceKind::tracepoint) return out + event_details(place);
  return out + type_details(row, place);
}

void PlaceLister::print_json(const PlaceKindRow& row, const Place& place) {
  std::string& out = line_;
  out.assign("{\"kind\":\"");
  out += row.name;
  out += "\",\"name\":";
  out += json_string(place.name);
  if (!place.module.empty()) out += ",\"module\":" + json_string(place.module);
  if (place.copies > 1) out += format(",\"copies\":{}", place.copies);
  if (row.kind == PlaceKind::helper)
    out += format(",\"id\":{},\"since\":\"{}\"", place.number, loader::helper_since(place.number));
  if (request_.verbose) {
    std::string sections;
    for (const std::string& text : loader::section_texts(row, place))
      sections += (sections.empty() ? "" : ",") + json_string(text);
    if (!sections.empty()) out += format(",\"sec\":[{}]", sections);
    const std::string prototype = loader::prototype_of(row.kind, place, btfs());
    if (!prototype.empty()) out += ",\"prototype\":" + json_string(prototype);
    if (row.kind == PlaceKind::tracepoint) out += event_json(place);
  }
  out += "}\n";
  streams_.out.write(out);
}

std::string PlaceLister::event_json(const Place& place) {
  const Result<std::string> text = files_.event_format(place.name);
  if (!text) return ",\"error\":" + json_string(text.error().message());
  const Result<perf::EventFormat> parsed = perf::parse_event_format(*text);
  if (!parsed) return ",\"error\":" + json_string(parsed.error().message());
  std::string fields;
  static constexpr std::string_view kLocations[] = {"in_place", "data_loc", "rel_loc"};
  for (const perf::EventField& field : parsed->fields)
    fields +=
        format("{}{{\"name\":{},\"declaration\":{},\"offset\":{},\"size\":{},\"location\":\"{}\"}}",
               fields.empty() ? "" : ",", json_string(field.name), json_string(field.declaration),
               field.offset, field.size, kLocations[static_cast<std::size_t>(field.location)]);
  return format(",\"id\":{},\"fields\":[{}]", parsed->id, fields);
}

}  // namespace bpfld::cli
