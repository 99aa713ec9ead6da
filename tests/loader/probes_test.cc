// SPDX-License-Identifier: Apache-2.0
// Probes: that every type is asked about, what is asked, and what an answer means.
#include "loader/probes.h"

#include <algorithm>
#include <cerrno>
#include <doctest/doctest.h>

#include "bpf/tables.h"
#include "tests/support/btf_builder.h"
#include "tests/support/fake_kernel.h"

namespace {

using namespace bpfld;
using namespace bpfld::loader;
using bpfld::test::BtfBuilder;
using bpfld::test::FakeKernel;

Probe find(const std::vector<Probe>& probes, std::string_view name) {
  const auto found = std::ranges::find(probes, name, &Probe::name);
  REQUIRE(found != probes.end());
  return *found;
}

bool is_any(const bpf::Request&) {
  return true;
}

ProbeAnswer answer_to(const Probe& probe, int errno_value, std::string log = {}) {
  FakeKernel kernel;
  kernel.refuse(is_any, errno_value, std::move(log));
  return run_probe(probe, kernel).answer;
}

ProbeAnswer helper_answer(int errno_value, std::string log) {
  FakeKernel kernel;
  kernel.refuse(is_any, errno_value, std::move(log));
  return probe_helper(find(program_probes(nullptr), "xdp"), 1, kernel).answer;
}

}  // namespace

TEST_CASE("probes: every program type and every map type that we have a name for is asked about") {
  const std::vector<Probe> programs = program_probes(nullptr);
  for (const bpf::NameRow& row : bpf::prog_type_rows())
    CHECK_MESSAGE(
        (row.value == 0 || std::ranges::count(programs, static_cast<bpf::ProgType>(row.value),
                                              &Probe::program_type) != 0),
        row.kernel_name);
  const std::vector<Probe> maps = map_probes(4096);
  for (const bpf::NameRow& row : bpf::map_type_rows())
    CHECK_MESSAGE((row.value == 0 || std::ranges::count(maps, static_cast<bpf::MapType>(row.value),
                                                        &Probe::map_type) == 1),
                  row.kernel_name);
}

TEST_CASE("probes: nothing that a probe made is left open") {
  FakeKernel kernel;
  for (const Probe& probe : map_probes(4096))
    CHECK(run_probe(probe, kernel).answer ==
          (probe.ops.empty() ? ProbeAnswer::unknown : ProbeAnswer::yes));
  for (const Probe& probe : link_probes(nullptr))
    run_probe(probe, kernel);
  CHECK(kernel.fds_made() > 40);
  CHECK(kernel.open_fds() == 0);
}

TEST_CASE("probes: a refusal for lack of privileges is not a missing feature") {
  const std::vector<Probe> probes = program_probes(nullptr);
  const Probe xdp = find(probes, "xdp");
  CHECK(answer_to(xdp, EINVAL) == ProbeAnswer::no);
  CHECK(answer_to(xdp, EPERM) == ProbeAnswer::denied);
  CHECK(answer_to(xdp, EACCES) == ProbeAnswer::denied);
  CHECK(answer_to(xdp, ENOMEM) == ProbeAnswer::unknown);
  CHECK(answer_to(xdp, EMFILE) == ProbeAnswer::unknown);
}

TEST_CASE("probes: what fails before the question proves nothing") {
  FakeKernel kernel;
  kernel.refuse_nth(0, EINVAL);
  const ProbeResult result = run_probe(find(map_probes(4096), "task_storage"), kernel);
  CHECK(result.answer == ProbeAnswer::unknown);
  CHECK(result.detail == "bpf(BPF_BTF_LOAD) before it failed");
}

TEST_CASE("probes: a link to nothing is refused for its target by a kernel that knows such links") {
  const Probe cgroup = find(link_probes(nullptr), "cgroup");
  for (const auto& [errno_value, expected] : {std::pair{EBADF, ProbeAnswer::yes},
                                              {EINVAL, ProbeAnswer::no},
                                              {EPERM, ProbeAnswer::denied}}) {
    FakeKernel kernel;
    kernel.refuse([](const bpf::Request& r) { return std::holds_alternative<bpf::LinkCreate>(r); },
                  errno_value);
    CHECK(run_probe(cgroup, kernel).answer == expected);
    CHECK(kernel.open_fds() == 0);
  }
}

TEST_CASE("probes: a link for programs that the kernel does not know is not there") {
  FakeKernel kernel;
  kernel.refuse(is_any, EINVAL);
  const ProbeResult result = run_probe(find(link_probes(nullptr), "netfilter"), kernel);
  CHECK(result.answer == ProbeAnswer::no);
  CHECK(result.detail == "it takes programs of a type that the kernel does not know");
  CHECK(answer_to(find(link_probes(nullptr), "netfilter"), ENOMEM) == ProbeAnswer::unknown);
}

TEST_CASE("probes: freplace is known from what the verifier says about a missing target") {
  BtfBuilder b;
  b.add_func("bpf_fentry_test1", b.add_func_proto({}, {}));
  const std::vector<std::byte> bytes = b.bytes();
  const Result<btf::View> view = btf::View::parse(bytes);
  REQUIRE(view);
  const std::vector<Probe> probes = program_probes(&*view);
  CHECK(answer_to(find(probes, "ext"), EINVAL, "Cannot replace kernel functions\n") ==
        ProbeAnswer::yes);
  CHECK(answer_to(find(probes, "ext"), EINVAL) == ProbeAnswer::no);
  CHECK(std::get<bpf::ProgLoad>(find(probes, "ext").ops[0].request).attach_btf_id == 2);
}

TEST_CASE("probes: without the kernel's BTF, what attaches by it is not asked") {
  FakeKernel kernel;
  const ProbeResult result = run_probe(find(program_probes(nullptr), "tracing/fentry"), kernel);
  CHECK(result.answer == ProbeAnswer::unknown);
  CHECK(result.detail == "the kernel's BTF could not be read");
  CHECK(kernel.requests.empty());
}

TEST_CASE("probes: a struct_ops program names the first member that is a function") {
  BtfBuilder b;
  const btf::TypeId int_ = b.add_int("int", 4);
  const btf::TypeId operation = b.add_ptr(b.add_func_proto({}, {{"", int_}}));
  b.add_struct("tcp_congestion_ops", 16, {{"flags", int_, 0}, {"init", operation, 64}});
  const std::vector<std::byte> bytes = b.bytes();
  const Result<btf::View> view = btf::View::parse(bytes);
  REQUIRE(view);
  const std::vector<Probe> probes = program_probes(&*view);
  const auto load = std::get<bpf::ProgLoad>(find(probes, "struct_ops").ops[0].request);
  CHECK(load.attach_btf_id == 4);
  CHECK(static_cast<u32>(load.expected_attach_type) == 1);
}

TEST_CASE("probes: a helper is there when the verifier complains about anything else") {
  CHECK(helper_answer(EACCES, "0: (85) call bpf_map_lookup_elem#1\nR1 !read_ok\n") ==
        ProbeAnswer::yes);
  CHECK(helper_answer(EINVAL, "unknown func bpf_bind#64\n") == ProbeAnswer::no);
  CHECK(helper_answer(EINVAL, "program of this type cannot use helper bpf_bind#64\n") ==
        ProbeAnswer::no);
  CHECK(helper_answer(EINVAL, "invalid func unknown#300\n") == ProbeAnswer::no);
  CHECK(helper_answer(EPERM, "") == ProbeAnswer::denied);
  FakeKernel kernel;
  CHECK(probe_helper(find(program_probes(nullptr), "xdp"), 5, kernel).answer == ProbeAnswer::yes);
  CHECK(kernel.open_fds() == 0);
}
