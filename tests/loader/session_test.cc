// SPDX-License-Identifier: Apache-2.0
// Loading and attaching against a fake kernel: what is asked and in which order, and that after any
// failure nothing of ours is open.
#include <algorithm>

#include "tests/loader/session_case.h"

using namespace bpfld;
using namespace bpfld::test;

TEST_CASE("loader session: load, attach and detach, request by request") {
  const ObjectSpec spec = example();
  KernelProfile profile = make_profile();
  FakeKernel kernel;
  {
    Result<Session> session = load(spec, profile, kernel);
    REQUIRE_MESSAGE(session, message(session));
    CHECK(joined(call_names(kernel)) ==
          "bpf(BPF_BTF_LOAD)\nbpf(BPF_MAP_CREATE)\nbpf(BPF_MAP_CREATE)\nbpf(BPF_MAP_UPDATE_ELEM)\n"
          "bpf(BPF_MAP_FREEZE)\nbpf(BPF_MAP_CREATE)\nbpf(BPF_PROG_LOAD)\nbpf(BPF_PROG_LOAD)\n");
    CHECK(kernel.open_fds() == 6);
    CHECK(session->map_fd(0) == FakeKernel::kFirstFd + 1);
    CHECK(session->program_fd(1) == FakeKernel::kFirstFd + 5);
    CHECK(session->map_fd(99) == -1);
    CHECK(session->program_fd(99) == -1);
    const std::vector<bpf::ProgLoad> loads = kernel.all<bpf::ProgLoad>();
    REQUIRE(loads.size() == 2);
    CHECK(loads[0].log_level == 0);  // no log unless something is wrong
    CHECK(loads[0].btf == bpf::Fd::number(FakeKernel::kFirstFd));
    REQUIRE(loads[0].map_references.size() == 1);
    CHECK(loads[0].map_references[0].map == bpf::Fd::number(FakeKernel::kFirstFd + 1));
    CHECK(profile.features == std::array<Answer, kFeatureCount>{});  // nothing was probed

    kernel.requests.clear();
    for (const AttachPlan& attach : session->plan().attach)
      CHECK(message(session->attach(attach)) == "no error");
    CHECK(
        joined(kernel.transcript()) ==
        "perf_event_open({type=TRACEPOINT, config=331}, pid=-1, cpu=0, group=-1, FD_CLOEXEC)\n"
        "bpf(BPF_LINK_CREATE, {prog_fd=1000004, target_fd=1000006, attach_type=BPF_PERF_EVENT})\n"
        "perf_event_open({type=TRACEPOINT, config=331}, pid=-1, cpu=0, group=-1, FD_CLOEXEC)\n"
        "bpf(BPF_LINK_CREATE, {prog_fd=1000005, target_fd=1000008, attach_type=BPF_PERF_EVENT})\n");
    CHECK(kernel.open_fds() == 10);
    session->detach();
    CHECK(kernel.open_fds() == 6);
    // Attached again after that.
    CHECK(message(session->attach(session->plan().attach[0])) == "no error");
    CHECK(kernel.open_fds() == 8);
  }
  CHECK(kernel.open_fds() == 0);
  CHECK(FakeKernel::bad_closes() == 0);
  // Links close before programs, programs before maps.
  const std::vector<int>& closed = FakeKernel::closed();
  REQUIRE(closed.size() == kernel.fds_made());
  CHECK(std::is_sorted(closed.rbegin(), closed.rend() - 4));
}

TEST_CASE("loader session: what no fd holds is undone after the fds are closed, last one first") {
  const ObjectSpec spec = example();
  KernelProfile profile = make_profile();
  FakeKernel kernel;
  const bpf::Request first_undo = bpf::NextId{bpf::ObjectKind::map, 1};
  const bpf::Request second_undo = bpf::NextId{bpf::ObjectKind::map, 2};
  {
    Result<Session> session = load(spec, profile, kernel);
    REQUIRE_MESSAGE(session, message(session));
    AttachPlan plan = session->plan().attach[0];
    plan.ops[0].undo = first_undo;
    plan.ops[1].undo = second_undo;
    std::size_t open_when_undone = 99;
    kernel.add_rule([&](const bpf::Request& request) -> std::optional<Result<bpf::Reply>> {
      if (request == first_undo) open_when_undone = kernel.open_fds();
      return std::nullopt;
    });
    SUBCASE("when it is detached") {
      CHECK(message(session->attach(plan)) == "no error");
      kernel.requests.clear();
      session->detach();
      CHECK(kernel.requests == std::vector<bpf::Request>{second_undo, first_undo});
      CHECK(open_when_undone == 6);
      session->detach();
      CHECK(kernel.requests.size() == 2);
    }
    SUBCASE("when a later request fails: only what was made") {
      kernel.refuse(is<bpf::LinkCreate>(), EIO);
      CHECK_FALSE(session->attach(plan));
      CHECK(kernel.requests.back() == first_undo);
      CHECK(kernel.count<bpf::NextId>() == 1);
      CHECK(open_when_undone == 6);
    }
    SUBCASE("when the session ends") {
      CHECK(message(session->attach(plan)) == "no error");
      kernel.requests.clear();
    }
  }
  CHECK(kernel.requests.back() == first_undo);
  CHECK(kernel.open_fds() == 0);
}

TEST_CASE("loader session: one that was moved closes once") {
  const ObjectSpec spec = example();
  KernelProfile profile = make_profile();
  FakeKernel kernel;
  {
    Result<Session> first = load(spec, profile, kernel);
    REQUIRE(first);
    Session second = std::move(*first);
    CHECK(message(second.attach(second.plan().attach[0])) == "no error");
    Result<Session> other = load(spec, profile, kernel);
    REQUIRE(other);
    second = std::move(*other);
    CHECK(kernel.open_fds() == 6);
  }
  CHECK(kernel.open_fds() == 0);
  CHECK(FakeKernel::bad_closes() == 0);
}

TEST_CASE("loader session: every request that fails is an error that names subject and errno") {
  const ObjectSpec spec = example();
  struct Step {
    const char* subject;
    const char* call;
  };
  const Step steps[] = {
      {"the object's BTF", "bpf(BPF_BTF_LOAD)"},  {"map \"counts\"", "bpf(BPF_MAP_CREATE)"},
      {"map \".rodata\"", "bpf(BPF_MAP_CREATE)"}, {"map \".rodata\"", "bpf(BPF_MAP_UPDATE_ELEM)"},
      {"map \".rodata\"", "bpf(BPF_MAP_FREEZE)"}, {"map \".bss\"", "bpf(BPF_MAP_CREATE)"},
      {"program \"one\"", "bpf(BPF_PROG_LOAD)"},  {"program \"two\"", "bpf(BPF_PROG_LOAD)"},
      {"program \"one\"", "perf_event_open"},     {"program \"one\"", "bpf(BPF_LINK_CREATE)"},
      {"program \"two\"", "perf_event_open"},     {"program \"two\"", "bpf(BPF_LINK_CREATE)"}};
  const std::pair<int, const char*> errnos[] = {
      {EPERM, "EPERM"}, {ENOMEM, "ENOMEM"}, {EINVAL, "EINVAL"}, {E2BIG, "E2BIG"}};
  for (std::size_t n = 0; n < std::size(steps); n++) {
    for (const auto& [errno_value, name] : errnos) {
      CAPTURE(n);
      CAPTURE(name);
      FakeKernel kernel;
      kernel.refuse_nth(n, errno_value);
      KernelProfile profile = make_profile();
      std::string text = "no error";
      {
        Result<Session> session = load(spec, profile, kernel);
        if (!session) {
          text = message(session);
          CHECK(kernel.open_fds() == 0);
        } else {
          const std::size_t loaded = kernel.open_fds();
          for (std::size_t i = 0; i < 2 && text == "no error"; i++) {
            text = message(session->attach(session->plan().attach[i]));
            // What was attached before stays; of this one, nothing does.
            CHECK(kernel.open_fds() == loaded + 2 * i + (text == "no error" ? 2 : 0));
          }
        }
      }
      CHECK(kernel.open_fds() == 0);
      CHECK(FakeKernel::bad_closes() == 0);
      // A kernel may have no use for types that it does not understand: then it gets none.
      const bool optional = n < 6 &&
                            std::string_view(steps[n].call) != "bpf(BPF_MAP_UPDATE_ELEM)" &&
                            std::string_view(steps[n].call) != "bpf(BPF_MAP_FREEZE)" &&
                            (errno_value == EINVAL || errno_value == E2BIG);
      if (optional)
        CHECK(text == "no error");
      else
        CHECK(text.starts_with(format("{}: {}: ", steps[n].subject, steps[n].call)));
      if (!optional) CHECK(text.ends_with(format("({})", name)));
    }
  }
}

TEST_CASE("loader session: an attachment with a problem asks nothing of the kernel") {
  ObjectBuilder object;
  object.add_function("prog", "tp/sched/no_such", {mov64_imm(0, 0), exit_insn()});
  const ObjectSpec spec = spec_of(object);
  KernelProfile profile = make_profile();
  profile.tracepoints["sched/no_such"].problem = "there is no such tracepoint";
  FakeKernel kernel;
  Result<Session> session = load(spec, profile, kernel);
  REQUIRE(session);
  kernel.requests.clear();
  CHECK(message(session->attach(session->plan().attach[0])) == "there is no such tracepoint");
  CHECK(kernel.requests.empty());
}

TEST_CASE("loader session: what cannot be planned asks nothing of the kernel") {
  ObjectBuilder object;
  object.add_map("counts", {number("type", 1), number("max_entries", 8), type("key", object.u32_id),
                            type("value", object.u64_id)});
  object.add_function("prog", "no_such_section", {mov64_imm(0, 0), exit_insn()});
  const ObjectSpec spec = spec_of(object);
  KernelProfile profile = make_profile();
  FakeKernel kernel;
  const Result<Session> session = load(spec, profile, kernel);
  REQUIRE_FALSE(session);
  CHECK(kernel.requests.empty());
}

TEST_CASE("loader session: a raw tracepoint is opened by name") {
  ObjectBuilder object;
  object.add_function("prog", "raw_tp/sys_enter", {mov64_imm(0, 0), exit_insn()});
  const ObjectSpec spec = spec_of(object);
  KernelProfile profile = make_profile();
  FakeKernel kernel;
  Result<Session> session = load(spec, profile, kernel);
  REQUIRE(session);
  CHECK(message(session->attach(session->plan().attach[0])) == "no error");
  REQUIRE(kernel.count<bpf::RawTracepointOpen>() == 1);
  CHECK(kernel.all<bpf::RawTracepointOpen>()[0].name == "sys_enter");
}
