// SPDX-License-Identifier: Apache-2.0
// Names of C++, also those that were made to hurt.
#include "elf/demangle.h"

#include <doctest/doctest.h>

using bpfld::elf::demangle;

TEST_CASE("demangle: C++ names are spelled out, others are not names of C++") {
  CHECK(demangle("_ZN4http6Server6handleEi") == "http::Server::handle(int)");
  CHECK(demangle("main").empty());
  CHECK(demangle("_Z").empty());
  CHECK(demangle("_ZN4http").empty());
  CHECK(demangle("").empty());
}

TEST_CASE("demangle: a short name whose text doubles with each argument is given up") {
  // pair<int, int>, then each argument a pair of the one before.
  std::string bomb = "_Z1fSt4pairIiiE";
  for (const char* seen : {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "A", "B", "C", "D",
                           "E", "F", "G", "H", "I", "J", "K", "L", "M", "N", "O", "P", "Q"})
    bomb += std::string("S_IS") + seen + "_S" + seen + "_E";
  CHECK(bomb.size() < 300);
  CHECK(demangle(bomb).empty());
  CHECK(demangle("_Z1fSt4pairIiiES_IS0_S0_E") ==
        "f(std::pair<int, int>, std::pair<std::pair<int, int>, std::pair<int, int> >)");
  CHECK(demangle("_Z" + std::string(5000, 'P')).empty());
}
