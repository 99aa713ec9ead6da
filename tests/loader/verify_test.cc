// SPDX-License-Identifier: Apache-2.0
// examine(): one program at a time, one BPF_PROG_LOAD each, and nothing of the others.
#include "loader/verify.h"

#include "tests/loader/session_case.h"
#include "tests/loader/struct_ops_case.h"

using namespace bpfld;
using namespace bpfld::test;

namespace {

constexpr std::string_view kStats =
    "verification time 184 usec\nprocessed 12 insns (limit 1000000) max_states_per_insn 0 "
    "total_states 3 peak_states 2 mark_read 1\n";

}  // namespace

TEST_CASE("verify: a program is loaded alone, once, with the verifier's statistics asked for") {
  const ObjectSpec spec = example();
  KernelProfile profile = make_profile();
  FakeKernel kernel;
  const Examination found = examine(spec, 1, profile, kernel);
  CHECK_FALSE(found.refusal);
  CHECK(found.reached_kernel);
  const std::vector<bpf::ProgLoad> loads = kernel.all<bpf::ProgLoad>();
  REQUIRE(loads.size() == 1);
  CHECK(loads[0].name == "two");
  CHECK(loads[0].log_level == 4);
  CHECK(loads[0].log_size == kFirstLogSize);
  CHECK(kernel.count<bpf::PerfEventOpen>() == 0);
  CHECK(kernel.open_fds() == 0);
}

TEST_CASE(
    "verify: a refusal keeps its errno and the verifier's words, and is not asked for again") {
  const ObjectSpec spec = example();
  KernelProfile profile = make_profile();
  FakeKernel kernel;
  kernel.refuse(is<bpf::ProgLoad>(), EACCES, "R0 !read_ok\n" + std::string(kStats));
  const Examination found = examine(spec, 0, profile, kernel);
  REQUIRE(found.refusal);
  CHECK(found.refusal->code == Code::rejected);
  CHECK(found.refusal->errno_value == EACCES);
  CHECK(found.log == "R0 !read_ok\n" + std::string(kStats));
  CHECK(kernel.count<bpf::ProgLoad>() == 1);
  CHECK(kernel.open_fds() == 0);
}

TEST_CASE("verify: a log that is too small grows, and growing ends") {
  const ObjectSpec spec = example();
  KernelProfile profile = make_profile();
  FakeKernel kernel;
  kernel.refuse(is<bpf::ProgLoad>(), ENOSPC, "the start of it\n");
  const Examination found = examine(spec, 0, profile, kernel);
  REQUIRE(found.refusal);
  CHECK(found.refusal->errno_value == ENOSPC);
  const std::vector<bpf::ProgLoad> loads = kernel.all<bpf::ProgLoad>();
  CHECK(loads.size() == 4);
  CHECK(loads.back().log_size <= kLargestLogSize);
  CHECK(kernel.open_fds() == 0);
}

TEST_CASE("verify: what is wrong with one program says nothing about the others") {
  ObjectBuilder object;
  object.add_function("mystery", "nonsense/x", {mov64_imm(0, 0), exit_insn()});
  object.add_function("pass", "xdp", {mov64_imm(0, 0), exit_insn()});
  object.add_function("filter", "socket", {mov64_imm(0, 0), exit_insn()});
  const ObjectSpec spec = spec_of(object);
  KernelProfile profile = make_profile();
  FakeKernel kernel;
  std::vector<bool> accepted;
  for (u32 i = 0; i < spec.programs.size(); i++)
    accepted.push_back(!examine(spec, i, profile, kernel).refusal);
  CHECK(accepted == std::vector<bool>{false, true, true});
  const Examination unknown = examine(spec, 0, profile, kernel);
  CHECK_FALSE(unknown.reached_kernel);
  CHECK(unknown.refusal->errno_value == 0);
  CHECK(unknown.refusal->what == "unknown section \"nonsense/x\"");
}

TEST_CASE("verify: what is learnt of the kernel from one program is not asked again for the next") {
  const ObjectSpec spec = example();
  KernelProfile profile = make_profile();
  FakeKernel kernel;
  kernel.refuse(is<bpf::BtfLoad>(), EINVAL);
  CHECK_FALSE(examine(spec, 0, profile, kernel).refusal);
  const std::size_t first = kernel.count<bpf::BtfLoad>();
  CHECK_FALSE(examine(spec, 1, profile, kernel).refusal);
  CHECK(kernel.count<bpf::BtfLoad>() - first < first);
}

TEST_CASE(
    "verify: an object refused for its map is a refusal of the program, with the map's name") {
  const ObjectSpec spec = example();
  KernelProfile profile = make_profile();
  FakeKernel kernel;
  kernel.refuse(is<bpf::MapCreate>(), E2BIG);
  const Examination found = examine(spec, 0, profile, kernel);
  REQUIRE(found.refusal);
  CHECK_FALSE(found.reached_kernel);
  CHECK(found.refusal->errno_value == E2BIG);
  CHECK(found.refusal->context == "map \"counts\"");
  CHECK(kernel.open_fds() == 0);
}

TEST_CASE("verify: a callback of no struct was not accepted, since the kernel was not asked") {
  HandlerObject object;
  object.add_program("on_open");
  object.add_program("alone");
  object.add_handler("mine", ".struct_ops", "on_open", object.handler_type());
  const ObjectSpec spec = object.spec();
  HandlerKernel handler;
  KernelProfile profile = looked_up(spec, {0, 1}, handler.profile());
  FakeKernel kernel;
  CHECK_FALSE(examine(spec, 0, profile, kernel).refusal);
  const Examination alone = examine(spec, 1, profile, kernel);
  REQUIRE(alone.refusal);
  CHECK_FALSE(alone.reached_kernel);
  CHECK(alone.refusal->message() ==
        "program \"alone\": not loaded: no struct of the object has it as a callback that this "
        "kernel knows");
  CHECK(kernel.count<bpf::ProgLoad>() == 1);
  CHECK(kernel.open_fds() == 0);
}
