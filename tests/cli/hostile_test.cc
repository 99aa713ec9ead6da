// SPDX-License-Identifier: Apache-2.0
// Objects whose names are meant for the terminal of whoever runs them: escape sequences, forged
// lines, text that turns around, bytes that are no text. Whatever is said about such an object is
// printable, and JSON when that was asked for. With root's privileges, when there are any, more of
// it is said: then the verifier's log is among it.
#include <doctest/doctest.h>

#include "tests/cli/run_bpfld.h"
#include "tests/support/btf_builder.h"
#include "tests/support/elf_builder.h"
#include "tests/support/json.h"
#include "tests/support/temp_folder.h"

namespace {

using namespace bpfld;
using namespace bpfld::test;

constexpr std::string_view kHostile[] = {
    "\x1b[2J\x1b[31mred",        // clears the screen
    "\x1b]0;title\x07",          // names the window
    "a\rb\nerror[E99]: forged",  // another line
    "quote\"backslash\\",        // ends a JSON string
    "\xff\xfe\xc0\x80",          // no UTF-8
    "\xc2\x9b"
    "31m",  // a C1 control
    "\xe2\x80\xae"
    "txet",  // right to left
    "\x7f\x01\x02",
};

void check_safe(const std::vector<std::byte>& object, std::vector<std::string> more = {}) {
  const TempFolder folder;
  folder.write("x.bpf.o", object);
  more.insert(more.begin(), {"run", "x.bpf.o", "--duration", "1ms"});
  std::vector<std::string> json = more;
  json.insert(json.end(), {"-o", "json"});
  for (const bool privileged : {false, true}) {
    const auto& run = privileged ? run_privileged : run_command;
    const Finished text = run(more, {.folder = folder.path()});
    CAPTURE(text.err);
    CHECK(text.status < 9);
    CHECK(is_printable(text.err));
    CHECK(is_printable(text.out));
    CHECK(!text.err.empty());
    const Finished lines = run(json, {.folder = folder.path()});
    CAPTURE(lines.err);
    CHECK(lines.status == text.status);
    CHECK(is_json_lines(lines.err));
    CHECK(is_printable(lines.err));
  }
}

ElfBuilder object_with_names(std::string_view section, std::string_view program) {
  ElfBuilder elf;
  elf.add_function(program, elf.add_code(section, {kMovR0Zero, kExit}), 0, 16);
  elf.add_data("license", std::string_view("GPL\0", 4));
  return elf;
}

}  // namespace

TEST_CASE("hostile: names of programs") {
  for (std::string_view name : kHostile)
    check_safe(object_with_names("xdp", name).build());
}

TEST_CASE("hostile: names of sections, known and unknown") {
  for (std::string_view name : kHostile) {
    check_safe(object_with_names(name, "prog").build());
    check_safe(object_with_names("tp/sched/" + std::string(name), "prog").build());
    check_safe(object_with_names("kprobe/" + std::string(name), "prog").build());
  }
}

TEST_CASE("hostile: names of data sections, which become maps") {
  for (std::string_view name : kHostile) {
    ElfBuilder elf = object_with_names("xdp", "prog");
    elf.add_data(".data." + std::string(name), std::string_view("abcdefgh"));
    check_safe(elf.build());
  }
}

TEST_CASE("hostile: names of types, members and variables") {
  for (std::string_view name : kHostile) {
    ElfBuilder elf = object_with_names("xdp", "prog");
    BtfBuilder btf;
    const TypeId number = btf.add_int(name, 4);
    const TypeId event = btf.add_struct(name, 4, {{std::string(name), number, 0}});
    const TypeId variable = btf.add_var(name, event);
    btf.add_datasec(".data", 4, {{variable, 0, 4}});
    elf.add_section(".BTF", elf::kSectionProgbits, 0, btf.bytes());
    elf.add_data(".data", std::string_view("abcd"));
    check_safe(elf.build());
    check_safe(elf.build(), {"--set", std::string(name) + "=1"});
  }
}

TEST_CASE("hostile: a license") {
  for (std::string_view name : kHostile) {
    ElfBuilder elf;
    elf.add_function("prog", elf.add_code("xdp", {kMovR0Zero, kExit}), 0, 16);
    elf.add_data("license", std::string(name) + '\0');
    check_safe(elf.build());
  }
}

TEST_CASE("hostile: lines of source, which the verifier puts into its log") {
  for (std::string_view line : kHostile) {
    ElfBuilder elf;  // returns without a value: refused
    elf.add_function("prog", elf.add_code("xdp", {kExit}), 0, 8);
    BtfBuilder btf;
    const TypeId number = btf.add_int("int", 4);
    const TypeId function = btf.add_func("prog", btf.add_func_proto(number));
    BtfExtBuilder ext(btf);
    ext.add_func("xdp", 0, function);
    ext.add_line("xdp", 0, std::string(line), line, 7);
    const std::vector<std::byte> ext_bytes = ext.bytes();
    elf.add_section(".BTF", elf::kSectionProgbits, 0, btf.bytes());
    elf.add_section(".BTF.ext", elf::kSectionProgbits, 0, ext_bytes);
    check_safe(elf.build());
    check_safe(elf.build(), {"--verifier-log", "full"});
  }
}

TEST_CASE("hostile: names of files and commands") {
  for (std::string_view name : kHostile) {
    const Finished ran = run_command({"run", "/nonexistent/" + std::string(name)});
    CHECK(ran.status == 1);
    CHECK(is_printable(ran.err));
    const Finished json = run_command({"run", "-o", "json", "/nonexistent/" + std::string(name)});
    CHECK(is_json_lines(json.err));
  }
}
