// SPDX-License-Identifier: Apache-2.0
// Pins: what a set is made of, that it appears at once or not at all, and maps that are shared by
// their names.
#include "loader/pin.h"

#include <algorithm>

#include "tests/loader/session_case.h"

using namespace bpfld;
using namespace bpfld::test;

namespace {

const PinOptions kPins = {.folder = "/bpf/set", .number = 7};

// The example, loaded and attached in a fake kernel.
struct Attached {
  FakeKernel kernel;
  KernelProfile profile = make_profile();
  ObjectSpec spec = example();
  Result<Session> session = load(spec, profile, kernel);

  Attached() {
    REQUIRE_MESSAGE(session, message(session));
    for (const AttachPlan& attach : session->plan().attach)
      REQUIRE(session->attach(attach));
    kernel.requests.clear();
  }
};

std::string paths(const FakeKernel& kernel) {
  std::string out;
  for (const bpf::Request& request : kernel.requests) {
    if (const bpf::ObjPin* r = std::get_if<bpf::ObjPin>(&request)) out += "pin " + r->path + "\n";
    if (const bpf::ObjGet* r = std::get_if<bpf::ObjGet>(&request)) out += "get " + r->path + "\n";
    if (const bpf::PinFolder* r = std::get_if<bpf::PinFolder>(&request))
      out += "folder " + r->path + "\n";
    if (const bpf::PinRemove* r = std::get_if<bpf::PinRemove>(&request))
      out += "remove " + r->path + "\n";
    if (const bpf::PinRename* r = std::get_if<bpf::PinRename>(&request))
      out += format("{} {} {}\n", r->exchange ? "exchange" : "rename", r->from, r->to);
  }
  return out;
}

// An object with one map that asks to be pinned by name.
ObjectSpec shared_map(std::string name = "shared") {
  ObjectBuilder object;
  object.add_map(name, {number("type", 1), number("max_entries", 8), type("key", object.u32_id),
                        type("value", object.u64_id), number("pinning", 1)});
  object.add_function("one", "socket",
                      {load_address(1), kSecondSlot, mov64_imm(0, 0), exit_insn()});
  object.relocate("one", 0, name);
  return spec_of(object);
}

PlanOptions by_name() {
  PlanOptions options;
  options.by_name_folder = "/bpf";
  options.pin_by_name = true;
  return options;
}

// What the kernel says of the map of shared_map().
std::vector<std::byte> info_of_shared(u32 max_entries = 8) {
  std::vector<std::byte> info(88);
  const u32 words[] = {1, 5, 4, 8, max_entries, 0};
  std::memcpy(info.data(), words, sizeof words);
  return info;
}

// A folder of pins: gets and pins of `path` behave as in a kernel.
struct PinnedOnce {
  bool there = false;
  u32 max_entries = 8;
  explicit PinnedOnce(FakeKernel& kernel) {
    kernel.add_rule([this](const bpf::Request& r) -> std::optional<Result<bpf::Reply>> {
      if (std::holds_alternative<bpf::ObjGet>(r) && !there) return refusal(r, ENOENT);
      if (std::holds_alternative<bpf::ObjPin>(r) && there) return refusal(r, EEXIST);
      if (std::holds_alternative<bpf::ObjPin>(r)) there = true;
      if (std::holds_alternative<bpf::ObjectInfo>(r)) {
        bpf::Reply reply;
        reply.data = info_of_shared(max_entries);
        return reply;
      }
      return std::nullopt;
    });
  }
};

}  // namespace

TEST_CASE("loader pin: a set is built aside and gets its name at the end") {
  Attached a;
  const Result<std::vector<std::string>> done = a.session->pin(kPins);
  REQUIRE_MESSAGE(done, message(done));
  CHECK(done->empty());
  CHECK(paths(a.kernel) ==
        "folder /bpf/set_stage_7\n"
        "folder /bpf/set_stage_7/maps\n"
        "pin /bpf/set_stage_7/maps/counts\n"
        "pin /bpf/set_stage_7/maps/_rodata\n"
        "pin /bpf/set_stage_7/maps/_bss\n"
        "folder /bpf/set_stage_7/progs\n"
        "pin /bpf/set_stage_7/progs/one\n"
        "pin /bpf/set_stage_7/progs/two\n"
        "folder /bpf/set_stage_7/links\n"
        "pin /bpf/set_stage_7/links/one\n"
        "pin /bpf/set_stage_7/links/two\n"
        "rename /bpf/set_stage_7 /bpf/set\n");
  // Each pin is of the thing whose name it has.
  const std::vector<bpf::ObjPin> pins = a.kernel.all<bpf::ObjPin>();
  CHECK(pins[0].object.get() == a.session->map_fd(0));
  CHECK(pins[3].object.get() == a.session->program_fd(0));
  CHECK(pins[5].object.get() != a.session->program_fd(0));
}

TEST_CASE("loader pin: whatever fails, no pin remains") {
  std::size_t count = 0;
  {
    Attached whole;
    REQUIRE(whole.session->pin(kPins));
    count = whole.kernel.requests.size();
  }
  for (std::size_t n = 0; n < count; n++) {
    Attached a;
    a.kernel.refuse_nth(n, ENOSPC);
    const Result<std::vector<std::string>> done = a.session->pin(kPins);
    REQUIRE_FALSE(done);
    CHECK(done.error().errno_value == ENOSPC);
    const std::vector<bpf::PinRemove> removed = a.kernel.all<bpf::PinRemove>();
    if (n == 0) {
      CHECK(removed.empty());  // a staging folder that could not be made is not ours
    } else {
      REQUIRE(removed.size() == 1);
      CHECK(removed[0].path == "/bpf/set_stage_7");
      CHECK(std::holds_alternative<bpf::PinRemove>(a.kernel.requests.back()));
    }
  }
}

TEST_CASE("loader pin: a set is replaced by an exchange, and the old one removed") {
  Attached a;
  PinOptions options = kPins;
  options.replace = true;
  REQUIRE(a.session->pin(options));
  CHECK(paths(a.kernel).ends_with("exchange /bpf/set_stage_7 /bpf/set\nremove /bpf/set_stage_7\n"));
}

TEST_CASE("loader pin: --replace of what is not there makes it") {
  Attached a;
  a.kernel.refuse(
      [](const bpf::Request& r) {
        const bpf::PinRename* rename = std::get_if<bpf::PinRename>(&r);
        return rename != nullptr && rename->exchange;
      },
      ENOENT);
  PinOptions options = kPins;
  options.replace = true;
  REQUIRE(a.session->pin(options));
  CHECK(paths(a.kernel).ends_with(
      "exchange /bpf/set_stage_7 /bpf/set\nrename /bpf/set_stage_7 /bpf/set\n"));
}

TEST_CASE("loader pin: without an exchange the old set steps aside, and that is said") {
  Attached a;
  a.kernel.refuse(
      [](const bpf::Request& r) {
        const bpf::PinRename* rename = std::get_if<bpf::PinRename>(&r);
        return rename != nullptr && rename->exchange;
      },
      EINVAL);
  PinOptions options = kPins;
  options.replace = true;
  REQUIRE(a.session->pin(options));
  CHECK(
      paths(a.kernel).ends_with("exchange /bpf/set_stage_7 /bpf/set\n"
                                "rename /bpf/set /bpf/set_stage_7_old\n"
                                "rename /bpf/set_stage_7 /bpf/set\n"
                                "remove /bpf/set_stage_7_old\n"));
  CHECK(a.session->plan().notes.back().find("cannot exchange") != std::string::npos);
}

TEST_CASE("loader pin: an attachment without a link is told, or with all_links an error") {
  for (const bool all : {false, true}) {
    FakeKernel kernel;
    KernelProfile profile = make_profile();
    feature(profile, Feature::perf_link) = Answer::no;
    const ObjectSpec spec = example();
    Result<Session> session = load(spec, profile, kernel);
    REQUIRE(session);
    REQUIRE(session->attach(session->plan().attach[0]));
    PinOptions options = kPins;
    options.all_links = all;
    const Result<std::vector<std::string>> done = session->pin(options);
    if (all) {
      CHECK(message(done).find("\"one\" is attached by a perf event, which cannot be pinned") !=
            std::string::npos);
      CHECK(kernel.count<bpf::PinFolder>() == 0);
    } else {
      REQUIRE(done);
      CHECK(*done == std::vector<std::string>{"one"});
    }
  }
}

TEST_CASE("loader pin: names that no file can have are refused before anything is made") {
  for (const char* name : {"a/b", "..", "a.b", "a\x1b", "", "a b"})
    CHECK_FALSE(check_pin_name(name));
  CHECK_FALSE(check_pin_name(std::string(256, 'a')));
  CHECK(check_pin_name(std::string(255, 'a')));
  CHECK(check_pin_name("Az09_-"));
  Attached a;
  a.spec.maps[0].name = "../../etc";
  const Result<std::vector<std::string>> done = a.session->pin(kPins);
  REQUIRE_FALSE(done);
  CHECK(a.kernel.requests.empty());
  Attached twice;
  twice.spec.maps[0].name = "_bss";
  CHECK(message(twice.session->pin(kPins)) == "map \".bss\": another pin is named \"_bss\", too");
  CHECK(twice.kernel.requests.empty());
}

TEST_CASE("loader pin: a map that asks for its name is made and pinned when all is loaded") {
  FakeKernel kernel;
  PinnedOnce pinned(kernel);
  KernelProfile profile;
  const ObjectSpec spec = shared_map();
  const Result<Session> session =
      Session::load(spec, autoload_programs(spec), profile, kernel, by_name());
  REQUIRE_MESSAGE(session, message(session));
  CHECK(paths(kernel) == "get /bpf/shared\npin /bpf/shared\n");
  CHECK(std::holds_alternative<bpf::ObjPin>(kernel.requests.back()));
  CHECK(kernel.all<bpf::ObjPin>()[0].object.get() == session->map_fd(0));
}

TEST_CASE("loader pin: a map that is pinned already is used, and not made") {
  FakeKernel kernel;
  PinnedOnce pinned(kernel);
  pinned.there = true;
  KernelProfile profile;
  const ObjectSpec spec = shared_map();
  const Result<Session> session =
      Session::load(spec, autoload_programs(spec), profile, kernel, by_name());
  REQUIRE_MESSAGE(session, message(session));
  CHECK(kernel.count<bpf::MapCreate>() == 0);
  CHECK(session->plan().notes ==
        std::vector<std::string>{"map shared: the one that is pinned at /bpf/shared"});
  CHECK(session->map_fd(0) >= FakeKernel::kFirstFd);
}

TEST_CASE("loader pin: a pinned map that differs is refused by the property's name") {
  FakeKernel kernel;
  PinnedOnce pinned(kernel);
  pinned.there = true;
  pinned.max_entries = 9;
  KernelProfile profile;
  const ObjectSpec spec = shared_map();
  const Result<Session> session =
      Session::load(spec, autoload_programs(spec), profile, kernel, by_name());
  CHECK(message(session) == "map \"shared\": the pinned map has max_entries 9, the object wants 8");
  CHECK(kernel.open_fds() == 0);
  CHECK(kernel.count<bpf::PinRemove>() == 0);  // it is not ours
}

TEST_CASE("loader pin: when another loader pins the map first, its map is used") {
  KernelProfile profile;
  bool first = true;
  const ObjectSpec spec = shared_map();
  // The pin appears between our look and our own pin.
  FakeKernel racing;
  racing.add_rule([&](const bpf::Request& r) -> std::optional<Result<bpf::Reply>> {
    if (std::holds_alternative<bpf::ObjGet>(r) && std::exchange(first, false))
      return refusal(r, ENOENT);
    if (std::holds_alternative<bpf::ObjPin>(r)) return refusal(r, EEXIST);
    if (std::holds_alternative<bpf::ObjectInfo>(r)) {
      bpf::Reply reply;
      reply.data = info_of_shared();
      return reply;
    }
    return std::nullopt;
  });
  const Result<Session> session =
      Session::load(spec, autoload_programs(spec), profile, racing, by_name());
  REQUIRE_MESSAGE(session, message(session));
  CHECK(paths(racing) == "get /bpf/shared\npin /bpf/shared\nget /bpf/shared\n");
}

TEST_CASE("loader pin: loaders that disturb each other for ever give up") {
  FakeKernel kernel;
  kernel.refuse(is<bpf::ObjGet>(), ENOENT);
  kernel.refuse(is<bpf::ObjPin>(), EEXIST);
  KernelProfile profile;
  const ObjectSpec spec = shared_map();
  const Result<Session> session =
      Session::load(spec, autoload_programs(spec), profile, kernel, by_name());
  REQUIRE_FALSE(session);
  CHECK(kernel.requests.size() < 1000);
  CHECK(kernel.open_fds() == 0);
}

TEST_CASE("loader pin: without a folder for it, pinning by name is not done and that is said") {
  FakeKernel kernel;
  KernelProfile profile;
  const ObjectSpec spec = shared_map();
  const Result<Session> session = load(spec, profile, kernel);
  REQUIRE(session);
  CHECK(paths(kernel).empty());
  REQUIRE(session->plan().notes.size() == 1);
  CHECK(session->plan().notes[0].find("asks to be pinned by name") != std::string::npos);
}

TEST_CASE("loader pin: a name from the object that could leave the folder is refused") {
  FakeKernel kernel;
  KernelProfile profile;
  ObjectSpec spec = shared_map();
  spec.maps[0].name = "../x";
  const Result<Session> session =
      Session::load(spec, autoload_programs(spec), profile, kernel, by_name());
  REQUIRE_FALSE(session);
  CHECK(kernel.requests.empty());
}
