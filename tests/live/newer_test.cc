// SPDX-License-Identifier: Apache-2.0
// What only newer kernels take: exception callbacks, jumps through tables.
#include <doctest/doctest.h>

#include "tests/live/support.h"

namespace {

using namespace bpfld;
using test::Loaded;
using test::test_run;

}  // namespace

TEST_CASE("live: programs carry their exception callbacks") {
  if (!test::kernel_has("BPF_MAP_TYPE_ARENA")) {  // 6.9; exceptions are of 6.7
    test::skip("exception callbacks", "the kernel is too old", "BPF_MAP_TYPE_ARENA");
    return;
  }
  Loaded loaded("fixtures/exception_callback.bpf.o");
  REQUIRE_MESSAGE(loaded.load(), loaded.error.message() << "\n" << loaded.error.detail);
  CHECK(test_run(loaded, "first", 64) == 10);
  CHECK(test_run(loaded, "second", 64) == 65);
}

TEST_CASE("live: a jump through a table arrives") {
  if (!test::kernel_has("BPF_MAP_TYPE_INSN_ARRAY")) {
    test::skip("jump tables", "the kernel has none", "BPF_MAP_TYPE_INSN_ARRAY");
    return;
  }
  Loaded loaded("fixtures/goto_table.bpf.o");
  REQUIRE_MESSAGE(loaded.load(), loaded.error.message() << "\n" << loaded.error.detail);
  // A socket filter sees what follows the 14 bytes of the Ethernet header.
  for (const u32 index : {0u, 1u, 2u})
    CHECK(test_run(loaded, "choose", 66 + index) == i64{100} * (index + 1));
  CHECK(test_run(loaded, "choose", 69) == 0);
}
