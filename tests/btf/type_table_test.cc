// SPDX-License-Identifier: Apache-2.0
// The table of starts is made from pieces whose starts are guesses. Whatever the guesses are worth,
// it must be the table of one walk from the first byte.
#include "btf/type_table.h"

#include <doctest/doctest.h>
#include <random>

#include "tests/support/slow_walk.h"

using namespace bpfld;
using namespace bpfld::btf;

namespace {

constexpr u32 kNames = 1000;

// Words of a type section.
class Section {
 public:
  void record(Kind kind, u32 vlen, const std::vector<u32>& tail, u32 name = 1) {
    words_.insert(words_.end(), {name, make_info(static_cast<u32>(kind), vlen, false), 4});
    words_.insert(words_.end(), tail.begin(), tail.end());
  }
  void pointers(u32 count) {
    for (u32 i = 0; i < count; i++)
      record(Kind::ptr, 0, {}, 0);
  }
  // Entries that read like `count` pointers with a name, as a guess sees them.
  void enum_of_pointers(u32 count, u32 first_word = 0) {
    std::vector<u32> tail(first_word == 0 ? 0 : 2, first_word);
    for (u32 i = 0; i < count; i++)
      tail.insert(tail.end(), {7, make_info(static_cast<u32>(Kind::struct_), 0, false), 4});
    if (tail.size() % 2 != 0) tail.push_back(0);
    record(Kind::enum_, static_cast<u32>(tail.size() / 2), tail);
  }
  Bytes bytes() const { return std::as_bytes(std::span(words_)); }
  std::vector<u32>& words() { return words_; }

 private:
  std::vector<u32> words_;
};

}  // namespace

TEST_CASE("btf type table: without records it is whole and empty") {
  const TypeTable table({}, {}, kNames);
  CHECK(table.is_whole());
  CHECK(table.count() == 0);
  CHECK(table.composites().empty());
  CHECK(table.index_at(0, {}, {}) == std::nullopt);
}

TEST_CASE("btf type table: pieces of any size give the table of one walk") {
  Section section;
  for (u32 n = 0; n < 400; n++) {
    section.pointers(n % 5);
    section.record(n % 3 == 0 ? Kind::union_ : Kind::struct_, n % 4,
                   std::vector<u32>(3 * (n % 4), n), n % 7);
    section.record(Kind::func_proto, n % 6, std::vector<u32>(2 * (n % 6), n + 1));
  }
  for (const u64 piece : {12u, 64u, 100u, 1024u, 4096u, 1u << 20}) {
    CAPTURE(piece);
    CHECK(test::compare_walks(section.bytes(), {}, kNames, piece) == "");
  }
}

TEST_CASE("btf type table: entries that look like records are not taken for some") {
  // Guessed starts lie inside of one record; the walk before them passes over several of them.
  for (const u32 shift : {0u, 0xffffffffu}) {
    Section section;
    section.pointers(20);
    section.enum_of_pointers(600, shift);
    section.pointers(20);
    section.enum_of_pointers(30, shift);
    section.pointers(50);
    for (const u64 piece : {12u, 64u, 256u, 1000u, 4000u}) {
      CAPTURE(piece);
      CHECK(test::compare_walks(section.bytes(), {}, kNames, piece) == "");
    }
  }
}

TEST_CASE("btf type table: a rule that a record breaks is noticed in whichever piece it is") {
  Section section;
  section.pointers(300);
  for (const u32 record : {0u, 1u, 20u, 150u, 298u, 299u}) {
    CAPTURE(record);
    const u32 was = section.words()[3 * record + 1];
    for (const u32 info : {0u,                       // no kind
                           make_info(25, 0, false),  // of no length
                           make_info(4, 0xffffff, false)}) {
      section.words()[3 * record + 1] = info;
      CHECK_FALSE(TypeTable(section.bytes(), {}, kNames, 128).is_whole());
      CHECK(test::compare_walks(section.bytes(), {}, kNames, 128) == "");
    }
    section.words()[3 * record + 1] = was;
  }
  CHECK(TypeTable(section.bytes(), {}, kNames, 128).is_whole());
  section.words().push_back(1);  // four bytes are no record
  CHECK_FALSE(TypeTable(section.bytes(), {}, kNames, 128).is_whole());
}

TEST_CASE("btf type table: a name past the strings is not its business") {
  Section section;
  section.pointers(100);
  section.record(Kind::struct_, 0, {}, kNames + 7);
  section.pointers(100);
  CHECK(test::compare_walks(section.bytes(), {}, kNames, 64) == "");
}

TEST_CASE("btf type table: kinds that only the layout section knows are walked past") {
  std::vector<LayoutRow> rows(23);
  rows[21] = {.info_bytes = 4, .entry_bytes = 8, .flags = 0};
  rows[22] = {.info_bytes = 2, .entry_bytes = 0, .flags = 0};  // not a multiple of 4
  const RecordSizes sizes = {.layout = std::as_bytes(std::span(rows)), .order = kHostOrder};
  Section section;
  for (u32 n = 0; n < 100; n++) {
    section.pointers(3);
    section.record(static_cast<Kind>(21), n % 4, std::vector<u32>(1 + 2 * (n % 4), n));
  }
  CHECK(test::compare_walks(section.bytes(), sizes, kNames, 64) == "");
  CHECK(TypeTable(section.bytes(), sizes, kNames, 64).count() == 400);
  section.record(static_cast<Kind>(22), 0, {0});
  CHECK_FALSE(TypeTable(section.bytes(), sizes, kNames, 64).is_whole());
}

TEST_CASE("btf type table: words at random are walked like one walk does") {
  std::mt19937 random(20261122);
  const auto below = [&](u64 limit) { return static_cast<u32>(random() % limit); };
  for (u32 round = 0; round < 300; round++) {
    Section section;
    while (section.words().size() < 400) {
      const u32 kind = 1 + below(19), vlen = below(6);
      const u64 tail = (record_shape(make_info(kind, vlen, false)).bytes(vlen) - kRecordBytes) / 4;
      std::vector<u32> words;
      for (u64 i = 0; i < tail; i++)
        words.push_back(below(3) == 0 ? make_info(below(24), below(4), false) : below(kNames));
      section.record(static_cast<Kind>(kind), vlen, words, below(kNames));
    }
    if (round % 3 == 0) section.words()[below(section.words().size())] = below(1ull << 32);
    const std::string_view difference =
        test::compare_walks(section.bytes(), {}, kNames, 12 + below(300));
    CAPTURE(round);
    REQUIRE(difference == "");
  }
}
