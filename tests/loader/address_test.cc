// SPDX-License-Identifier: Apache-2.0
// IP addresses and prefixes from text.
#include "loader/address.h"

#include <doctest/doctest.h>

#include "base/format.h"

using namespace bpfld;
using namespace bpfld::loader;

namespace {

std::string hex_of(std::string_view text) {
  const Result<std::vector<std::byte>> address = parse_address(text);
  if (!address) return address.error().message();
  std::string out;
  for (std::byte byte : *address)
    out += format("{:02x}", static_cast<unsigned>(byte));
  return out;
}

std::string error_of(std::string_view text) {
  const Result<Prefix> prefix = parse_prefix(text);
  return prefix ? format("/{}", prefix->length) : prefix.error().message();
}

}  // namespace

TEST_CASE("loader address: both protocols") {
  CHECK(hex_of("10.9.0.255") == "0a0900ff");
  CHECK(hex_of("::") == std::string(32, '0'));
  CHECK(hex_of("::1") == std::string(31, '0') + "1");
  CHECK(hex_of("fd00::1:2") == "fd000000000000000000000000010002");
  CHECK(hex_of("1:2:3:4:5:6:7:8") == "00010002000300040005000600070008");
  CHECK(hex_of("1::") == "0001" + std::string(28, '0'));
}

TEST_CASE("loader address: what is none") {
  for (const char* text : {"", "10.9.0", "10.9.0.256", "10.9.0.0.1", "10..0.1", "a.b.c.d", ":",
                           ":1", "1:", "1:2", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7::8",
                           ":::", "1::2::3", "00001::", "g::", "10.0.0.-1", "10.0.0.1 "}) {
    CAPTURE(text);
    CHECK(hex_of(text).find("is no IP address") != std::string::npos);
  }
}

TEST_CASE("loader address: a prefix has no bits behind it") {
  CHECK(error_of("10.9.0.0/24") == "/24");
  CHECK(error_of("10.9.0.1") == "/32");
  CHECK(error_of("0.0.0.0/0") == "/0");
  CHECK(error_of("fd00::/8") == "/8");
  CHECK(error_of("fd00::1") == "/128");
  CHECK(error_of("10.9.0.1/24") == "\"10.9.0.1/24\" has bits set behind its prefix");
  CHECK(error_of("10.9.0.0/33") == "\"10.9.0.0/33\" is no IP prefix");
  CHECK(error_of("10.9.0.0/") == "\"10.9.0.0/\" is no IP prefix");
  CHECK(error_of("fd00::/129") == "\"fd00::/129\" is no IP prefix");
}
