// SPDX-License-Identifier: Apache-2.0
// What is said of objects that other compilers and tools made, or left so: those that are refused,
// and those that load and may not be what they were.
#include <doctest/doctest.h>

#include "base/mapped_file.h"
#include "cli/object_warnings.h"
#include "loader/collect.h"
#include "tests/cli/run_bpfld.h"
#include "tests/golden/golden.h"
#include "tests/support/elf_builder.h"
#include "tests/support/temp_folder.h"

namespace {

using namespace bpfld;
using namespace bpfld::test;

// A copy of a built fixture, or an object of one map in the older form, of these bytes.
void copy_fixture(const TempFolder& folder, const std::string& name) {
  const Result<std::vector<std::byte>> file = read_file(built_object("fixtures/" + name));
  REQUIRE_MESSAGE(file, (file ? "" : file.error().message()));
  folder.write(name, *file);
}
void write_legacy(const TempFolder& folder, const std::string& name,
                  const std::vector<u32>& words) {
  ElfBuilder elf;
  elf.add_function("pass", elf.add_code("xdp", {kMovR0Zero, kExit}), 0, 16);
  const Bytes bytes = std::as_bytes(std::span(words));
  elf.add_object("jmp_map", elf.add_data("maps", bytes), 0, bytes.size());
  folder.write(name, elf.build());
}

std::string transcript(const TempFolder& folder, std::vector<std::string> words) {
  std::string out = "$ bpfld";
  for (const std::string& word : words)
    out += " " + word;
  const Finished ran = run_command(std::move(words), {.folder = folder.path()});
  return out + "\n" + ran.out + ran.err + format("status {}\n\n", ran.status);
}

std::string warning(const std::string& name) {
  const Result<std::vector<std::byte>> file = read_file(built_object("fixtures/" + name));
  REQUIRE(file);
  const Result<loader::ObjectSpec> spec = loader::collect(*file, "x");
  REQUIRE(spec);
  const std::optional<cli::Report> report = cli::lost_relocations(*spec, name);
  return report ? cli::to_text(*report, cli::Style()) + cli::to_json(*report)
                : name + ": nothing\n";
}

}  // namespace

TEST_CASE("golden: objects of the other byte order, without BTF, or with another loader's maps") {
  const TempFolder folder;
  for (const char* name : {"subprogs.be.bpf.o", "socket_filter.no_btf.bpf.o"})
    copy_fixture(folder, name);
  write_legacy(folder, "iproute2.o", {3, 4, 4, 8, 0, 1, 2, 0, 0});
  write_legacy(folder, "unknown.o", {1, 4, 8, 3, 1, 7});
  std::string all;
  for (const char* name :
       {"subprogs.be.bpf.o", "socket_filter.no_btf.bpf.o", "iproute2.o", "unknown.o"})
    all += transcript(folder, {"run", name});
  check_golden("errors-variants", all);
}

TEST_CASE("golden: CO-RE relocations that are lost, or may be") {
  std::string all;
  for (const char* name :
       {"core_fields.bpf.o", "core_fields.no_ext.bpf.o", "subprogs.no_ext.bpf.o"})
    all += warning(name) + "\n";
  const TempFolder folder;
  copy_fixture(folder, "core_fields.no_ext.bpf.o");
  all += transcript(folder, {"explain", "core_fields.no_ext.bpf.o", "--step", "core"});
  check_golden("lost-relocations", all);
}
