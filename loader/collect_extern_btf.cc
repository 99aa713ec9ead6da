// SPDX-License-Identifier: Apache-2.0
// An object's BTF describes its externs as externs, in sections without sizes. The kernel's BTF
// verifier knows no externs (kernel/bpf/btf.c: btf_var_check_meta, btf_func_check_meta,
// btf_datasec_check_meta) and would refuse all of it. So the Kconfig variables become variables at
// their places in the map that holds them; what is in .ksyms becomes as little as is still valid,
// for nothing asks for it again. Ids stay what they were; new types and strings are appended.
#include <algorithm>
#include <cstring>
#include <initializer_list>

#include "btf/types.h"
#include "loader/collect_parts.h"

namespace bpfld::loader {
namespace {

using btf::Kind;
using btf::Type;
using btf::TypeId;

constexpr u32 kGlobal = 1;  // BTF_VAR_GLOBAL_ALLOCATED, BTF_FUNC_GLOBAL
constexpr u32 kIntBytes = 4;

// A native-order blob taken apart into words and strings. Words count from a record's start.
class Editor {
 public:
  Editor(Bytes blob, const btf::View& view) : view_(view), next_id_(view.count()) {
    const std::size_t types = view.type_bytes().size();
    const Bytes words = blob.subspan(sizeof(btf::Header), types);
    words_.resize(types / sizeof(u32));
    std::memcpy(words_.data(), words.data(), types);
    strings_ = text_of(blob.subspan(sizeof(btf::Header) + types));
  }

  u32 get(TypeId id, u32 word) const { return words_[at(id, word)]; }
  void set(TypeId id, u32 word, u32 value) { words_[at(id, word)] = value; }
  TypeId add(std::initializer_list<u32> words) {
    words_.insert(words_.end(), words);
    return {next_id_++};
  }
  u32 add_string(std::string_view text) {
    if (strings_.empty()) strings_ += '\0';
    const u32 offset = static_cast<u32>(strings_.size());
    strings_ += text;
    strings_ += '\0';
    return offset;
  }

  std::vector<std::byte> bytes() const {
    const u32 types = static_cast<u32>(words_.size() * sizeof(u32));
    const btf::Header header{.magic = btf::kMagic,
                             .version = btf::kVersion,
                             .flags = 0,
                             .header_size = sizeof(btf::Header),
                             .type_offset = 0,
                             .type_size = types,
                             .string_offset = types,
                             .string_size = static_cast<u32>(strings_.size())};
    std::vector<std::byte> out;
    for (const Bytes part : {bytes_of(header), Bytes(std::as_bytes(std::span(words_))),
                             bytes_of(std::string_view(strings_))})
      out.insert(out.end(), part.begin(), part.end());
    return out;
  }

 private:
  std::size_t at(TypeId id, u32 word) const { return view_.record_offset(id) / sizeof(u32) + word; }
  const btf::View& view_;
  u32 next_id_;
  std::vector<u32> words_;
  std::string strings_;
};

constexpr u32 kInfoWord = 1, kThirdWord = 2, kTail = 3;

struct Entry {
  u32 type = 0, offset = 0, size = 0;
};

void write_section(Editor& edit, TypeId section, u32 size, const std::vector<Entry>& entries) {
  edit.set(section, kThirdWord, size);
  u32 word = kTail;
  for (const Entry& entry : entries) {
    edit.set(section, word++, entry.type);
    edit.set(section, word++, entry.offset);
    edit.set(section, word++, entry.size);
  }
}

void place_kconfig(Editor& edit, const Collector& state, TypeId section) {
  std::vector<Entry> entries;
  u32 size = 0;
  for (const btf::Variable& v : btf::variables(*state.btf, state.btf->type(section))) {
    const Type variable = state.btf->type(v.type);
    const auto index = state.extern_indices.find(variable.name);
    Entry entry{.type = v.type.value, .offset = v.offset, .size = v.size};
    if (variable.kind == Kind::var && index != state.extern_indices.end()) {
      const ExternSpec& spec = state.spec.externs[index->second];
      edit.set(v.type, kTail, kGlobal);
      entry.offset = spec.offset;
      entry.size = spec.size;
      if (spec.kind == ExternKind::kconfig) size = state.spec.maps[spec.map].value_size;
    }
    entries.push_back(entry);
  }
  std::ranges::stable_sort(entries, {}, &Entry::offset);
  write_section(edit, section, size, entries);
}

// An `int` that the object has, or a new one.
TypeId find_int(Editor& edit, const btf::View& view) {
  for (u32 id = 1; id < view.count(); id++) {
    const Type type = view.type({id});
    const btf::Int info = btf::int_info(type);
    if (type.kind == Kind::int_ && type.size() == kIntBytes && info.bit_offset == 0 &&
        info.bits == 32 && info.encoding == btf::kIntSigned)
      return {id};
  }
  return edit.add({edit.add_string("int"), btf::make_info(static_cast<u32>(Kind::int_), 0, false),
                   kIntBytes, u32{btf::kIntSigned} << 24 | 32});
}

// A prototype of a FUNC must name its parameters.
void name_parameters(Editor& edit, const btf::View& view, TypeId proto, u32& name) {
  const Type type = view.type(proto);
  if (type.kind != Kind::func_proto) return;
  u32 word = kTail;
  for (const btf::Param& param : btf::params(view, type)) {
    if (param.name.empty() && param.type.value != 0) {
      if (name == 0) name = edit.add_string("unnamed");
      edit.set(proto, word, name);
    }
    word += 2;
  }
}

void empty_ksyms(Editor& edit, const Collector& state, TypeId section) {
  const btf::View& view = *state.btf;
  const TypeId number = find_int(edit, view);
  TypeId stand_in{};  // for functions: a section holds variables
  u32 name = 0;
  std::vector<Entry> entries;
  for (const btf::Variable& v : btf::variables(view, view.type(section))) {
    const Type type = view.type(v.type);
    Entry entry{.type = v.type.value,
                .offset = static_cast<u32>(entries.size()) * kIntBytes,
                .size = kIntBytes};
    if (type.kind == Kind::var) {
      edit.set(v.type, kThirdWord, number.value);
      edit.set(v.type, kTail, kGlobal);
    } else if (type.kind == Kind::func) {
      edit.set(v.type, kInfoWord, btf::make_info(static_cast<u32>(Kind::func), kGlobal, false));
      name_parameters(edit, view, type.type(), name);
      if (stand_in.value == 0)
        stand_in = edit.add({edit.add_string("a_function"),
                             btf::make_info(static_cast<u32>(Kind::var), 0, false), number.value,
                             kGlobal});
      entry.type = stand_in.value;
    }
    entries.push_back(entry);
  }
  write_section(edit, section, static_cast<u32>(entries.size()) * kIntBytes, entries);
}

}  // namespace

void fix_extern_btf(Collector& state) {
  const auto kconfig = state.datasecs.find(".kconfig");
  const auto ksyms = state.datasecs.find(".ksyms");
  if (!state.btf || state.spec.externs.empty()) return;
  Editor edit(state.spec.btf, *state.btf);
  if (kconfig != state.datasecs.end()) place_kconfig(edit, state, {kconfig->second});
  if (ksyms != state.datasecs.end()) empty_ksyms(edit, state, {ksyms->second});
  state.spec.btf = edit.bytes();
}

}  // namespace bpfld::loader
