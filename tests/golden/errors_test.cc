// SPDX-License-Identifier: Apache-2.0
// What bad input looks like to the person who gave it: whole messages, each with its exit status.
#include <cerrno>
#include <doctest/doctest.h>

#include "base/mapped_file.h"
#include "cli/load_failure.h"
#include "loader/collect.h"
#include "tests/cli/run_bpfld.h"
#include "tests/golden/golden.h"
#include "tests/support/elf_builder.h"
#include "tests/support/temp_folder.h"

namespace {

using namespace bpfld;
using namespace bpfld::test;

ElfBuilder good_object() {
  ElfBuilder elf;
  elf.add_function("pass", elf.add_code("xdp", {kMovR0Zero, kExit}), 0, 16);
  elf.add_data("license", std::string_view("GPL\0", 4));
  return elf;
}

// "$ bpfld run x.o", the message and the status.
std::string transcript(const TempFolder& folder, std::vector<std::string> words) {
  std::string out = "$ bpfld";
  for (const std::string& word : words)
    out += " " + word;
  const Finished ran = run_command(std::move(words), {.folder = folder.path()});
  return out + "\n" + ran.out + ran.err + format("status {}\n\n", ran.status);
}

// The object with one field broken.
void write_broken(const TempFolder& folder) {
  const std::vector<std::byte> good = good_object().build();
  folder.write("good.bpf.o", good);
  folder.write("cut.bpf.o", Bytes(good).first(good.size() / 2));
  ElfBuilder x86 = good_object();
  x86.edit_header([](elf::FileHeader& header) { header.machine = 62; });
  folder.write("x86.o", x86.build());
  ElfBuilder linked = good_object();
  linked.edit_header([](elf::FileHeader& header) { header.type = 2; });
  folder.write("linked", linked.build());
  ElfBuilder long_section = good_object();
  long_section.edit_section(1, [](elf::SectionHeader& section) { section.size = 0x300000; });
  folder.write("long.bpf.o", long_section.build());
  folder.write("text", bytes_of(std::string_view("root:x:0:0:root:/root:/bin/bash\n")));
  folder.write("bitcode.bc", bytes_of(std::string_view("BC\xc0\xde"
                                                       "and so on")));
  folder.write("empty", {});
  ElfBuilder unknown;
  unknown.add_function("prog", unknown.add_code("kprobe2/do_unlinkat", {kMovR0Zero, kExit}), 0, 16);
  folder.write("unknown.bpf.o", unknown.build());
}

}  // namespace

TEST_CASE("golden: messages about files that are no good objects") {
  const TempFolder folder;
  write_broken(folder);
  std::string all;
  for (const char* name : {"missing.bpf.o", ".", "empty", "text", "bitcode.bc", "x86.o", "linked",
                           "cut.bpf.o", "long.bpf.o", "unknown.bpf.o"})
    all += transcript(folder, {"run", name});
  all += transcript(folder, {"run", "text", "-o", "json"});
  check_golden("errors-object", all);
}

TEST_CASE("golden: messages about command lines") {
  const TempFolder folder;
  write_broken(folder);
  std::string all;
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"rnu", "good.bpf.o"},
                                             {"run"},
                                             {"run", "--duratoin", "5s", "good.bpf.o"},
                                             {"run", "--duration", "soon", "good.bpf.o"},
                                             {"run", "--only", "psas", "good.bpf.o"},
                                             {"run", "--set", "a=1", "good.bpf.o"},
                                             {"run", "--field", "pid", "good.bpf.o"},
                                             {"run", "--field", "pid:hex", "good.bpf.o"},
                                             {"run", "--pin", "/x", "good.bpf.o", "good.bpf.o"},
                                             {"list", "section"},
                                             {"help", "E00"}})
    all += transcript(folder, words);
  check_golden("errors-usage", all);
}

TEST_CASE("golden: the verifier's refusal, by a kernel that does not name the source line") {
  Result<std::vector<std::byte>> file = read_file(built_object("fixtures/verifier_null.bpf.o"));
  REQUIRE(file);
  Result<loader::ObjectSpec> spec = loader::collect(*file, "verifier_null");
  REQUIRE(spec);
  Error error;
  error.code = Code::rejected;
  error.errno_value = 13;
  error.context = "program \"on_getppid\"";
  error.what = "bpf(BPF_PROG_LOAD)";
  error.detail =
      "; *count += 1;  // refused: count may be NULL\n"
      "8: (79) r1 = *(u64 *)(r0 +0)\n"
      "R0 invalid mem access 'map_value_or_null'\n"
      "processed 9 insns (limit 1000000) max_states_per_insn 0 total_states 0\n";
  const cli::Facts facts;
  const loader::KernelProfile profile;
  const cli::Report report = cli::explain_load_failure(
      error, {.object = "verifier_null.bpf.o", .spec = *spec, .selection = {0}, .profile = profile},
      facts);
  CHECK(report.exit == cli::Exit::verifier);
  check_golden("error-verifier", cli::to_text(report, cli::Style()));
}

TEST_CASE("golden: places that the kernel refuses") {
  struct Refusal {
    const char* section;
    cli::Phase phase;
    Code code;
    int errno_value;
    const char* request;
  };
  constexpr Refusal kRefusals[] = {
      {"sk_lookup", cli::Phase::attach, Code::kernel, EINVAL, "bpf(BPF_LINK_CREATE)"},
      {"netkit/primary", cli::Phase::attach, Code::kernel, EINVAL, "bpf(BPF_LINK_CREATE)"},
      {"xdp", cli::Phase::attach, Code::kernel, EOPNOTSUPP, "bpf(BPF_LINK_CREATE)"},
      {"fentry/open", cli::Phase::load, Code::denied, EPERM, "bpf(BPF_PROG_LOAD)"},
      {"lsm_cgroup/socket_bind", cli::Phase::load, Code::denied, EPERM, "bpf(BPF_PROG_LOAD)"},
  };
  std::string all;
  for (const Refusal& refusal : kRefusals) {
    loader::ObjectSpec spec;
    loader::ProgramSpec program;
    program.name = "prog";
    program.section = refusal.section;
    program.row = loader::match_section(refusal.section)->row;
    spec.programs.push_back(program);
    Error error = fail_errno(refusal.errno_value, "{}", refusal.request).error();
    error.code = refusal.code;
    error.context = "program \"prog\"";
    const cli::Facts facts;
    all += cli::to_text(cli::explain({.phase = refusal.phase,
                                      .error = error,
                                      .facts = facts,
                                      .object = "x.bpf.o",
                                      .spec = &spec,
                                      .program = &spec.programs[0]}),
                        cli::Style());
  }
  check_golden("errors-places", all);
}
