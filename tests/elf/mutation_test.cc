// SPDX-License-Identifier: Apache-2.0
// Every truncation and every single-byte change of a good object gives an object or an error: value
// or text, printable, and no crash. The object has every table, so every rule's neighbourhood is
// visited.
#include <doctest/doctest.h>

#include "base/escape.h"
#include "elf/describe.h"
#include "tests/support/elf_builder.h"

namespace {

using namespace bpfld;
using namespace bpfld::elf;

struct Tally {
  u64 parsed = 0;
  u64 refused = 0;
  u64 unprintable = 0;
};

void visit(Bytes file, Tally& tally) {
  const Result<Object> object = Object::parse(file);
  std::string text;
  if (object) {
    tally.parsed++;
    text = describe_sections(*object) + describe_symbols(*object) + describe_relocations(*object);
  } else {
    tally.refused++;
    text = object.error().message();
    if (text.empty() || text.find('\n') != std::string::npos) tally.unprintable++;
  }
  if (escape_lines(text) != text) tally.unprintable++;
}

}  // namespace

TEST_CASE("elf: every truncation of an object is refused, without a crash") {
  for (const ByteOrder order : {ByteOrder::little, ByteOrder::big}) {
    const std::vector<std::byte> file = test::small_object(order).build();
    Tally tally;
    for (std::size_t size = 0; size < file.size(); size++) {
      // A copy of exactly that size, so that a sanitizer sees a read past it.
      const std::vector<std::byte> part(file.begin(),
                                        file.begin() + static_cast<std::ptrdiff_t>(size));
      visit(part, tally);
    }
    CHECK(tally.parsed == 0);
    CHECK(tally.refused == file.size());
    CHECK(tally.unprintable == 0);
  }
}

TEST_CASE("elf: every change of one byte gives an object or a printable error") {
  for (const ByteOrder order : {ByteOrder::little, ByteOrder::big}) {
    const std::vector<std::byte> good = test::small_object(order).build();
    Tally tally;
    for (std::size_t at = 0; at < good.size(); at++) {
      const u8 old = static_cast<u8>(good[at]);
      for (const int changed : {old ^ 0xff, old ^ 1, old ^ 0x80, 0}) {
        std::vector<std::byte> file = good;
        file[at] = static_cast<std::byte>(changed);
        visit(file, tally);
      }
    }
    CHECK(tally.parsed + tally.refused == good.size() * 4);
    CHECK(tally.parsed > 0);
    CHECK(tally.refused > 0);
    CHECK(tally.unprintable == 0);
  }
}
