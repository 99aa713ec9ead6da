// SPDX-License-Identifier: Apache-2.0
// What the object leaves to the kernel: `extern int CONFIG_HZ __kconfig`, `extern const struct rq
// runqueues __ksym`, `extern void bpf_rcu_read_lock(void) __ksym`. ELF only has undefined symbols;
// what each of them is, the BTF's .kconfig and .ksyms sections say. Kconfig values get a map of
// their own, laid out here: no section of the file has their places.
#include <algorithm>
#include <tuple>
#include <unordered_map>

#include "base/escape.h"
#include "btf/layout.h"
#include "btf/types.h"
#include "loader/collect.h"
#include "loader/collect_parts.h"

namespace bpfld::loader {
namespace {

using btf::Kind;
using btf::Type;

constexpr std::string_view kKconfig = ".kconfig", kKsyms = ".ksyms";
constexpr std::string_view kTristate = "libbpf_tristate";
constexpr u64 kMaxKconfigBytes = 1u << 20;

// One extern on its way into the spec.
struct Found {
  ExternSpec spec;
  std::string_view name;
  u64 align = 1;
};

using Undefined = std::unordered_map<std::string_view, const elf::Symbol*>;

Undefined undefined_symbols(const elf::Object& object) {
  Undefined out;
  for (const elf::Symbol& symbol : object.symbols())
    if (!symbol.is_defined() && !symbol.name.empty()) out.emplace(symbol.name, &symbol);
  return out;
}

KconfigType integer_type(const Type& type) {
  if (type.size() == 1 && (btf::int_info(type).encoding & btf::kIntBool) != 0)
    return KconfigType::boolean;
  const bool is_size = type.size() == 1 || type.size() == 2 || type.size() == 4 || type.size() == 8;
  if (!is_size || (btf::int_info(type).encoding & btf::kIntBool) != 0) return KconfigType::none;
  return type.size() == 1 ? KconfigType::character : KconfigType::integer;
}

KconfigType kconfig_type(const btf::View& btf, const Type& type) {
  if (type.kind == Kind::int_) return integer_type(type);
  if (btf::is_enum(type.kind) && type.name == kTristate && type.size() == 4)
    return KconfigType::tristate;
  if (type.kind != Kind::array || btf::array(type).count == 0) return KconfigType::none;
  const Type element = btf::resolved(btf, btf::array(type).element);
  const bool is_char = element.kind == Kind::int_ && element.size() == 1 &&
                       integer_type(element) == KconfigType::character;
  return is_char ? KconfigType::text : KconfigType::none;
}

Status read_kconfig(const btf::View& btf, Found& found) {
  const Type type = btf::resolved(btf, {found.spec.type});
  found.spec.kconfig = kconfig_type(btf, type);
  if (found.spec.kconfig == KconfigType::none)
    return fail(Code::unsupported,
                "its type, {}, is none that a Kconfig value can have: bool, char, char array, "
                "integer, enum libbpf_tristate",
                escape_terminal(btf::type_name(btf, {found.spec.type})));
  const u64 size = TRY(btf::size_of(btf, type.id));
  if (size > kMaxKconfigBytes) return fail(Code::limit, "its type has {} bytes", size);
  found.spec.size = static_cast<u32>(size);
  found.spec.is_signed = btf::is_signed(type);
  found.align = TRY(btf::align_of(btf, type.id));
  return {};
}

// A variable or a function of the section; nothing for what is not extern.
Result<std::optional<Found>> read_entry(const btf::View& btf, btf::TypeId id, bool is_kconfig,
                                        const Undefined& undefined) {
  const Type entry = btf.type(id);
  const bool is_var = entry.kind == Kind::var && btf::var_linkage(entry) == btf::Linkage::extern_;
  const bool is_func =
      !is_kconfig && entry.kind == Kind::func && btf::func_linkage(entry) == btf::Linkage::extern_;
  if ((!is_var && !is_func) || entry.name.empty()) return std::nullopt;
  Found out;
  out.name = entry.name;
  out.spec.name = entry.name;
  out.spec.section = is_kconfig ? kKconfig : kKsyms;
  // Without a symbol nothing refers to it.
  const auto symbol = undefined.find(entry.name);
  out.spec.weak = symbol == undefined.end() || symbol->second->binding == elf::SymbolBinding::weak;
  out.spec.type = entry.size_or_type;
  if (is_func) {
    out.spec.kind = ExternKind::function;
  } else if (is_kconfig) {
    out.spec.kind = ExternKind::kconfig;
    TRY(with_context(read_kconfig(btf, out), [&] {
      return format("extern \"{}\" in .kconfig", escape_terminal(entry.name));
    }));
  } else {
    const bool typed = btf::resolved(btf, entry.type()).kind != Kind::void_;
    out.spec.kind = typed ? ExternKind::variable : ExternKind::address;
  }
  return out;
}

Status read_section(Collector& state, std::string_view name, const Undefined& undefined,
                    std::vector<Found>& out) {
  const auto datasec = state.datasecs.find(name);
  if (datasec == state.datasecs.end()) return {};
  for (const btf::Variable& v : btf::variables(*state.btf, state.btf->type({datasec->second}))) {
    std::optional<Found> found = TRY(read_entry(*state.btf, v.type, name == kKconfig, undefined));
    if (found) out.push_back(std::move(*found));
  }
  return {};
}

// Kconfig variables lie in this order in their map, so that there are few gaps. It is also that of
// the other loaders: an object can be moved between them, and its map still means the same.
bool comes_before(const Found& a, const Found& b) {
  const bool a_kconfig = a.spec.kind == ExternKind::kconfig;
  const bool b_kconfig = b.spec.kind == ExternKind::kconfig;
  if (a_kconfig != b_kconfig) return a_kconfig;
  if (a_kconfig && (a.align != b.align || a.spec.size != b.spec.size))
    return std::tuple(b.align, a.spec.size) < std::tuple(a.align, b.spec.size);
  return a.name < b.name;
}

Status add_kconfig_map(Collector& state, std::vector<Found>& found) {
  u64 size = 0;
  for (Found& one : found) {
    if (one.spec.kind != ExternKind::kconfig) continue;
    size = (size + one.align - 1) / one.align * one.align;
    one.spec.map = static_cast<u32>(state.spec.maps.size());
    one.spec.offset = static_cast<u32>(size);
    size += one.spec.size;
    if (size > kMaxKconfigBytes)
      return fail(Code::limit, "the Kconfig values have more than {} bytes", kMaxKconfigBytes);
  }
  if (size == 0) return {};
  if (state.spec.maps.size() == kMaxMaps)
    return fail(Code::limit, "the object has more than {} maps", kMaxMaps);
  MapSpec map;
  map.name = kKconfig;
  map.kernel_name = kernel_map_name(state.spec.name, kKconfig);
  map.origin = {std::string(kKconfig), 0};
  map.source = MapSource::kconfig;
  map.type = bpf::MapType::array;
  map.key_size = sizeof(u32);
  map.value_size = static_cast<u32>(size);
  map.max_entries = 1;
  map.flags = bpf::kMapReadOnlyProg | bpf::kMapMmapable;
  map.freeze = true;
  map.btf_value_type = state.datasecs.at(kKconfig);
  state.spec.maps.push_back(std::move(map));
  return {};
}

}  // namespace

Status collect_externs(Collector& state) {
  if (!state.btf) return {};
  const Undefined undefined = undefined_symbols(state.elf);
  std::vector<Found> found;
  TRY(read_section(state, kKconfig, undefined, found));
  TRY(read_section(state, kKsyms, undefined, found));
  std::ranges::stable_sort(found, comes_before);
  TRY(add_kconfig_map(state, found));
  for (Found& one : found) {
    state.extern_indices.emplace(one.name, static_cast<u32>(state.spec.externs.size()));
    state.spec.externs.push_back(std::move(one.spec));
  }
  return {};
}

}  // namespace bpfld::loader
