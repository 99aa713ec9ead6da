// SPDX-License-Identifier: Apache-2.0
// See objects.h.
#include "tests/support/objects.h"

#include <cassert>
#include <cstdlib>
#include <stdexcept>

#include "base/format.h"

namespace bpfld::test {
namespace {

constexpr u32 kFile = 1;  // what every line_info record says: "test.c", line 1 and up

u32 relocation_type(const bpf::Insn& insn) {
  return insn.is_call() ? 10 : 1;  // R_BPF_64_32, R_BPF_64_64
}

void append(std::vector<std::byte>& out, const std::vector<bpf::Insn>& insns) {
  const Bytes bytes = std::as_bytes(std::span(insns));
  out.insert(out.end(), bytes.begin(), bytes.end());
}

bool is_bss(std::string_view name) {
  return name.starts_with(".bss");
}

}  // namespace

ObjectBuilder::ObjectBuilder() {
  int_id = btf.add_int("int", 4);
  u32_id = btf.add_uint("unsigned int", 4);
  u64_id = btf.add_uint("unsigned long long", 8);
}

ObjectBuilder::Section& ObjectBuilder::section(std::string_view name, bool code) {
  for (Section& s : sections_)
    if (s.name == name) return s;
  sections_.push_back({std::string(name), code, {}, {}});
  return sections_.back();
}

const ObjectBuilder::Symbol& ObjectBuilder::symbol(std::string_view name) const {
  for (const Symbol& s : symbols_)
    if (s.name == name) return s;
  throw std::logic_error("the test's object has no symbol " + std::string(name));
}

void ObjectBuilder::add_function(std::string_view name, std::string_view where,
                                 const std::vector<bpf::Insn>& insns,
                                 const FunctionOptions& options) {
  Section& code = section(where, true);
  const u64 start = code.data.size();
  append(code.data, insns);
  Symbol added{std::string(name),       std::string(where), elf::SymbolType::function,
               options.binding,         options.visibility, start,
               insns.size() * kInsnSize};
  if (options.info) {
    const TypeId proto = btf.add_func_proto(int_id);
    added.btf_type =
        btf.add_func(name, proto, options.binding == elf::SymbolBinding::local ? 0u : 1u);
    ext.add_func(where, static_cast<u32>(start), added.btf_type);
    ext.add_line(where, static_cast<u32>(start), "test.c", name, kFile);
  }
  symbols_.push_back(std::move(added));
}

void ObjectBuilder::add_gap(std::string_view where, const std::vector<bpf::Insn>& insns) {
  append(section(where, true).data, insns);
}

void ObjectBuilder::add_alias(std::string_view name, std::string_view of,
                              const FunctionOptions& options) {
  Symbol alias = symbol(of);
  alias.name = name;
  alias.binding = options.binding;
  alias.visibility = options.visibility;
  symbols_.push_back(std::move(alias));
}

TypeId ObjectBuilder::map_definition(const std::vector<MapMember>& members) {
  std::vector<MemberSpec> specs;
  for (const MapMember& member : members) {
    TypeId id = member.type;
    if (member.kind == MapMember::Kind::number)
      id = btf.add_ptr(btf.add_array(int_id, u32_id, static_cast<u32>(member.value)));
    if (member.kind == MapMember::Kind::type) id = btf.add_ptr(member.type);
    if (member.kind == MapMember::Kind::long_number)
      id = btf.add_enum64("", {{format("unique_{}", member.name), static_cast<i64>(member.value)}});
    if (member.kind == MapMember::Kind::values)
      id = btf.add_array(btf.add_ptr(member.type), u32_id, 0);
    const u32 at = specs.empty() ? 0 : specs.back().bit_offset + 64;
    specs.push_back({member.name, id, at, 0});
  }
  const bool values = !members.empty() && members.back().kind == MapMember::Kind::values;
  return btf.add_struct("", static_cast<u32>((members.size() - (values ? 1 : 0)) * 8), specs);
}

void ObjectBuilder::add_map(std::string_view name, const std::vector<MapMember>& members) {
  const TypeId variable = btf.add_var(name, map_definition(members));
  u32 size = static_cast<u32>(members.size() * 8);
  u64 slots_at = 0;
  if (!members.empty() && members.back().kind == MapMember::Kind::values) {
    slots_at = size - 8;
    size += static_cast<u32>(members.back().value * 8) - 8;
  }
  Section& maps = section(".maps", false);
  symbols_.push_back({std::string(name), ".maps", elf::SymbolType::object,
                      elf::SymbolBinding::global, elf::SymbolVisibility::default_, maps.data.size(),
                      size, TypeId{}, slots_at});
  maps.data.resize(maps.data.size() + size);
  maps.variables.push_back({variable, 0, size});
}

void ObjectBuilder::fill_slot(std::string_view map, u32 slot, std::string_view symbol_name) {
  const Symbol& at = symbol(map);
  relocate_at(".maps", at.value + at.slots_at + u64{slot} * 8, symbol_name);
}

void ObjectBuilder::add_variable(std::string_view name, std::string_view where, TypeId type_id,
                                 const std::vector<std::byte>& bytes, elf::SymbolBinding binding) {
  Section& data = section(where, false);
  const u32 size = static_cast<u32>(bytes.size());
  const TypeId variable =
      btf.add_var(name, type_id, binding == elf::SymbolBinding::local ? 0u : 1u);
  symbols_.push_back({std::string(name), std::string(where), elf::SymbolType::object, binding,
                      elf::SymbolVisibility::default_, data.data.size(), size});
  data.data.insert(data.data.end(), bytes.begin(), bytes.end());
  data.variables.push_back({variable, 0, size});
}

void ObjectBuilder::add_extern(std::string_view name, elf::SymbolBinding binding) {
  symbols_.push_back({std::string(name), "", elf::SymbolType::none, binding,
                      elf::SymbolVisibility::default_, 0, 0});
}

void ObjectBuilder::relocate(std::string_view function, u64 insn, std::string_view symbol_name) {
  const Symbol& in = symbol(function);
  relocate_at(in.section, in.value + insn * kInsnSize, symbol_name);
}

void ObjectBuilder::relocate_at(std::string_view where, u64 offset, std::string_view symbol_name) {
  relocations_.push_back({std::string(where), offset, std::string(symbol_name)});
}

TypeId ObjectBuilder::func_type(std::string_view name) const {
  return symbol(name).btf_type;
}

void ObjectBuilder::write_symbols(ElfBuilder& elf) {
  std::vector<std::pair<std::string, ElfBuilder::SymbolHandle>> handles;
  const auto find = [&](std::string_view name) {
    for (const auto& [known, handle] : handles)
      if (known == name) return handle;
    // Not a symbol's name, so a section's.
    const ElfBuilder::SymbolHandle handle = elf.add_section_symbol(elf.index_of(name));
    handles.emplace_back(name, handle);
    return handle;
  };
  for (const Symbol& s : symbols_) {
    const u32 index = s.section.empty() ? 0 : elf.index_of(s.section);
    const ElfBuilder::SymbolHandle handle =
        elf.add_symbol(s.name, s.type, s.binding, index, s.value, s.size);
    elf.edit_symbol(handle, [visibility = s.visibility](elf::SymbolRecord& record) {
      record.other = static_cast<u8>(visibility);
    });
    handles.emplace_back(s.name, handle);
  }
  for (const Relocation& r : relocations_) {
    const Section& code = section(r.section, true);
    const bpf::Insn insn = load_checked<bpf::Insn>(code.data, r.offset);
    constexpr u32 kAbsolute64 = 2;  // R_BPF_64_ABS64: a pointer in data
    elf.add_relocation(elf.index_of(r.section), r.offset, find(r.symbol),
                       code.code ? relocation_type(insn) : kAbsolute64);
  }
}

std::vector<std::byte> ObjectBuilder::build() {
  ElfBuilder elf(kHostOrder);
  for (const Section& s : sections_) {
    if (s.code)
      elf.add_section(s.name, elf::kSectionProgbits, elf::kFlagAlloc | elf::kFlagExec, s.data);
    else if (is_bss(s.name))
      elf.add_bss(s.name, s.data.size());
    else
      elf.add_data(s.name, Bytes(s.data));
  }
  if (!license.empty()) elf.add_data("license", license + '\0');
  if (with_btf) {
    for (const Section& s : sections_)
      if (!s.variables.empty()) btf.add_datasec(s.name, 0, s.variables);
    const std::vector<std::byte> ext_bytes = ext.bytes();
    elf.add_section(".BTF", elf::kSectionProgbits, 0, btf.bytes());
    elf.add_section(".BTF.ext", elf::kSectionProgbits, 0, ext_bytes);
  }
  write_symbols(elf);
  if (edit) edit(elf);
  return elf.build();
}

std::string build_path(std::string_view name) {
  const char* build = std::getenv("BPFLD_BUILD");  // NOLINT(concurrency-mt-unsafe)
  return format("{}/{}", build != nullptr ? build : "build", name);
}

}  // namespace bpfld::test
