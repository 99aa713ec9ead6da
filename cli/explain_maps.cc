// SPDX-License-Identifier: Apache-2.0
// Maps: what each will be, which line of the source said so, and what is in it from the start.
#include <algorithm>

#include "bpf/tables.h"
#include "btf/index.h"
#include "btf/layout.h"
#include "btf/print_value.h"
#include "cli/explain.h"

namespace bpfld::cli {
namespace {

using btf::Type;
using btf::TypeId;
using btf::View;
using loader::MapSpec;

std::string source_text(loader::MapSource source) {
  switch (source) {
    case loader::MapSource::declared: return "declared in .maps";
    case loader::MapSource::data: return "initialised globals";
    case loader::MapSource::rodata: return "constants: frozen before any program loads";
    case loader::MapSource::bss: return "globals that start as zero";
    case loader::MapSource::kconfig: return "answers of the kernel's configuration, frozen";
    case loader::MapSource::struct_ops: return "callbacks that the kernel calls through its struct";
  }
  return {};
}

std::string flags_text(u32 flags) {
  struct Row {
    u32 bit;
    std::string_view name;
  };
  static constexpr Row kRows[] = {{bpf::kMapNoPrealloc, "NO_PREALLOC"},
                                  {bpf::kMapNumaNode, "NUMA_NODE"},
                                  {bpf::kMapReadOnlyProg, "RDONLY_PROG"},
                                  {bpf::kMapMmapable, "MMAPABLE"}};
  std::string out;
  for (const Row& row : kRows) {
    if ((flags & row.bit) == 0) continue;
    out += (out.empty() ? "" : "|") + std::string(row.name);
    flags &= ~row.bit;
  }
  if (flags != 0) out += (out.empty() ? "" : "|") + format("{:#x}", flags);
  return out;
}

std::string sized(const View* types, u32 type, u32 size) {
  if (types == nullptr || type == 0) return format("{} B", size);
  return format("{}, {} B", btf::type_name(*types, {type}), size);
}

// The max_entries of the request that makes the map: the loader fills in what depends on the
// kernel.
u32 planned_entries(const Story& story, const MapSpec& map, const std::optional<u32>& slot) {
  if (!story.plan || !slot) return map.max_entries;
  for (const loader::Op& op : story.plan->load)
    if (const bpf::MapCreate* create = std::get_if<bpf::MapCreate>(&op.request);
        create != nullptr && op.result == slot)
      return create->max_entries;
  return map.max_entries;
}

std::vector<std::string> map_row(const Story& story, const MapSpec& map, const View* types,
                                 const std::optional<u32>& slot) {
  const u32 planned = planned_entries(story, map, slot);
  return {map.name,
          format("{} ({})", bpf::name_of(map.type), static_cast<u32>(map.type)),
          map.key_size == 0 ? "no key" : "key " + sized(types, map.btf_key_type, map.key_size),
          map.value_size == 0 ? "no value"
                              : "value " + sized(types, map.btf_value_type, map.value_size),
          format("max {}{}", map.max_entries,
                 planned == map.max_entries ? "" : format(" -> {}", planned)),
          flags_text(map.flags),
          source_text(map.source),
          slot ? "fd " + slot_text(slot) : ""};
}

// What a member of the declaration stands for.
std::string member_value(const View& types, const btf::Member& member) {
  const Type pointer = btf::resolved(types, member.type);
  if (pointer.kind == btf::Kind::array) return "the values that the source lists";
  const Type target = btf::resolved(types, pointer.type());
  if (member.name == "key" || member.name == "value") {
    const Result<u64> size = btf::size_of(types, pointer.type());
    return size ? format("{}, type [{}]", count_of(*size, "byte"), pointer.type().value)
                : size.error().message();
  }
  if (target.kind != btf::Kind::array) return {};
  const u32 number = btf::array(target).count;
  if (member.name == "type")
    return format("{} = {}", number, bpf::kernel_name_of(static_cast<bpf::MapType>(number)));
  return format("{}", number);
}

// The struct that declares the map: `struct { __uint(type, ...); ... } name SEC(".maps")`.
void add_declaration(const View& types, const MapSpec& map, ExplainTable& table) {
  const TypeId var = btf::find_one(types, map.name, {btf::Kind::var});
  const Type declared = btf::resolved(types, types.type(var).type());
  for (const btf::Member& member : btf::members(types, declared))
    table.rows.push_back({map.name, std::string(member.name),
                          btf::declaration(types, member.type, member.name),
                          member_value(types, member)});
}

void add_variables(const Story& story, const View& types, ExplainTable& table) {
  for (const loader::VariableSpec& variable : story.spec.variables) {
    const MapSpec& map = story.spec.maps[variable.map];
    std::string value = "0";
    if (!map.contents.empty()) {
      const Result<Bytes> bytes = slice(map.contents, variable.offset, variable.size);
      if (bytes) value = btf::print_text(types, {variable.type}, *bytes, {.max_bytes = 60});
      if (value.empty()) value = "0";  // text without a character
    }
    table.rows.push_back({map.name, format("+{}", variable.offset),
                          btf::declaration(types, {variable.type}, variable.name), "= " + value});
  }
}

}  // namespace

Chapter explain_maps(const Story& story) {
  Chapter out{
      .step = "maps", .name = "MAPS", .headline = {}, .tables = {}, .notes = {}, .errors = {}};
  const Result<View> types = story.spec.btf.empty() ? Result<View>(fail(Code::not_found, "no BTF"))
                                                    : View::parse(story.spec.btf);
  const View* view = types ? &*types : nullptr;
  ExplainTable maps{
      .title = {},
      .columns = {"map", "type", "key", "value", "max_entries", "flags", "from", "fd"},
      .rows = {}};
  ExplainTable declarations{.title = "said in the source, as types of members that are never used:",
                            .columns = {"map", "attribute", "member", "value"},
                            .rows = {}};
  for (std::size_t i = 0; i < story.spec.maps.size(); i++) {
    const MapSpec& map = story.spec.maps[i];
    std::optional<u32> slot;
    if (story.plan && i < story.plan->map_slots.size()) slot = story.plan->map_slots[i];
    maps.rows.push_back(map_row(story, map, view, slot));
    if (view != nullptr && map.source == loader::MapSource::declared)
      add_declaration(*view, map, declarations);
  }
  out.headline = count_of(story.spec.maps.size(), "map");
  out.tables.push_back(std::move(maps));
  out.tables.push_back(std::move(declarations));
  if (view != nullptr) {
    const bool in_arena =
        std::ranges::any_of(story.spec.variables, [&](const loader::VariableSpec& variable) {
          return story.spec.maps[variable.map].type == bpf::MapType::arena;
        });
    ExplainTable variables{.title = in_arena
                                        ? "global variables, each at an offset in its arena or in "
                                          "its map's only value:"
                                        : "global variables, each at an offset in its map's "
                                          "only value:",
                           .columns = {"map", "offset", "variable", "value"},
                           .rows = {}};
    add_variables(story, *view, variables);
    out.tables.push_back(std::move(variables));
  }
  if (story.plan)
    for (const std::string& note : story.plan->notes)
      out.notes.push_back(
          note.starts_with("map ") ? "chosen because the object does not say: " + note : note);
  out.notes.push_back(
      "a map is declared by types alone: __uint(max_entries, 8192) is a member of type int "
      "(*)[8192], from whose array length the loader reads the number.");
  if (!story.spec.variables.empty())
    out.notes.push_back(
        "globals live in maps, because a program has no memory of its own; `run "
        "--set NAME=VALUE` changes one before it loads.");
  return out;
}

}  // namespace bpfld::cli
