// SPDX-License-Identifier: Apache-2.0
// Deals .BTF.ext out to the functions: which FUNC a function is, the source line behind an
// instruction, the CO-RE relocations. And finishes .BTF: a compiler leaves the sizes and offsets of
// data sections at 0 for the linker to fill in, but nothing links a BPF object, so the loader does
// it here.
#include <algorithm>

#include "base/escape.h"
#include "btf/types.h"
#include "loader/collect_parts.h"

namespace bpfld::loader {
namespace {

using btf::Kind;
using btf::Type;

// Calls add(function, index within it, record) for each record; records in gaps are passed over.
template <typename Record, typename Add>
Status deal(Collector& state, const std::vector<btf::SectionRecords<Record>>& sections,
            std::string_view what, Add add) {
  for (const btf::SectionRecords<Record>& section : sections) {
    const auto code = state.code_sections.find(section.section);
    if (code == state.code_sections.end()) continue;
    for (const Record& record : section.records) {
      const std::optional<u32> function = state.function_at(code->second, record.insn_offset);
      if (!function) continue;
      const InsnIndex at =
          TRY(with_context(to_insn(record.insn_offset - state.places[*function].start), [&] {
            return format(".BTF.ext: {} of \"{}\"", what, escape_terminal(section.section));
          }));
      add(state.spec.functions[*function], at, record);
    }
  }
  return {};
}

// Writes one u32 word of the type section of a native-order blob.
class TypeWriter {
 public:
  TypeWriter(std::vector<std::byte>& blob, const btf::View& view) : blob_(blob), view_(view) {}
  // `word` counts from the start of the type's record.
  void set(btf::TypeId id, u32 word, u32 value) {
    const std::size_t at = kHeader + view_.record_offset(id) + word * sizeof(u32);
    if (fits(blob_.size(), at, sizeof(u32))) std::memcpy(blob_.data() + at, &value, sizeof(u32));
  }
  u32 get(btf::TypeId id, u32 word) const {
    return load_checked<u32>(blob_, kHeader + view_.record_offset(id) + word * sizeof(u32));
  }
  // Of the string at `offset`. The sections of optional structs ("?.struct_ops") give their names
  // to DATASECs, and kernels before 6.9 know no such name.
  void replace_first_letter(u32 offset, char old_letter, char letter) {
    const std::size_t at = kHeader + view_.type_bytes().size() + offset;
    if (offset != 0 && at < blob_.size() && blob_[at] == static_cast<std::byte>(old_letter))
      blob_[at] = static_cast<std::byte>(letter);
  }
  static constexpr std::size_t kHeader = sizeof(btf::Header);

 private:
  std::vector<std::byte>& blob_;
  const btf::View& view_;
};

// The blob in native byte order with the 24-byte header that every kernel knows.
std::vector<std::byte> native_blob(const btf::View& view) {
  const u32 types = static_cast<u32>(view.type_bytes().size());
  const u32 strings = static_cast<u32>(view.string_bytes().size());
  const btf::Header header{.magic = btf::kMagic,
                           .version = btf::kVersion,
                           .flags = 0,
                           .header_size = sizeof(btf::Header),
                           .type_offset = 0,
                           .type_size = types,
                           .string_offset = types,
                           .string_size = strings};
  std::vector<std::byte> blob;
  blob.reserve(TypeWriter::kHeader + types + strings);
  const Bytes head = bytes_of(header);
  blob.insert(blob.end(), head.begin(), head.end());
  blob.insert(blob.end(), view.type_bytes().begin(), view.type_bytes().end());
  blob.insert(blob.end(), view.string_bytes().begin(), view.string_bytes().end());
  return blob;
}

struct Entry {
  u32 type, offset, size;
};

// Size of the section, offset of each variable, entries in order of offset: what the kernel checks.
void fill_datasec(const Collector& state, TypeWriter& writer, const Type& datasec) {
  const auto found = state.sections.find(datasec.name);
  if (found == state.sections.end() || found->second->size > 0xffffffffu) return;
  const elf::Section* section = found->second;
  std::vector<Entry> entries;
  for (const btf::Variable& v : btf::variables(*state.btf, datasec)) {
    const elf::Symbol* symbol = state.find_symbol(section->index, state.btf->type(v.type).name);
    const u32 offset = symbol != nullptr ? static_cast<u32>(symbol->value) : v.offset;
    entries.push_back({v.type.value, offset, v.size});
  }
  if (entries.empty()) {
    // The section holds only what has no name, such as the initial value of a local array. The
    // record says nothing then, and kernels before 5.12 refuse it: an anonymous struct says as
    // much.
    writer.set(datasec.id, 0, 0);
    writer.set(datasec.id, 1, btf::make_info(static_cast<u32>(Kind::struct_), 0, false));
  }
  std::ranges::stable_sort(entries, {}, &Entry::offset);
  writer.set(datasec.id, 2, static_cast<u32>(section->size));
  u32 word = 3;
  for (const Entry& entry : entries) {
    writer.set(datasec.id, word++, entry.type);
    writer.set(datasec.id, word++, entry.offset);
    writer.set(datasec.id, word++, entry.size);
  }
}

}  // namespace

Status collect_info(Collector& state) {
  if (!state.ext) return {};
  TRY(deal(state, state.ext->functions, "func_info",
           [](FunctionSpec& f, InsnIndex at, const btf::FuncInfo& r) {
             f.func_info.push_back({at, r.type.value});
           }));
  TRY(deal(state, state.ext->lines, "line_info",
           [](FunctionSpec& f, InsnIndex at, const btf::LineInfo& r) {
             f.line_info.push_back({at, r.file_name, r.line_text, r.line_column});
           }));
  u32 core_number = 0;
  TRY(deal(state, state.ext->core, "CO-RE",
           [&core_number](FunctionSpec& f, InsnIndex at, const btf::CoreRelo& r) {
             f.core.push_back({at, core_number++, r.type.value, std::string(r.access), r.kind});
           }));
  for (FunctionSpec& function : state.spec.functions) {
    std::ranges::stable_sort(function.func_info, {}, &FunctionInfo::at);
    std::ranges::stable_sort(function.line_info, {}, &LineInfo::at);
    std::ranges::stable_sort(function.core, {}, &CoreRelocation::at);
  }
  return {};
}

void collect_btf(Collector& state) {
  if (!state.btf) return;
  state.spec.btf = native_blob(*state.btf);
  TypeWriter writer(state.spec.btf, *state.btf);
  for (u32 id = 1; id < state.btf->count(); id++) {
    if (state.btf->kind({id}) != Kind::datasec) continue;
    fill_datasec(state, writer, state.btf->type({id}));
    writer.replace_first_letter(writer.get({id}, 0), '?', '_');
  }
  // The verifier checks a hidden function together with its callers, as it does a static one; the
  // BTF must say the same. FUNC keeps its linkage in vlen; 0 is static.
  for (const FunctionSpec& function : state.spec.functions) {
    if (!function.is_static || function.func_info.empty()) continue;
    const btf::TypeId id{function.func_info.front().type};
    if (state.btf->kind(id) == Kind::func) writer.set(id, 1, writer.get(id, 1) & 0xff000000u);
  }
}

}  // namespace bpfld::loader
