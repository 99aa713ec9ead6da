// SPDX-License-Identifier: Apache-2.0
// The one place where raw bytes are touched: every way to step outside must be an error.
#include "base/bytes.h"

#include <array>
#include <doctest/doctest.h>
#include <limits>

namespace {

using namespace bpfld;

struct Pair {
  u32 first;
  u16 second;
  u16 third;
};
auto fields(Pair& p) {
  return std::tie(p.first, p.second, p.third);
}

const std::array<std::byte, 8> kEight = {std::byte{1}, std::byte{2}, std::byte{3}, std::byte{4},
                                         std::byte{5}, std::byte{6}, std::byte{7}, std::byte{8}};
constexpr u64 kMax = std::numeric_limits<u64>::max();

}  // namespace

TEST_CASE("bytes: slice accepts the whole range and the empty range at the end") {
  CHECK(slice(kEight, 0, 8)->size() == 8);
  CHECK(slice(kEight, 8, 0)->empty());
}

TEST_CASE(
    "bytes: slice refuses a size past the end, an offset past the end, and a sum that wraps") {
  CHECK(slice(kEight, 1, 8).error().code == Code::malformed);
  CHECK(slice(kEight, 9, 0).error().code == Code::malformed);
  CHECK(slice(kEight, 4, kMax - 2).error().code == Code::malformed);
  CHECK(slice(kEight, kMax, 1).error().what ==
        "bytes 0xffffffffffffffff..+0x1 reach past the end (8 bytes)");
}

TEST_CASE("bytes: load reads either byte order, member by member") {
  const Pair little = *load<Pair>(kEight, 0, ByteOrder::little);
  CHECK(little.first == 0x04030201);
  CHECK(little.second == 0x0605);
  const Pair big = *load<Pair>(kEight, 0, ByteOrder::big);
  CHECK(big.first == 0x01020304);
  CHECK(big.second == 0x0506);
  CHECK(big.third == 0x0708);
}

TEST_CASE("bytes: load refuses a value that is only partly inside") {
  CHECK(load<u32>(kEight, 4, ByteOrder::little).has_value());
  CHECK_FALSE(load<u32>(kEight, 5, ByteOrder::little).has_value());
  CHECK_FALSE(load<u32>(kEight, kMax - 1, ByteOrder::little).has_value());
}

TEST_CASE("bytes: a string without a NUL is malformed, and so is one that starts past the end") {
  const Bytes text = bytes_of(std::string_view("ab\0cd", 5));
  CHECK(*load_string(text, 0) == "ab");
  CHECK(*load_string(text, 2) == "");
  CHECK(load_string(text, 3).error().what == "string at 0x3 has no terminating NUL");
  CHECK(load_string(text, 5).error().code == Code::malformed);
}

TEST_CASE("bytes: a cursor's failed step does not advance") {
  Cursor cursor(kEight, ByteOrder::little);
  CHECK(*cursor.next<u32>() == 0x04030201);
  CHECK_FALSE(cursor.next<u64>().has_value());
  CHECK(cursor.offset() == 4);
  CHECK_FALSE(cursor.take(5).has_value());
  CHECK(cursor.take(4)->size() == 4);
  CHECK(cursor.done());
}
