// SPDX-License-Identifier: Apache-2.0
// The whole story of loading execsnoop and of objects that fail on the way, for a kernel that is
// written down in fixed_kernel.h.
#include "cli/explain.h"

#include <doctest/doctest.h>

#include "loader/collect.h"
#include "tests/cli/run_bpfld.h"
#include "tests/golden/fixed_kernel.h"
#include "tests/golden/golden.h"

namespace {

using namespace bpfld;
using namespace bpfld::test;

// Text and JSON of the story of a built object.
struct Told {
  std::string text, json;
};

Told tell(const std::string& object_name, const std::string& name,
          const loader::KernelProfile& profile) {
  const Result<std::vector<std::byte>> file = read_file(built_object(object_name));
  REQUIRE_MESSAGE(file, (file ? "" : file.error().message()));
  const Result<elf::Object> object = elf::Object::parse(*file);
  REQUIRE(object);
  const Result<loader::ObjectSpec> spec = loader::collect(*file, name);
  REQUIRE(spec);
  const loader::Selection selection = loader::autoload_programs(*spec);
  const cli::Story story = cli::make_story(name + ".bpf.o", *object, *spec, selection, profile);
  Told out;
  u32 number = 1;
  for (const cli::Chapter& chapter : cli::explain_story(story, "")) {
    out.text += cli::to_text(chapter, number++, cli::Style(), 120);
    out.json += cli::to_json(chapter);
  }
  return out;
}

}  // namespace

TEST_CASE("golden: the story of execsnoop") {
  const TempFolder folder;
  const Told told = tell("examples/execsnoop/execsnoop.bpf.o", "execsnoop", fixed_kernel(folder));
  check_golden("explain-execsnoop", told.text);
  check_golden("explain-execsnoop-json", told.json);
}

TEST_CASE("golden: the story of subprograms, and of an object without BTF") {
  const TempFolder folder;
  const loader::KernelProfile profile = fixed_kernel(folder);
  check_golden("explain-subprogs", tell("fixtures/subprogs.bpf.o", "subprogs", profile).text);
  check_golden("explain-no-btf", tell("fixtures/no_btf.bpf.o", "no_btf", profile).text);
}

TEST_CASE("golden: the story goes on as far as it can") {
  const TempFolder folder;
  loader::KernelProfile profile = fixed_kernel(folder);
  check_golden("explain-unknown-section",
               tell("fixtures/unknown_section.bpf.o", "unknown_section", profile).text);
  profile.btf = nullptr;
  profile.btf_problem = "this kernel has no BTF";
  check_golden("explain-no-kernel-btf",
               tell("examples/execsnoop/execsnoop.bpf.o", "execsnoop", profile).text);
}

TEST_CASE("explain: a saved kernel answers for itself, not the running one") {
  const TempFolder folder;
  const std::string profile = folder.write(
      "kernel", bytes_of(std::string_view("bpfld-profile 2\nrelease 1.2.3-saved\npossible_cpus 7\n"
                                          "feature perf_link no\n"
                                          "tracepoint syscalls/sys_enter_getppid 4321\nend\n")));
  const std::string object = built_object("fixtures/perf_getppid.bpf.o");
  const Finished told = run_command({"explain", object, "--profile", profile});
  CHECK(told.status == 0);
  CHECK(contains(told.out, "kernel 1.2.3-saved"));
  CHECK(contains(told.out, "max_entries=7"));  // of the perf event array
  CHECK(contains(told.out, "config=4321"));
  CHECK(contains(told.out, "PERF_EVENT_IOC_SET_BPF"));
  const Finished missing =
      run_command({"explain", built_object("fixtures/missing_tracepoint.bpf.o"), "--profile",
                   profile, "--step", "attach"});
  CHECK(contains(missing.out, "does not exist on kernel 1.2.3-saved"));
  const Finished both = run_command({"explain", object, "--profile", profile, "--btf", "x"});
  CHECK(both.status == 2);
}

TEST_CASE("dump: a saved kernel without types or configuration says so, and which kernel it is") {
  const TempFolder folder;
  const std::string profile = folder.write(
      "kernel", bytes_of(std::string_view("bpfld-profile 2\nrelease 1.2.3-saved\nend\n")));
  const Finished told = run_command(
      {"dump", "--linked", "--profile", profile, built_object("fixtures/missing_extern.bpf.o")});
  CHECK(told.status != 0);
  CHECK(contains(told.err,
                 "\"CONFIG_NR_CPUSS\" is a Kconfig option, and the kernel's configuration "
                 "could not be read: the profile has no configuration"));
  CHECK(contains(told.err,
                 "\"runqueus\" (a variable) is to be found in BTF, so programs that use it "
                 "need the kernel's BTF: the profile has no types"));
  CHECK(contains(told.err, "is off in this kernel (1.2.3-saved)"));
  CHECK_FALSE(contains(told.err, "did you mean"));
}

TEST_CASE("explain: it needs no privileges, and says which steps there are") {
  const std::string object = built_object("fixtures/ringbuf_getppid.bpf.o");
  const Finished whole = run_command({"explain", object});
  CHECK(whole.status == 0);
  CHECK(contains(whole.out, "BPF_PROG_LOAD"));
  const Finished one = run_command({"explain", object, "--step", "maps"});
  CHECK(one.status == 0);
  CHECK(one.out.starts_with("1 MAPS"));
  CHECK(!contains(one.out, "BPF_PROG_LOAD"));
  const Finished unknown = run_command({"explain", object, "--step", "map"});
  CHECK(unknown.status == 2);
  CHECK(contains(unknown.err, "elf, maps, relo, core, load, attach"));
  const Finished none = run_command({"explain", object, "--prog", "nothing"});
  CHECK(none.status == 2);
}
