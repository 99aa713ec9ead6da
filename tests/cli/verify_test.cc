// SPDX-License-Identifier: Apache-2.0
// `bpfld verify` as a process, as far as it needs no privileges: what is no object, and what cannot
// be loaded at all.
#include <doctest/doctest.h>

#include "tests/cli/run_bpfld.h"
#include "tests/support/elf_builder.h"
#include "tests/support/json.h"
#include "tests/support/temp_folder.h"

namespace {

using namespace bpfld;
using namespace bpfld::test;

// A program of two instructions per section.
ElfBuilder object_of(std::initializer_list<const char*> sections) {
  ElfBuilder elf(kHostOrder);
  for (const char* section : sections) {
    const u32 code = elf.add_code(section, {kMovR0Zero, kExit});
    elf.add_function(section, code, 0, 16);
  }
  elf.add_data("license", std::string_view("GPL\0", 4));
  return elf;
}

std::vector<std::byte> bytes_vector_of(std::string_view text) {
  const Bytes bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

Finished verify_in(const TempFolder& folder, std::vector<std::string> words) {
  words.insert(words.begin(), "verify");
  return run_command(words, {.folder = folder.path()});
}

}  // namespace

TEST_CASE("verify: a file that is no object is a row, and the run goes on") {
  const TempFolder folder;
  folder.write("text.o", bytes_vector_of("not an object"));
  folder.write("a.bpf.o", object_of({"nonsense"}).build());
  const Finished ran = verify_in(folder, {"none.o", "text.o", "a.bpf.o", "-o", "json"});
  CHECK(ran.status == 9);
  CHECK(ran.out ==
        "{\"object\":\"none.o\",\"program\":null,\"type\":null,\"ok\":false,\"errno\":2,"
        "\"insns\":0,\"reason\":\"cannot open none.o: No such file or directory (ENOENT)\","
        "\"section\":null,\"states\":0,\"peak_states\":0,\"time_us\":0,\"load_us\":0}\n"
        "{\"object\":\"text.o\",\"program\":null,\"type\":null,\"ok\":false,\"errno\":0,"
        "\"insns\":0,\"reason\":\"not ELF: starts with 'not an o'\","
        "\"section\":null,\"states\":0,\"peak_states\":0,\"time_us\":0,\"load_us\":0}\n"
        "{\"object\":\"a.bpf.o\",\"program\":\"nonsense\",\"type\":null,\"ok\":false,\"errno\":0,"
        "\"insns\":0,\"reason\":\"unknown section \\\"nonsense\\\"\","
        "\"section\":\"nonsense\",\"states\":0,\"peak_states\":0,\"time_us\":0,\"load_us\":0}\n");
  CHECK(ran.err.empty());
}

TEST_CASE("verify: columns, and a sum on standard error") {
  const TempFolder folder;
  folder.write("a.bpf.o", object_of({"nonsense"}).build());
  const Finished ran = verify_in(folder, {"a.bpf.o", "none.o"});
  CHECK(ran.status == 9);
  CHECK(first_line(ran.out) ==
        "OBJECT   PROGRAM                       TYPE              VERDICT      INSNS   STATES"
        "       TIME  REASON");
  CHECK(contains(ran.out,
                 "\na.bpf.o  nonsense                      -                 refused          -"
                 "        -          -  unknown section \"nonsense\"\n"));
  CHECK(ran.err == "1 program: 0 accepted, 1 refused; 1 object unreadable\n");
}

TEST_CASE("verify: an object without programs is said to be one, and is no failure") {
  const TempFolder folder;
  folder.write("a.bpf.o", object_of({}).build());
  const Finished ran = verify_in(folder, {"a.bpf.o"});
  CHECK(ran.status == 0);
  CHECK(ran.out.empty());
  CHECK(ran.err ==
        "warning: a.bpf.o has no programs, so there is nothing to ask\n"
        "0 programs: 0 accepted, 0 refused\n");
}

TEST_CASE("verify: --prog chooses, and a name that nothing matches is a usage error") {
  const TempFolder folder;
  folder.write("a.bpf.o", object_of({"nonsense", "folly"}).build());
  const Finished one = verify_in(folder, {"a.bpf.o", "--prog", "fol*", "-o", "json"});
  CHECK(contains(one.out, "\"program\":\"folly\""));
  CHECK_FALSE(contains(one.out, "\"program\":\"nonsense\""));
  const Finished none = verify_in(folder, {"a.bpf.o", "--prog", "x*"});
  CHECK(none.status == 2);
  CHECK(contains(none.err, "no program's name matches --prog x*"));
}

TEST_CASE("verify: without privileges it says so once, and what would help") {
  const TempFolder folder;
  folder.write("a.bpf.o", object_of({"xdp", "tc"}).build());
  const Finished ran = verify_in(folder, {"a.bpf.o"});
  CHECK(ran.status == 6);
  CHECK(contains(ran.out, "refused"));
  const std::size_t said = ran.err.find("error[E01]");
  REQUIRE(said != std::string::npos);
  CHECK(ran.err.find("error[E01]", said + 1) == std::string::npos);
}
