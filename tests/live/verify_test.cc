// SPDX-License-Identifier: Apache-2.0
// examine() on a real kernel: verdicts with their statistics, and hundreds of loads in one process
// that leave nothing behind, neither fds nor anything in the kernel.
#include "loader/verify.h"

#include <dirent.h>
#include <doctest/doctest.h>

#include "base/fd.h"
#include "tests/live/support.h"
#include "tests/support/elf_builder.h"
#include "tests/support/process.h"
#include "tests/support/temp_folder.h"

namespace {

using namespace bpfld;
using loader::Examination;
using test::Loaded;

std::size_t open_fds() {
  std::size_t count = 0;
  DIR* folder = ::opendir("/proc/self/fd");
  REQUIRE(folder != nullptr);
  while (::readdir(folder) != nullptr)
    count++;
  ::closedir(folder);
  return count;
}

// Every program of the object, each alone; how many were accepted.
u32 examine_all(Loaded& loaded) {
  u32 accepted = 0;
  for (u32 i = 0; i < loaded.spec.programs.size(); i++) {
    Result<loader::KernelProfile> profile = loader::capture(loader::needs(loaded.spec, {i}));
    REQUIRE(profile);
    if (!loader::examine(loaded.spec, i, *profile, loaded.kernel).refusal) accepted++;
  }
  return accepted;
}

}  // namespace

TEST_CASE("live: verify: an accepted program has the verifier's statistics, from the one load") {
  Loaded loaded("fixtures/subprogs.bpf.o");
  loader::KernelProfile profile;
  const Examination found = loader::examine(loaded.spec, 0, profile, loaded.kernel);
  REQUIRE_MESSAGE(!found.refusal, found.refusal->message());
  CHECK(found.log.find("processed ") != std::string::npos);
  CHECK(found.log.find("total_states ") != std::string::npos);
}

TEST_CASE("live: verify: a refused program has its sentence, without a second load") {
  Loaded loaded("fixtures/verifier_null.bpf.o");
  loader::KernelProfile profile;
  const Examination found = loader::examine(loaded.spec, 0, profile, loaded.kernel);
  REQUIRE(found.refusal);
  CHECK(found.refusal->code == Code::rejected);
  CHECK(found.refusal->errno_value == EACCES);
  CHECK(found.log.find("R0 invalid mem access 'map_value_or_null'") != std::string::npos);
}

TEST_CASE("live: verify: a log that does not fit says how large it is, since v6.4") {
  bpf::LinuxKernel kernel;
  bpf::ProgLoad load;
  load.type = bpf::ProgType::socket_filter;
  load.license = "GPL";
  load.insns.assign(1000, bpf::mov64_imm(0, 0));
  load.insns.push_back(bpf::exit_insn());
  load.log_level = 2;
  load.log_size = 256;
  const Result<bpf::Reply> refused = kernel.call(load);
  REQUIRE(!refused);
  CHECK(refused.error().errno_value == ENOSPC);
  CHECK((refused.error().room != 0) == test::kernel_has("BPF_PROG_TYPE_NETFILTER"));
  if (refused.error().room == 0) return;
  load.log_size = refused.error().room;
  const Result<bpf::Reply> reply = kernel.call(load);
  REQUIRE(reply);
  const UniqueFd program(static_cast<int>(reply->value));
  CHECK(reply->log.size() + 1 == load.log_size);
}

TEST_CASE("live: verify: hundreds of programs in one process leave no fd and nothing loaded") {
  const std::size_t before = open_fds();
  u32 examined = 0, accepted = 0;
  std::vector<test::KernelObject> made;
  for (int round = 0; round < 25; round++) {
    for (std::string_view name : {"fixtures/minimal.bpf.o", "fixtures/maps_all.bpf.o",
                                  "fixtures/many_programs.bpf.o", "fixtures/subprogs.bpf.o",
                                  "fixtures/verifier_null.bpf.o", "fixtures/section_names.bpf.o"}) {
      Loaded loaded(name);
      examined += static_cast<u32>(loaded.spec.programs.size());
      accepted += examine_all(loaded);
      made.insert(made.end(), loaded.kernel.made().begin(), loaded.kernel.made().end());
    }
  }
  CHECK(test::still_there(made) == "");
  CHECK(examined >= 200);
  CHECK(accepted > examined / 2);
  CHECK(open_fds() == before);
}

// Kernels say it in the whole log only.
TEST_CASE("live: verify: a sentence that the log of statistics lacks is asked for") {
  constexpr u64 kReadPastContext = 0x10001061;  // r0 = *(u32 *)(r1 + 4096)
  test::ElfBuilder elf(kHostOrder);
  const u32 code = elf.add_code("socket", {kReadPastContext, test::kExit});
  elf.add_function("past", code, 0, 16);
  elf.add_data("license", std::string_view("GPL\0", 4));
  const test::TempFolder folder;
  const test::Finished ran = test::run_process({test::object_path("cli/bpfld"), "verify", "-o",
                                                "json", folder.write("past.bpf.o", elf.build())});
  CHECK(ran.out.find("\"errno\":13") != std::string::npos);
  CHECK_MESSAGE(ran.out.find("\"reason\":\"invalid bpf_context access off=4096 size=4\"") !=
                    std::string::npos,
                ran.out);
}
