// SPDX-License-Identifier: Apache-2.0
// Maps are declared as variables of the .maps section whose *type* is the definition: __uint(type,
// 1) becomes a member `int (*type)[1]`, so the number is an array length, and __type(key, u32)
// becomes `u32 *key`. The bytes of the section are all zero; only its BTF speaks.
#include <array>
#include <optional>

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
  // Of `values`, the last member: where its slots start in the variable, and what they point to.
  std::optional<u64> values_at = std::nullopt;  // bytes
  Type values = {};                             // a STRUCT (an inner map) or a FUNC_PROTO
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

// `T *values[]`, where T is a map's definition or a function.
Status set_values(Definition& d, const btf::Member& member) {
  constexpr std::string_view kWrong = "is no list of maps or programs (__array makes `T *[]`)";
  const Type list = btf::resolved(d.btf, member.type);
  if (list.kind != Kind::array) return fail(Code::malformed, "{}", kWrong);
  const Type pointer = btf::resolved(d.btf, btf::array(list).element);
  if (pointer.kind != Kind::ptr) return fail(Code::malformed, "{}", kWrong);
  d.values = btf::resolved(d.btf, pointer.type());
  if (d.values.kind != Kind::struct_ && d.values.kind != Kind::func_proto)
    return fail(Code::malformed, "{}", kWrong);
  d.values_at = member.bit_offset / 8;
  return set_size(d.map.value_size, d.has_value_size, sizeof(u32));  // an fd, for the kernel
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
    {"values",      set_values},
}};
// clang-format on

Status read_member(Definition& d, const btf::Member& member) {
  for (const FieldRow& row : kFields) {
    if (row.name != member.name) continue;
    return with_context(row.read(d, member), [&] { return format("member \"{}\"", row.name); });
  }
  return fail(Code::malformed, "unknown member \"{}\"", escape_terminal(member.name));
}

Result<Definition> read_definition(const btf::View& btf, const Type& type, std::string name) {
  Definition d{.btf = btf, .map = {}};
  d.map.kernel_name = bpf::kernel_object_name(name);
  d.map.name = std::move(name);
  for (const btf::Member& member : btf::members(btf, type)) {
    if (d.values_at)
      return fail(Code::malformed, "member \"{}\" follows \"values\", which must be the last",
                  escape_terminal(member.name));
    TRY(read_member(d, member));
  }
  if (d.map.type == bpf::MapType::unspec) return fail(Code::malformed, "it has no type");
  return d;
}

// What `values` points to must be what the map's type holds.
Status check_values(const Definition& d) {
  if (!d.values_at) return {};
  const bool maps = is_map_of_maps(d.map.type), functions = d.values.kind == Kind::func_proto;
  if (!maps && d.map.type != bpf::MapType::prog_array)
    return fail(Code::malformed, "it has \"values\", but is no map of maps or of programs");
  if (maps && functions) return fail(Code::malformed, "its \"values\" are functions, not maps");
  if (!maps && !functions) return fail(Code::malformed, "its \"values\" are maps, not functions");
  return {};
}

Status read_inner(Definition& d) {
  Definition inner = TRY(read_definition(d.btf, d.values, d.map.name + ".inner"));
  if (inner.values_at || is_map_of_maps(inner.map.type))
    return fail(Code::malformed, "a map of maps of maps is nothing that the kernel has");
  if (inner.map.pin_by_name) return fail(Code::malformed, "it asks to be pinned, but never exists");
  d.map.inner.push_back(std::move(inner.map));
  return {};
}

Result<Definition> read_map(const btf::View& btf, const Type& variable) {
  const Type type = btf::resolved(btf, variable.type());
  if (type.kind != Kind::struct_)
    return fail(Code::malformed, "its type is not a struct, so it defines nothing");
  Definition d = TRY(read_definition(btf, type, std::string(variable.name)));
  TRY(check_values(d));
  if (d.values_at && d.values.kind == Kind::struct_)
    TRY(with_context(read_inner(d), [] { return std::string("the maps in it"); }));
  return d;
}

}  // namespace

bool is_map_of_maps(bpf::MapType type) {
  return type == bpf::MapType::array_of_maps || type == bpf::MapType::hash_of_maps;
}

Status collect_maps(Collector& state) {
  const elf::Section* section = state.elf.find_section(".maps");
  if (section == nullptr || section->size == 0) return {};
  if (!state.btf)
    return fail(Code::unsupported,
                "section [{}] .maps has no bytes of its own, only .BTF says what it holds, and the "
                "object has none: it was compiled without -g, or stripped",
                section->index);
  for (u32 id = 1; id < state.btf->count(); id++) {
    const Type datasec = state.btf->type({id});
    if (datasec.kind != Kind::datasec || datasec.name != ".maps") continue;
    for (const btf::Variable& entry : btf::variables(*state.btf, datasec)) {
      const Type variable = state.btf->type(entry.type);
      const auto describe = [&] { return format("map \"{}\"", escape_terminal(variable.name)); };
      const elf::Symbol* symbol = state.find_symbol(section->index, variable.name);
      if (btf::var_linkage(variable) == btf::Linkage::extern_)
        return fail(Code::unsupported, "{} is one of another object, which must be linked in first",
                    describe());
      if (variable.kind != Kind::var || symbol == nullptr)
        return fail(Code::malformed, "{}: .maps has no symbol of that name", describe());
      if (state.spec.maps.size() == kMaxMaps)
        return fail(Code::limit, "the object has more than {} maps", kMaxMaps);
      Definition d = TRY(with_context(read_map(*state.btf, variable), describe));
      d.map.origin = {".maps", symbol->value};
      const u32 index = static_cast<u32>(state.spec.maps.size());
      state.declared_maps.emplace(symbol->value, index);
      if (d.values_at && *d.values_at <= symbol->size && symbol->value <= ~u64{0} - symbol->size)
        state.values.push_back({.start = symbol->value + *d.values_at,
                                .end = symbol->value + symbol->size,
                                .map = index,
                                .programs = d.values.kind == Kind::func_proto});
      state.spec.maps.push_back(std::move(d.map));
    }
  }
  return {};
}

}  // namespace bpfld::loader
