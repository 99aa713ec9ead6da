// SPDX-License-Identifier: Apache-2.0
// The order of the steps, the small sections, and the object's name. See collect.h.
#include "loader/collect.h"

#include <algorithm>
#include <tuple>

#include "base/escape.h"
#include "btf/sanitize.h"
#include "loader/collect_parts.h"

namespace bpfld::loader {
namespace {

constexpr u64 kMaxLicense = 128;

Status collect_license(Collector& state) {
  const elf::Section* section = state.elf.find_section("license");
  if (section == nullptr) return {};
  const std::string_view text = text_of(section->data);
  const std::string_view license = text.substr(0, text.find('\0'));
  if (license.size() > kMaxLicense)
    return fail(Code::malformed, "section [{}] \"license\" holds {} bytes of text, more than {}",
                section->index, license.size(), kMaxLicense);
  state.spec.license = license;
  return {};
}

Status collect_version(Collector& state) {
  const elf::Section* section = state.elf.find_section("version");
  if (section == nullptr) return {};
  if (section->data.size() != sizeof(u32))
    return fail(Code::malformed, "section [{}] \"version\" has {} bytes, not 4", section->index,
                section->data.size());
  state.spec.kernel_version = TRY(load<u32>(section->data, 0, state.elf.order()));
  return {};
}

Status read_btf(Collector& state) {
  const elf::Section* btf = state.elf.find_section(".BTF");
  if (btf == nullptr) return {};
  state.btf =
      TRY(with_context(btf::View::parse(btf->data), [] { return std::string("section .BTF"); }));
  TRY(with_context(state.btf->validate(), [] { return std::string("section .BTF"); }));
  state.replace_unknown_kinds();
  const elf::Section* ext = state.elf.find_section(".BTF.ext");
  if (ext == nullptr) return {};
  state.ext = TRY(with_context(btf::Ext::parse(ext->data, *state.btf),
                               [] { return std::string("section .BTF.ext"); }));
  return {};
}

// The sections of older or newer conventions that change what an object means: better refused than
// ignored.
Status refuse_unknown_sections(const Collector& state) {
  for (const elf::Section& section : state.elf.sections()) {
    const bool struct_ops =
        section.name.starts_with(".struct_ops") || section.name.starts_with("?.struct_ops");
    if (struct_ops && !is_struct_ops_section(section.name))
      return fail(Code::unsupported, "section [{}] \"{}\" is not supported", section.index,
                  escape_terminal(section.name));
  }
  return {};
}

}  // namespace

void Collector::index_names() {
  for (const elf::Section& section : elf.sections()) {
    sections.emplace(section.name, &section);
    if (section.is_code()) code_sections.emplace(section.name, section.index);
  }
  for (const elf::Symbol& symbol : elf.symbols())
    if (symbol.is_in_section() && symbol.type != elf::SymbolType::section)
      named_symbols.push_back(&symbol);
  std::ranges::stable_sort(named_symbols, [](const elf::Symbol* a, const elf::Symbol* b) {
    return std::tie(a->section, a->name) < std::tie(b->section, b->name);
  });
  if (!btf) return;
  for (u32 id = 1; id < btf->count(); id++)
    if (btf->kind({id}) == btf::Kind::datasec) datasecs.emplace(btf->type({id}).name, id);
}

// The layout section, which says how long a record of an unknown kind is, is newer than most
// kernels and does not stay with the object's BTF; so such records do not stay either.
void Collector::replace_unknown_kinds() {
  bool found = false;
  btf->each_record([&](u32, const btf::TypeRecord& record) {
    found = found || btf::info_kind(record.info) >= btf::kKindCount;
  });
  if (!found) return;
  rewritten_btf = btf::sanitize(*btf, {});
  if (Result<btf::View> view = btf::View::parse(rewritten_btf)) btf = std::move(view).value();
}

const elf::Symbol* Collector::find_symbol(u32 section, std::string_view name) const {
  const auto found =
      std::ranges::lower_bound(named_symbols, std::tie(section, name), {},
                               [](const elf::Symbol* s) { return std::tie(s->section, s->name); });
  const bool same =
      found != named_symbols.end() && (*found)->section == section && (*found)->name == name;
  return same ? *found : nullptr;
}

Result<ObjectSpec> collect(Bytes file, std::string_view name) {
  const elf::Object object = TRY(elf::Object::parse(file));
  Collector state(object);
  state.spec.name = name;
  state.spec.order = object.order();
  TRY(refuse_unknown_sections(state));
  TRY(collect_license(state));
  TRY(collect_version(state));
  TRY(read_btf(state));
  state.index_names();
  TRY(collect_functions(state));
  TRY(collect_maps(state));
  TRY(collect_legacy_maps(state));
  TRY(collect_slots(state));
  TRY(collect_data(state));
  TRY(collect_arena(state));
  TRY(collect_struct_ops(state));
  TRY(collect_externs(state));
  TRY(collect_references(state));
  TRY(collect_info(state));
  TRY(collect_callbacks(state));
  note_lost_relocations(state);
  collect_btf(state);
  fix_extern_btf(state);
  return std::move(state.spec);
}

std::string object_name(std::string_view path) {
  const std::size_t slash = path.find_last_of('/');
  std::string_view file = slash == std::string_view::npos ? path : path.substr(slash + 1);
  for (std::string_view suffix : {".bpf.o", ".o"}) {
    if (file.size() > suffix.size() && file.ends_with(suffix))
      return std::string(file.substr(0, file.size() - suffix.size()));
  }
  return std::string(file);
}

}  // namespace bpfld::loader
