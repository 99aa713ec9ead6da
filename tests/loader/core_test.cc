// SPDX-License-Identifier: Apache-2.0
// CO-RE over a whole object: which relocations are resolved, in which order, and where the values
// end up.
#include "loader/core.h"

#include <cstdlib>
#include <doctest/doctest.h>
#include <tuple>
#include <unistd.h>

#include "tests/support/btf_builder.h"

namespace bpfld::loader {
namespace {

using btf::TypeId;
using test::BtfBuilder;
using test::message;

// Two structs of one name in the kernel: "a" is in both at different places, "b" in the second.
struct CoreObject {
  ObjectSpec spec;
  KernelProfile profile;
  TypeId root;
  std::vector<std::vector<bpf::Insn>> code;

  CoreObject() {
    BtfBuilder local, kernel;
    const TypeId int_id = local.add_int("int", 4);
    root = local.add_struct("s", 8, {{"a", int_id, 0}, {"b", int_id, 32}});
    spec.btf = local.bytes();
    const TypeId kernel_int = kernel.add_int("int", 4);
    kernel.add_struct("s", 64, {{"a", kernel_int, 64}});
    kernel.add_struct("s", 64, {{"a", kernel_int, 128}, {"b", kernel_int, 160}});
    set_kernel(kernel.bytes());
  }

  // A profile holds a mapped file, so the BTF goes through one.
  void set_kernel(const std::vector<std::byte>& blob) {
    char path[] = "/tmp/bpfld-core-test-XXXXXX";
    const int fd = mkstemp(path);
    REQUIRE(fd >= 0);
    REQUIRE(write(fd, blob.data(), blob.size()) == static_cast<ssize_t>(blob.size()));
    close(fd);
    Result<MappedFile> file = MappedFile::open(path);
    unlink(path);
    REQUIRE(message(file) == "no error");
    Result<btf::View> view = btf::View::parse(file->bytes());
    REQUIRE(message(view) == "no error");
    profile.btf = std::make_shared<KernelProfile::Btf>(
        KernelProfile::Btf{std::move(*file), std::move(*view), path});
  }

  // A function of one `r1 = value` per relocation; `number`s say where .BTF.ext has them.
  u32 add_function(std::string name,
                   const std::vector<std::tuple<u32, std::string, i32>>& relocations) {
    FunctionSpec function;
    function.name = std::move(name);
    for (const auto& [number, access, value] : relocations) {
      function.core.push_back({.at = {function.insns.size()},
                               .number = number,
                               .type = root.value,
                               .access = access,
                               .kind = btf::CoreKind::field_byte_offset});
      function.insns.push_back(bpf::mov64_imm(1, value));
    }
    function.insns.push_back(bpf::exit_insn());
    code.push_back(function.insns);
    spec.functions.push_back(std::move(function));
    return static_cast<u32>(spec.functions.size() - 1);
  }
};

TEST_CASE("loader core: relocations are answered in the order of .BTF.ext, across functions") {
  CoreObject o;
  const u32 later = o.add_function("later", {{7, "0:0", 0}});
  const u32 earlier = o.add_function("earlier", {{2, "0:1", 4}});
  const std::vector<u32> functions = {later, earlier};
  const Result<CoreOutcome> got = relocate_core(o.spec, functions, o.profile, o.code);
  REQUIRE(message(got) == "no error");
  CHECK(got->sources == std::vector<CoreOutcome::Source>{{earlier, 0}, {later, 0}});
  CHECK(o.code[earlier][0].imm == 20);
  CHECK(o.code[later][0].imm == 16);
  REQUIRE(got->fixups.size() == 2);
  CHECK(got->fixups[1].function == later);
  CHECK(got->fixups[1].resolution == 1);
  CHECK(o.spec.functions[later].insns[0].imm == 0);
}

TEST_CASE("loader core: functions that are not loaded take no part") {
  CoreObject o;
  const u32 used = o.add_function("used", {{7, "0:0", 0}});
  o.add_function("unused", {{2, "0:1", 4}});
  const std::vector<u32> functions = {used};
  const Result<CoreOutcome> got = relocate_core(o.spec, functions, o.profile, o.code);
  REQUIRE(!got);
  CHECK(got.error().code == Code::ambiguous);
  CHECK(got.error().message() ==
        "function \"used\": instruction 0: CO-RE byte_off s.a (0:0): ambiguous: the candidates put "
        "the field at different offsets");
  CHECK(got.error().detail ==
        "byte_off s.a (0:0): ambiguous: the candidates put the field at different offsets: vmlinux "
        "[2] gives 8, vmlinux [3] gives 16");
  const Result<CoreOutcome> answers = resolve_core(o.spec, functions, o.profile);
  REQUIRE(answers.has_value());  // the records survive
  CHECK(describe_core(o.spec, o.profile, *answers, 0).find("ambiguous") != std::string::npos);
}

TEST_CASE("loader core: an object without CO-RE needs no kernel BTF") {
  CoreObject o;
  o.profile.btf = nullptr;
  o.profile.btf_problem = "CONFIG_DEBUG_INFO_BTF is off";
  const u32 plain = o.add_function("plain", {});
  CHECK(message(relocate_core(o.spec, std::vector<u32>{plain}, o.profile, o.code)) == "no error");
  const u32 core = o.add_function("core", {{0, "0:0", 0}});
  const Result<CoreOutcome> got =
      relocate_core(o.spec, std::vector<u32>{plain, core}, o.profile, o.code);
  REQUIRE(!got);
  CHECK(got.error().code == Code::not_found);
  CHECK(message(got) ==
        "1 CO-RE relocations (byte_off s.a (0:0)) need the kernel's BTF: CONFIG_DEBUG_INFO_BTF is "
        "off");
}

TEST_CASE("loader core: an instruction that does not hold the object's value is named") {
  CoreObject o;
  const u32 wrong = o.add_function("wrong\x1b[31m", {{0, "0:1", 99}});
  const Result<CoreOutcome> got = relocate_core(o.spec, std::vector<u32>{wrong}, o.profile, o.code);
  CHECK(message(got) ==
        "function \"wrong\\x1b[31m\": instruction 0: CO-RE byte_off s.b (0:1): unexpected "
        "instruction: its immediate is 99, the object's value is 4");
}

}  // namespace
}  // namespace bpfld::loader
