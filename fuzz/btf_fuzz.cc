// SPDX-License-Identifier: Apache-2.0
// Any bytes give BTF or an error; BTF answers every question in bounded time; valid BTF stays valid
// when it is written again for an older kernel, with the same number of types and the same sizes.
#include <array>
#include <cstddef>

#include "btf/sanitize.h"
#include "fuzz/require.h"
#include "tests/support/btf_exercise.h"
#include "tests/support/slow_walk.h"

namespace {

using namespace bpfld;
using namespace bpfld::btf;

constexpr std::size_t kMaxInput = 64 << 10;

// The one kind whose stand-in has another size: a variable's is a byte.
bool keeps_size(Kind kind) {
  return kind != Kind::var && kind != Kind::array;
}

void require_sanitized(const View& before, const KindSupport& support) {
  const std::vector<std::byte> blob = sanitize(before, support);
  const Result<View> after = View::parse(blob);
  fuzz::require(after.has_value(), "sanitized BTF parses");
  const Status valid = after->validate();
  fuzz::require(valid.has_value(), valid ? "" : valid.error().message().c_str());
  fuzz::require(after->count() == before.count(), "sanitized BTF has the same ids");
  for (u32 id = 1; id < before.count(); id++) {
    const Result<u64> size = size_of(before, {id});
    if (!size || *size == 0 || !keeps_size(before.kind({id}))) continue;  // `enum e;` gets a size
    fuzz::require(size_of(*after, {id}) == size, "sanitized types have the same size");
  }
}

// What find_named() must find, by looking at every type.
void require_found(const View& view) {
  for (u32 id = 1; id < view.count(); id += 1 + view.count() / 16) {
    const std::array<std::string_view, 1> names = {essential_name(view.type({id}).name)};
    std::vector<TypeId> expected;
    for (u32 other = 1; other < view.count() && !names[0].empty(); other++) {
      const Type type = view.type({other});
      if (type.kind != Kind::unknown && essential_name(type.name) == names[0])
        expected.push_back({other});
    }
    fuzz::require(find_named(view, names, KindMask::all(), Match::essential)[0] == expected,
                  "a pass over all types finds the same");
  }
}

// The rest of the blob taken for a type section, in pieces so small that guesses are often wrong.
void require_same_walk(Bytes blob) {
  for (const u64 piece_bytes : {16u, 64u, 1024u}) {
    const std::string_view difference =
        test::compare_walks(blob.subspan(std::min<std::size_t>(sizeof(Header), blob.size())), {},
                            1u << 16, piece_bytes);
    fuzz::require(difference.empty(), std::string(difference).c_str());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const u8* data, std::size_t size) {
  if (size > kMaxInput) return 0;
  const Bytes blob = std::as_bytes(std::span(data, size));
  require_same_walk(blob);
  const Result<View> view = View::parse(blob);
  if (!view) {
    fuzz::require_good_error(view.error());
    return 0;
  }
  test::exercise_btf(blob);
  require_found(*view);
  const Status valid = view->validate();
  if (!valid) {
    fuzz::require_good_error(valid.error());
    return 0;
  }
  KindSupport oldest = {.func = false,
                        .func_global = false,
                        .datasec = false,
                        .float_ = false,
                        .decl_tag = false,
                        .type_tag = false,
                        .enum64 = false,
                        .tag_flag = false,
                        .question_in_section = false};
  require_sanitized(*view, {});
  require_sanitized(*view, oldest);
  oldest.func = oldest.datasec = true;
  require_sanitized(*view, oldest);
  test::exercise_btf(blob, &*view);  // and as split BTF on top of itself
  return 0;
}
