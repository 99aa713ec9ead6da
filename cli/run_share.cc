// SPDX-License-Identifier: Apache-2.0
// Several objects in one run: which of them an option is for, and the maps that they share.
#include <algorithm>

#include "base/escape.h"
#include "base/glob.h"
#include "bpf/tables.h"
#include "cli/run.h"
#include "cli/values.h"

namespace bpfld::cli {
namespace {

using loader::MapSpec;
using loader::ObjectSpec;

// What an option names, up to the character that ends a name.
std::string_view name_in(std::string_view text, std::string_view ends) {
  return text.substr(0, text.find_first_of(ends));
}

bool names_program(const ObjectSpec& spec, std::string_view glob) {
  return std::ranges::any_of(spec.programs, [&](const loader::ProgramSpec& program) {
    return glob_matches(glob, program.name);
  });
}

bool names_map(const ObjectSpec& spec, std::string_view text) {
  const std::string_view name = name_in(text, "=[");
  // Only --map takes "MAP.max_entries", and names of data sections start with a dot.
  const std::string_view before_dot = name.substr(0, name.rfind('.'));
  return std::ranges::any_of(spec.maps, [&](const MapSpec& map) {
    return map.name == name || (!before_dot.empty() && glob_matches(before_dot, map.name));
  });
}

bool names_variable(const ObjectSpec& spec, std::string_view text) {
  return std::ranges::any_of(spec.variables, [&](const loader::VariableSpec& variable) {
    return variable.name == name_in(text, "=.[");
  });
}

// "PROGRAM=..."
bool names_given_program(const ObjectSpec& spec, std::string_view text) {
  return names_program(spec, name_in(text, "="));
}

// Leaves each object those of a list that name something of its own. What names nothing anywhere is
// left to the first, which knows how to say so. `list_of(options)` is the list.
template <typename ListOf, typename Names>
void divide(const std::vector<std::unique_ptr<Run>>& objects, ListOf list_of, Names names) {
  const auto all = list_of(objects.front()->options());
  for (const std::unique_ptr<Run>& object : objects)
    list_of(object->options()).clear();
  for (const auto& one : all) {
    bool found = false;
    for (const std::unique_ptr<Run>& object : objects) {
      if (!names(object->spec(), one)) continue;
      list_of(object->options()).push_back(one);
      found = true;
    }
    if (!found) list_of(objects.front()->options()).push_back(one);
  }
}

std::string_view file_name(std::string_view path) {
  return path.substr(path.find_last_of('/') + 1);
}

// A map that the kernel does not let several objects have, or that is one object's own variables.
bool can_be_shared(const MapSpec& map) {
  return map.source == loader::MapSource::declared && !map.struct_ops && map.reuse.empty();
}

bool is_alike(const MapSpec& one, const MapSpec& other) {
  const bool size =
      one.max_entries == other.max_entries || one.max_entries == 0 || other.max_entries == 0;
  return one.type == other.type && one.key_size == other.key_size &&
         one.value_size == other.value_size && one.flags == other.flags && size;
}

}  // namespace

void divide_options(const RunOptions& options, std::vector<std::unique_ptr<Run>>& objects) {
  const auto list = [](auto member) {
    return [member](RunOptions& own) -> auto& { return own.*member; };
  };
  divide(objects, list(&RunOptions::only), names_program);
  divide(objects, list(&RunOptions::skip), names_program);
  divide(objects, list(&RunOptions::sets), names_variable);
  divide(objects, list(&RunOptions::maps), names_map);
  divide(objects, list(&RunOptions::targets), names_given_program);
  divide(objects, [](RunOptions& own) -> auto& { return own.places.attach; }, names_given_program);
  divide(objects, list(&RunOptions::events), [](const ObjectSpec& spec, const EventOption& event) {
    return names_map(spec, event.map);
  });
  // With --only, an object of which nothing was named has nothing to do.
  if (options.only.empty()) return;
  std::erase_if(objects,
                [](const std::unique_ptr<Run>& object) { return object->options().only.empty(); });
}

void Run::be_one_of_many(u32 first_map) {
  label_ = file_name(options_.object);
  first_map_ = first_map;
}

// Before anything is loaded: which maps are others', and whether they can be.
Step<void> Run::find_shared_maps(const std::vector<std::unique_ptr<Run>>& objects) {
  for (u32 i = 0; i < spec_.maps.size(); i++) {
    const MapSpec& map = spec_.maps[i];
    if (!can_be_shared(map)) continue;
    for (const std::unique_ptr<Run>& other : objects) {
      if (other.get() == this) break;
      const auto theirs = std::ranges::find(other->spec_.maps, map.name, &MapSpec::name);
      if (theirs == other->spec_.maps.end() || !can_be_shared(*theirs)) continue;
      const u32 number = static_cast<u32>(theirs - other->spec_.maps.begin());
      if (has_other_events(i, *other, number)) continue;
      if (!is_alike(*theirs, map)) return std::unexpected(cannot_share(*other, *theirs, map));
      shared_from_.emplace(i, SharedMap{other.get(), number});
      break;
    }
  }
  return {};
}

bool Run::has_other_events(u32 map, const Run& other, u32 theirs) const {
  if (!loader::is_event_map(spec_.maps[map])) return false;
  const auto ours_is = event_type_of(map), theirs_is = other.event_type_of(theirs);
  if (!ours_is || !*ours_is || !theirs_is || !*theirs_is) return false;
  return !loader::same_event_type(*btf_, (*ours_is)->type, *other.btf_, (*theirs_is)->type);
}

Report Run::cannot_share(const Run& other, const MapSpec& theirs, const MapSpec& ours) const {
  Report report;
  report.id = "E28";
  report.exit = Exit::usage;
  report.what = format("\"{}\" in {} ({}) and {} ({}) cannot be one map", ours.name, other.label_,
                       bpf::name_of(theirs.type), label_, bpf::name_of(ours.type));
  report.why = "maps of one name are shared; their types, sizes and flags must be the same";
  report.hint = "--no-share: each object gets its own";
  return report;
}

// When those are loaded: their numbers.
Step<void> Run::take_shared_maps() {
  for (const auto& [map, shared] : shared_from_) {
    bpf::ObjectInfo ask;
    ask.object = bpf::Fd::number(shared.object->session_->map_fd(shared.map));
    ask.info_size = 64;
    const bpf::Reply info = TRY(at(Phase::load, kernel_.call(ask)));
    spec_.maps[map].reuse_id = load_checked<u32>(info.data, 4);  // struct bpf_map_info: type, id
  }
  return {};
}

}  // namespace bpfld::cli
