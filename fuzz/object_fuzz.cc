// SPDX-License-Identifier: Apache-2.0
// A whole object, all the way to the kernel: any bytes give a session, which attaches, detaches and
// leaves nothing, or an error before the kernel was asked anything. The kernel is a fake that takes
// every request; its BTF is the object's own, so that CO-RE relocations and names are found, and
// every other fact that the object asks for is there.
#include <cstddef>
#include <unistd.h>

#include <sys/mman.h>

#include "base/format.h"
#include "elf/object.h"
#include "fuzz/require.h"
#include "loader/collect.h"
#include "loader/kernel_lookup.h"
#include "loader/session.h"
#include "tests/support/fake_kernel.h"

namespace {

using namespace bpfld;
using namespace bpfld::loader;

void require_good(const Error& error) {
  fuzz::require(!error.what.empty(), "an error says what is wrong");
  fuzz::require_printable(error.message());
  fuzz::require(error.code != Code::internal, "input does not reach an internal error");
}

// The object's types as a kernel's; null when they would be refused.
std::shared_ptr<const KernelProfile::Btf> kernel_btf(Bytes file) {
  const Result<elf::Object> object = elf::Object::parse(file);
  if (!object) return nullptr;
  const elf::Section* section = nullptr;
  for (const elf::Section& one : object->sections())
    if (one.name == ".BTF") section = &one;
  if (section == nullptr || section->data.empty()) return nullptr;
  const UniqueFd memory(::memfd_create("btf", MFD_CLOEXEC));
  const ssize_t written = ::write(memory.get(), section->data.data(), section->data.size());
  fuzz::require(written == static_cast<ssize_t>(section->data.size()), "there is memory");
  Result<MappedFile> mapped = MappedFile::open(format("/proc/self/fd/{}", memory.get()));
  fuzz::require(mapped.has_value(), "what was written can be read");
  Result<btf::View> view = btf::View::parse(mapped->bytes());
  if (!view || !view->validate()) return nullptr;
  return std::make_shared<const KernelProfile::Btf>(
      KernelProfile::Btf{*std::move(mapped), *std::move(view), "/sys/kernel/btf/vmlinux"});
}

// A kernel that has all that is asked for.
KernelProfile generous_kernel(const Needs& needs, std::shared_ptr<const KernelProfile::Btf> btf) {
  KernelProfile profile;
  profile.release = "6.12.0";
  profile.version_code = 6u << 16 | 12u << 8;
  profile.machine = "x86_64";
  profile.process = 100;
  profile.online_cpus = {0};
  profile.btf = profile.own_btf = std::move(btf);
  for (const std::string& name : needs.tracepoints)
    profile.tracepoints[name].id = 331;
  for (const std::string& name : needs.interfaces)
    profile.interfaces[name].index = 1;
  for (const std::string& path : needs.cgroups)
    profile.cgroups[path].path = "/sys/fs/cgroup";
  for (const std::string& path : needs.paths)
    profile.paths[path].path = path;
  for (const std::string& name : needs.pmus)
    profile.pmus[name] = {.type = 8, .return_bit = 0, .semaphore_shift = 32};
  for (const std::string& glob : needs.function_globs)
    profile.functions[glob].names = {"vfs_open", "vfs_read"};
  for (const BinaryPlace& place : needs.binaries) {
    BinaryFact& binary = profile.binaries[place];
    binary.path = "/bin/sh";
    binary.offsets = {0x1000};
  }
  for (const UsdtPlace& place : needs.usdts) {
    UsdtFact& usdt = profile.usdts[place];
    usdt.path = "/bin/sh";
    usdt.machine = 62;  // EM_X86_64
    usdt.sites = {{.offset = 0x1000, .arguments = "-4@%edi 8@-16(%rbp) 1@$7"}};
  }
  for (const std::string& name : needs.kconfig)
    profile.kconfig.options[name] = "y";
  profile.kconfig.source = "/boot/config-6.12.0";
  look_up_names(profile, needs);
  return profile;
}

void attach_all(Session& session) {
  for (const AttachPlan& plan : std::vector(session.plan().attach)) {
    const Status done = session.attach(plan);
    if (!done) require_good(done.error());
  }
}

void load(const ObjectSpec& spec, Bytes file, test::FakeKernel& kernel) {
  const Selection all = autoload_programs(spec);
  KernelProfile profile = generous_kernel(needs(spec, all), kernel_btf(file));
  Result<Session> session = Session::load(spec, all, profile, kernel);
  if (!session) {
    require_good(session.error());
    fuzz::require(kernel.requests.empty(), "what cannot be loaded asks the kernel nothing");
    return;
  }
  fuzz::require(session->linked().programs.size() == all.size(), "all or nothing is loaded");
  attach_all(*session);
  for (const std::string& line : kernel.transcript())
    fuzz::require_printable(line);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const u8* data, std::size_t size) {
  const Bytes file = std::as_bytes(std::span(data, size));
  const Result<ObjectSpec> spec = collect(file, "fuzzed");
  if (!spec) {
    fuzz::require_good_error(spec.error());
    return 0;
  }
  fuzz::require(*spec == *collect(file, "fuzzed"), "the same bytes give the same object");
  test::FakeKernel kernel;
  load(*spec, file, kernel);
  fuzz::require(kernel.open_fds() == 0, "nothing stays open");
  fuzz::require(test::FakeKernel::bad_closes() == 0, "nothing is closed twice");
  return 0;
}
