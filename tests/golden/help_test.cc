// SPDX-License-Identifier: Apache-2.0
// The texts that people read first, and the table of SEC() names.
#include <doctest/doctest.h>

#include "cli/error_pages.h"
#include "tests/cli/run_bpfld.h"
#include "tests/golden/golden.h"

using namespace bpfld;
using namespace bpfld::test;

TEST_CASE("golden: the overview") {
  check_golden("help", run_command({"--help"}).out);
}

TEST_CASE("golden: the help of each command") {
  for (const std::string name : {"run", "list", "feature", "explain", "profile", "dump", "btf",
                                 "verify", "prog", "map", "link", "help"})
    check_golden("help-" + name, run_command({name, "--help"}).out);
}

TEST_CASE("golden: bpfld help, with the list of errors") {
  check_golden("help-errors", run_command({"help"}).out);
}

TEST_CASE("golden: the page of each error") {
  std::string all;
  for (const cli::ErrorPage& error : cli::error_pages()) {
    const Finished page = run_command({"help", std::string(error.id)});
    CHECK(page.status == 0);
    all += page.out + "\n";
  }
  check_golden("error-pages", all);
}

TEST_CASE("golden: the table of SEC() names") {
  check_golden("sections", run_command({"list", "sec"}).out);
}
