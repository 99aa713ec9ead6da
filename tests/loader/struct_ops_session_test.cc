// SPDX-License-Identifier: Apache-2.0
// struct_ops against a fake kernel: the requests, their order, and that a registration ends with
// the session whatever happens.
#include <cerrno>

#include "loader/session.h"
#include "tests/loader/struct_ops_case.h"
#include "tests/support/fake_kernel.h"

using namespace bpfld;
using namespace bpfld::test;

namespace {

Result<Session> load(const ObjectSpec& spec, KernelProfile& profile, bpf::Kernel& kernel) {
  const Selection all = autoload_programs(spec);
  profile = looked_up(spec, all, std::move(profile));
  return Session::load(spec, all, profile, kernel);
}

std::vector<std::string> after_programs(const FakeKernel& kernel) {
  std::vector<std::string> out;
  bool after = false;
  for (const bpf::Request& request : kernel.requests) {
    if (after) out.push_back(bpf::call_name(request));
    if (std::holds_alternative<bpf::ProgLoad>(request)) after = true;
  }
  return out;
}

}  // namespace

TEST_CASE("loader struct_ops session: a map is created, written, and deleted at the end") {
  const ObjectSpec spec = one_handler();
  HandlerKernel handler;
  KernelProfile profile = handler.profile();
  FakeKernel kernel;
  {
    Result<Session> session = load(spec, profile, kernel);
    REQUIRE_MESSAGE(session, message(session));
    const std::vector<bpf::MapCreate> maps = kernel.all<bpf::MapCreate>();
    REQUIRE(maps.size() == 1);
    CHECK(maps[0].type == bpf::MapType::struct_ops);
    CHECK(maps[0].key_size == 4);
    CHECK(maps[0].value_size == 112);
    CHECK(maps[0].max_entries == 1);
    CHECK(maps[0].flags == 0);
    CHECK(maps[0].btf.is_set());
    CHECK(maps[0].btf_value_type_id == 0);
    CHECK(profile.btf->view.type({maps[0].btf_vmlinux_value_type_id}).name ==
          "bpf_struct_ops_handler");
    const std::vector<bpf::ProgLoad> programs = kernel.all<bpf::ProgLoad>();
    REQUIRE(programs.size() == 1);
    CHECK(profile.btf->view.type({programs[0].attach_btf_id}).name == "handler");
    CHECK(static_cast<u32>(programs[0].expected_attach_type) == 4);

    REQUIRE(session->plan().attach.size() == 1);
    const AttachPlan& plan = session->plan().attach[0];
    CHECK(plan.map == 0);
    CHECK(plan.how == "struct_ops map: handler");
    CHECK(plan.remains.find("registered (bpfld map delete name ") != std::string::npos);
    CHECK(kernel.count<bpf::MapUpdate>() == 0);
    CHECK(message(session->attach(plan)) == "no error");
    const std::vector<bpf::MapUpdate> updates = kernel.all<bpf::MapUpdate>();
    REQUIRE(updates.size() == 1);
    CHECK(updates[0].map.get() == session->map_fd(0));
    CHECK(updates[0].value.size() == 112);
    CHECK(updates[0].value_fds ==
          std::vector<bpf::ValueFd>{
              {.offset = 96, .size = 8, .fd = bpf::Fd::number(session->program_fd(0))}});
    CHECK(kernel.count<bpf::MapDelete>() == 0);
  }
  CHECK(after_programs(kernel) ==
        std::vector<std::string>{"bpf(BPF_MAP_UPDATE_ELEM)", "bpf(BPF_MAP_DELETE_ELEM)"});
  CHECK(kernel.open_fds() == 0);
}

TEST_CASE("loader struct_ops session: a link ends the registration, so nothing is deleted") {
  const ObjectSpec spec = one_handler(".struct_ops.link");
  HandlerKernel handler;
  KernelProfile profile = handler.profile();
  FakeKernel kernel;
  {
    Result<Session> session = load(spec, profile, kernel);
    REQUIRE_MESSAGE(session, message(session));
    CHECK(kernel.all<bpf::MapCreate>()[0].flags == bpf::kMapLink);
    CHECK(session->plan().attach[0].how == "struct_ops link: handler");
    CHECK(message(session->attach(session->plan().attach[0])) == "no error");
    const std::vector<bpf::LinkCreate> links = kernel.all<bpf::LinkCreate>();
    REQUIRE(links.size() == 1);
    CHECK(links[0].program.get() == session->map_fd(0));
    CHECK(links[0].attach_type == bpf::AttachType::struct_ops);
    CHECK(bpf::describe(links[0]).find("map_fd=") != std::string::npos);
  }
  CHECK(after_programs(kernel) ==
        std::vector<std::string>{"bpf(BPF_MAP_UPDATE_ELEM)", "bpf(BPF_LINK_CREATE)"});
  CHECK(kernel.open_fds() == 0);
}

TEST_CASE("loader struct_ops session: a kernel that has not read its BTF is given a program") {
  const ObjectSpec spec = one_handler();
  HandlerKernel handler;
  KernelProfile profile = handler.profile();
  FakeKernel kernel;
  bool awake = false;
  kernel.add_rule([&](const bpf::Request& request) -> std::optional<Result<bpf::Reply>> {
    if (std::holds_alternative<bpf::ProgLoad>(request)) awake = true;
    if (!awake && std::holds_alternative<bpf::MapCreate>(request)) return refusal(request, 524);
    return std::nullopt;
  });
  const Result<Session> session = load(spec, profile, kernel);
  REQUIRE_MESSAGE(session, message(session));
  CHECK(kernel.count<bpf::MapCreate>() == 2);
  CHECK(kernel.count<bpf::ProgLoad>() == 2);
  CHECK(kernel.all<bpf::ProgLoad>()[0].type == bpf::ProgType::socket_filter);
}

TEST_CASE("loader struct_ops session: detach deletes once, and a refused write nothing") {
  const ObjectSpec spec = one_handler();
  HandlerKernel handler;
  KernelProfile profile = handler.profile();
  {
    FakeKernel kernel;
    {
      Result<Session> session = load(spec, profile, kernel);
      REQUIRE_MESSAGE(session, message(session));
      CHECK(message(session->attach(session->plan().attach[0])) == "no error");
      session->detach();
      CHECK(kernel.count<bpf::MapDelete>() == 1);
    }
    CHECK(kernel.count<bpf::MapDelete>() == 1);
  }
  FakeKernel refusing;
  refusing.refuse([](const bpf::Request& r) { return std::holds_alternative<bpf::MapUpdate>(r); },
                  EEXIST);
  {
    Result<Session> session = load(spec, profile, refusing);
    REQUIRE_MESSAGE(session, message(session));
    const Status done = session->attach(session->plan().attach[0]);
    REQUIRE_FALSE(done);
    CHECK(done.error().errno_value == EEXIST);
    CHECK(done.error().message().starts_with("map \"mine\": "));
  }
  CHECK(refusing.count<bpf::MapDelete>() == 0);
  CHECK(refusing.open_fds() == 0);
}

TEST_CASE("loader struct_ops session: an object whose BTF the kernel refuses is not loaded") {
  const ObjectSpec spec = one_handler();
  HandlerKernel handler;
  KernelProfile profile = handler.profile();
  FakeKernel kernel;
  kernel.refuse([](const bpf::Request& r) { return std::holds_alternative<bpf::BtfLoad>(r); },
                EINVAL, "what a type");
  const Result<Session> session = load(spec, profile, kernel);
  REQUIRE_FALSE(session);
  CHECK(session.error().message() == "map \"mine\": struct_ops need the object's BTF");
  CHECK(session.error().detail.find("what a type") != std::string::npos);
  CHECK(kernel.count<bpf::MapCreate>() == 0);
  CHECK(kernel.open_fds() == 0);
}

TEST_CASE("loader struct_ops session: a program that is not loaded leaves its callback empty") {
  HandlerObject object;
  object.add_program("on_open");
  object.add_program("on_close");
  object.add_handler("mine", ".struct_ops", "on_open", object.handler_type());
  object.relocate_at(".struct_ops", 8, "on_close");
  const ObjectSpec spec = object.spec();
  HandlerKernel handler;
  KernelProfile profile = handler.profile();
  FakeKernel kernel;
  profile = looked_up(spec, {1}, std::move(profile));
  Result<Session> session = Session::load(spec, {1}, profile, kernel);
  REQUIRE_MESSAGE(session, message(session));
  CHECK(session->plan().notes ==
        std::vector<std::string>{"struct mine: without its callback on_open, which is not loaded"});
  CHECK(message(session->attach(session->plan().attach[0])) == "no error");
  CHECK(kernel.all<bpf::MapUpdate>()[0].value_fds.size() == 1);
}

TEST_CASE("loader struct_ops session: a program that no struct wants is left out") {
  HandlerObject object;
  object.add_program("on_open");
  object.add_program("alone");
  object.add_handler("mine", ".struct_ops", "on_open", object.handler_type());
  const ObjectSpec spec = object.spec();
  HandlerKernel handler;
  KernelProfile profile = handler.profile();
  FakeKernel kernel;
  const Result<Session> session = load(spec, profile, kernel);
  REQUIRE_MESSAGE(session, message(session));
  CHECK(kernel.count<bpf::ProgLoad>() == 1);
  CHECK(session->program_fd(1) == -1);
  CHECK(session->plan().attach.size() == 1);
  CHECK(session->plan().notes ==
        std::vector<std::string>{"program alone: left out: no struct has it as a callback"});
}
