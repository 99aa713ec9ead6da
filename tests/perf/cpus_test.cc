// SPDX-License-Identifier: Apache-2.0
// CPU lists as the kernel writes them, with the holes that a count of bits forgets.
#include "perf/cpus.h"

#include <doctest/doctest.h>

namespace {

using namespace bpfld;
using namespace bpfld::perf;

std::vector<u32> cpus(std::string_view text) {
  const Result<std::vector<u32>> list = parse_cpu_list(text);
  REQUIRE(list.has_value());
  return *list;
}
std::string message(std::string_view text) {
  const Result<std::vector<u32>> list = parse_cpu_list(text);
  return list ? "it parses" : list.error().what;
}

}  // namespace

TEST_CASE("cpus: numbers, ranges and holes") {
  CHECK(cpus("0\n") == std::vector<u32>{0});
  CHECK(cpus("0-3") == std::vector<u32>{0, 1, 2, 3});
  CHECK(cpus("0-2,5,7-8\n") == std::vector<u32>{0, 1, 2, 5, 7, 8});
  CHECK(cpus("0,2") == std::vector<u32>{0, 2});
  CHECK(cpus("7-7") == std::vector<u32>{7});
}

TEST_CASE("cpus: an empty list is an empty set") {
  CHECK(cpus("").empty());
  CHECK(cpus("\n").empty());
}

TEST_CASE("cpus: a list of thousands is read whole") {
  std::string text = "0";
  for (u32 i = 2; i < 8192; i += 2)
    text += format(",{}", i);
  const std::vector<u32> list = cpus(text);
  CHECK(list.size() == 4096);
  CHECK(list.back() == 8190);
  CHECK(cpus("0-65535").size() == 65'536);
}

TEST_CASE("cpus: a number that no kernel has is refused before anything is allocated") {
  CHECK(message("0-65536") == "CPU list \"0-65536\": the number at byte 2 is more than 65535");
  CHECK(message("4294967296") ==
        "CPU list \"4294967296\": the number at byte 0 is more than 65535");
  CHECK(message("99999999999999999999999") ==
        "CPU list \"99999999999999999999999\": the number at byte 0 is more than 65535");
}

TEST_CASE("cpus: text that is no list is malformed, and shown escaped") {
  CHECK(message("x") == "CPU list \"x\": no number at byte 0");
  CHECK(message("0-") == "CPU list \"0-\": no number at byte 2");
  CHECK(message("-1") == "CPU list \"-1\": no number at byte 0");
  CHECK(message("0,,1") == "CPU list \"0,,1\": no number at byte 2");
  CHECK(message("0,") == "CPU list \"0,\": expected a number at byte 2");
  CHECK(message("0 1") == "CPU list \"0 1\": expected a comma at byte 1");
  CHECK(message("0\x1b[m") == "CPU list \"0\\x1b[m\": expected a comma at byte 1");
}

TEST_CASE("cpus: a list that repeats or goes back is malformed") {
  CHECK(message("3-1") == "CPU list \"3-1\": not ascending at byte 0");
  CHECK(message("0-3,3") == "CPU list \"0-3,3\": not ascending at byte 4");
  CHECK(message("5,4") == "CPU list \"5,4\": not ascending at byte 2");
}
