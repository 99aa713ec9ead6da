// SPDX-License-Identifier: Apache-2.0
// Maps are declared as variables of the .maps section whose *type* is the definition: __uint(type,
// 1) becomes a member `int (*type)[1]`, so the number is an array length, and __type(key, u32)
// becomes `u32 *key`. The bytes of the section are all zero; only its BTF speaks.
#include <array>

#include "base/escape.h"
#include "bpf/encode.h"
#include "btf/layout.h"
#include "btf/types.h"
#include "loader/collect.h"
#include "loader/collect_parts.h"

namespace bpfld::loader {
namespace {

using btf::Kind;
using btf::Type;
using btf::TypeId;

// One map while its members are read.
struct Definition {
  const btf::View& btf;
  MapSpec map;
  bool has_key_size = false, has_value_size = false;
};

// The N of `int (*name)[N]`.
Result<u32> number_of(const btf::View& btf, TypeId type) {
  const Type pointer = btf::resolved(btf, type);
  if (pointer.kind != Kind::ptr)
    return fail(Code::malformed, "is not a number (__uint makes `int (*)[N]`)");
  const Type array = btf::resolved(btf, pointer.type());
  if (array.kind != Kind::array)
    return fail(Code::malformed, "is not a number (__uint makes `int (*)[N]`)");
  return btf::array(array).count;
}

// The value of `enum { unique = V } name`, which __ulong makes.
Result<u64> long_number_of(const btf::View& btf, TypeId type) {
  const Type enumeration = btf::resolved(btf, type);
  if (enumeration.kind == Kind::ptr) return TRY(number_of(btf, type));
  if (enumeration.kind == Kind::enum_ || enumeration.kind == Kind::enum64)
    for (const btf::Enumerator& e : btf::enumerators(btf, enumeration))
      return e.value;
  return fail(Code::malformed, "is not a number (__ulong makes an enum, __uint a pointer)");
}

// Checks or sets a size that both `key` and `key_size` may give.
Status set_size(u32& size, bool& known, u64 value) {
  if (value > 0xffffffffu) return fail(Code::malformed, "is a type of {} bytes", value);
  if (known && size != value)
    return fail(Code::malformed, "says {} bytes where another member said {}", value, size);
  size = static_cast<u32>(value);
  known = true;
  return {};
}

// The T of `T *name`, and its size.
Status set_type(Definition& d, const btf::Member& member, u32& type_id, u32& size, bool& known) {
  const Type pointer = btf::resolved(d.btf, member.type);
  if (pointer.kind != Kind::ptr) return fail(Code::malformed, "is not a type (__type makes `T *`)");
  type_id = pointer.size_or_type;
  return set_size(size, known, TRY(btf::size_of(d.btf, pointer.type())));
}

Status set_field(u32& field, const Definition& d, const btf::Member& member) {
  field = TRY(number_of(d.btf, member.type));
  return {};
}

struct FieldRow {
  std::string_view name;
  Status (*read)(Definition&, const btf::Member&);
};

// clang-format off
constexpr std::array<FieldRow, 11> kFields = {{
    {"type",        [](Definition& d, const btf::Member& m) -> Status { d.map.type = static_cast<bpf::MapType>(TRY(number_of(d.btf, m.type))); return {}; }},
    {"max_entries", [](Definition& d, const btf::Member& m) { return set_field(d.map.max_entries, d, m); }},
    {"map_flags",   [](Definition& d, const btf::Member& m) { return set_field(d.map.flags, d, m); }},
    {"numa_node",   [](Definition& d, const btf::Member& m) { return set_field(d.map.numa_node, d, m); }},
    {"key_size",    [](Definition& d, const btf::Member& m) -> Status { return set_size(d.map.key_size, d.has_key_size, TRY(number_of(d.btf, m.type))); }},
    {"value_size",  [](Definition& d, const btf::Member& m) -> Status { return set_size(d.map.value_size, d.has_value_size, TRY(number_of(d.btf, m.type))); }},
    {"key",         [](Definition& d, const btf::Member& m) { return set_type(d, m, d.map.btf_key_type, d.map.key_size, d.has_key_size); }},
    {"value",       [](Definition& d, const btf::Member& m) { return set_type(d, m, d.map.btf_value_type, d.map.value_size, d.has_value_size); }},
    {"map_extra",   [](Definition& d, const btf::Member& m) -> Status { d.map.map_extra = TRY(long_number_of(d.btf, m.type)); return {}; }},
    {"pinning",     [](Definition& d, const btf::Member& m) -> Status {
       const u32 how = TRY(number_of(d.btf, m.type));
       if (how > 1) return fail(Code::malformed, "is {}, neither 0 (none) nor 1 (by name)", how);
       d.map.pin_by_name = how == 1;
       return {};
     }},
    {"values",      [](Definition&, const btf::Member&) -> Status {
       return fail(Code::unsupported, "(an initialised map of maps or of programs) is not supported");
     }},
}};
// clang-format on

Status read_member(Definition& d, const btf::Member& member) {
  for (const FieldRow& row : kFields) {
    if (row.name != member.name) continue;
    return with_context(row.read(d, member), [&] { return format("member \"{}\"", row.name); });
  }
  return fail(Code::malformed, "unknown member \"{}\"", escape_terminal(member.name));
}

Result<MapSpec> read_map(const btf::View& btf, const Type& variable) {
  const Type definition = btf::resolved(btf, variable.type());
  if (definition.kind != Kind::struct_)
    return fail(Code::malformed, "its type is not a struct, so it defines nothing");
  Definition d{.btf = btf, .map = {}};
  d.map.name = variable.name;
  d.map.kernel_name = bpf::kernel_object_name(variable.name);
  for (const btf::Member& member : btf::members(btf, definition))
    TRY(read_member(d, member));
  if (d.map.type == bpf::MapType::unspec) return fail(Code::malformed, "it has no type");
  return std::move(d.map);
}

}  // namespace

Status collect_maps(Collector& state) {
  const elf::Section* section = state.elf.find_section(".maps");
  if (section == nullptr || section->size == 0) return {};
  if (!state.btf)
    return fail(Code::malformed,
                "section [{}] .maps is defined by BTF, but the object has none (compile with -g)",
                section->index);
  for (u32 id = 1; id < state.btf->count(); id++) {
    const Type datasec = state.btf->type({id});
    if (datasec.kind != Kind::datasec || datasec.name != ".maps") continue;
    for (const btf::Variable& entry : btf::variables(*state.btf, datasec)) {
      const Type variable = state.btf->type(entry.type);
      const auto describe = [&] { return format("map \"{}\"", escape_terminal(variable.name)); };
      const elf::Symbol* symbol = state.find_symbol(section->index, variable.name);
      if (variable.kind != Kind::var || symbol == nullptr)
        return fail(Code::malformed, "{}: .maps has no symbol of that name", describe());
      if (state.spec.maps.size() == kMaxMaps)
        return fail(Code::limit, "the object has more than {} maps", kMaxMaps);
      MapSpec map = TRY(with_context(read_map(*state.btf, variable), describe));
      map.origin = {".maps", symbol->value};
      state.declared_maps.emplace(symbol->value, static_cast<u32>(state.spec.maps.size()));
      state.spec.maps.push_back(std::move(map));
    }
  }
  return {};
}

}  // namespace bpfld::loader
