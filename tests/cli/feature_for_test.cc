// SPDX-License-Identifier: Apache-2.0
// `bpfld feature --for` as a process, as far as it needs no privileges: what it says of programs
// that nothing would run.
#include <doctest/doctest.h>

#include "tests/cli/run_bpfld.h"
#include "tests/support/elf_builder.h"
#include "tests/support/temp_folder.h"

namespace {

using namespace bpfld;
using namespace bpfld::test;

std::string verdict_of(const char* section) {
  ElfBuilder elf(kHostOrder);
  if (section != nullptr)
    elf.add_function("prog", elf.add_code(section, {kMovR0Zero, kExit}), 0, 16);
  elf.add_data("license", std::string_view("GPL\0", 4));
  const TempFolder folder;
  folder.write("x.bpf.o", elf.build());
  return run_command({"feature", "--for", "x.bpf.o"}, {.folder = folder.path()}).out;
}

}  // namespace

TEST_CASE("feature --for: an object without a program to run is not called able to run") {
  CHECK(
      contains(verdict_of("?xdp"), "every program is SEC(\"?...\"): `run --only NAME` loads one"));
  CHECK(contains(verdict_of(nullptr), "it has no programs"));
  CHECK_FALSE(contains(verdict_of("xdp"), "every program"));
}

TEST_CASE("feature --for: a callback is not said to take --attach") {
  const std::string text = verdict_of("struct_ops/x");
  CHECK(contains(text, "is a callback: it is attached with the struct that has it"));
  CHECK_FALSE(contains(text, "run --attach"));
}
