// SPDX-License-Identifier: Apache-2.0
// `bpfld map` on maps that somebody else made: elements that are numbers, programs, maps and
// cgroups, named by id, by the path of a pin and by descriptor, and what is said when the kernel
// refuses.
#include <cerrno>
#include <doctest/doctest.h>
#include <fcntl.h>

#include "bpf/object_info.h"
#include "tests/live/own_bpffs.h"
#include "tests/live/support.h"
#include "tests/support/process.h"

namespace {

using namespace bpfld;
using test::Finished;
using test::in_own_bpffs;

Finished map_command(std::vector<std::string> words) {
  words.insert(words.begin(), {test::object_path("cli/bpfld"), "map"});
  return test::run_process(words);
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

// handle: something in the kernel, and its id.
struct Made {
  UniqueFd fd;
  u32 id = 0;
  std::string text() const { return format("{}", id); }
};

Made described(UniqueFd fd) {
  bpf::LinuxKernel kernel;
  const Result<bpf::Reply> info =
      kernel.call(bpf::ObjectInfo{bpf::Fd::number(fd.get()), bpf::kInfoSize});
  REQUIRE(info);
  const u32 id = load_checked<u32>(info->data, 4);
  return {std::move(fd), id};
}

Made make(const bpf::Request& request) {
  bpf::LinuxKernel kernel;
  static_cast<void>(kernel.call(bpf::RaiseMemlock{}));  // what 5.10 charges maps to
  const Result<bpf::Reply> made = kernel.call(request);
  REQUIRE_MESSAGE(made, made.error().message());
  return described(UniqueFd(static_cast<int>(made->value)));
}

bpf::MapCreate map_of(bpf::MapType type, u32 key_size = 4, u32 value_size = 4, u32 entries = 4) {
  bpf::MapCreate out;
  out.type = type;
  out.key_size = key_size;
  out.value_size = value_size;
  out.max_entries = entries;
  return out;
}

Made make_program(bpf::ProgType type) {
  bpf::ProgLoad load;
  load.type = type;
  load.license = "GPL";
  load.insns = {bpf::mov64_imm(0, 0), bpf::exit_insn()};
  return make(load);
}

Made make_map_of_maps(bpf::MapType type, const Made& inner) {
  bpf::MapCreate outer = map_of(type);
  outer.inner_map = bpf::Fd::number(inner.fd.get());
  return make(outer);
}

bool pin(const Made& object, const std::string& path) {
  bpf::LinuxKernel kernel;
  return kernel.call(bpf::ObjPin{bpf::Fd::number(object.fd.get()), path}).has_value();
}

std::string lookup(const std::string& map, const std::string& key) {
  return map_command({"lookup", "id", map, "key", key}).out;
}

}  // namespace

TEST_CASE("live: map command: a pinned map is changed by its path") {
  CHECK(in_own_bpffs([] {
          const Made map = make(map_of(bpf::MapType::hash, 4, 8, 2));
          const std::string path = std::string(test::kOwnBpffs) + "/numbers";
          WANT(pin(map, path));
          WANT(map_command({"update", path, "key", "7", "value", "42"}).status == 0);
          WANT(map_command({"lookup", path, "key", "7"}).out == "7  hex:2a00000000000000\n");
          WANT(map_command({"update", path, "key", "8", "value", "hex:0102030405060708"}).status ==
               0);
          const Finished full = map_command({"update", path, "key", "9", "value", "1"});
          WANT(full.status != 0);
          WANT(contains(full.err, "the map is full: it has 2 elements"));
          const Finished wide = map_command({"update", path, "key", "hex:0700", "value", "1"});
          WANT(wide.status == 2);
          WANT(contains(wide.err, "key: "));
          const Finished narrow = map_command({"update", path, "key", "7", "value", "hex:00"});
          WANT(narrow.status == 2);
          WANT(contains(narrow.err, "value: "));
          WANT(map_command({"delete", path, "key", "7"}).status == 0);
          const Finished gone = map_command({"lookup", path, "key", "7"});
          WANT(contains(gone.err, "the map has no key 7"));
          WANT(contains(map_command({"delete", path, "key", "7"}).err, "the map has no key 7"));
          const Finished none = map_command({"update", path + "x", "key", "7", "value", "1"});
          WANT(contains(none.err, "ENOENT"));
          return 0;
        }) == 0);
}

TEST_CASE("live: map command: a prog_array takes a program by id, by pin and by descriptor") {
  CHECK(in_own_bpffs([] {
          const Made map = make(map_of(bpf::MapType::prog_array));
          const Made program = make_program(bpf::ProgType::socket_filter);
          const std::string path = std::string(test::kOwnBpffs) + "/program";
          WANT(pin(program, path));
          const std::string id = map.text(), shown = format("  prog id {}\n", program.id);
          WANT(map_command({"update", "id", id, "key", "0", "value", program.text()}).status == 0);
          WANT(map_command({"update", "id", id, "key", "1", "value", path}).status == 0);
          WANT(::fcntl(program.fd.get(), F_SETFD, 0) == 0);  // for the command to inherit
          const Finished by_fd = map_command(
              {"update", "id", id, "key", "2", "value", format("fd:{}", program.fd.get())});
          WANT(by_fd.status == 0);
          for (const char* key : {"0", "1", "2"})
            WANT(lookup(id, key) == key + shown);
          WANT(contains(map_command({"lookup", "id", id, "key", "3"}).err, "has no key 3"));
          return 0;
        }) == 0);
}

TEST_CASE("live: map command: what is no program for a prog_array is told") {
  CHECK(in_own_bpffs([] {
          const Made map = make(map_of(bpf::MapType::prog_array));
          const Made program = make_program(bpf::ProgType::socket_filter);
          const Made other = make_program(bpf::ProgType::xdp);
          const std::string path = std::string(test::kOwnBpffs) + "/map", id = map.text();
          WANT(pin(map, path));
          const auto update = [&](std::string key, std::string value) {
            return map_command({"update", "id", id, "key", std::move(key), "value", value});
          };
          WANT(contains(update("0", "2000000000").err, "there is no program with id 2000000000"));
          WANT(contains(update("0", path).err, "is no program"));
          WANT(contains(update("0", "hex:01000000").err,
                        "want the id of a program, the path of its pin, or fd:N"));
          WANT(update("0", "fd:x").status == 2);
          WANT(contains(update("0", "fd:1000").err, "there is no descriptor 1000"));
          WANT(update("hex:00", program.text()).status == 2);
          WANT(contains(update("4", program.text()).err, "the map has 4 elements, from 0"));
          WANT(update("0", program.text()).status == 0);
          WANT(contains(update("1", other.text()).err, "the programs of one map are of one type"));
          return 0;
        }) == 0);
}

TEST_CASE("live: map command: a map of maps takes maps that are like its template") {
  CHECK(in_own_bpffs([] {
          const Made inner = make(map_of(bpf::MapType::hash, 4, 8, 16));
          const Made like = make(map_of(bpf::MapType::hash, 4, 8, 16));
          const Made wider = make(map_of(bpf::MapType::hash, 4, 16, 16));
          const std::string path = std::string(test::kOwnBpffs) + "/inner";
          WANT(pin(like, path));
          for (const bpf::MapType type :
               {bpf::MapType::array_of_maps, bpf::MapType::hash_of_maps}) {
            const Made outer = make_map_of_maps(type, inner);
            const std::string id = outer.text();
            const auto update = [&](std::string key, std::string value) {
              return map_command({"update", "id", id, "key", std::move(key), "value", value});
            };
            WANT(update("0", like.text()).status == 0);
            WANT(update("1", path).status == 0);
            WANT(lookup(id, "0") == format("0  map id {}\n", like.id));
            WANT(lookup(id, "1") == format("1  map id {}\n", like.id));
            WANT(contains(update("2", wider.text()).err, "is not like the maps"));
            WANT(contains(update("2", "2000000000").err, "there is no map with id 2000000000"));
            WANT(contains(update("2", "name").err, "want the id of a map"));
            WANT(map_command({"delete", "id", id, "key", "0"}).status == 0);
            WANT(contains(map_command({"lookup", "id", id, "key", "0"}).err, "has no key 0"));
          }
          return 0;
        }) == 0);
}

TEST_CASE("live: map command: a cgroup_array takes the directory of a cgroup") {
  const Made map = make(map_of(bpf::MapType::cgroup_array));
  const auto update = [&](std::string value) {
    return map_command({"update", "id", map.text(), "key", "0", "value", value});
  };
  CHECK(contains(update("/").err, "that is no directory of the cgroup2 hierarchy"));
  CHECK(contains(update("/nowhere").err, "(ENOENT)"));
  CHECK(contains(update("7").err, "want the directory of a cgroup, or fd:N"));
  loader::Needs needs;
  needs.cgroups.emplace_back();
  const Result<loader::KernelProfile> profile = loader::capture(needs);
  REQUIRE(profile);
  const loader::PathFact& cgroup = profile->cgroups.at("");
  REQUIRE_MESSAGE(cgroup.problem.empty(), cgroup.problem);
  const Finished done = update(cgroup.path);
  CHECK_MESSAGE(done.status == 0, done.err);
}

TEST_CASE("live: map command: a queue has no keys") {
  const Made queue = make(map_of(bpf::MapType::queue, 0, 4, 2));
  const std::string id = queue.text();
  CHECK(contains(map_command({"lookup", "id", id}).err, "the map has no such element"));
  CHECK(map_command({"update", "id", id, "value", "7"}).status == 0);
  CHECK(map_command({"update", "id", id, "value", "8"}).status == 0);
  CHECK(map_command({"lookup", "id", id}).out == "hex:07000000\n");
  CHECK(map_command({"lookup", "id", id, "-o", "json"}).out == "{\"value\":\"hex:07000000\"}\n");
  CHECK(contains(map_command({"update", "id", id, "value", "9"}).err, "the map is full"));
  const Finished with_key = map_command({"update", "id", id, "key", "0", "value", "9"});
  CHECK(with_key.status == 2);
  CHECK(contains(with_key.err, "a queue has no keys: leave `key` out"));
  const Made hash = make(map_of(bpf::MapType::hash));
  CHECK(contains(map_command({"lookup", "id", hash.text()}).err, "want: key ..."));
}

TEST_CASE("live: map command: a frozen map is not changed") {
  const Made map = make(map_of(bpf::MapType::array));
  bpf::LinuxKernel kernel;
  REQUIRE(kernel.call(bpf::MapFreeze{bpf::Fd::number(map.fd.get())}));
  const Finished done = map_command({"update", "id", map.text(), "key", "0", "value", "1"});
  CHECK(done.status != 0);
  CHECK(contains(done.err, "the map is frozen"));
  CHECK(lookup(map.text(), "0") == "0  hex:00000000\n");
}
