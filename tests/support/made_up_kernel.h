// SPDX-License-Identifier: Apache-2.0
// A kernel that exists only as facts: its BTF and that of its modules, written with BtfBuilder, and
// what else a test sets. facts() does what capture() does with a real one: looks in the modules
// only if it has to.
//
//   MadeUpKernel kernel;
//   kernel.btf.add_func("vfs_read", kernel.btf.add_func_proto({0}));
//   const KernelProfile profile = kernel.facts(needs(spec, selection));
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "loader/profile.h"
#include "tests/support/btf_builder.h"

namespace bpfld::test {

// A view of these bytes as a profile holds it: through a mapped file.
std::shared_ptr<const loader::KernelProfile::Btf> made_up_btf(const std::vector<std::byte>& blob);

class MadeUpKernel {
 public:
  BtfBuilder btf;
  bool has_btf = true;

  // The builder of a module's BTF, which continues what `btf` has by now: add nothing to that
  // after. `id` is what BPF_BTF_GET_FD_BY_ID takes.
  BtfBuilder& add_module(std::string name, u32 id);

  // Whether the last facts() looked into modules.
  bool opened_modules = false;
  loader::KernelProfile facts(const loader::Needs& needs);

 private:
  void seal();
  struct Module {
    std::string name;
    u32 id;
    BtfBuilder builder;
  };
  std::shared_ptr<const loader::KernelProfile::Btf> sealed_;
  std::deque<Module> modules_;
};

}  // namespace bpfld::test
