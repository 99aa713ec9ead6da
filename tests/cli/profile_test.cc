// SPDX-License-Identifier: Apache-2.0
// `feature --profile FILE`: answers of a kernel that is not there, from a file that anybody may
// have written.
#include <doctest/doctest.h>

#include "tests/cli/run_bpfld.h"
#include "tests/support/elf_builder.h"
#include "tests/support/json.h"
#include "tests/support/temp_folder.h"

namespace {

using namespace bpfld;
using namespace bpfld::test;

std::string profile_with(std::string_view facts) {
  return "bpfld-profile 2\nrelease 1.2.3-saved\nmachine x86_64\n" + std::string(facts) + "end\n";
}

std::vector<std::byte> object() {
  ElfBuilder elf;
  const u32 code = elf.add_code("xdp", {kMovR0Zero, kExit});
  elf.add_function("pass", code, 0, 16);
  const u32 license = elf.add_section("license", 1, 3, bytes_of(std::string_view("GPL\0", 4)));
  static_cast<void>(license);
  return elf.build();
}

Finished ask(const std::string& profile, const std::vector<std::string>& more) {
  const TempFolder folder;
  folder.write("k", bytes_of(std::string_view(profile)));
  folder.write("x.bpf.o", object());
  std::vector<std::string> words = {"feature", "--profile", "k"};
  words.insert(words.end(), more.begin(), more.end());
  return run_command(words, {.folder = folder.path()});
}

}  // namespace

TEST_CASE("profile: what a saved kernel answered is what is said of it, without privileges") {
  const Finished told = ask(profile_with("program xdp yes\nprogram kprobe denied 1\n"), {"prog"});
  CHECK(told.status == 0);
  CHECK(contains(told.out, "xdp                      yes"));
  CHECK(contains(told.out, "kprobe                   denied"));
  CHECK(contains(told.out, "lsm                      unknown"));
}

TEST_CASE("profile: whether an object can run on a saved kernel is told by the exit status") {
  const std::vector<std::string> about = {"--for", "x.bpf.o"};
  const Finished yes = ask(profile_with("program xdp yes\n"), about);
  CAPTURE(yes.out + yes.err);
  CHECK(yes.status == 0);
  CHECK(contains(yes.out, "on 1.2.3-saved"));
  CHECK(ask(profile_with("program xdp no 22\n"), about).status == 4);
  CHECK(ask(profile_with("program xdp denied 1\n"), about).status == 6);
}

TEST_CASE("profile: a file that is none, is of another version or was cut short is refused") {
  const auto refused = [](const std::string& profile) {
    const Finished told = ask(profile, {"--for", "x.bpf.o"});
    CHECK(told.status == 3);
    CHECK(told.out.empty());
    return first_line(told.err);
  };
  CHECK(refused("\x7f"
                "ELF") == "error: k: not a profile: the first line is not \"bpfld-profile 2\"");
  CHECK(refused("") == "error: k: not a profile: the first line is not \"bpfld-profile 2\"");
  CHECK(contains(refused("bpfld-profile 1\nrelease 6.1\n"), "is of version 1"));
  CHECK(refused("bpfld-profile 2\nrelease 6.1\nprogram xd") ==
        "error: k: profile, line 3: \"program xd\" is not a fact");
  CHECK(refused("bpfld-profile 2\nrelease 6.1\n") ==
        "error: k: the profile is cut short: its last line is not \"end\"");
  CHECK(contains(refused(profile_with("btf gone.btf\n")), "gone.btf"));
  CHECK(contains(refused(profile_with("btf k\n")), "BTF"));  // itself, which is none
}

TEST_CASE("profile: what it says is escaped") {
  const std::string evil = profile_with(
      "obstacle kprobe \x1b[2J\x1b]0;x\x07\nprogram kprobe yes\n"
      "program xdp unknown 0 \x1b[31m\xff\n");
  const Finished text = ask(evil, {"prog"});
  CHECK(text.status == 0);
  CHECK(is_printable(text.out));
  const Finished json = ask(evil, {"prog", "-o", "json"});
  CHECK(is_printable(json.out));
  CHECK(is_json(first_line(json.out)));
}

TEST_CASE("profile: nothing is asked when the file cannot be written") {
  const Finished told = run_command({"profile", "save", "/nonexistent/kernel"});
  CHECK(told.status != 0);
  CHECK(contains(told.err, "cannot write /nonexistent/kernel: No such file or directory (ENOENT)"));
}
