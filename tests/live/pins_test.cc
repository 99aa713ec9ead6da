// SPDX-License-Identifier: Apache-2.0
// Pins on a real kernel: a set that outlives its loader, loaders that race, pins that differ, paths
// that lead elsewhere. Each case has a BPF file system of its own, in a mount namespace of its own:
// it is gone with the child process that the case runs in.
#include <cerrno>
#include <cstdlib>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <sys/stat.h>
#include <sys/wait.h>

#include "tests/live/own_bpffs.h"
#include "tests/live/support.h"

namespace {

using namespace bpfld;
using test::Loaded;

using test::in_own_bpffs;

constexpr const char* kObject = "fixtures/pins.bpf.o";
const std::string kRoot = test::kOwnBpffs;

loader::PlanOptions by_name() {
  loader::PlanOptions options;
  options.by_name_folder = kRoot;
  options.pin_by_name = true;
  return options;
}

bool load(Loaded& loaded, const loader::PlanOptions& options = {}) {
  const loader::Selection selection = loader::autoload_programs(loaded.spec);
  Result<loader::KernelProfile> captured = loader::capture(loader::needs(loaded.spec, selection));
  if (!captured) return false;
  loaded.profile = *std::move(captured);
  Result<loader::Session> session =
      loader::Session::load(loaded.spec, selection, loaded.profile, loaded.kernel, options);
  if (!session) {
    loaded.error = session.error();
    return false;
  }
  loaded.session = std::make_unique<loader::Session>(*std::move(session));
  return true;
}

bool there(const std::string& path) {
  struct stat status;
  return ::lstat(path.c_str(), &status) == 0;
}

// The number of the map that is pinned there; 0 when there is none.
u32 pinned_map(const std::string& path) {
  bpf::LinuxKernel kernel;
  const Result<bpf::Reply> got = kernel.call(bpf::ObjGet{path});
  if (!got) return 0;
  const UniqueFd fd(static_cast<int>(got->value));
  const Result<bpf::Reply> info = kernel.call(bpf::ObjectInfo{bpf::Fd::number(fd.get()), 64, 0});
  return info ? load_checked<u32>(info->data, 4) : 0;
}

u32 map_id(const Loaded& loaded, std::string_view name) {
  bpf::LinuxKernel kernel;
  const int fd = loaded.session->map_fd(loaded.map_index(name));
  const Result<bpf::Reply> info = kernel.call(bpf::ObjectInfo{bpf::Fd::number(fd), 64, 0});
  return info ? load_checked<u32>(info->data, 4) : 0;
}

loader::PinOptions set_at(const std::string& folder, bool replace = false) {
  loader::PinOptions options;
  options.folder = folder;
  options.replace = replace;
  options.number = static_cast<u32>(::getpid());
  return options;
}

}  // namespace

TEST_CASE("live: a set of pins outlives its loader, and is replaced as a whole") {
  CHECK(in_own_bpffs([] {
          const std::string set = kRoot + "/set";
          u32 first = 0;
          {
            Loaded loaded(kObject);
            WANT(load(loaded));
            WANT(loaded.attach().empty());
            WANT(loaded.session->pin(set_at(set)));
            first = map_id(loaded, "shared");
          }
          WANT(pinned_map(set + "/maps/shared") == first);
          WANT(there(set + "/progs/on_switch"));
          WANT(there(set + "/links/on_switch"));
          {
            Loaded again(kObject);
            WANT(load(again));
            const Result<std::vector<std::string>> refused = again.session->pin(set_at(set));
            WANT(!refused && refused.error().errno_value == EEXIST);
            WANT(pinned_map(set + "/maps/shared") == first);
            WANT(again.session->pin(set_at(set, true)));
            WANT(pinned_map(set + "/maps/shared") == map_id(again, "shared"));
          }
          WANT(pinned_map(set + "/maps/shared") != first);
          WANT(!there(format("{}_stage_{}", set, ::getpid())));
          WANT(!there(format("{}_stage_{}_old", set, ::getpid())));
          bpf::LinuxKernel kernel;
          WANT(kernel.call(bpf::PinRemove{set}));
          WANT(!there(set));
          return 0;
        }) == 0);
}

TEST_CASE("live: sixteen loaders at once share the one map that gets the name") {
  constexpr int kLoaders = 16;
  CHECK(in_own_bpffs([] {
          int gate[2], ids[2];
          WANT(::pipe(gate) == 0 && ::pipe(ids) == 0);
          for (int i = 0; i < kLoaders; i++) {
            if (::fork() != 0) continue;
            ::close(gate[1]);
            char go = 0;
            static_cast<void>(!::read(gate[0], &go, 1));  // until the parent closes its end
            Loaded loaded(kObject);
            const u32 id = load(loaded, by_name()) ? map_id(loaded, "shared") : 0;
            static_cast<void>(!::write(ids[1], &id, sizeof id));
            ::_exit(0);
          }
          ::close(gate[0]);
          ::close(gate[1]);
          ::close(ids[1]);
          u32 first = 0, id = 0;
          int answers = 0;
          while (::read(ids[0], &id, sizeof id) == sizeof id) {
            if (answers++ == 0) first = id;
            WANT(id != 0 && id == first);
          }
          WANT(answers == kLoaders);
          while (::wait(nullptr) > 0) {
          }
          WANT(pinned_map(kRoot + "/shared") == first);
          return 0;
        }) == 0);
}

TEST_CASE("live: of sixteen loaders that pin the same set one does, and the others leave nothing") {
  constexpr int kLoaders = 16;
  CHECK(in_own_bpffs([] {
          const std::string set = kRoot + "/set";
          int gate[2];
          WANT(::pipe(gate) == 0);
          for (int i = 0; i < kLoaders; i++) {
            if (::fork() != 0) continue;
            ::close(gate[1]);
            char go = 0;
            static_cast<void>(!::read(gate[0], &go, 1));
            Loaded loaded(kObject);
            if (!load(loaded)) ::_exit(2);
            const Result<std::vector<std::string>> done = loaded.session->pin(set_at(set));
            ::_exit(done ? 0 : done.error().errno_value == EEXIST ? 1 : 3);
          }
          ::close(gate[0]);
          ::close(gate[1]);
          int won = 0, lost = 0, status = 0;
          while (::wait(&status) > 0) {
            won += WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 1 : 0;
            lost += WIFEXITED(status) && WEXITSTATUS(status) == 1 ? 1 : 0;
          }
          WANT(won == 1 && lost == kLoaders - 1);
          bpf::LinuxKernel kernel;
          WANT(kernel.call(bpf::PinRemove{set}));
          // No staging folder is left: the root is empty again but for the kernel's own files.
          WANT(::system("test -z \"$(ls /sys/fs/bpf | grep stage)\"") == 0);
          return 0;
        }) == 0);
}

TEST_CASE("live: a pinned map that differs is refused by name, and stays as it is") {
  CHECK(in_own_bpffs([] {
          Loaded first(kObject);
          WANT(load(first, by_name()));
          const u32 id = map_id(first, "shared");
          Loaded other(kObject);
          other.spec.maps[other.map_index("shared")].max_entries = 9;
          WANT(!load(other, by_name()));
          WANT(other.error.message() ==
               "map \"shared\": the pinned map has max_entries 8, the object wants 9");
          WANT(pinned_map(kRoot + "/shared") == id);
          Loaded named(kObject);
          named.spec.maps[named.map_index("shared")].reuse = kRoot + "/shared";
          WANT(load(named));
          WANT(map_id(named, "shared") == id);
          return 0;
        }) == 0);
}

TEST_CASE("live: a load that fails leaves no pin by name") {
  CHECK(in_own_bpffs([] {
          Loaded loaded("fixtures/verifier_null.bpf.o");
          for (loader::MapSpec& map : loaded.spec.maps)
            map.pin_by_name = map.source == loader::MapSource::declared;
          WANT(!load(loaded, by_name()));
          for (const loader::MapSpec& map : loaded.spec.maps)
            WANT(!there(kRoot + "/" + map.name));
          return 0;
        }) == 0);
}

TEST_CASE("live: pins go neither through symbolic links nor to other file systems") {
  CHECK(in_own_bpffs([] {
          Loaded loaded(kObject);
          WANT(load(loaded));
          WANT(::mkdir("/sys/fs/bpf/real", 0700) == 0);
          WANT(::symlink("/sys/fs/bpf/real", "/sys/fs/bpf/link") == 0);
          const Result<std::vector<std::string>> linked =
              loaded.session->pin(set_at(kRoot + "/link/set"));
          WANT(!linked && linked.error().message().find("symbolic link") != std::string::npos);
          const Result<std::vector<std::string>> elsewhere =
              loaded.session->pin(set_at("/tmp/set"));
          WANT(!elsewhere &&
               elsewhere.error().message().find("not on a BPF file system") != std::string::npos);
          WANT(loaded.session->pin(set_at(kRoot + "/real/set")));
          WANT(::symlink("/sys/fs/bpf/real/set/maps/shared", "/sys/fs/bpf/map") == 0);
          WANT(pinned_map(kRoot + "/real/set/maps/shared") != 0);
          WANT(pinned_map(kRoot + "/map") == 0);
          WANT(::chmod("/sys/fs/bpf/real", 0777) == 0);
          WANT(pinned_map(kRoot + "/real/set/maps/shared") != 0);  // its own folder is not shared
          const Result<std::vector<std::string>> shared =
              loaded.session->pin(set_at(kRoot + "/real/other"));
          WANT(!shared && shared.error().code == Code::denied);
          return 0;
        }) == 0);
}
