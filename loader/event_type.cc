// SPDX-License-Identifier: Apache-2.0
// The rules, in their order, and the small data-flow walk behind `data_source`; see event_type.h.
#include "loader/event_type.h"

#include <algorithm>
#include <array>
#include <map>

#include "base/escape.h"
#include "base/near.h"
#include "btf/layout.h"
#include "btf/types.h"
#include "btf/value.h"

namespace bpfld::loader {
namespace {

using btf::Kind;
using btf::Type;
using btf::TypeId;

constexpr std::string_view kEventTag = "bpfld:event=";

std::optional<TypeId> find_type(const btf::View& btf, std::string_view name) {
  for (std::string_view keyword : {"struct ", "union "})
    if (name.starts_with(keyword)) name.remove_prefix(keyword.size());
  std::optional<TypeId> found;
  for (u32 id = 1; id < btf.count(); id++) {
    const Type type = btf.type({id});
    if (type.name != name) continue;
    if (btf::is_composite(type.kind)) return type.id;
    const bool data =
        type.kind == Kind::typedef_ || type.kind == Kind::int_ || btf::is_enum(type.kind);
    if (data && !found) found = type.id;
  }
  return found;
}

std::optional<TypeId> tagged_type(const btf::View& btf, const MapSpec& map) {
  for (u32 id = 1; id < btf.count(); id++) {
    const Type tag = btf.type({id});
    if (tag.kind != Kind::decl_tag || !tag.name.starts_with(kEventTag) ||
        btf::tag_component(tag) != -1)
      continue;
    const Type variable = btf.type(tag.type());
    if (variable.kind == Kind::var && variable.name == map.name)
      return find_type(btf, tag.name.substr(kEventTag.size()));
  }
  return std::nullopt;
}

// The struct behind a variable such as `const struct event *unused`; only if there is exactly one.
std::optional<TypeId> marker_type(const ObjectSpec& spec, const btf::View& btf) {
  std::optional<TypeId> found;
  for (const VariableSpec& variable : spec.variables) {
    if (variable.name.find("unused") == std::string::npos) continue;
    const Type pointer = btf::resolved(btf, {variable.type});
    if (pointer.kind != Kind::ptr) continue;
    const Type target = btf::resolved(btf, pointer.type());
    if (!btf::is_composite(target.kind)) continue;
    if (found && *found != target.id) return std::nullopt;
    found = target.id;
  }
  return found;
}

// What a register or stack slot holds, as far as this walk cares.
struct Held {
  enum class What : u8 { unknown, map, value_of } what = What::unknown;
  u32 map = 0;
};

// Walks one function's instructions in order, as if no jump were taken. That is enough for what
// compilers emit (a pointer is looked up, checked, kept in a callee-saved register, passed on), and
// a wrong guess is only possible where two branches load one register from different maps.
class Walk {
 public:
  Walk(const FunctionSpec& function, u32 event_map) : function_(function), event_map_(event_map) {}

  std::vector<std::optional<u32>> run() {
    std::size_t next_reference = 0;
    for (u64 i = 0; i < function_.insns.size(); i++) {
      const bpf::Insn& insn = function_.insns[i];
      const Reference* reference = nullptr;
      while (next_reference < function_.references.size() &&
             function_.references[next_reference].at.value <= i) {
        if (function_.references[next_reference].at.value == i)
          reference = &function_.references[next_reference];
        next_reference++;
      }
      step(insn, reference);
      if (insn.is_ld_imm64()) i++;
    }
    return std::move(sources_);
  }

 private:
  static constexpr u8 kRegisters = 16;  // 11 exist; a nibble can say 16
  static constexpr u8 kFramePointer = 10;

  void step(const bpf::Insn& insn, const Reference* reference) {
    const u8 kind = insn.instruction_class();
    Held& dst = registers_[insn.dst()];
    if (insn.is_ld_imm64()) {
      dst = {};
      if (reference != nullptr && reference->kind == ReferenceKind::map)
        dst = {Held::What::map, reference->index};
      if (reference != nullptr && reference->kind == ReferenceKind::map_value)
        dst = {Held::What::value_of, reference->index};
    } else if (insn.is_call()) {
      call(insn);
    } else if (insn.opcode == bpf::kOpMov64Reg) {
      dst = registers_[insn.src()];
    } else if (kind == bpf::kClassStx && insn.dst() == kFramePointer) {
      stack_[insn.offset] = registers_[insn.src()];
    } else if (kind == bpf::kClassLdx) {
      dst = insn.src() == kFramePointer ? stack_[insn.offset] : Held{};
    } else if (kind == bpf::kClassAlu64 || kind == bpf::kClassAlu) {
      dst = {};  // arithmetic on a pointer leaves the start of the value
    }
  }

  void call(const bpf::Insn& insn) {
    const u32 helper = insn.is_helper_call() ? static_cast<u32>(insn.imm) : 0;
    if (helper == bpf::kFuncPerfEventOutput && is_event_map(registers_[2]))
      add_source(registers_[4]);
    if (helper == bpf::kFuncRingbufOutput && is_event_map(registers_[1])) add_source(registers_[2]);
    const Held first = registers_[1];
    for (u8 reg = 0; reg <= 5; reg++)
      registers_[reg] = {};
    if (helper == bpf::kFuncMapLookupElem && first.what == Held::What::map)
      registers_[0] = {Held::What::value_of, first.map};
  }

  bool is_event_map(const Held& held) const {
    return held.what == Held::What::map && held.map == event_map_;
  }
  void add_source(const Held& held) {
    sources_.push_back(held.what == Held::What::value_of ? std::optional(held.map) : std::nullopt);
  }

  const FunctionSpec& function_;
  u32 event_map_;
  std::array<Held, kRegisters> registers_{};
  std::map<i16, Held> stack_;
  std::vector<std::optional<u32>> sources_;
};

// The one value type that all known sources agree on.
std::optional<TypeId> source_type(const ObjectSpec& spec, const btf::View& btf, u32 map) {
  std::optional<TypeId> found;
  for (const std::optional<u32>& source : event_sources(spec, map)) {
    if (!source) continue;
    const MapSpec& from = spec.maps[*source];
    const TypeId value = btf::resolve(btf, {from.btf_value_type});
    if (from.source != MapSource::declared || !btf::is_composite(btf.kind(value))) continue;
    if (found && *found != value) return std::nullopt;
    found = value;
  }
  return found;
}

}  // namespace

std::string_view event_rule_text(EventRule rule) {
  switch (rule) {
    case EventRule::option: return "named by --event";
    case EventRule::tag: return "declared by a tag on the map";
    case EventRule::map_value: return "the map's value type";
    case EventRule::data_source: return "value type of the map the data comes from";
    case EventRule::marker: return "the only type that an unused variable keeps";
  }
  std::unreachable();
}

bool is_event_map(const MapSpec& map) {
  return map.type == bpf::MapType::perf_event_array || map.type == bpf::MapType::ringbuf;
}

std::vector<std::optional<u32>> event_sources(const ObjectSpec& spec, u32 map) {
  std::vector<std::optional<u32>> sources;
  for (const FunctionSpec& function : spec.functions) {
    const std::vector<std::optional<u32>> found = Walk(function, map).run();
    sources.insert(sources.end(), found.begin(), found.end());
  }
  return sources;
}

std::optional<EventType> find_event_type(const ObjectSpec& spec, const btf::View& btf, u32 index) {
  const MapSpec& map = spec.maps[index];
  if (const std::optional<TypeId> type = tagged_type(btf, map))
    return EventType{*type, EventRule::tag};
  if (map.type == bpf::MapType::ringbuf && map.btf_value_type != 0)
    return EventType{{map.btf_value_type}, EventRule::map_value};
  if (const std::optional<TypeId> type = source_type(spec, btf, index))
    return EventType{*type, EventRule::data_source};
  if (const std::optional<TypeId> type = marker_type(spec, btf))
    return EventType{*type, EventRule::marker};
  return std::nullopt;
}

Result<EventType> named_event_type(const btf::View& btf, std::string_view name) {
  const std::optional<TypeId> type = find_type(btf, name);
  if (type) {
    if (!btf::size_of(btf, *type))
      return fail(Code::usage, "{} has no size, so it cannot describe an event",
                  escape_terminal(name));
    return EventType{*type, EventRule::option};
  }
  std::unexpected<Error> failure =
      fail(Code::not_found, "the object's BTF has no struct \"{}\"", escape_terminal(name));
  std::vector<std::string_view> names;
  for (u32 id = 1; id < btf.count(); id++) {
    const Type candidate = btf.type({id});
    if (btf::is_composite(candidate.kind) && !candidate.name.empty())
      names.push_back(candidate.name);
  }
  failure.error().detail = did_you_mean(nearest(name, names, 3));
  return failure;
}

bool same_event_type(const btf::View& one_btf, btf::TypeId one, const btf::View& other_btf,
                     btf::TypeId other) {
  const auto same_field = [](const btf::Field& a, const btf::Field& b) {
    return a.name == b.name && a.bit_offset == b.bit_offset && a.shape.bits == b.shape.bits;
  };
  return btf::type_name(one_btf, one) == btf::type_name(other_btf, other) &&
         btf::size_of(one_btf, one).value_or(0) == btf::size_of(other_btf, other).value_or(0) &&
         std::ranges::equal(btf::columns(one_btf, one), btf::columns(other_btf, other), same_field);
}

}  // namespace bpfld::loader
