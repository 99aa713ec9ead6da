// SPDX-License-Identifier: Apache-2.0
// Probes of the running kernel, held against what its BTF says that it knows.
#include "loader/probes.h"

#include <cerrno>
#include <doctest/doctest.h>
#include <unistd.h>

#include "bpf/tables.h"
#include "loader/capture.h"
#include "tests/live/support.h"

namespace {

using namespace bpfld;
using namespace bpfld::loader;
using namespace bpfld::test;

std::shared_ptr<const KernelProfile::Btf> kernel_btf() {
  Needs needs;
  needs.kernel_btf = true;
  const Result<KernelProfile> profile = capture(needs);
  REQUIRE(profile);
  return profile->btf;
}

std::string name_of(const Probe& probe, std::span<const bpf::NameRow> rows, u32 value) {
  for (const bpf::NameRow& row : rows)
    if (row.value == value) return std::string(row.kernel_name);
  return probe.name;
}

// A type that the BTF does not name is never there; one that it names may have been built out, but
// the question must have been understood.
void check(const Probe& probe, const ProbeResult& result, const std::string& constant) {
  CAPTURE(probe.name);
  CAPTURE(result.errno_value);
  CAPTURE(result.detail);
  if (!kernel_has(constant)) CHECK(result.answer != ProbeAnswer::yes);
  if (probe.ops.empty()) return;
  // See arena_test.cc.
  if (probe.map_type == bpf::MapType::arena && result.errno_value == ENOMEM &&
      !test::cpu_has("cx16"))
    return;
  CHECK(result.answer != ProbeAnswer::unknown);
}

}  // namespace

TEST_CASE("live: program types are answered, and nothing of the probes remains") {
  const auto btf = kernel_btf();
  TrackingKernel kernel;
  static_cast<void>(kernel.call(bpf::RaiseMemlock{}));
  u32 yes = 0;
  for (const Probe& probe : program_probes(btf == nullptr ? nullptr : &btf->view)) {
    const ProbeResult result = run_probe(probe, kernel);
    check(probe, result,
          name_of(probe, bpf::prog_type_rows(), static_cast<u32>(probe.program_type)));
    yes += result.answer == ProbeAnswer::yes ? 1 : 0;
  }
  CHECK(yes > 20);
  CHECK(still_there(kernel.made()) == "");
}

TEST_CASE("live: map and link types are answered, and nothing of the probes remains") {
  const auto btf = kernel_btf();
  TrackingKernel kernel;
  static_cast<void>(kernel.call(bpf::RaiseMemlock{}));
  const u32 page_size = static_cast<u32>(::sysconf(_SC_PAGESIZE));
  u32 yes = 0;
  for (const Probe& probe : map_probes(page_size)) {
    const ProbeResult result = run_probe(probe, kernel);
    check(probe, result, name_of(probe, bpf::map_type_rows(), static_cast<u32>(probe.map_type)));
    yes += result.answer == ProbeAnswer::yes ? 1 : 0;
  }
  CHECK(yes > 24);
  for (const Probe& probe : link_probes(btf == nullptr ? nullptr : &btf->view)) {
    const ProbeResult result = run_probe(probe, kernel);
    CAPTURE(probe.name);
    if (probe.name == "cgroup") CHECK(result.answer == ProbeAnswer::yes);
  }
  CHECK(still_there(kernel.made()) == "");
}

TEST_CASE("live: a helper that all kernels have is found, one that only tracing has is not") {
  TrackingKernel kernel;
  static_cast<void>(kernel.call(bpf::RaiseMemlock{}));
  for (const Probe& probe : program_probes(nullptr)) {
    if (probe.name != "xdp") continue;
    CHECK(probe_helper(probe, 1, kernel).answer == ProbeAnswer::yes);   // map_lookup_elem
    CHECK(probe_helper(probe, 44, kernel).answer == ProbeAnswer::yes);  // xdp_adjust_head
    CHECK(probe_helper(probe, 58, kernel).answer == ProbeAnswer::no);   // override_return
    CHECK(probe_helper(probe, 100'000, kernel).answer == ProbeAnswer::no);
  }
  CHECK(still_there(kernel.made()) == "");
}
