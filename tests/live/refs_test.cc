// SPDX-License-Identifier: Apache-2.0
// What objects take from the running kernel by name: what they see of its configuration, its
// symbols and its functions is compared with what this machine says of itself.
#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <doctest/doctest.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mapped_file.h"
#include "loader/binding.h"
#include "loader/externs.h"
#include "loader/kallsyms.h"
#include "tests/live/support.h"

namespace {

using namespace bpfld;
using test::Loaded;
using test::still_there;
using test::test_run;

// Attaches a raw tracepoint program, also one that names its tracepoint by a BTF id.
i64 open_tracepoint(Loaded& loaded, std::string_view program, std::string name) {
  bpf::RawTracepointOpen open;
  open.program = bpf::Fd::number(loaded.session->program_fd(loaded.program_index(program)));
  open.name = std::move(name);
  const Result<bpf::Reply> reply = loaded.kernel.call(open);
  REQUIRE_MESSAGE(reply.has_value(), (reply ? "" : reply.error().message()));
  return reply->value;
}

// The numbers in .bss, in the order of their offsets.
u64 number(Loaded& loaded, u32 index, u32 size) {
  return load_checked<u64>(loaded.value(".bss", size), u64{index} * 8);
}

// The variable `name` of .bss, `index` numbers into it.
u64 variable(Loaded& loaded, std::string_view name, u32 index = 0) {
  for (const loader::VariableSpec& one : loaded.spec.variables)
    if (one.name == name)
      return number(loaded, one.offset / 8 + index, loaded.spec.maps[one.map].value_size);
  FAIL("no variable ", std::string(name));
  return 0;
}

// The kernel says why it cannot tell: a configuration that is nowhere to be read.
bool has_config(const loader::KernelProfile& profile) {
  return !profile.kconfig.source.empty();
}

// Older kernels' BTF has types and functions only.
bool describes_variables(const loader::KernelProfile& profile) {
  const btf::View& view = profile.own_btf->view;
  for (u32 id = 1; id < view.count(); id++)
    if (view.kind({id}) == btf::Kind::var) return true;
  return false;
}

// Whether a program that needs a trampoline and does nothing is refused too: then it is not about
// the object.
bool has_no_trampolines(Loaded& loaded, u32 type) {
  bpf::ProgLoad load;
  load.type = bpf::ProgType::tracing;
  load.expected_attach_type = bpf::AttachType::trace_fentry;
  load.license = "GPL";
  load.insns = {bpf::mov64_imm(0, 0), bpf::exit_insn()};
  load.attach_btf_id = type;
  const Result<bpf::Reply> reply = loaded.kernel.call(load);
  if (reply) UniqueFd(static_cast<int>(reply->value));
  return !reply && reply.error().errno_value == EPERM;
}

}  // namespace

TEST_CASE("live: Kconfig values, symbols and weak externs are what the machine says they are") {
  Loaded loaded("fixtures/externs.bpf.o");
  if (!loaded.load()) {
    CHECK(loaded.error.code == Code::not_found);
    CHECK_FALSE(has_config(loaded.profile));
    CHECK(loaded.error.message().find("configuration could not be read") != std::string::npos);
    std::printf("SKIP: Kconfig values: %s\n", loaded.error.message().c_str());
    return;
  }
  CHECK(test_run(loaded, "read_kconfig", 64) == 1);
  CHECK(test_run(loaded, "read_ksyms", 64) == 2);
  const std::map<std::string, std::string>& options = loaded.profile.kconfig.options;
  const auto decimal = [&](const char* option) {
    u64 value = 0;
    const std::string& text = options.at(option);
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
  };
  CHECK(variable(loaded, "kconfig", 0) == 1);
  CHECK(variable(loaded, "kconfig", 1) == 1);
  CHECK(variable(loaded, "kconfig", 2) == u64{'y'});
  CHECK(variable(loaded, "kconfig", 3) == decimal("CONFIG_NR_CPUS"));
  CHECK(variable(loaded, "kconfig", 4) == decimal("CONFIG_HZ"));
  CHECK(decimal("CONFIG_HZ") >= 100);
  CHECK(variable(loaded, "kconfig", 5) == loaded.profile.version_code);
  CHECK((variable(loaded, "kconfig", 6) == 1) == test::kernel_has("BPF_FUNC_get_attach_cookie"));
  CHECK(variable(loaded, "kconfig", 7) == 0);
  CHECK(variable(loaded, "ksyms", 0) == loaded.profile.symbols.found.at("_stext").address);
  CHECK(variable(loaded, "ksyms", 0) != 0);
  for (u32 i = 1; i < 4; i++)
    CHECK(variable(loaded, "ksyms", i) == 0);
  loaded.session.reset();
  CHECK(still_there(loaded.kernel.made()) == "");
}

TEST_CASE("live: a variable of the kernel is found by its type's id") {
  Loaded loaded("fixtures/ksym_typed.bpf.o");
  const bool done = loaded.load();
  if (!describes_variables(loaded.profile)) {
    CHECK(loaded.error.code == Code::not_found);
    std::printf("SKIP: a variable of the kernel: this kernel's BTF describes none\n");
    return;
  }
  if (!done) {
    // A kernel without CONFIG_KALLSYMS_ALL describes the variable and does not know where it is.
    CHECK(loaded.error.detail.find("failed to find the address") != std::string::npos);
    const Result<std::string> symbols = read_text("/proc/kallsyms", 128u << 20);
    REQUIRE(symbols.has_value());
    const std::vector<std::string> names = {"runqueues"};
    REQUIRE(loader::find_symbols(*symbols, names).found.empty());
    std::printf("SKIP: a variable of the kernel: this kernel's symbols hold no variables\n");
    return;
  }
  const UniqueFd link(static_cast<int>(open_tracepoint(loaded, "on_syscall", "sys_enter")));
  test::call_getppid(1);
  CHECK(variable(loaded, "seen") == 1);
  CHECK((variable(loaded, "runqueue") >> 63) == 1);  // an address of the kernel
}

TEST_CASE("live: a tracepoint program is bound to its prototype and sees every call") {
  Loaded loaded("fixtures/bound.bpf.o");
  REQUIRE_MESSAGE(loaded.load(), loaded.error.message() << "\n" << loaded.error.detail);
  const UniqueFd link(static_cast<int>(open_tracepoint(loaded, "on_syscall", {})));
  test::call_getppid(100);
  CHECK(variable(loaded, "syscalls") >= 100);
}

TEST_CASE("live: kfuncs are called where the kernel has them, and passed over where it has not") {
  Loaded loaded("fixtures/kfunc.bpf.o");
  REQUIRE_MESSAGE(loaded.load(), loaded.error.message() << "\n" << loaded.error.detail);
  const UniqueFd link(static_cast<int>(open_tracepoint(loaded, "on_syscall", {})));
  test::call_getppid(1);
  CHECK(variable(loaded, "seen") == 1);
  const loader::KernelName name{
      .kind = loader::NameKind::function, .name = "bpf_rcu_read_lock", .module = {}};
  CHECK((variable(loaded, "locked") == 1) == loaded.profile.names.at(name).place.has_value());
  CHECK(variable(loaded, "wrong") == 0);
  CHECK(variable(loaded, "missing") == 0);
}

TEST_CASE("live: a kernel function of a module is called, where the module is loaded") {
  Loaded loaded("fixtures/kfunc_module.bpf.o");
  const bool has_module = ::access("/sys/kernel/btf/nf_conntrack", F_OK) == 0;
  const bool done = loaded.load();
  const loader::KernelName name{
      .kind = loader::NameKind::function, .name = "bpf_skb_ct_lookup", .module = {}};
  const std::optional<loader::KernelPlace>& place = loaded.profile.names.at(name).place;
  if (!place) {
    CHECK_FALSE(done);
    CHECK(loaded.error.code == Code::not_found);
    // In a guest the module is loaded, and has the function since 5.18.
    CHECK((loaded.profile.version_code < (5u << 16 | 18u << 8) || !has_module));
    std::printf("SKIP: a kernel function of a module: this kernel has none of nf_conntrack\n");
    return;
  }
  REQUIRE_MESSAGE(done, loaded.error.message() << "\n" << loaded.error.detail);
  CHECK((place->module != 0) == has_module);
  CHECK(test_run(loaded, "look_up", 64) == ENOENT);
  loaded.session.reset();
  CHECK(still_there(loaded.kernel.made()) == "");
}

TEST_CASE("live: what a kernel lacks concerns the programs that use it, and near names are told") {
  Loaded loaded("fixtures/missing_extern.bpf.o");
  CHECK_FALSE(loaded.load());
  CHECK(loaded.error.code == Code::not_found);
  CHECK(loaded.kernel.made().empty());
  CHECK_FALSE(loader::extern_problem(loaded.spec, loaded.program_index("good"), loaded.profile));
  const std::optional<Error> variable =
      loader::extern_problem(loaded.spec, loaded.program_index("variable"), loaded.profile);
  REQUIRE(variable);
  CHECK((variable->detail.find("runqueues") != std::string::npos) ==
        describes_variables(loaded.profile));
}

TEST_CASE("live: fentry and fexit programs are bound to their function") {
  Loaded loaded("fixtures/bound_code.bpf.o");
  const bool done = loaded.load();
  const Result<std::optional<loader::Binding>> binding =
      loader::binding_of(loaded.spec, loaded.spec.programs[0], loaded.profile);
  REQUIRE_MESSAGE(binding.has_value(), (binding ? "" : binding.error().message()));
  if (!done) {
    // Refused before it was looked at, and so is one that has nothing to refuse.
    CHECK(loaded.error.errno_value == EPERM);
    CHECK(loaded.error.detail == "");
    REQUIRE(has_no_trampolines(loaded, (*binding)->type));
    std::printf("SKIP: fentry and fexit: this kernel refuses every trampoline (EPERM)\n");
    return;
  }
  const UniqueFd before(static_cast<int>(open_tracepoint(loaded, "before", {})));
  const UniqueFd after(static_cast<int>(open_tracepoint(loaded, "after", {})));
  // The kernel calls bpf_fentry_test1(1), which gives 2, when such a program is to be tested.
  bpf::ProgTestRun run;
  run.program = bpf::Fd::number(loaded.session->program_fd(loaded.program_index("before")));
  run.repeat = 0;
  const Result<bpf::Reply> reply = loaded.kernel.call(run);
  REQUIRE_MESSAGE(reply.has_value(), (reply ? "" : reply.error().message()));
  CHECK(variable(loaded, "entered") == 1);
  CHECK(variable(loaded, "left") == 2);
}
