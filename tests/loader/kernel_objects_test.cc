// SPDX-License-Identifier: Apache-2.0
// Walking over what the kernel has while others change it: a kernel made of a map's keys and of
// lists of ids.
#include "loader/kernel_objects.h"

#include <cerrno>
#include <doctest/doctest.h>

#include "tests/support/btf_builder.h"
#include "tests/support/fake_kernel.h"

namespace {

using namespace bpfld;
using namespace bpfld::test;
using loader::MapKeys;

std::vector<std::byte> key_of(u32 number) {
  const Bytes bytes = bytes_of(number);
  return {bytes.begin(), bytes.end()};
}

Result<bpf::Reply> error(int errno_value) {
  return fail_errno(errno_value, "bpf");
}

// A hash map as the kernel walks it: the key after one that is not there is the first.
struct FakeMap {
  std::vector<u32> keys;
  std::function<void(FakeMap&, u32 given)> after_each;  // what somebody else does meanwhile

  std::optional<Result<bpf::Reply>> answer(const bpf::Request& request) {
    const bpf::MapNextKey* next = std::get_if<bpf::MapNextKey>(&request);
    if (next == nullptr) return std::nullopt;
    auto at = keys.begin();
    if (!next->key.empty()) {
      const auto found = std::ranges::find(keys, load_checked<u32>(next->key, 0));
      at = found == keys.end() ? keys.begin() : found + 1;
    }
    if (at == keys.end()) return error(ENOENT);
    const u32 given = *at;
    if (after_each) after_each(*this, given);
    return bpf::Reply{.value = 0, .data = key_of(given), .log = {}};
  }
};

// The keys that a walk gives, in order; ends at the first error.
std::vector<u32> walk(FakeMap& map, bpf::MapType type = bpf::MapType::hash,
                      std::string* problem = nullptr) {
  FakeKernel kernel;
  kernel.add_rule([&](const bpf::Request& request) { return map.answer(request); });
  bpf::MapInfo info;
  info.type = type;
  info.key_size = 4;
  MapKeys keys(kernel, FakeKernel::kFirstFd, info);
  UniqueFd fd(static_cast<int>(kernel.call(bpf::MapCreate{})->value));
  std::vector<u32> out;
  while (out.size() < 100'000) {
    const Result<std::vector<std::byte>> key = keys.next();
    if (!key && problem != nullptr) *problem = key.error().message();
    if (!key || key->empty()) break;
    out.push_back(load_checked<u32>(*key, 0));
  }
  return out;
}

}  // namespace

TEST_CASE("kernel objects: every key is walked over once") {
  FakeMap map{.keys = {5, 3, 9}, .after_each = {}};
  CHECK(walk(map) == std::vector<u32>{5, 3, 9});
}

TEST_CASE("kernel objects: a current key that is deleted does not start the walk again") {
  FakeMap map{.keys = {5, 3, 9, 7}, .after_each = [](FakeMap& self, u32 given) {
                if (given == 3) std::erase(self.keys, 3u);
              }};
  CHECK(walk(map) == std::vector<u32>{5, 3, 9, 7});
}

TEST_CASE("kernel objects: whoever walks may delete each key that it gets") {
  FakeMap map;
  for (u32 i = 1; i <= 2000; i++)
    map.keys.push_back(i);
  // The key before the one given now is the one that the caller has and deletes.
  map.after_each = [](FakeMap& self, u32 given) {
    if (given > 2) std::erase(self.keys, given - 2);
  };
  CHECK(walk(map).size() == 2000);
}

TEST_CASE("kernel objects: keys that are added while walking are found at most once") {
  FakeMap map{.keys = {1, 2}, .after_each = [](FakeMap& self, u32 given) {
                if (given == 1) self.keys.push_back(8);
              }};
  CHECK(walk(map) == std::vector<u32>{1, 2, 8});
}

TEST_CASE("kernel objects: a map whose current key is always gone ends with an error") {
  // As fast as the walk goes, somebody deletes the current key and puts the others back in front.
  FakeMap map{.keys = {1, 2, 3}, .after_each = [](FakeMap& self, u32 given) {
                self.keys = {1, 2, 3};
                std::erase(self.keys, given);
                if (given == 1) self.keys = {2, 1, 3};
                if (given == 2) self.keys = {1, 3};
              }};
  std::string problem;
  CHECK(walk(map, bpf::MapType::hash, &problem).size() <= 3);
  CHECK(problem.find("changes faster than its keys can be listed") != std::string::npos);
}

TEST_CASE("kernel objects: an object that goes away between its id and its fd is left out") {
  FakeKernel kernel;
  kernel.add_rule([](const bpf::Request& request) -> std::optional<Result<bpf::Reply>> {
    if (const bpf::NextId* next = std::get_if<bpf::NextId>(&request)) {
      if (next->after >= 3) return error(ENOENT);
      return bpf::Reply{.value = next->after + 1, .data = {}, .log = {}};
    }
    const bpf::ObjectById* by_id = std::get_if<bpf::ObjectById>(&request);
    if (by_id != nullptr && by_id->id == 2) return error(ENOENT);
    return std::nullopt;
  });
  u32 seen = 0;
  const Status done =
      loader::for_each_object(kernel, bpf::ObjectKind::map, [&](loader::KernelObject) {
        seen++;
        return true;
      });
  CHECK(done);
  CHECK(seen == 2);
  CHECK(kernel.open_fds() == 0);
}

TEST_CASE("kernel objects: ids that do not grow end the list") {
  FakeKernel kernel;
  kernel.add_rule([](const bpf::Request& request) -> std::optional<Result<bpf::Reply>> {
    if (std::holds_alternative<bpf::NextId>(request))
      return bpf::Reply{.value = 7, .data = {}, .log = {}};
    return std::nullopt;
  });
  u32 seen = 0;
  CHECK(loader::for_each_object(kernel, bpf::ObjectKind::link,
                                [&](loader::KernelObject) { return ++seen < 100; }));
  CHECK(seen == 1);
}

TEST_CASE("kernel objects: BTF of another process that breaks a rule is refused") {
  BtfBuilder builder;
  builder.add_int("int", 4);
  const std::vector<std::byte> good = builder.bytes();
  std::vector<std::byte> blob = good;
  FakeKernel kernel;
  kernel.add_rule([&](const bpf::Request& request) -> std::optional<Result<bpf::Reply>> {
    if (std::holds_alternative<bpf::ObjectInfo>(request)) {
      std::vector<std::byte> info(32);
      const u32 size = static_cast<u32>(blob.size());
      std::memcpy(info.data() + 8, &size, sizeof size);
      return bpf::Reply{.value = 0, .data = info, .log = {}};
    }
    if (std::holds_alternative<bpf::ObjectContents>(request))
      return bpf::Reply{.value = 0, .data = blob, .log = {}};
    return std::nullopt;
  });
  const Result<loader::LoadedBtf> sound = loader::read_loaded_btf(kernel, 1);
  REQUIRE(sound);
  CHECK(sound->view->count() == 2);
  for (std::size_t at = 0; at < good.size(); at++) {
    blob = good;
    blob[at] ^= std::byte{0xff};
    const Result<loader::LoadedBtf> broken = loader::read_loaded_btf(kernel, 1);
    if (!broken) CHECK(broken.error().code != Code::internal);
  }
  blob.resize(10);
  CHECK_FALSE(loader::read_loaded_btf(kernel, 1));
  CHECK(kernel.open_fds() == 0);
}

TEST_CASE("kernel objects: a per-CPU value takes a multiple of eight bytes for each CPU") {
  bpf::MapInfo info;
  info.value_size = 12;
  info.type = bpf::MapType::percpu_hash;
  CHECK(loader::lookup_size(info, 3) == 48);
  info.type = bpf::MapType::hash;
  CHECK(loader::lookup_size(info, 3) == 12);
  info.type = bpf::MapType::percpu_array;
  info.value_size = 0xffffffff;
  CHECK(loader::lookup_size(info, 4096) == u64{0x100000000} * 4096);
}
