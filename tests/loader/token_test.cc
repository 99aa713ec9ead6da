// SPDX-License-Identifier: Apache-2.0
// BPF tokens: asked for when something was refused, given to all that is created, closed with it.
#include "loader/features.h"
#include "tests/loader/session_case.h"

using namespace bpfld;
using namespace bpfld::test;

namespace {

// A user namespace: nothing may be created without a token.
void refuse_without_token(FakeKernel& kernel) {
  kernel.refuse(
      [](const bpf::Request& request) {
        if (const auto* r = std::get_if<bpf::MapCreate>(&request)) return !r->token.is_set();
        if (const auto* r = std::get_if<bpf::ProgLoad>(&request)) return !r->token.is_set();
        if (const auto* r = std::get_if<bpf::BtfLoad>(&request)) return !r->token.is_set();
        return false;
      },
      EPERM);
}

std::vector<bpf::OpenPath> folders_opened(const FakeKernel& kernel) {
  return kernel.all<bpf::OpenPath>();
}

}  // namespace

TEST_CASE("loader session: what is refused is asked for again with a token, where there is one") {
  const ObjectSpec spec = example();
  KernelProfile profile = make_profile();
  FakeKernel kernel;
  kernel.gives_tokens = true;
  refuse_without_token(kernel);
  {
    const Result<Session> session = load(spec, profile, kernel);
    REQUIRE_MESSAGE(session, message(session));
    CHECK(feature(profile, Feature::token) == Answer::yes);
    REQUIRE(!session->plan().notes.empty());
    CHECK(session->plan().notes.front() ==
          "the BPF token of /sys/fs/bpf is used: rights that were delegated to this user "
          "namespace");
    CHECK(kernel.count<bpf::RaiseMemlock>() == 0);
    CHECK(folders_opened(kernel).back().path == "/sys/fs/bpf");
  }
  CHECK(kernel.open_fds() == 0);
}

TEST_CASE("loader session: a kernel that refuses nothing is not asked for a token") {
  const ObjectSpec spec = example();
  KernelProfile profile = make_profile();
  FakeKernel kernel;
  kernel.gives_tokens = true;
  REQUIRE(load(spec, profile, kernel));
  CHECK(kernel.count<bpf::TokenCreate>() == 0);
  CHECK(folders_opened(kernel).empty());
}

TEST_CASE("loader session: where nothing is delegated the refusal stays what it was") {
  const ObjectSpec spec = example();
  KernelProfile profile = make_profile();
  FakeKernel kernel;
  refuse_without_token(kernel);
  const Result<Session> session = load(spec, profile, kernel);
  REQUIRE_FALSE(session);
  CHECK(session.error().errno_value == EPERM);
  CHECK(session.error().message().find("TOKEN") == std::string::npos);
  CHECK(kernel.count<bpf::TokenCreate>() == 1);  // asked once
  CHECK(kernel.open_fds() == 0);
}

TEST_CASE("loader session: a token that was asked for is used from the start, or is the error") {
  const ObjectSpec spec = example();
  PlanOptions options;
  options.token_folder = "/run/bpf";
  for (const bool gives : {true, false}) {
    KernelProfile profile = make_profile();
    FakeKernel kernel;
    kernel.gives_tokens = gives;
    const Result<Session> session =
        Session::load(spec, autoload_programs(spec), profile, kernel, options);
    CHECK(session.has_value() == gives);
    CHECK(folders_opened(kernel).size() == 1);
    CHECK(folders_opened(kernel)[0].path == "/run/bpf");
    for (const bpf::ProgLoad& program : kernel.all<bpf::ProgLoad>())
      CHECK(program.token.is_set());
    if (!gives) {
      CHECK(message(session) ==
            "the BPF token of /run/bpf: bpf(BPF_TOKEN_CREATE): No such file or directory (ENOENT)");
      CHECK(kernel.count<bpf::MapCreate>() == 0);
    }
  }
}

TEST_CASE("features: a token that could not be had for another reason is not remembered as a no") {
  for (const int errno_value : {ENOENT, EACCES, EPERM, EOPNOTSUPP, EINVAL, EMFILE, ENOMEM}) {
    FakeKernel kernel;
    kernel.refuse(is<bpf::TokenCreate>(), errno_value);
    const bool is_transient = errno_value == EMFILE || errno_value == ENOMEM;
    CHECK(probe(Feature::token, kernel) == (is_transient ? Answer::unknown : Answer::no));
    CHECK(kernel.open_fds() == 0);
  }
}
