// SPDX-License-Identifier: Apache-2.0
// Kernels that lack something: what is learnt from a refusal, what is done instead, and which
// refusals are no reason to do less.
#include "tests/loader/session_case.h"

using namespace bpfld;
using namespace bpfld::test;

TEST_CASE("loader session: BTF that the kernel does not understand is left out, and noted") {
  const ObjectSpec spec = example();
  KernelProfile profile = make_profile();
  FakeKernel kernel;
  // Only this object's: what the probes load is understood.
  kernel.refuse(
      [&](const bpf::Request& request) {
        const bpf::BtfLoad* load = std::get_if<bpf::BtfLoad>(&request);
        return load != nullptr && load->blob == spec.btf;
      },
      EINVAL, "magic: 0xeb9f\nInvalid type\n");
  const Result<Session> session = load(spec, profile, kernel);
  REQUIRE_MESSAGE(session, message(session));
  CHECK_FALSE(session->plan().btf_slot.has_value());
  REQUIRE(session->plan().notes.size() == 1);
  CHECK(session->plan().notes[0] ==
        "loaded without BTF: the object's BTF: bpf(BPF_BTF_LOAD): Invalid argument (EINVAL): "
        "Invalid type");
  for (const bpf::ProgLoad& program : kernel.all<bpf::ProgLoad>())
    CHECK_FALSE(program.btf.is_set());
  CHECK(feature(profile, Feature::btf_decl_tag) == Answer::yes);
}

TEST_CASE("loader session: a failure that follows from missing BTF tells that it was refused") {
  const ObjectSpec spec = example();
  KernelProfile profile = make_profile();
  FakeKernel kernel;
  kernel.refuse(
      [&](const bpf::Request& request) {
        const bpf::BtfLoad* load = std::get_if<bpf::BtfLoad>(&request);
        return load != nullptr && load->blob == spec.btf;
      },
      EINVAL);
  kernel.refuse(is<bpf::MapCreate>(), ENOMEM);
  const Result<Session> session = load(spec, profile, kernel);
  REQUIRE_FALSE(session);
  CHECK(session.error().errno_value == ENOMEM);
  CHECK(session.error().detail.starts_with("loaded without BTF: the object's BTF: "));
}

TEST_CASE("loader session: BTF that failed for want of memory or rights is no reason to go on") {
  for (const int errno_value : {ENOMEM, EPERM, EACCES, EMFILE, EAGAIN, EINTR, ENOSPC}) {
    const ObjectSpec spec = example();
    KernelProfile profile = make_profile();
    FakeKernel kernel;
    kernel.refuse(is<bpf::BtfLoad>(), errno_value);
    const Result<Session> session = load(spec, profile, kernel);
    REQUIRE_FALSE(session);
    CHECK(session.error().errno_value == errno_value);
    CHECK(session.error().context == "the object's BTF");
    CHECK(kernel.count<bpf::MapCreate>() == 0);
  }
}

TEST_CASE("loader session: a map whose types the kernel refuses is created without them") {
  const ObjectSpec spec = example();
  KernelProfile profile = make_profile();
  FakeKernel kernel;
  kernel.refuse(
      [](const bpf::Request& request) {
        const bpf::MapCreate* map = std::get_if<bpf::MapCreate>(&request);
        return map != nullptr && map->name == "counts" && map->btf.is_set();
      },
      EINVAL);
  const Result<Session> session = load(spec, profile, kernel);
  REQUIRE_MESSAGE(session, message(session));
  REQUIRE(session->plan().notes.size() == 1);
  CHECK(session->plan().notes[0] ==
        "map counts: created without BTF, whose types the kernel refused");
  const std::vector<bpf::MapCreate> maps = kernel.all<bpf::MapCreate>();
  CHECK(maps.back().btf.is_set());  // .bss keeps its own
  CHECK(kernel.open_fds() == 6);
}

TEST_CASE("loader session: a kernel that does not know the kinds of the BTF gets it rewritten") {
  ObjectBuilder object;
  object.add_map("counts", {number("type", 1), number("max_entries", 8), type("key", object.u32_id),
                            type("value", object.u64_id)});
  object.btf.add_decl_tag("bpfld:event=struct event", object.btf.add_struct("event", 8));
  object.btf.add_float("double", 8);
  object.add_function("prog", format("tp/{}", kGetppid), {mov64_imm(0, 0), exit_insn()});
  const ObjectSpec spec = spec_of(object);
  KernelProfile profile = make_profile();
  FakeKernel kernel;
  make_5_10(kernel);
  const Result<Session> session = load(spec, profile, kernel);
  REQUIRE_MESSAGE(session, message(session));
  CHECK(feature(profile, Feature::btf_decl_tag) == Answer::no);
  CHECK(feature(profile, Feature::btf_float) == Answer::no);
  CHECK(feature(profile, Feature::btf_datasec) == Answer::yes);
  CHECK(feature(profile, Feature::btf_func_global) == Answer::yes);
  CHECK(session->plan().btf_slot.has_value());
  CHECK(session->plan().notes.empty());
  CHECK(kernel.all<bpf::ProgLoad>().back().func_info.count == 1);
}

TEST_CASE("loader session: on a kernel without perf links each program gets the ioctl") {
  const ObjectSpec spec = example();
  KernelProfile profile = make_profile();
  FakeKernel kernel;
  make_5_10(kernel);
  {
    Result<Session> session = load(spec, profile, kernel);
    REQUIRE_MESSAGE(session, message(session));
    const std::size_t loaded = kernel.open_fds();
    kernel.requests.clear();
    for (const AttachPlan& attach : session->plan().attach)
      CHECK(message(session->attach(attach)) == "no error");
    CHECK(feature(profile, Feature::perf_link) == Answer::no);
    CHECK(kernel.count<bpf::PerfSetBpf>() == 2);
    CHECK(kernel.count<bpf::LinkCreate>() == 2);  // the first program's, and the probe's
    for (const AttachPlan& attach : session->plan().attach)
      CHECK(attach.how == "perf event");
    CHECK(kernel.open_fds() == loaded + 2);
    session->detach();
    CHECK(kernel.open_fds() == loaded);
  }
  CHECK(kernel.open_fds() == 0);
}

TEST_CASE("loader session: a copy of an old attach plan still finds the way that works") {
  const ObjectSpec spec = example();
  KernelProfile profile = make_profile();
  FakeKernel kernel;
  make_5_10(kernel);
  Result<Session> session = load(spec, profile, kernel);
  REQUIRE_MESSAGE(session, message(session));
  const std::vector<AttachPlan> copies = session->plan().attach;
  for (const AttachPlan& attach : copies)
    CHECK(message(session->attach(attach)) == "no error");
  CHECK(kernel.count<bpf::PerfSetBpf>() == 2);
}

TEST_CASE("loader session: memory is charged to a limit on old kernels, so that is raised once") {
  const ObjectSpec spec = example();
  KernelProfile profile = make_profile();
  FakeKernel kernel;
  make_5_10(kernel, {.memlock = true});
  const Result<Session> session = load(spec, profile, kernel);
  REQUIRE_MESSAGE(session, message(session));
  CHECK(kernel.count<bpf::RaiseMemlock>() == 1);
  CHECK(kernel.open_fds() == 6);
}

TEST_CASE("loader session: a limit that cannot be raised leaves the kernel's refusal") {
  const ObjectSpec spec = example();
  KernelProfile profile = make_profile();
  FakeKernel kernel;
  kernel.refuse(is<bpf::RaiseMemlock>(), EPERM);
  kernel.refuse(is<bpf::MapCreate>(), EPERM);
  kernel.refuse(is<bpf::ProgLoad>(), EPERM);
  const Result<Session> session = load(spec, profile, kernel);
  REQUIRE_FALSE(session);
  CHECK(session.error().code == Code::denied);
  CHECK(message(session) == "map \"counts\": bpf(BPF_MAP_CREATE): Operation not permitted (EPERM)");
  CHECK(kernel.count<bpf::RaiseMemlock>() == 1);
}

TEST_CASE("loader session: a probe that fails for another reason is not remembered as a no") {
  const ObjectSpec spec = example();
  for (const int errno_value : {ENOMEM, EPERM, EMFILE, EINTR}) {
    KernelProfile profile = make_profile();
    FakeKernel kernel;
    // The object's program link is refused as an old kernel would; the probe finds no memory.
    kernel.add_rule([&](const bpf::Request& request) -> std::optional<Result<bpf::Reply>> {
      const bpf::LinkCreate* link = std::get_if<bpf::LinkCreate>(&request);
      if (link == nullptr) return std::nullopt;
      return refusal(request, kernel.count<bpf::LinkCreate>() == 1 ? EINVAL : errno_value);
    });
    Result<Session> session = load(spec, profile, kernel);
    REQUIRE(session);
    const std::size_t loaded = kernel.open_fds();
    const Status attached = session->attach(session->plan().attach[0]);
    REQUIRE_FALSE(attached);
    CHECK(attached.error().errno_value == EINVAL);
    CHECK(feature(profile, Feature::perf_link) == Answer::unknown);
    CHECK(kernel.open_fds() == loaded);
  }
}

TEST_CASE("loader session: the way to attach is found when nothing is left of the memory limit") {
  // The load fitted into RLIMIT_MEMLOCK; then the rings of a perf buffer took the rest of it.
  const ObjectSpec spec = example();
  KernelProfile profile = make_profile();
  FakeKernel kernel;
  bool full = false;
  kernel.refuse(
      [&](const bpf::Request& request) {
        return full && kernel.count<bpf::RaiseMemlock>() == 0 &&
               std::holds_alternative<bpf::ProgLoad>(request);
      },
      EPERM);
  make_5_10(kernel);
  Result<Session> session = load(spec, profile, kernel);
  REQUIRE_MESSAGE(session, message(session));
  full = true;
  for (const AttachPlan& attach : session->plan().attach)
    CHECK(message(session->attach(attach)) == "no error");
  CHECK(feature(profile, Feature::perf_link) == Answer::no);
}
