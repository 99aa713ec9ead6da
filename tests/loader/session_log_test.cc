// SPDX-License-Identifier: Apache-2.0
// How the verifier is asked: first without a log, which is fast, then with one that grows while it
// is too small, and again when a signal came. What the kernel said first stays the answer.
#include "tests/loader/session_case.h"

using namespace bpfld;
using namespace bpfld::test;

TEST_CASE("loader session: the verifier is asked for its log only after it refused") {
  const ObjectSpec spec = example();
  KernelProfile profile = make_profile();
  FakeKernel kernel;
  kernel.refuse(is<bpf::ProgLoad>(), EACCES, "R1 type=scalar expected=fp\n");
  const Result<Session> session = load(spec, profile, kernel);
  REQUIRE_FALSE(session);
  CHECK(session.error().code == Code::rejected);
  CHECK(session.error().errno_value == EACCES);
  CHECK(session.error().detail == "R1 type=scalar expected=fp\n");
  const std::vector<bpf::ProgLoad> loads = kernel.all<bpf::ProgLoad>();
  REQUIRE(loads.size() == 2);
  CHECK(loads[0].log_level == 0);
  CHECK(loads[1].log_level == 1);
  CHECK(loads[1].log_size == kFirstLogSize);
}

TEST_CASE("loader session: a refusal without the verifier's words is the kernel's, not a verdict") {
  const ObjectSpec spec = example();
  KernelProfile profile = make_profile();
  FakeKernel kernel;
  kernel.refuse(is<bpf::ProgLoad>(), EINVAL);
  const Result<Session> session = load(spec, profile, kernel);
  REQUIRE_FALSE(session);
  CHECK(session.error().code == Code::kernel);
}

TEST_CASE("loader session: no memory is no verdict, even with a log") {
  const ObjectSpec spec = example();
  KernelProfile profile = make_profile();
  FakeKernel kernel;
  kernel.refuse(is<bpf::ProgLoad>(), ENOMEM, "processed 4711 insns\n");
  const Result<Session> session = load(spec, profile, kernel);
  REQUIRE_FALSE(session);
  CHECK(session.error().code == Code::kernel);
  CHECK(session.error().errno_value == ENOMEM);
}

TEST_CASE("loader session: the log's buffer grows while it is too small, and that ends") {
  const ObjectSpec spec = example();
  KernelProfile profile = make_profile();
  FakeKernel kernel;
  // Always too small: what the kernel answers to the first attempt, without a log, is the truth.
  kernel.add_rule([](const bpf::Request& request) -> std::optional<Result<bpf::Reply>> {
    const bpf::ProgLoad* load = std::get_if<bpf::ProgLoad>(&request);
    if (load == nullptr) return std::nullopt;
    return load->log_level == 0 ? refusal(request, EINVAL)
                                : refusal(request, ENOSPC, format("{} bytes", load->log_size));
  });
  const Result<Session> session = load(spec, profile, kernel);
  REQUIRE_FALSE(session);
  CHECK(session.error().errno_value == EINVAL);
  CHECK(session.error().code == Code::rejected);
  const std::vector<bpf::ProgLoad> loads = kernel.all<bpf::ProgLoad>();
  CHECK(loads.size() <= 8);
  for (std::size_t i = 2; i < loads.size(); i++)
    CHECK(loads[i].log_size > loads[i - 1].log_size);
  CHECK(loads.back().log_size <= kLargestLogSize);
  CHECK(session.error().detail == format("{} bytes", loads.back().log_size));
}

TEST_CASE("loader session: a log that fits a larger buffer is taken from there") {
  const ObjectSpec spec = example();
  KernelProfile profile = make_profile();
  FakeKernel kernel;
  kernel.add_rule([](const bpf::Request& request) -> std::optional<Result<bpf::Reply>> {
    const bpf::ProgLoad* load = std::get_if<bpf::ProgLoad>(&request);
    if (load == nullptr) return std::nullopt;
    if (load->log_level == 0) return refusal(request, EINVAL);
    const bool fits = load->log_size > kFirstLogSize;
    return refusal(request, fits ? EINVAL : ENOSPC, fits ? "the whole log" : "the begin");
  });
  const Result<Session> session = load(spec, profile, kernel);
  REQUIRE_FALSE(session);
  CHECK(session.error().detail == "the whole log");
  CHECK(kernel.count<bpf::ProgLoad>() == 3);
}

TEST_CASE(
    "loader session: a kernel that says how large its log is, is asked once more, if at all") {
  const ObjectSpec spec = example();
  for (const u32 room : {1'000'000u, kLargestLogSize, kLargestLogSize + 1}) {
    CAPTURE(room);
    KernelProfile profile = make_profile();
    FakeKernel kernel;
    kernel.add_rule([&](const bpf::Request& request) -> std::optional<Result<bpf::Reply>> {
      const bpf::ProgLoad* load = std::get_if<bpf::ProgLoad>(&request);
      if (load == nullptr) return std::nullopt;
      if (load->log_level == 0) return refusal(request, EINVAL);
      Result<bpf::Reply> reply =
          refusal(request, load->log_size < room ? ENOSPC : EINVAL, "the end");
      reply.error().room = room;
      return reply;
    });
    const Result<Session> session = load(spec, profile, kernel);
    REQUIRE_FALSE(session);
    CHECK(session.error().errno_value == EINVAL);
    CHECK(session.error().detail == "the end");
    const std::vector<bpf::ProgLoad> loads = kernel.all<bpf::ProgLoad>();
    CHECK(loads.size() == (room > kLargestLogSize ? 2 : 3));  // what would not fit is not tried
    if (loads.size() == 3) CHECK(loads[2].log_size == room);
  }
}

TEST_CASE("loader session: a buffer larger than the kernel takes leaves the shorter log") {
  const ObjectSpec spec = example();
  KernelProfile profile = make_profile();
  FakeKernel kernel;
  kernel.add_rule([](const bpf::Request& request) -> std::optional<Result<bpf::Reply>> {
    const bpf::ProgLoad* load = std::get_if<bpf::ProgLoad>(&request);
    if (load == nullptr) return std::nullopt;
    if (load->log_level == 0) return refusal(request, EACCES);
    return load->log_size == kFirstLogSize ? refusal(request, ENOSPC, "the begin")
                                           : refusal(request, EINVAL);
  });
  const Result<Session> session = load(spec, profile, kernel);
  REQUIRE_FALSE(session);
  CHECK(session.error().detail == "the begin");
  CHECK(session.error().errno_value == EACCES);
}

TEST_CASE("loader session: a refusal that did not last is none") {
  const ObjectSpec spec = example();
  KernelProfile profile = make_profile();
  FakeKernel kernel;
  kernel.refuse(
      [&](const bpf::Request& request) {
        return std::holds_alternative<bpf::ProgLoad>(request) && kernel.count<bpf::ProgLoad>() == 1;
      },
      ENOMEM);
  const Result<Session> session = load(spec, profile, kernel);
  REQUIRE_MESSAGE(session, message(session));
  CHECK(kernel.open_fds() == 6);
}

TEST_CASE("loader session: an interrupted verifier is asked again, five times at most") {
  const ObjectSpec spec = example();
  for (const std::size_t interruptions : {std::size_t{4}, std::size_t{1000}}) {
    KernelProfile profile = make_profile();
    FakeKernel kernel;
    kernel.refuse(
        [&](const bpf::Request& request) {
          return std::holds_alternative<bpf::ProgLoad>(request) &&
                 kernel.count<bpf::ProgLoad>() <= interruptions;
        },
        EAGAIN);
    const Result<Session> session = load(spec, profile, kernel);
    if (interruptions == 4) {
      CHECK(message(session) == "no error");
      CHECK(kernel.count<bpf::ProgLoad>() == 6);  // five for the first program, one for the second
    } else {
      REQUIRE_FALSE(session);
      CHECK(session.error().errno_value == EAGAIN);
      CHECK(kernel.count<bpf::ProgLoad>() == 10);  // five without a log, five with
    }
  }
}
