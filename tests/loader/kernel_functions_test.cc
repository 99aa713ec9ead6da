// SPDX-License-Identifier: Apache-2.0
// The kernel's lists of functions, and names of files, as texts.
#include "loader/kernel_functions.h"

#include <doctest/doctest.h>

#include "loader/find_file.h"

using namespace bpfld;
using namespace bpfld::loader;

namespace {

constexpr const char* kSymbols =
    "ffffffff81000000 T tcp_ack\n"
    "ffffffff81000010 t tcp_twice\n"
    "ffffffff81000020 t tcp_twice\n"
    "ffffffff81000030 D tcp_data\n"
    "ffffffff81000040 t do_unlinkat.isra.0\n"
    "ffffffffc0000000 t tcp_mod\t[mod]\n"
    "\n"
    "short\n"
    "ffffffff81000050 T tcp_notrace";

}  // namespace

TEST_CASE("kernel functions: a pattern means those that exist once and can be traced") {
  const KernelFunctions functions(
      kSymbols, "tcp_ack\ntcp_twice\ntcp_twice\ntcp_mod [mod]\ntcp_gone\nudp_x\n");
  const FunctionsFact fact = functions.matching("tcp_*");
  CHECK(fact.names == std::vector<std::string>{"tcp_ack", "tcp_mod"});
  CHECK(fact.doubles == 1);
  CHECK(functions.matching("none*").names.empty());
}

TEST_CASE("kernel functions: one that is traced under another name is traced") {
  constexpr const char* kAliases =
      "ffffffff81000000 t __do_sys_getppid\n"
      "ffffffff81000000 T __ia32_sys_getppid\n"
      "ffffffff81000000 T __x64_sys_getppid\n"
      "ffffffff81000010 T __x64_sys_getpid\n";
  const KernelFunctions functions(kAliases, "__do_sys_getppid\n");
  CHECK(functions.matching("__x64_sys_*").names == std::vector<std::string>{"__x64_sys_getppid"});
  CHECK(functions.matching("*getppid").names == std::vector<std::string>{"__do_sys_getppid"});
  // Addresses that are hidden say nothing about which names are one function's.
  const KernelFunctions hidden("0000000000000000 t a\n0000000000000000 t b\n", "a\n");
  CHECK(hidden.matching("*").names == std::vector<std::string>{"a"});
}

TEST_CASE("kernel functions: by name, all that have it") {
  CHECK(functions_named(kSymbols, "tcp_twice") ==
        std::vector<NamedFunction>{{0xffffffff81000010, "tcp_twice", ""},
                                   {0xffffffff81000020, "tcp_twice", ""}});
  CHECK(functions_named(kSymbols, "tcp_mod") ==
        std::vector<NamedFunction>{{0xffffffffc0000000, "tcp_mod", "mod"}});
  CHECK(functions_named(kSymbols, "tcp_data").empty());
  CHECK(functions_named(kSymbols, "tcp_notrace").size() == 1);
}

TEST_CASE(
    "kernel functions: names like one that is not there, first what the compiler made of it") {
  CHECK(functions_like(kSymbols, "do_unlinkat") == std::vector<std::string>{"do_unlinkat.isra.0"});
  CHECK(functions_like(kSymbols, "tcp_akc") == std::vector<std::string>{"tcp_ack"});
}

TEST_CASE("find file: a library that a process has mapped, by the start of its name") {
  constexpr const char* kMaps =
      "55d000000000-55d000001000 r--p 00000000 08:01 1   /usr/bin/python3.11\n"
      "7f0000000000-7f0000001000 r--p 00000000 08:01 2   /lib/x86_64-linux-gnu/libc.so.6\n"
      "7f0000001000-7f0000005000 r-xp 00001000 08:01 2   /lib/x86_64-linux-gnu/libc.so.6\n"
      "7f0000100000-7f0000101000 r-xp 00000000 00:00 0   [vdso]\n"
      "broken\n"
      "7fff00000000-";
  CHECK(mapped_library(kMaps, "libc") == "/lib/x86_64-linux-gnu/libc.so.6");
  CHECK(mapped_library(kMaps, "libc.so.6") == "/lib/x86_64-linux-gnu/libc.so.6");
  CHECK(mapped_library(kMaps, "lib") == "");
  CHECK(mapped_library("", "libc") == "");
  CHECK(address_in_maps(kMaps, "/lib/x86_64-linux-gnu/libc.so.6", 0x1234) == 0x7f0000001234);
  CHECK(address_in_maps(kMaps, "/lib/x86_64-linux-gnu/libc.so.6", 0x10) == 0x7f0000000010);
  CHECK_FALSE(address_in_maps(kMaps, "/lib/x86_64-linux-gnu/libc.so.6", 0x5000));
  CHECK_FALSE(address_in_maps(kMaps, "/other", 0));
}

TEST_CASE(
    "find file: programs and libraries by name, as the shell and the dynamic linker find them") {
  const Result<std::string> shell = find_file("sh", 0);
  REQUIRE(shell);
  CHECK(shell->ends_with("/sh"));
  CHECK(find_file("/bin/sh", 0).value_or("") == "/bin/sh");
  CHECK(find_file("no-such-program-anywhere", 0).error().code == Code::not_found);
  CHECK(find_file("/no/such/file", 0).error().code == Code::not_found);
  CHECK(find_file("@libc", 0).error().code == Code::usage);
}
