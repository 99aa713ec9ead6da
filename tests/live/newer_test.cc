// SPDX-License-Identifier: Apache-2.0
// What only newer kernels take: exception callbacks, jumps through tables.
#include <doctest/doctest.h>
#include <unistd.h>

#include "tests/live/network.h"
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

TEST_CASE("live: one program is called at many functions of a module") {
  if (!test::kernel_has("BPF_TRACE_FENTRY_MULTI")) {
    test::skip("fentry.multi in a module", "the kernel has none", "BPF_TRACE_FENTRY_MULTI");
    return;
  }
  const test::OwnNetwork network;
  if (test::make_pair("veth") != 0 || !test::kernel_has_function("veth_xmit")) {
    test::skip_without("fentry.multi in a module", "no veth", "veth_xmit");
    return;
  }
  constexpr u32 kNumber = 30;  // of on_fentry_multi
  Loaded loaded("fixtures/tracing_rows.bpf.o");
  const u32 self = static_cast<u32>(::getpid());
  loaded.set("target_tgid", bytes_of(self));
  loader::ProgramSpec& program = loaded.spec.programs[loaded.program_index("on_fentry_multi")];
  program.autoload = true;
  for (const char* place : {"veth:veth_xm*", "veth:veth_get_stats6*"}) {
    loader::AttachTarget target;
    target.method = loader::AttachMethod::tracing_multi;
    target.place = place;
    program.places.push_back(target);
  }
  if (!loaded.load()) {
    test::skip_refused("fentry.multi in a module", loaded.error);
    return;
  }
  REQUIRE(loaded.attach() == "");
  const u64 before = loaded.counts()[kNumber];
  test::send_frames("va", 20);
  CHECK(loaded.counts()[kNumber] - before >= 20);
  loaded.session->detach();
  const u64 after = loaded.counts()[kNumber];
  test::send_frames("va", 5);
  CHECK(loaded.counts()[kNumber] == after);
}
