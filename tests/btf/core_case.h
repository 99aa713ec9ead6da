// SPDX-License-Identifier: Apache-2.0
// One CO-RE question for the tests: an object's BTF, a kernel's, perhaps modules', and relocations
// between them.
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "btf/core_resolve.h"
#include "tests/support/btf_builder.h"

namespace bpfld::test {

using btf::CoreKind;
using btf::core::Reason;
using btf::core::Resolution;
using btf::core::Verdict;

class CoreCase {
 public:
  BtfBuilder local;
  BtfBuilder kernel;

  void ask(CoreKind kind, TypeId root, std::string_view access) {
    relos_.push_back({.insn_offset = static_cast<u32>(relos_.size() * 8),
                      .type = root,
                      .access = access,
                      .kind = kind});
  }

  // Modules are split on `kernel`, so it must be complete by then.
  BtfBuilder& add_module(std::string name) {
    freeze_kernel();
    modules_.push_back({std::move(name), BtfBuilder(*kernel_view_), {}});
    return modules_.back().builder;
  }

  // `kernel`, complete by then, is searched for these before anything is resolved.
  void locate(const std::vector<btf::core::Root>& roots) {
    freeze_kernel();
    located_.emplace(*kernel_view_, roots);
  }

  // The answers to all that was asked; the records' strings live as long as this object.
  std::vector<Resolution> answers(ByteOrder order = kHostOrder) {
    freeze_kernel(order);
    local_blob_ = local.bytes(order);
    local_view_.emplace_back(view_of(local_blob_, nullptr));
    targets_.push_back(
        {.view = &*kernel_view_, .name = "vmlinux", .located = located_ ? &*located_ : nullptr});
    for (Module& module : modules_) {
      module.blob = module.builder.bytes(order);
      module_views_.push_back(view_of(module.blob, &*kernel_view_));
      targets_.push_back({.view = &module_views_.back(), .name = module.name});
    }
    Result<std::vector<Resolution>> out = btf::core::resolve(local_view_.back(), targets_, relos_);
    return out ? *out : std::vector<Resolution>{};
  }
  Resolution answer(CoreKind kind, TypeId root, std::string_view access,
                    ByteOrder order = kHostOrder) {
    ask(kind, root, access);
    const std::vector<Resolution> all = answers(order);
    return all.empty() ? Resolution{} : all.back();
  }
  std::string text(const Resolution& resolution) const {
    return btf::core::describe(resolution, relos_[resolution.relo], local_view_.back(), targets_);
  }

 private:
  struct Module {
    std::string name;
    BtfBuilder builder;
    std::vector<std::byte> blob;
  };

  static btf::View view_of(Bytes blob, const btf::View* base) {
    Result<btf::View> view = btf::View::parse(blob, base);
    static const std::vector<std::byte> none = BtfBuilder().bytes();
    if (!view) view = btf::View::parse(none);
    return *std::move(view);
  }
  void freeze_kernel(ByteOrder order = kHostOrder) {
    if (kernel_view_) return;
    kernel_blob_ = kernel.bytes(order);
    kernel_view_ = view_of(kernel_blob_, nullptr);
  }

  std::vector<btf::CoreRelo> relos_;
  std::vector<std::byte> local_blob_, kernel_blob_;
  std::deque<Module> modules_;
  std::optional<btf::View> kernel_view_;
  std::optional<btf::core::Located> located_;
  std::deque<btf::View> local_view_, module_views_;
  std::vector<btf::core::Target> targets_;
};

}  // namespace bpfld::test
