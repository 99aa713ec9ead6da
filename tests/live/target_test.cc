// SPDX-License-Identifier: Apache-2.0
// Programs about programs: a function of another program is traced, or replaced, and the effect is
// counted. The target is of the same object, or loaded before and named by its id or its pin.
#include <cerrno>
#include <cstdio>
#include <doctest/doctest.h>
#include <unistd.h>

#include "tests/live/support.h"

namespace {

using namespace bpfld;
using test::call_getppid;
using test::Loaded;
using test::test_run;

constexpr const char* kObject = "fixtures/target.bpf.o";
constexpr std::size_t kPacket = 64;
enum Count : u32 { packets, entries, exits, returned, replaced, getppids, getppid_entries };

// Selects a program; with a target, what that is.
void choose(Loaded& loaded, std::string_view name, std::optional<std::string> about = {}) {
  loader::ProgramSpec& program = loaded.spec.programs[loaded.program_index(name)];
  program.autoload = true;
  if (!about) return;
  loader::TargetProgram target;
  if (about->starts_with("id:") || about->starts_with('/'))
    target.loaded = *about;
  else
    target.own = loaded.program_index(*about);
  program.target_program = target;
}

// Loads; false when a policy of this machine refuses what needs a trampoline, which is said.
bool load(Loaded& loaded) {
  if (loaded.load()) return true;
  const bool policy = loaded.error.errno_value == EPERM && loaded.error.detail.empty();
  REQUIRE_MESSAGE(policy, loaded.error.message() << "\n" << loaded.error.detail);
  std::printf("SKIP: programs about programs: %s\n", loaded.error.message().c_str());
  return false;
}

u32 id_of(Loaded& loaded, std::string_view program) {
  bpf::ObjectInfo ask;
  ask.object = bpf::Fd::number(loaded.session->program_fd(loaded.program_index(program)));
  ask.info_size = 16;
  const Result<bpf::Reply> info = loaded.kernel.call(ask);
  REQUIRE(info);
  return load_checked<u32>(info->data, 4);
}

void covered(const Loaded& loaded, std::string_view name) {
  test::covered(loaded.spec.programs[loaded.program_index(name)].row->name);
}

// The fact of the loader about why a program cannot have that target.
std::string refusal(const char* program, const char* about) {
  Loaded loaded(kObject);
  choose(loaded, about);
  choose(loaded, program, about);
  REQUIRE_FALSE(loaded.load());
  return loaded.error.message() +
         (loaded.error.detail.empty() ? "" : " (" + loaded.error.detail + ")");
}

}  // namespace

TEST_CASE("live: fentry and fexit look at functions of a program of the same object") {
  Loaded loaded(kObject);
  choose(loaded, "at_entry", "on_packet");
  choose(loaded, "at_exit", "on_packet");
  choose(loaded, "on_packet");
  if (!load(loaded)) return;
  CHECK(test_run(loaded, "on_packet", kPacket) == 2);
  CHECK(loaded.counts()[entries] == 0);
  CHECK(loaded.attach() == "");
  for (int i = 0; i < 10; i++)
    CHECK(test_run(loaded, "on_packet", kPacket) == 2);
  CHECK(loaded.counts()[packets] == 11);
  CHECK(loaded.counts()[entries] == 10);
  CHECK(loaded.counts()[exits] == 10);
  CHECK(loaded.counts()[returned] == kPacket + 1);
  covered(loaded, "at_entry");
  covered(loaded, "at_exit");
  loaded.session->detach();
  test_run(loaded, "on_packet", kPacket);
  CHECK(loaded.counts()[entries] == 10);
}

TEST_CASE("live: freplace takes the place of a global function while it is attached") {
  Loaded loaded(kObject);
  choose(loaded, "replacement", "on_packet");
  choose(loaded, "on_packet");
  if (!load(loaded)) return;
  CHECK(test_run(loaded, "on_packet", kPacket) == 2);  // XDP_PASS
  CHECK(loaded.attach() == "");
  CHECK(test_run(loaded, "on_packet", kPacket) == 1);  // XDP_DROP
  CHECK(loaded.counts()[replaced] == 1);
  covered(loaded, "replacement");
  loaded.session->detach();
  CHECK(test_run(loaded, "on_packet", kPacket) == 2);
  CHECK(loaded.counts()[replaced] == 1);
}

TEST_CASE("live: one freplace program takes the place of functions of several programs") {
  Loaded other(kObject);
  choose(other, "on_packet");
  REQUIRE_MESSAGE(other.load(), other.error.message());
  Loaded loaded(kObject);
  choose(loaded, "replacement", "on_packet");
  choose(loaded, "on_packet");
  loader::TargetProgram second;
  second.loaded = "id:" + std::to_string(id_of(other, "on_packet"));
  loaded.spec.programs[loaded.program_index("replacement")].more_targets = {second};
  if (!load(loaded)) return;
  CHECK(test_run(other, "on_packet", kPacket) == 2);  // XDP_PASS
  CHECK(loaded.attach() == "");
  CHECK(test_run(loaded, "on_packet", kPacket) == 1);  // XDP_DROP
  CHECK(test_run(other, "on_packet", kPacket) == 1);
  CHECK(loaded.counts()[replaced] == 2);
  loaded.session->detach();
  CHECK(test_run(loaded, "on_packet", kPacket) == 2);
  CHECK(test_run(other, "on_packet", kPacket) == 2);
  CHECK(loaded.counts()[replaced] == 2);
}

TEST_CASE("live: a program that is loaded already is a target by its id and by its pin") {
  Loaded target(kObject);
  choose(target, "on_packet");
  REQUIRE_MESSAGE(target.load(), target.error.message());
  const std::string pin = "/sys/fs/bpf/bpfld_target_" + std::to_string(::getpid());
  bpf::ObjPin request;
  request.object = bpf::Fd::number(target.session->program_fd(target.program_index("on_packet")));
  request.path = pin;
  std::vector<std::string> names = {"id:" + std::to_string(id_of(target, "on_packet"))};
  const bool pinned = target.kernel.call(request).has_value();
  if (pinned)
    names.push_back(pin);
  else
    std::printf("SKIP: targets by their pins: no BPF file system\n");
  for (const std::string& about : names) {
    INFO(about);
    Loaded loaded(kObject);
    choose(loaded, "at_exit", about);
    choose(loaded, "replacement", about);
    if (!load(loaded)) break;
    CHECK(loaded.attach() == "");
    CHECK(test_run(target, "on_packet", kPacket) == 1);
    CHECK(loaded.counts()[exits] == 1);
    CHECK(loaded.counts()[replaced] == 1);
    loaded.session->detach();
    CHECK(test_run(target, "on_packet", kPacket) == 2);
  }
  if (pinned) CHECK(target.kernel.call(bpf::PinRemove{pin}));
}

TEST_CASE("live: a tracer of a program with one function finds it, whatever its section says") {
  Loaded loaded(kObject);
  choose(loaded, "at_getppid", "on_getppid");
  choose(loaded, "on_getppid");
  if (!load(loaded)) return;
  const std::vector<std::string>& notes = loaded.session->plan().notes;
  REQUIRE(notes.size() == 1);
  CHECK(notes[0] ==
        "at_getppid: program \"on_getppid\" has no function getppid: its only one, on_getppid, is "
        "taken");
  CHECK(loaded.attach() == "");
  call_getppid(100);
  CHECK(loaded.counts()[getppids] >= 100);
  CHECK(loaded.counts()[getppid_entries] >= 100);
}

TEST_CASE("live: what the kernel would refuse of a target is told before it is asked") {
  CHECK(refusal("misspelt", "on_packet") ==
        "program \"misspelt\": program \"on_packet\" has no function \"vedrict\" (did you mean: "
        "verdict)");
  CHECK(refusal("replaces_static", "on_packet") ==
        "program \"replaces_static\": function \"measure\" of program \"on_packet\" is static, and "
        "only global functions can be replaced: the verifier looks at them alone");
  CHECK(refusal("modifies", "on_packet") ==
        "program \"modifies\": SEC(\"fmod_ret\") changes what functions of the kernel return; "
        "program \"on_packet\" is no function of the kernel");
  Loaded loaded(kObject);
  choose(loaded, "at_entry", "id:4294967295");
  REQUIRE_FALSE(loaded.load());
  CHECK(loaded.error.message() ==
        "program \"at_entry\": target id:4294967295: no program has the id 4294967295");
}

// The kernel's own words about what the loader refuses by itself: should it change its mind, this
// says so.
TEST_CASE("live: the kernel lets nobody replace a static function") {
  Loaded loaded(kObject);
  choose(loaded, "on_packet");
  choose(loaded, "replaces_static", "on_packet");
  for (loader::FunctionSpec& function : loaded.spec.functions)
    function.is_static = false;  // as if it were global
  if (loaded.load()) {
    CHECK(loaded.attach() != "");
    return;
  }
  INFO(loaded.error.message() << "\n" << loaded.error.detail);
  CHECK((loaded.error.errno_value == EINVAL || loaded.error.errno_value == EPERM));
}
