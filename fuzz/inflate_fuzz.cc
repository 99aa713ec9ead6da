// SPDX-License-Identifier: Apache-2.0
// Any bytes as gzip and as a bare deflate stream: nothing but an answer comes of them, never more
// than what was allowed, and the same with every limit that is large enough.
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/inflate.h"
#include "fuzz/require.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bpfld;
  const Bytes input = std::as_bytes(std::span(data, size));
  constexpr u64 kLimit = 1u << 16;
  for (const bool gzip : {true, false}) {
    u64 used = 0;
    const Result<std::vector<std::byte>> out =
        gzip ? gunzip(input, kLimit) : inflate(input, kLimit, &used);
    if (!out) {
      fuzz::require_good_error(out.error());
      continue;
    }
    fuzz::require(out->size() <= kLimit, "no more comes out than was allowed");
    fuzz::require(used <= input.size(), "no more is used than there is");
    const Result<std::vector<std::byte>> exact =
        gzip ? gunzip(input, out->size()) : inflate(input, out->size());
    fuzz::require(exact.has_value() && *exact == *out, "the limit is not too strict");
    if (out->empty()) continue;
    const Result<std::vector<std::byte>> less =
        gzip ? gunzip(input, out->size() - 1) : inflate(input, out->size() - 1);
    fuzz::require(!less.has_value() && less.error().code == Code::limit, "nor too lax");
  }
  return 0;
}
