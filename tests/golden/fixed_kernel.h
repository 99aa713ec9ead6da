// SPDX-License-Identifier: Apache-2.0
// A kernel that is written down here, for golden files that must not depend on the running one.
#pragma once

#include <doctest/doctest.h>
#include <memory>
#include <vector>

#include "base/mapped_file.h"
#include "loader/profile.h"
#include "tests/support/btf_builder.h"
#include "tests/support/temp_folder.h"

namespace bpfld::test {

// The two members of task_struct that execsnoop reads, at offsets of no real kernel.
inline std::vector<std::byte> kernel_btf() {
  BtfBuilder btf;
  const TypeId number = btf.add_int("int", 4);
  const TypeId pid = btf.add_typedef("pid_t", number);
  const TypeId task = btf.add_struct("task_struct", 4096,
                                     {{"real_parent", {4}, 1000 * 8}, {"tgid", pid, 2000 * 8}});
  btf.add_ptr(task);
  return btf.bytes();
}

inline void set_btf(loader::KernelProfile& profile, const TempFolder& folder,
                    const std::vector<std::byte>& blob) {
  const std::string path = folder.write("vmlinux.btf", blob);
  Result<MappedFile> file = MappedFile::open(path);
  REQUIRE(file);
  Result<btf::View> view = btf::View::parse(file->bytes());
  REQUIRE(view);
  profile.own_btf = profile.btf = std::make_shared<const loader::KernelProfile::Btf>(
      loader::KernelProfile::Btf{std::move(*file), std::move(*view), "vmlinux.btf"});
}

inline loader::KernelProfile fixed_kernel(const TempFolder& folder) {
  loader::KernelProfile profile;
  profile.release = "6.1.0-test";
  profile.version_code = 6u << 16 | 1u << 8;
  profile.possible_cpus = 4;
  u64 id = 700;
  for (const char* name : {"syscalls/sys_enter_execve", "syscalls/sys_exit_execve",
                           "syscalls/sys_enter_execveat", "syscalls/sys_exit_execveat"})
    profile.tracepoints[name].id = id++;
  set_btf(profile, folder, kernel_btf());
  return profile;
}

}  // namespace bpfld::test
