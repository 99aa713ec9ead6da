// SPDX-License-Identifier: Apache-2.0
#include "tests/support/made_up_kernel.h"

#include <doctest/doctest.h>

#include "loader/kernel_lookup.h"
#include "tests/support/temp_folder.h"

namespace bpfld::test {
namespace {

MappedFile mapped(const std::vector<std::byte>& blob) {
  const TempFolder folder;
  Result<MappedFile> file = MappedFile::open(folder.write("blob", blob));
  REQUIRE(file);
  return *std::move(file);
}

}  // namespace

std::shared_ptr<const loader::KernelProfile::Btf> made_up_btf(const std::vector<std::byte>& blob) {
  MappedFile file = mapped(blob);
  Result<btf::View> view = btf::View::parse(file.bytes());
  REQUIRE_MESSAGE(view, message(view));
  REQUIRE(message(view->validate()) == "no error");
  return std::make_shared<const loader::KernelProfile::Btf>(
      loader::KernelProfile::Btf{std::move(file), *std::move(view), "made-up"});
}

void MadeUpKernel::seal() {
  if (!sealed_) sealed_ = made_up_btf(btf.bytes());
}

BtfBuilder& MadeUpKernel::add_module(std::string name, u32 id) {
  seal();
  modules_.push_back({std::move(name), id, BtfBuilder(sealed_->view)});
  return modules_.back().builder;
}

loader::KernelProfile MadeUpKernel::facts(const loader::Needs& needs) {
  loader::KernelProfile profile;
  profile.release = "6.1.0-made-up";
  profile.version_code = 6u << 16 | 1u << 8;
  opened_modules = false;
  if (!has_btf) {
    profile.btf_problem = "open /sys/kernel/btf/vmlinux: ENOENT";
    loader::look_up_names(profile, needs);
    return profile;
  }
  seal();
  profile.btf = profile.own_btf = sealed_;
  loader::look_up_names(profile, needs);
  opened_modules = !modules_.empty() && loader::wants_modules(profile, needs);
  if (opened_modules) {
    loader::KernelProfile::Modules modules;
    modules.base = sealed_;
    for (const Module& module : modules_) {
      MappedFile file = mapped(module.builder.bytes());
      Result<btf::View> view = btf::View::parse(file.bytes(), &sealed_->view);
      REQUIRE_MESSAGE(view, message(view));
      modules.list.push_back({module.name, std::move(file), *std::move(view), module.id});
    }
    profile.modules = std::make_shared<const loader::KernelProfile::Modules>(std::move(modules));
    loader::look_up_names(profile, needs);
  }
  return profile;
}

}  // namespace bpfld::test
