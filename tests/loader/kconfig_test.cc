// SPDX-License-Identifier: Apache-2.0
// Kconfig values: finding the options in the text of a configuration, and each value in each C type
// that can hold it, or the reason why it cannot.
#include "loader/kconfig.h"

#include <array>
#include <doctest/doctest.h>

#include "tests/support/btf_builder.h"

namespace {

using namespace bpfld;
using namespace bpfld::loader;
using bpfld::test::message;

ExternSpec variable(KconfigType type, u32 size, bool is_signed = false) {
  ExternSpec out;
  out.name = "CONFIG_X";
  out.kind = ExternKind::kconfig;
  out.kconfig = type;
  out.size = size;
  out.is_signed = is_signed;
  return out;
}

// The bytes after storing, as hex; or what went wrong.
std::string stored(const ExternSpec& variable, std::string_view text) {
  std::vector<std::byte> out(variable.size, std::byte{0xee});
  const Status status = store_option(variable, text, out);
  if (!status) return status.error().message();
  std::string hex;
  for (const std::byte b : out)
    hex += format("{}{:x}", static_cast<u8>(b) < 16 ? "0" : "", static_cast<u8>(b));
  return hex;
}

const ExternSpec kBool = variable(KconfigType::boolean, 1);
const ExternSpec kTristate = variable(KconfigType::tristate, 4);
const ExternSpec kChar = variable(KconfigType::character, 1, true);
const ExternSpec kInt = variable(KconfigType::integer, 4, true);
const ExternSpec kU16 = variable(KconfigType::integer, 2);
const ExternSpec kLong = variable(KconfigType::integer, 8, true);
const ExternSpec kText = variable(KconfigType::text, 6);

}  // namespace

TEST_CASE("kconfig: options are found by their whole name, unset ones and comments are not") {
  const std::vector<std::string> names = {"CONFIG_HZ", "CONFIG_NET", "CONFIG_OFF", "CONFIG_LAST"};
  const std::map<std::string, std::string> found = find_options(
      "#\n# Linux\n#\nCONFIG_HZ_250=y\nCONFIG_HZ=250\n# CONFIG_OFF is not set\n\nCONFIG_NET=m\n"
      "CONFIG_HZ=1000\nXCONFIG_NET=y\nCONFIG_LAST=\"a=b\"",
      names);
  CHECK(found == std::map<std::string, std::string>{
                     {"CONFIG_HZ", "250"}, {"CONFIG_NET", "m"}, {"CONFIG_LAST", "\"a=b\""}});
  CHECK(find_options("", names).empty());
}

TEST_CASE("kconfig: y, n and m in the types that have them") {
  CHECK(stored(kBool, "y") == "01");
  CHECK(stored(kBool, "n") == "00");
  CHECK(stored(kBool, "m") == "its value is m, and it is declared as a bool");
  CHECK(stored(kTristate, "n") == "00000000");
  CHECK(stored(kTristate, "y") == "01000000");
  CHECK(stored(kTristate, "m") == "02000000");
  CHECK(stored(kChar, "m") == "6d");
  CHECK(stored(kInt, "y") == "its value is y, and it is declared as an integer");
  CHECK(stored(kText, "y") == "its value is y, and it is declared as a char array");
}

TEST_CASE("kconfig: numbers in all notations, and only where they fit") {
  CHECK(stored(kInt, "250") == "fa000000");
  CHECK(stored(kInt, "0x10") == "10000000");
  CHECK(stored(kInt, "010") == "08000000");
  CHECK(stored(kInt, "0") == "00000000");
  CHECK(stored(kInt, "-1") == "ffffffff");
  CHECK(stored(kInt, "2147483647") == "ffffff7f");
  CHECK(stored(kInt, "2147483648") == "its value, 2147483648, does not fit into 4 bytes");
  CHECK(stored(kInt, "-2147483648") == "00000080");
  CHECK(stored(kU16, "65535") == "ffff");
  CHECK(stored(kU16, "65536") == "its value, 65536, does not fit into 2 bytes");
  CHECK(stored(kU16, "-1") == "its value, -1, does not fit into 2 bytes");
  CHECK(stored(kLong, "0xffffffff80000000") == "00000080ffffffff");
  CHECK(stored(kLong, "0x1ffffffffffffffff") ==
        "its value, 0x1ffffffffffffffff, has more than 64 bits");
  CHECK(stored(kInt, "12x") == "its value, 12x, is no number");
  CHECK(stored(kInt, "") == "its value, , is no number");
  CHECK(stored(kInt, "0x") == "its value, 0x, is no number");
  CHECK(stored(kBool, "1") == "its value is 1, and it is declared as a bool");
  CHECK(stored(kChar, "5") == "its value is 5, and it is declared as a char");
}

TEST_CASE("kconfig: strings end with a NUL, also those that are cut") {
  CHECK(stored(kText, "\"abc\"") == "61626300eeee");
  CHECK(stored(kText, "\"\"") == "00eeeeeeeeee");
  CHECK(stored(kText, "\"abcde\"") == "616263646500");
  CHECK(stored(kText, "\"abcdef\"") == "616263646500");
  CHECK(stored(kText, "\"abc") == "its value, \"abc, is a string without an end");
  CHECK(stored(kText, "\"") == "its value, \", is a string without an end");
  CHECK(stored(kInt, "\"5\"") == "its value is \"5\", and it is declared as an integer");
}

TEST_CASE("kconfig: numbers that the loader knows go into integers, chars and bools") {
  std::array<std::byte, 1> one{};
  CHECK(store_number(kBool, 1, one));
  CHECK(one[0] == std::byte{1});
  CHECK(message(store_number(kBool, 2, one)) == "its value is 2, and it is declared as a bool");
  CHECK(store_number(kChar, 7, one));
  CHECK(one[0] == std::byte{7});
  std::array<std::byte, 4> four{};
  CHECK_FALSE(store_number(kTristate, 1, four));
}
