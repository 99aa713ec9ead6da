// SPDX-License-Identifier: Apache-2.0
#include "base/result.h"

#include <cerrno>
#include <doctest/doctest.h>
#include <memory>

#include "base/units.h"

namespace {

using namespace bpfld;

Result<std::unique_ptr<int>> make(bool good) {
  if (!good) return fail(Code::not_found, "no such number");
  return std::make_unique<int>(7);
}
Result<int> use(bool good) {
  const std::unique_ptr<int> number = TRY(make(good));
  return *number;
}

}  // namespace

TEST_CASE("result: TRY gives the value or returns the error") {
  CHECK(*use(true) == 7);
  CHECK(use(false).error().what == "no such number");
}

TEST_CASE("result: context reads from the outside in") {
  Result<int> failed = with_context(use(false), [] { return std::string("program \"p\""); });
  failed = with_context(std::move(failed), [] { return std::string("loading \"x.bpf.o\""); });
  CHECK(failed.error().message() == "loading \"x.bpf.o\": program \"p\": no such number");
}

TEST_CASE("result: an errno keeps its name and decides the code") {
  const Error denied = fail_errno(EPERM, "bpf(BPF_PROG_LOAD)").error();
  CHECK(denied.code == Code::denied);
  CHECK(denied.message() == "bpf(BPF_PROG_LOAD): Operation not permitted (EPERM)");
  CHECK(fail_errno(ENOENT, "x").error().code == Code::not_found);
  CHECK(errno_name(524) == "ENOTSUPP");
  CHECK(errno_name(4000) == "errno 4000");
}

TEST_CASE("units: a byte offset inside an instruction is not an instruction index") {
  CHECK(to_insn(16)->value == 2);
  CHECK(to_insn(12).error().what ==
        "offset 0xc is not a multiple of 8, the size of an instruction");
}
