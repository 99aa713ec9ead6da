// SPDX-License-Identifier: Apache-2.0
// The texts that people read first, and the table of SEC() names.
#include <doctest/doctest.h>

#include "tests/cli/run_bpfld.h"
#include "tests/golden/golden.h"

using namespace bpfld::test;

TEST_CASE("golden: the overview") {
  check_golden("help", run_command({"--help"}).out);
}

TEST_CASE("golden: the help of each command") {
  for (const std::string name :
       {"run", "list", "feature", "explain", "profile", "dump", "btf", "verify", "prog", "map",
        "link", "help"})
    check_golden("help-" + name, run_command({name, "--help"}).out);
}

TEST_CASE("golden: bpfld help, with the list of errors") {
  check_golden("help-errors", run_command({"help"}).out);
}

TEST_CASE("golden: the page of each error") {
  std::string all;
  for (const char* id : {"E01", "E02", "E03", "E04", "E05", "E08", "E10", "E12", "E15", "E17",
                         "E18", "E20", "E21", "E23", "E26"}) {
    const Finished page = run_command({"help", id});
    CHECK(page.status == 0);
    all += page.out + "\n";
  }
  check_golden("error-pages", all);
}

TEST_CASE("golden: the table of SEC() names") {
  check_golden("sections", run_command({"list", "sec"}).out);
}
