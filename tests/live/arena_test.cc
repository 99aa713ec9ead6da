// SPDX-License-Identifier: Apache-2.0
// Variables in an arena have their first values, keep what is stored, and can point at each other.
#include <cerrno>
#include <cstdio>
#include <doctest/doctest.h>

#include "tests/live/support.h"

namespace {

using namespace bpfld;
using test::Loaded;
using test::test_run;

void count_in_arena(std::string_view object) {
  Loaded loaded(object);
  if (!test::kernel_has("BPF_MAP_TYPE_ARENA")) {
    test::skip("arenas", "the kernel has none", "BPF_MAP_TYPE_ARENA");
    return;
  }
  const bool done = loaded.load();
  // Since 6.18 an arena keeps its books in memory from kmalloc_nolock(), which gives none where the
  // CPU lacks cmpxchg16b (mm/slub.c); some virtual machines do.
  if (!done && loaded.error.errno_value == ENOMEM && !test::cpu_has("cx16")) {
    std::printf("SKIP: arenas: this CPU has no cmpxchg16b\n");
    return;
  }
  REQUIRE_MESSAGE(done, loaded.error.message() << "\n" << loaded.error.detail);
  CHECK(test_run(loaded, "count", 64) == 42 * 1000);
  CHECK(test_run(loaded, "count", 64) == 43 * 1000 + 42);
  CHECK(test_run(loaded, "count", 64) == 44 * 1000 + 43);
  loaded.session.reset();
  CHECK(test::still_there(loaded.kernel.made()) == "");
}

}  // namespace

TEST_CASE("live: variables in an arena whose address the kernel chooses") {
  count_in_arena("fixtures/arena.bpf.o");
}

TEST_CASE("live: variables in an arena whose address the object chooses") {
  count_in_arena("fixtures/arena_fixed.bpf.o");
}
