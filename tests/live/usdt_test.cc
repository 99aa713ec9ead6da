// SPDX-License-Identifier: Apache-2.0
// Arguments of a USDT probe as programs get them that include a usdt.bpf.h: this project's, and
// libbpf's, which most objects are compiled with. The loader writes where the arguments are into
// maps whose layout is theirs; on kernels without cookies also which place has which.
#include <doctest/doctest.h>
#include <unistd.h>

#include "base/mapped_file.h"
#include "tests/live/support.h"
#include "tests/live/usdt_probe.h"

#ifdef __x86_64__

namespace {

using namespace bpfld;
using test::Loaded;

// A probe bpfld:arguments with an argument of each sort, see usdt_probe.h: in a
// register, a constant, in memory at a register, in memory at a register and an index.
__attribute__((noinline)) void probe_arguments(int in_register, const short* in_memory,
                                               const unsigned char* list, u64 index) {
  asm volatile(BPFLD_USDT_PROBE("arguments", "0",
                                "-4@%%edi 8@$77 -2@2(%%rsi) 1@(%%rdx,%%rcx,1)")::"D"(in_register),
               "S"(in_memory - 1), "d"(list), "c"(index)
               : "memory");
}

i64 global(Loaded& loaded, std::string_view name, u32 n = 0) {
  for (const loader::VariableSpec& variable : loaded.spec.variables)
    if (variable.name == name)
      return load_checked<i64>(loaded.value(".bss", loaded.spec.maps[variable.map].value_size),
                               variable.offset + n * sizeof(i64));
  FAIL("no variable ", std::string(name));
  return 0;
}

// What the header was written for: libbpf's of 1.1 knows no indexed memory.
void check_arguments(const char* object, bool knows_index) {
  Loaded loaded(object);
  const u32 self = static_cast<u32>(::getpid());
  loaded.set("target_tgid", bytes_of(self));
  loader::ProgramSpec& program = loaded.spec.programs[loaded.program_index("on_probe")];
  program.autoload = true;
  loader::AttachTarget target;
  target.method = loader::AttachMethod::usdt;
  target.place = "/proc/self/exe:bpfld:arguments";
  target.pid = self;
  program.places = {target};
  REQUIRE_MESSAGE(loaded.load(), loaded.error.message() << "\n" << loaded.error.detail);
  CHECK(loaded.attach() == "");
  const short number = -1234;
  const unsigned char list[4] = {1, 2, 250, 4};
  for (int i = 0; i < 10; i++)
    probe_arguments(-7, &number, list, 2);
  CHECK(global(loaded, "hits") == 10);
  CHECK(global(loaded, "arguments", 0) == -7);
  CHECK(global(loaded, "arguments", 1) == 77);
  CHECK(global(loaded, "arguments", 2) == -1234);
  if (knows_index) CHECK(global(loaded, "arguments", 3) == 250);
  CHECK(global(loaded, "count") == 4);
  CHECK(global(loaded, "missing") == -2);  // ENOENT
  test::covered("usdt");
}

}  // namespace

TEST_CASE("live: a program gets the arguments of a USDT probe") {
  check_arguments("fixtures/usdt.bpf.o", true);
}

TEST_CASE("live: so does a program that was compiled with libbpf's header") {
  const char* object = "fixtures/usdt_libbpf.bpf.o";
  if (::access(test::object_path(object).c_str(), R_OK) != 0) {
    test::skip("libbpf's usdt.bpf.h", "it was not installed when the fixtures were compiled", "");
    return;
  }
  check_arguments(object, false);
}

#endif
