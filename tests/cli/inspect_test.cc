// SPDX-License-Identifier: Apache-2.0
// Selectors, and the elements of a map as text, JSON and back: typed, untyped, per CPU, a data
// section, and types that do not fit the map.
#include "cli/inspect.h"

#include <cstring>
#include <doctest/doctest.h>

#include "cli/map_text.h"
#include "tests/support/btf_builder.h"

namespace {

using namespace bpfld;
using namespace bpfld::cli;
using namespace bpfld::test;

Result<Selector> select(std::vector<std::string> words, std::size_t* left = nullptr) {
  std::span<const std::string> rest(words);
  Result<Selector> out = take_selector(rest);
  if (left != nullptr) *left = rest.size();
  return out;
}

std::vector<std::byte> words_of(std::initializer_list<u32> words) {
  std::vector<std::byte> out;
  for (const u32 word : words) {
    const Bytes bytes = bytes_of(word);
    out.insert(out.end(), bytes.begin(), bytes.end());
  }
  return out;
}

loader::LoadedBtf loaded(const std::vector<std::byte>& blob) {
  loader::LoadedBtf out;
  out.bytes = blob;
  out.view = std::make_unique<btf::View>(*btf::View::parse(out.bytes));
  return out;
}

bpf::MapInfo info_of(bpf::MapType type, u32 key_size, u32 value_size) {
  bpf::MapInfo info;
  info.type = type;
  info.key_size = key_size;
  info.value_size = value_size;
  return info;
}

}  // namespace

TEST_CASE("selector: an id, a name, a path, and what follows stays") {
  std::size_t left = 0;
  CHECK(select({"id", "7", "key"}, &left) == Selector{Selector::By::id, 7, ""});
  CHECK(left == 1);
  CHECK(select({"name", "ev*"}) == Selector{Selector::By::name, 0, "ev*"});
  CHECK(select({"/sys/fs/bpf/x", "key", "1"}, &left) ==
        Selector{Selector::By::path, 0, "/sys/fs/bpf/x"});
  CHECK(left == 2);
}

TEST_CASE("selector: anything else is a usage error") {
  using Words = std::vector<std::string>;
  for (const Words& words :
       {Words{}, Words{"id"}, Words{"id", "x"}, Words{"id", "0"}, Words{"id", "7x"},
        Words{"id", "99999999999"}, Words{"7"}, Words{"pinned", "x"}}) {
    const Result<Selector> selector = select(words);
    REQUIRE_FALSE(selector);
    CHECK(selector.error().code == Code::usage);
  }
}

TEST_CASE("map text: without BTF a key of four bytes is a number, the rest is hexadecimal") {
  const MapText text(info_of(bpf::MapType::hash, 4, 8), std::nullopt, 1);
  CHECK(text.element_text(words_of({3}), words_of({1, 2})) == "3  hex:0100000002000000\n");
  CHECK(text.element_json(words_of({3}), words_of({1, 2})) ==
        "{\"key\":3,\"value\":\"hex:0100000002000000\"}\n");
  CHECK(text.encode_key("3") == words_of({3}));
  CHECK(text.encode_value("hex:0100000002000000") == words_of({1, 2}));
}

TEST_CASE("map text: types of the map's BTF, when their sizes are the map's") {
  BtfBuilder btf;
  const TypeId number = btf.add_int("int", 4);
  const TypeId pair = btf.add_struct("pair", 8, {{"a", number, 0}, {"b", number, 32}});
  bpf::MapInfo info = info_of(bpf::MapType::hash, 4, 8);
  info.btf_key_type = number.value;
  info.btf_value_type = pair.value;
  const MapText text(info, loaded(btf.bytes()), 1);
  CHECK(text.element_text(words_of({3}), words_of({1, 2})) == "3  {a=1 b=2}\n");
  CHECK(text.element_json(words_of({3}), words_of({1, 2})) ==
        "{\"key\":3,\"value\":{\"a\":1,\"b\":2}}\n");
  CHECK(text.encode_value("{a: 1, b: 2}") == words_of({1, 2}));

  info.value_size = 16;  // the types of somebody else, or a lie
  const MapText other(info, loaded(btf.bytes()), 1);
  CHECK_FALSE(other.is_typed());
  CHECK(other.element_text(words_of({3}), words_of({1, 2, 3, 4})).find("hex:") !=
        std::string::npos);

  info.value_size = 8;
  info.btf_value_type = 4000;  // no such type
  CHECK_FALSE(MapText(info, loaded(btf.bytes()), 1).is_typed());
}

TEST_CASE("map text: a per-CPU map has a value for each CPU, and an update sets all of them") {
  BtfBuilder btf;
  const TypeId number = btf.add_int("int", 4);
  bpf::MapInfo info = info_of(bpf::MapType::percpu_array, 4, 4);
  info.btf_key_type = info.btf_value_type = number.value;
  const MapText text(info, loaded(btf.bytes()), 2);
  CHECK(text.lookup_size() == 16);
  CHECK(text.element_text(words_of({0}), words_of({7, 0, 8, 0})) == "0  cpu0 7  cpu1 8\n");
  CHECK(text.element_json(words_of({0}), words_of({7, 0, 8, 0})) ==
        "{\"key\":0,\"values\":[7,8]}\n");
  CHECK(text.encode_value("5") == words_of({5, 0, 5, 0}));
  CHECK(text.element_text(words_of({0}), words_of({7})) == "0  cpu0 7\n");  // cut short
}

TEST_CASE("map text: an element of a queue is its value alone") {
  const MapText text(info_of(bpf::MapType::queue, 0, 4), std::nullopt, 1);
  CHECK(text.element_text({}, words_of({7})) == "hex:07000000\n");
  CHECK(text.element_json({}, words_of({7})) == "{\"value\":\"hex:07000000\"}\n");
}

TEST_CASE("map text: maps of programs and of maps show ids") {
  CHECK(MapText(info_of(bpf::MapType::prog_array, 4, 4), std::nullopt, 1)
            .element_text(words_of({1}), words_of({77})) == "1  prog id 77\n");
  CHECK(MapText(info_of(bpf::MapType::hash_of_maps, 4, 4), std::nullopt, 1)
            .element_text(words_of({1}), words_of({77})) == "1  map id 77\n");
}
