// SPDX-License-Identifier: Apache-2.0
// The steps that need no kernel: the object, its programs, variables and event types.
#include <algorithm>
#include <unistd.h>

#include "base/escape.h"
#include "base/glob.h"
#include "base/mapped_file.h"
#include "base/near.h"
#include "btf/layout.h"
#include "cli/map_options.h"
#include "cli/run.h"
#include "cli/target_option.h"
#include "cli/values.h"
#include "cli/variables.h"
#include "loader/collect.h"
#include "loader/program_target.h"

namespace bpfld::cli {
namespace {

using loader::ProgramSpec;

bool matches_any(const std::vector<std::string>& globs, std::string_view name) {
  return std::ranges::any_of(globs,
                             [&](const std::string& glob) { return glob_matches(glob, name); });
}

std::unexpected<Error> unknown_name(std::string_view option, std::string_view what,
                                    std::string_view name,
                                    const std::vector<std::string_view>& names) {
  std::unexpected<Error> failure =
      fail(Code::usage, "{}: there is no {} \"{}\"", option, what, escape_terminal(name));
  failure.error().detail = did_you_mean(nearest(name, names, 3));
  return failure;
}

}  // namespace

Step<void> Run::read_object() {
  const std::vector<std::byte> file = TRY(at(Phase::open, read_file(options_.object)));
  spec_ = TRY(at(Phase::parse, loader::collect(file, loader::object_name(options_.object))));
  if (spec_.order != kHostOrder) {
    const bool big = spec_.order == ByteOrder::big;
    return refuse(Phase::parse,
                  fail(Code::unsupported, "{}-endian (EI_DATA={}), this machine is {}-endian",
                       big ? "big" : "little", big ? 2 : 1, big ? "little" : "big"));
  }
  if (!spec_.btf.empty()) {
    btf::View view = TRY(at(Phase::parse, btf::View::parse(spec_.btf)));
    btf_.emplace(std::move(view));
  }
  return {};
}

Step<void> Run::select_programs() {
  std::vector<std::string_view> names;
  for (const ProgramSpec& program : spec_.programs)
    names.push_back(program.name);
  if (names.empty()) return refuse(Phase::parse, fail(Code::unsupported, "it has no programs"));
  for (const std::vector<std::string>* globs : {&options_.only, &options_.skip})
    for (const std::string& glob : *globs)
      if (std::ranges::none_of(names, [&](std::string_view n) { return glob_matches(glob, n); }))
        return refuse(Phase::usage, unknown_name(globs == &options_.only ? "--only" : "--skip",
                                                 "program", glob, names));
  for (u32 i = 0; i < spec_.programs.size(); i++) {
    const ProgramSpec& program = spec_.programs[i];
    const bool wanted =
        options_.only.empty() ? program.autoload : matches_any(options_.only, program.name);
    if (wanted && !matches_any(options_.skip, program.name)) selection_.push_back(i);
  }
  if (selection_.empty())
    return refuse(Phase::usage,
                  options_.only.empty() && options_.skip.empty()
                      ? fail(Code::usage, "every program is SEC(\"?...\"): loaded when it is named")
                      : fail(Code::usage, "no program is left to load"));
  TRY(check_sections());
  TRY(at(Phase::usage, apply_attach_options(options_.places, selection_, spec_)));
  return set_targets();
}

// What a program is about is loaded with it, also SEC("?..."), unless the user leaves it out.
Step<void> Run::set_targets() {
  TRY(at(Phase::usage, apply_target_options(options_.targets, selection_, spec_)));
  const loader::Selection all = loader::with_target_programs(spec_, selection_);
  for (const u32 i : all) {
    const std::string& name = spec_.programs[i].name;
    if (std::ranges::find(selection_, i) == selection_.end() &&
        (!options_.only.empty() || matches_any(options_.skip, name)))
      return refuse(Phase::usage,
                    fail(Code::usage, "--target: program \"{}\" is left out by --{}",
                         escape_terminal(name), options_.only.empty() ? "skip" : "only"));
  }
  selection_ = all;
  return check_sections();
}

// A section without a row is refused before privileges are asked for.
Step<void> Run::check_sections() const {
  for (u32 i : selection_) {
    const ProgramSpec& program = spec_.programs[i];
    if (program.row != nullptr) continue;
    std::unexpected<Error> failure =
        fail(Code::unsupported, "unknown section \"{}\"", escape_terminal(program.section));
    const std::size_t slash = program.section.find('/');
    std::vector<std::string> near;
    for (const std::string_view name : loader::similar_sections(program.section, 3))
      near.push_back(std::string(name) +
                     (slash == std::string::npos ? "" : program.section.substr(slash)));
    failure.error().detail = did_you_mean(near);
    return std::unexpected(explained(Phase::link, failure.error(), &program));
  }
  return {};
}

Step<void> Run::set_variables() {
  if (options_.sets.empty()) return {};
  if (!btf_)
    return refuse(Phase::set, fail(Code::usage, "--set needs the object's BTF, and it has none"));
  SetNames names;
  names.self = ::getpid();
  if (child_) names.child = child_->pid();
  for (const std::string& text : options_.sets)
    TRY(at(Phase::set, set_variable(spec_, *btf_, text, names)));
  return {};
}

Step<void> Run::set_maps() {
  for (const std::string& text : options_.maps)
    TRY(at(Phase::usage, apply_map_option(spec_, btf_ ? &*btf_ : nullptr, text)));
  return {};
}

Result<std::optional<loader::EventType>> Run::event_type_of(u32 map) const {
  const std::string& name = spec_.maps[map].name;
  for (const EventOption& option : options_.events) {
    if (option.map != name) continue;
    if (!btf_) return fail(Code::usage, "--event needs the object's BTF, and it has none");
    return TRY(with_context(loader::named_event_type(*btf_, option.type), [&] {
      return format("--event {}={}", escape_terminal(option.map), escape_terminal(option.type));
    }));
  }
  if (!btf_) return std::nullopt;
  return loader::find_event_type(spec_, *btf_, map);
}

Step<void> Run::find_event_types() {
  std::vector<std::string_view> names;
  for (u32 i = 0; i < spec_.maps.size(); i++) {
    if (!loader::is_event_map(spec_.maps[i])) continue;
    names.push_back(spec_.maps[i].name);
    const std::optional<loader::EventType> type = TRY(at(Phase::usage, event_type_of(i)));
    event_types_.emplace(i, type);
  }
  for (const EventOption& option : options_.events)
    if (std::ranges::find(names, option.map) == names.end())
      return refuse(Phase::usage, unknown_name("--event", "event map", option.map, names));
  return make_tables();
}

Step<void> Run::make_tables() {
  for (const auto& [map, type] : event_types_) {
    std::optional<btf::TypeId> id;
    if (type) id = type->type;
    EventTable table(spec_.maps[map].name, btf_ ? &*btf_ : nullptr, id, label_);
    for (std::string_view field : table.field_names())
      shared_.fields.emplace_back(field);
    u64 size = 0;
    if (id) size = btf::size_of(*btf_, *id).value_or(0);
    for (const FieldOption& option : options_.fields)
      TRY(at(Phase::usage, with_context(table.show(option.field, option.show), [&] {
               return format("--field {}", escape_terminal(option.field));
             })));
    if (!options_.columns.empty() && id) table.choose(options_.columns);
    printer_.add(first_map_ + map, std::move(table), size);
  }
  return {};
}

// A name in --columns or --field must be a field of at least one type, of whichever object.
Step<void> Run::check_fields() const {
  const std::vector<std::string_view> fields(shared_.fields.begin(), shared_.fields.end());
  if (fields.empty() && !event_types_.empty() &&
      (!options_.columns.empty() || !options_.fields.empty()))
    return refuse(Phase::usage, fail(Code::usage, "--{}: the type of the events is not known",
                                     options_.columns.empty() ? "field" : "columns"));
  for (const std::string& column : options_.columns)
    if (std::ranges::find(fields, column) == fields.end())
      return refuse(Phase::usage, unknown_name("--columns", "field", column, fields));
  for (const FieldOption& option : options_.fields)
    if (std::ranges::find(fields, option.field) == fields.end())
      return refuse(Phase::usage, unknown_name("--field", "field", option.field, fields));
  return {};
}

}  // namespace bpfld::cli
