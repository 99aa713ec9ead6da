// SPDX-License-Identifier: Apache-2.0
// What `bpfld run` says about files that are no good: what, where, why and what to try, with the
// exit status that belongs to it. Without privileges, which none of this may need.
#include <doctest/doctest.h>

#include <sys/stat.h>

#include "tests/cli/run_bpfld.h"
#include "tests/support/elf_builder.h"
#include "tests/support/json.h"
#include "tests/support/temp_folder.h"

namespace {

using namespace bpfld;
using namespace bpfld::test;

ElfBuilder xdp_object(ByteOrder order = kHostOrder) {
  ElfBuilder elf(order);
  const u32 code = elf.add_code("xdp", {kMovR0Zero, kExit});
  elf.add_function("pass", code, 0, 16);
  elf.add_data("license", std::string_view("GPL\0", 4));
  return elf;
}

// Runs the file in its folder, so that messages hold no path of this machine.
Finished run_object(const TempFolder& folder, const std::string& name,
                    std::vector<std::string> more = {}) {
  more.insert(more.begin(), {"run", name});
  return run_command(more, {.folder = folder.path()});
}

}  // namespace

TEST_CASE("object: a file that is not there is an I/O error") {
  const TempFolder folder;
  const Finished ran = run_object(folder, "none.bpf.o");
  CHECK(ran.status == 1);
  CHECK(ran.err == "error: cannot open none.bpf.o: No such file or directory (ENOENT)\n");
  CHECK(ran.out.empty());
}

TEST_CASE("object: a directory and a FIFO are no objects, and nothing waits for the FIFO") {
  const TempFolder folder;
  const std::string fifo = folder.path() + "/fifo";
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  for (const std::string name : {".", "fifo"}) {
    const Finished ran = run_object(folder, name);
    CHECK(ran.status == 3);
    CHECK(first_line(ran.err) == "error[E20]: " + name + " is not a regular file");
  }
}

TEST_CASE("object: a file that is not ELF says what it starts with") {
  const TempFolder folder;
  folder.write("text", bytes_of(std::string_view("root:x:0:0")));
  folder.write("empty", {});
  const Finished text = run_object(folder, "text");
  CHECK(text.status == 3);
  CHECK(first_line(text.err) == "error[E20]: text is not ELF: starts with 'root:x:0'");
  CHECK(contains(text.err, "\n  try: clang "));
  const Finished empty = run_object(folder, "empty");
  CHECK(empty.status == 3);
  CHECK(first_line(empty.err) == "error[E20]: empty is not ELF: the file is empty");
}

TEST_CASE("object: an object for a processor is not one for BPF") {
  const TempFolder folder;
  ElfBuilder elf = xdp_object();
  elf.edit_header([](elf::FileHeader& header) { header.machine = 62; });
  folder.write("x86.o", elf.build());
  const Finished ran = run_object(folder, "x86.o");
  CHECK(ran.status == 3);
  CHECK(first_line(ran.err) ==
        "error[E20]: x86.o is no BPF object: machine is x86-64 (62), not BPF (247)");
  CHECK(contains(ran.err, "try: clang -target bpf"));
}

TEST_CASE("object: the other byte order is named, before privileges are asked for") {
  const TempFolder folder;
  const bool little = kHostOrder == ByteOrder::little;
  folder.write("other.o", xdp_object(little ? ByteOrder::big : ByteOrder::little).build());
  const Finished ran = run_object(folder, "other.o");
  CHECK(ran.status == 3);
  CHECK(first_line(ran.err) == std::string("error[E21]: other.o is ") +
                                   (little
                                        ? "big-endian (EI_DATA=2), this machine is little-endian"
                                        : "little-endian (EI_DATA=1), this machine is big-endian"));
}

TEST_CASE("object: a truncated file is malformed, wherever it was cut") {
  const TempFolder folder;
  const std::vector<std::byte> whole = xdp_object().build();
  for (std::size_t size = 1; size < whole.size(); size += 37) {
    CAPTURE(size);
    folder.write("cut.o", Bytes(whole).first(size));
    const Finished ran = run_object(folder, "cut.o");
    CHECK(ran.status == 3);
    CHECK(ran.err.starts_with("error[E20]: cut.o is "));
    CHECK(ran.out.empty());
    CHECK(is_printable(ran.err));
  }
}

TEST_CASE("object: an unknown section name gets the names that it resembles") {
  const TempFolder folder;
  ElfBuilder elf;
  elf.add_function("prog", elf.add_code("kprobe2/do_unlinkat", {kMovR0Zero, kExit}), 0, 16);
  folder.write("x.bpf.o", elf.build());
  const Finished ran = run_object(folder, "x.bpf.o");
  CHECK(ran.status == 3);
  CHECK(first_line(ran.err) == "error[E08]: unknown section \"kprobe2/do_unlinkat\"");
  CHECK(contains(ran.err, "\n  --> x.bpf.o: program \"prog\", SEC(\"kprobe2/do_unlinkat\")\n"));
  CHECK(contains(ran.err, "did you mean: kprobe/do_unlinkat"));
}

TEST_CASE("object: one without programs has nothing to run") {
  const TempFolder folder;
  ElfBuilder elf;
  elf.add_data("license", std::string_view("GPL\0", 4));
  folder.write("x.bpf.o", elf.build());
  const Finished ran = run_object(folder, "x.bpf.o");
  CHECK(ran.status == 3);
  CHECK(first_line(ran.err) == "error[E20]: cannot load x.bpf.o: it has no programs");
}

TEST_CASE("object: a good one needs root or capabilities, and says so at once") {
  const TempFolder folder;
  folder.write("x.bpf.o", xdp_object().build());
  const Finished ran = run_object(folder, "x.bpf.o");
  CHECK(ran.status == 6);
  CHECK(ran.err.starts_with("error[E01]: this needs root, or CAP_BPF and CAP_PERFMON"));
  CHECK(contains(ran.err, "sudo bpfld"));
  CHECK(ran.out.empty());
}

TEST_CASE("object: --only and --skip must match, and must leave something") {
  const TempFolder folder;
  folder.write("x.bpf.o", xdp_object().build());
  const Finished none = run_object(folder, "x.bpf.o", {"--only", "psas"});
  CHECK(none.status == 2);
  CHECK(first_line(none.err) == "error: --only: there is no program \"psas\"");
  CHECK(contains(none.err, "did you mean: pass"));
  const Finished nothing = run_object(folder, "x.bpf.o", {"--skip", "pa*"});
  CHECK(nothing.status == 2);
  CHECK(first_line(nothing.err) == "error: no program is left to load");
}

TEST_CASE("object: options about things that it does not have") {
  const TempFolder folder;
  folder.write("x.bpf.o", xdp_object().build());
  const Finished set = run_object(folder, "x.bpf.o", {"--set", "a=1"});
  CHECK(set.status == 2);
  CHECK(first_line(set.err) == "error[E26]: --set needs the object's BTF, and it has none");
  const Finished event = run_object(folder, "x.bpf.o", {"--event", "events=struct e"});
  CHECK(event.status == 2);
  CHECK(first_line(event.err) == "error: --event: there is no event map \"events\"");
  const Finished column = run_object(folder, "x.bpf.o", {"--columns", "pid"});
  CHECK(column.status == 2);
  CHECK(first_line(column.err) == "error: --columns: there is no field \"pid\"");
}

TEST_CASE("object: a command that does not exist is named before anything is loaded") {
  const TempFolder folder;
  folder.write("x.bpf.o", xdp_object().build());
  const Finished ran = run_object(folder, "x.bpf.o", {"--", "no-such-command-here"});
  CHECK(ran.status == 1);
  CHECK(first_line(ran.err) ==
        "error: cannot run \"no-such-command-here\": No such file or directory (ENOENT)");
}

TEST_CASE("object: with -o json an error is one JSON object on standard error") {
  const TempFolder folder;
  folder.write("text", bytes_of(std::string_view("root:x:0:0")));
  const Finished ran = run_object(folder, "text", {"-o", "json"});
  CHECK(ran.status == 3);
  CHECK(ran.out.empty());
  CHECK(is_json_lines(ran.err));
  CHECK(std::count(ran.err.begin(), ran.err.end(), '\n') == 1);
  CHECK(ran.err.starts_with("{\"error\":\"E20\",\"exit\":3,\"what\":\"text is not ELF"));
}
