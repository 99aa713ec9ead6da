// SPDX-License-Identifier: Apache-2.0
// What each of the 13 kinds answers, with and without a match, and how several candidates share a
// name.
#include <doctest/doctest.h>

#include "tests/btf/core_case.h"

namespace bpfld::test {
namespace {

// struct task { int pid; char comm[16]; } as the object has it, and grown in the kernel.
struct TaskCase : CoreCase {
  TypeId task;
  TaskCase() {
    const TypeId local_int = local.add_int("int", 4);
    const TypeId local_char = local.add_char();
    const TypeId comm = local.add_array(local_char, local_int, 16);
    task = local.add_struct("task", 24, {{"pid", local_int, 0}, {"comm", comm, 32}});
    const TypeId kernel_int = kernel.add_int("int", 4);
    const TypeId kernel_long = kernel.add_int("long", 8);
    const TypeId kernel_comm = kernel.add_array(kernel.add_char(), kernel_int, 32);
    kernel.add_struct(
        "task", 48,
        {{"state", kernel_long, 0}, {"pid", kernel_int, 64}, {"comm", kernel_comm, 96}});
  }
};

void check_value(const Resolution& got, Verdict verdict, u64 local, u64 target) {
  CHECK(got.verdict == verdict);
  CHECK(got.local_value == local);
  CHECK(got.target_value == target);
}

TEST_CASE("core: the offset of a member is the one that the kernel's member of that name has") {
  TaskCase c;
  const Resolution got = c.answer(CoreKind::field_byte_offset, c.task, "0:0");
  check_value(got, Verdict::matched, 0, 8);
  CHECK(got.local_size == 4);
  CHECK(got.target_size == 4);
  CHECK(c.text(got) == "byte_off task.pid (0:0): 0 -> 8 in vmlinux [5]");
}

TEST_CASE("core: size, existence and signedness of a member come from the kernel") {
  TaskCase c;
  c.ask(CoreKind::field_byte_size, c.task, "0:1");
  c.ask(CoreKind::field_exists, c.task, "0:1");
  c.ask(CoreKind::field_signed, c.task, "0:0");
  c.ask(CoreKind::field_byte_offset, c.task, "0:1:3");
  c.ask(CoreKind::field_byte_offset, c.task, "2:0");
  const std::vector<Resolution> got = c.answers();
  REQUIRE(got.size() == 5);
  check_value(got[0], Verdict::matched, 16, 32);
  check_value(got[1], Verdict::matched, 1, 1);
  check_value(got[2], Verdict::matched, 1, 1);
  check_value(got[3], Verdict::matched, 7, 15);
  check_value(got[4], Verdict::matched, 48, 104);
}

}  // namespace
}  // namespace bpfld::test
