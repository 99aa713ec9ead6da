// SPDX-License-Identifier: Apache-2.0
// bpfld btf: from files that the tests write, so that the answers are known.
#include <algorithm>
#include <doctest/doctest.h>

#include "tests/cli/run_bpfld.h"
#include "tests/support/btf_builder.h"
#include "tests/support/elf_builder.h"
#include "tests/support/json.h"
#include "tests/support/temp_folder.h"

namespace {

using namespace bpfld;
using namespace bpfld::test;

// A small kernel, and a later one.
BtfBuilder kernel(bool later) {
  BtfBuilder b;
  const TypeId integer = b.add_int("int", 4);
  const TypeId tasks = b.add_fwd("task_struct");
  b.add_struct("list_head", 16, {{"next", b.add_ptr({4}), 0}, {"prev", b.add_ptr({4}), 64}});
  b.type(3).size_or_type = 5;
  b.type(4).size_or_type = 5;
  b.add_struct("task", later ? 8 : 4, {{"pid", integer, later ? 32u : 0u}});
  b.add_enum("state", {{"RUNNING", 0}, {"STOPPED", later ? 8 : 4}});
  b.add_func("do_exit", b.add_func_proto({}, {{"task", b.add_ptr(tasks)}}));
  return b;
}

std::string written(const TempFolder& folder, const std::string& name,
                    const std::vector<std::byte>& bytes) {
  return folder.write(name, bytes);
}

struct Files {
  TempFolder folder;
  std::string old_kernel = written(folder, "old.btf", kernel(false).bytes());
  std::string new_kernel = written(folder, "new.btf", kernel(true).bytes());
};

// An object that asks for task.pid and task.tgid.
std::vector<std::byte> object() {
  BtfBuilder btf;
  const TypeId integer = btf.add_int("int", 4);
  const TypeId task = btf.add_struct("task", 8, {{"pid", integer, 0}, {"tgid", integer, 32}});
  BtfExtBuilder ext(btf);
  ext.add_core(".text", 0, task, "0:0", btf::CoreKind::field_byte_offset);
  ext.add_core(".text", 0, task, "0:1", btf::CoreKind::field_exists);
  ElfBuilder elf;
  elf.add_code(".text", {kMovR0Zero, kExit});
  const std::vector<std::byte> extra = ext.bytes(ByteOrder::little);
  elf.add_section(".BTF", 1, 0, btf.bytes(ByteOrder::little));
  elf.add_section(".BTF.ext", 1, 0, extra);
  return elf.build();
}

}  // namespace

TEST_CASE("command btf: show prints types with offsets, functions with parameters") {
  const Files files;
  CHECK(run_command({"btf", "show", "list_head", files.old_kernel}).out ==
        "struct list_head  16 B, 2 members  [5]\n"
        "       0  struct list_head *next;\n"
        "       8  struct list_head *prev;\n");
  CHECK(run_command({"btf", "show", "struct task", files.old_kernel}).out ==
        "struct task  4 B, 1 member  [6]\n       0  int pid;\n");
  CHECK(run_command({"btf", "show", "do_exit", files.old_kernel}).out ==
        "void do_exit(struct task_struct *task)  [10]\n");
  CHECK(contains(run_command({"btf", "show", "STOPPED", files.old_kernel}).out, "enum state"));
}

TEST_CASE("command btf: search finds types, functions and enumerators") {
  const Files files;
  CHECK(run_command({"btf", "search", "*[tT]*", files.old_kernel}).out ==
        "[7]   ENUM    STOPPED = 4  in enum state\n"
        "[10]  FUNC    void do_exit(struct task_struct *task)\n"
        "[1]   INT     int\n"
        "[5]   STRUCT  struct list_head  16 B\n"
        "[7]   ENUM    enum state  4 B\n"
        "[6]   STRUCT  struct task  4 B\n"
        "[2]   FWD     struct task_struct\n");
  CHECK(run_command({"btf", "search", "ta*", "--kind", "struct", "-o", "json", files.old_kernel})
            .out == "{\"id\":6,\"kind\":\"STRUCT\",\"name\":\"task\",\"size\":4}\n");
}

TEST_CASE("command btf: diff says what moved, of all types or of one") {
  const Files files;
  CHECK(run_command({"btf", "diff", files.old_kernel, files.new_kernel}).out ==
        "~ enum state  4 B, 1 moved or changed\n"
        "~ struct task  4 -> 8 B, 1 moved or changed\n");
  CHECK(run_command({"btf", "diff", files.old_kernel, files.new_kernel, "task"}).out ==
        "struct task   4 B, 1 member  ->  8 B, 1 member\n   int pid  @0 -> @4\n");
  CHECK(run_command({"btf", "diff", files.old_kernel, files.old_kernel}).out.empty());
}

TEST_CASE("command btf: dump writes a header, records or JSON") {
  const Files files;
  const Finished header = run_command({"btf", "dump", files.old_kernel});
  CHECK(header.out.starts_with("#ifndef __VMLINUX_H__\n"));
  CHECK(contains(header.out, "struct task {\n\tint pid;\n};\n"));
  const Finished one = run_command({"btf", "dump", "--type", "task", files.old_kernel});
  CHECK_FALSE(contains(one.out, "list_head"));
  const Finished raw = run_command({"btf", "dump", "--format", "raw", files.old_kernel});
  CHECK(raw.out.starts_with("[1] INT 'int' size=4 bits_offset=0 nr_bits=32 encoding=SIGNED\n"));
  const Finished json = run_command({"btf", "dump", "--format=json", files.old_kernel});
  CHECK(contains(json.out, "{\"id\":2,\"kind\":\"FWD\",\"name\":\"task_struct\","));
}

TEST_CASE("command btf: min writes what an object needs, which is BTF again") {
  const Files files;
  const std::string path = written(files.folder, "x.bpf.o", object());
  const Finished slice = run_command({"btf", "min", "--for", path, files.new_kernel});
  CHECK(slice.status == 0);
  CHECK(slice.err.empty());
  const std::string cut = files.folder.write("cut.btf", bytes_of(std::string_view(slice.out)));
  CHECK(run_command({"btf", "dump", "--format", "raw", cut}).out ==
        "[1] INT 'int' size=4 bits_offset=0 nr_bits=32 encoding=SIGNED\n"
        "[2] STRUCT 'task' size=8 vlen=1\n\t'pid' type_id=1 bits_offset=32\n");
}

TEST_CASE("command btf: BTF may sit in an ELF file of any kind; a module's continues the base") {
  const Files files;
  ElfBuilder elf;
  elf.add_data(".BTF", text_of(kernel(false).bytes(ByteOrder::little)));
  elf.edit_header([](elf::FileHeader& header) {
    header.machine = 62;
    header.type = 2;
  });
  const std::string vmlinux = written(files.folder, "vmlinux", elf.build());
  CHECK(contains(run_command({"btf", "show", "task", vmlinux}).out, "int pid"));

  const std::vector<std::byte> base_blob = kernel(false).bytes();
  const Result<btf::View> base = btf::View::parse(base_blob);
  BtfBuilder split(*base);
  split.add_struct("own", 4, {{"task", {6}, 0}});
  const std::string module = written(files.folder, "module.btf", split.bytes());
  const Finished ran = run_command({"btf", "dump", "--base", files.old_kernel, module});
  CHECK(contains(ran.out, "struct own {\n\tstruct task task;\n};\n"));
  CHECK_FALSE(contains(ran.out, "list_head"));
}

TEST_CASE("command btf: what cannot be done is said, with what was meant") {
  const Files files;
  const Finished missing = run_command({"btf", "show", "list_haed", files.old_kernel});
  CHECK(missing.status == 2);
  CHECK(missing.out.empty());
  CHECK(first_line(missing.err) == "error: there is no type \"list_haed\"");
  CHECK(contains(missing.err, "did you mean: list_head\n"));
  CHECK(run_command({"btf", "show", "nothing_like_it_at_all", files.old_kernel}).status == 2);
  CHECK(run_command({"btf", "search", "x*y", files.old_kernel}).status == 2);
  CHECK(run_command({"btf", "diff", files.old_kernel}).status == 2);
  CHECK(run_command({"btf", "dupm"}).status == 2);
  CHECK(run_command({"btf", "dump", "--format", "xml", files.old_kernel}).status == 2);
  CHECK(run_command({"btf", "search", "*", "--kind", "class", files.old_kernel}).status == 2);
  CHECK(run_command({"btf", "min", files.old_kernel}).status == 2);
  CHECK(run_command({"btf", "dump", "./no/such/file"}).status == 1);
  CHECK(run_command({"btf", "dump", "no_such_module"}).status == 1);
  const std::string garbage =
      files.folder.write("garbage", bytes_of(std::string_view("not BTF at all, nor ELF")));
  const Finished malformed = run_command({"btf", "dump", garbage});
  CHECK(malformed.status == 3);
  CHECK(malformed.out.empty());
  CHECK(run_command({"btf", "min", "--for", garbage, files.old_kernel}).status == 3);
}

TEST_CASE("command btf: names that would reach the terminal as commands do not") {
  const TempFolder folder;
  BtfBuilder b;
  const std::string evil = "x\x1b[2J\n*/ #error \x07";
  const TypeId integer = b.add_int(evil, 4);
  b.add_struct("s", 4, {{"m", integer, 0}});
  b.add_decl_tag(evil, {2});
  const std::string path = written(folder, "evil.btf", b.bytes());
  for (const std::vector<std::string>& words : {std::vector<std::string>{"btf", "dump", path},
                                                {"btf", "dump", "--format", "raw", path},
                                                {"btf", "dump", "--format", "json", path},
                                                {"btf", "show", "s", path},
                                                {"btf", "search", "*", path},
                                                {"btf", "show", evil, path},
                                                {"btf", "show", "x\x1b[3J", path}}) {
    const Finished ran = run_command(words);
    std::string text = ran.out + ran.err;
    std::ranges::replace(text, '\t', ' ');  // members are indented with them
    CHECK(is_printable(text));
  }
}
