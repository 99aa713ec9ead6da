// SPDX-License-Identifier: Apache-2.0
#include "base/format.h"

#include <doctest/doctest.h>
#include <limits>

using bpfld::format;

TEST_CASE("format: strings, characters, bools and integers") {
  CHECK(format("{} {} {} {} {}", "a", std::string("b"), 'c', true, -5) == "a b c true -5");
  CHECK(format("{}", std::numeric_limits<std::int64_t>::min()) == "-9223372036854775808");
  CHECK(format("{}", std::numeric_limits<std::uint64_t>::max()) == "18446744073709551615");
}

TEST_CASE("format: hexadecimal, prefix, zero padding and width") {
  CHECK(format("{:x} {:#x} {:02x} {:08x}", 255u, 255u, 7u, 0xabcu) == "ff 0xff 07 00000abc");
  CHECK(format("[{:>5}] [{:<5}] [{:5}] [{:5}]", "ab", 7, "ab", 7) ==
        "[   ab] [7    ] [ab   ] [    7]");
}

TEST_CASE("format: doubled braces are braces") {
  CHECK(format("{{{}}}", 1) == "{1}");
}

TEST_CASE("format: placeholders are counted, unmatched braces are refused") {
  static_assert(bpfld::count_placeholders("{} {:x} {{}}") == 2);
  static_assert(bpfld::count_placeholders("{") == -1);
  static_assert(bpfld::count_placeholders("}") == -1);
}
