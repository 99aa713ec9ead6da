// SPDX-License-Identifier: Apache-2.0
// Maps that hold maps and programs, on a real kernel: what the source put into them is found by the
// programs.
#include <doctest/doctest.h>

#include "tests/live/support.h"

namespace {

using namespace bpfld;
using test::Loaded;
using test::still_there;
using test::test_run;

}  // namespace

TEST_CASE("live: a tail call through a slot that the source filled reaches its program") {
  Loaded loaded("fixtures/maps_nested.bpf.o");
  REQUIRE_MESSAGE(loaded.load(), loaded.error.message() << "\n" << loaded.error.detail);
  CHECK(loaded.session->plan().notes.empty());
  CHECK(test_run(loaded, "jump", 64) == 42);
  // The templates of the maps of maps are gone while the rest is there.
  std::size_t maps = 0;
  for (const test::KernelObject& object : loaded.kernel.made())
    maps += object.kind == bpf::ObjectKind::map && test::exists(object) ? 1u : 0u;
  CHECK(maps == loaded.spec.maps.size());
  loaded.session.reset();
  CHECK(still_there(loaded.kernel.made()) == "");
}
