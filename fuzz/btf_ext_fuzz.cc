// SPDX-License-Identifier: Apache-2.0
// Any bytes give a .BTF.ext or an error, with any .BTF beside it: what parses names types and
// strings that exist. The input is a .BTF's size as a little-endian u32, the .BTF, and the rest is
// the .BTF.ext.
#include <cstddef>

#include "fuzz/require.h"
#include "tests/support/btf_exercise.h"

namespace {

using namespace bpfld;
using namespace bpfld::btf;

constexpr std::size_t kMaxInput = 64 << 10;

void require_consistent(const Ext& ext, const View& btf) {
  for (const SectionRecords<FuncInfo>& section : ext.functions)
    for (const FuncInfo& info : section.records)
      fuzz::require(btf.kind(info.type) == Kind::func, "func info names functions");
  for (const SectionRecords<LineInfo>& section : ext.lines)
    for (const LineInfo& info : section.records)
      fuzz::require(btf.has_string(info.file_name) && btf.has_string(info.line_text),
                    "line info names strings that exist");
  for (const SectionRecords<CoreRelo>& section : ext.core)
    for (const CoreRelo& relo : section.records)
      fuzz::require(relo.type.value < btf.count() && static_cast<u32>(relo.kind) < kCoreKinds,
                    "CO-RE relocations name types and kinds that exist");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const u8* data, std::size_t size) {
  if (size > kMaxInput) return 0;
  const Bytes input = std::as_bytes(std::span(data, size));
  const Result<u32> btf_size = load<u32>(input, 0, ByteOrder::little);
  if (!btf_size || !fits(input.size() - 4, 0, *btf_size)) return 0;
  const Result<View> view = View::parse(input.subspan(4, *btf_size));
  if (!view) return 0;
  const Bytes blob = input.subspan(4 + std::size_t{*btf_size});
  const Result<Ext> ext = Ext::parse(blob, *view);
  if (ext) {
    require_consistent(*ext, *view);
  } else {
    fuzz::require_good_error(ext.error());
  }
  test::exercise_btf_ext(blob, *view);
  return 0;
}
