// SPDX-License-Identifier: Apache-2.0
// Asks a BTF blob everything that can be asked. For the mutation tests and the fuzzer: whatever the
// bytes are, each question gets an answer or an error, in bounded time and memory.
#pragma once

#include <algorithm>
#include <array>

#include "btf/c_header.h"
#include "btf/diff.h"
#include "btf/dump.h"
#include "btf/ext.h"
#include "btf/index.h"
#include "btf/layout.h"
#include "btf/print_value.h"
#include "btf/search.h"
#include "btf/show.h"
#include "btf/slice.h"

namespace bpfld::test {

// Reads every list of a type to its end; the sum keeps a compiler from leaving the reads out.
inline u64 read_entries(const btf::View& view, const btf::Type& type) {
  u64 sum = type.name.size();
  for (const btf::Member& m : btf::members(view, type))
    sum += m.name.size() + m.bit_offset;
  for (const btf::Enumerator& e : btf::enumerators(view, type))
    sum += e.name.size() + e.value;
  for (const btf::Param& p : btf::params(view, type))
    sum += p.name.size() + p.type.value;
  for (const btf::Variable& v : btf::variables(view, type))
    sum += v.offset + v.size;
  sum += btf::array(type).count + btf::int_info(type).bits;
  sum += static_cast<u64>(btf::func_linkage(type)) + static_cast<u64>(btf::var_linkage(type));
  return sum + static_cast<u64>(btf::tag_component(type));
}

// `sample`: bytes to print as a value of every type.
inline u64 ask_everything(const btf::View& view, Bytes sample) {
  const btf::PrintOptions small = {.max_bytes = 1000};
  u64 sum = view.validate() ? 1 : 0;
  for (u32 id = view.first_id(); id <= view.count(); id++) {
    const btf::Type type = view.type({id});
    sum += read_entries(view, type);
    sum += btf::size_of(view, {id}).value_or(0) + btf::align_of(view, {id}).value_or(0);
    sum += btf::type_name(view, {id}).size();
    sum += btf::print_text(view, {id}, sample, small).size();
    sum += btf::print_json(view, {id}, sample, small).size();
    sum += btf::skip_modifiers(view, {id}).value + btf::resolved(view, {id}).vlen;
  }
  const std::array<std::string_view, 3> names = {"int", "task_struct", "a"};
  for (const std::vector<btf::TypeId>& found :
       btf::find_named(view, names, btf::KindMask::all(), btf::Match::essential))
    sum += found.size();
  return sum;
}

// Has the view written out in every form.
inline u64 write_everything(const btf::View& view) {
  u64 sum = btf::search(view, "*[a-t]*", btf::KindMask::all()).size();
  if (const Result<std::string> header = btf::c_header(view)) sum += header->size();
  btf::Slicer slicer(view);
  // A blob may have a long name and thousands of types of it: enough is enough.
  for (u32 id = view.first_id(); id < view.count() && sum < (1u << 20); id++) {
    std::string text = btf::show_type(view, {id});
    btf::append_raw_text(view, {id}, text);
    btf::append_raw_json(view, {id}, text);
    sum += text.size();
    if (id % 2 == 0) slicer.keep_contents({id});
    slicer.keep_member({id}, id % 5);
  }
  if (const auto slice = slicer.build()) sum += slice->size();
  if (const auto diffs = btf::diff_all(view, view, btf::KindMask::all()))
    for (const btf::TypeDiff& diff : *diffs)
      sum += btf::describe(diff).size() + btf::summarize(diff).size();
  return sum;
}

// Parses the bytes, alone and as split BTF on top of `base`, and asks.
inline u64 exercise_btf(Bytes blob, const btf::View* base = nullptr) {
  const Result<btf::View> view = btf::View::parse(blob, base);
  // Its own first bytes serve as a record: as hostile as the rest, and there is always something.
  return view ? ask_everything(*view, blob.first(std::min<std::size_t>(blob.size(), 256))) +
                    write_everything(*view)
              : view.error().what.size();
}

inline u64 exercise_btf_ext(Bytes blob, const btf::View& btf) {
  const Result<btf::Ext> ext = btf::Ext::parse(blob, btf);
  if (!ext) return ext.error().message().size();
  u64 sum = 0;
  for (const auto& section : ext->functions)
    for (const btf::FuncInfo& info : section.records)
      sum += btf.type(info.type).name.size();
  for (const auto& section : ext->lines)
    for (const btf::LineInfo& info : section.records)
      sum += btf.string(info.file_name).size() + btf.string(info.line_text).size() + info.line();
  for (const auto& section : ext->core)
    for (const btf::CoreRelo& relo : section.records)
      sum += relo.access.size() + btf::core_kind_name(relo.kind).size();
  return sum;
}

}  // namespace bpfld::test
