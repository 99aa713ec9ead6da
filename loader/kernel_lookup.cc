// SPDX-License-Identifier: Apache-2.0
// See kernel_lookup.h. However many names there are, each BTF is walked once.
#include "loader/kernel_lookup.h"

#include <algorithm>

#include "base/escape.h"
#include "base/near.h"
#include "btf/core_match.h"
#include "btf/index.h"

namespace bpfld::loader {
namespace {

constexpr std::size_t kNearNames = 3;
constexpr std::string_view kVmlinux = "vmlinux";
// A tracepoint's prototype is typedef btf_trace_NAME; nobody calls it by that name.
constexpr std::string_view kTracepointPrefix = "btf_trace_";
constexpr std::string_view kHiddenPrefixes[] = {kTracepointPrefix, "bpf_lsm_", "bpf_iter_",
                                                "bpf_struct_ops_"};

btf::Kind kind_of(NameKind kind) {
  switch (kind) {
    case NameKind::function: return btf::Kind::func;
    case NameKind::variable: return btf::Kind::var;
    case NameKind::typedef_: return btf::Kind::typedef_;
    case NameKind::struct_: return btf::Kind::struct_;
  }
  std::unreachable();
}

btf::KindMask all_kinds() {
  return {btf::Kind::func, btf::Kind::var, btf::Kind::typedef_, btf::Kind::struct_};
}

bool may_be_in(const KernelName& name, std::string_view module) {
  return name.module.empty() || name.module == module;
}

// Looks in one BTF for those that have no place yet.
void look_in(KernelProfile& profile, const btf::View& view, std::string_view module, u32 number) {
  std::vector<std::pair<const KernelName*, KernelNameFact*>> open;
  std::vector<std::string_view> names;
  for (auto& [name, fact] : profile.names) {
    if (fact.place || !may_be_in(name, module)) continue;
    open.emplace_back(&name, &fact);
    names.push_back(name.name);
  }
  if (names.empty()) return;
  const std::vector<std::vector<btf::TypeId>> found = btf::find_named(view, names, all_kinds());
  for (std::size_t i = 0; i < open.size(); i++) {
    const btf::Kind wanted = kind_of(open[i].first->kind);
    for (const btf::TypeId id : found[i]) {
      if (view.kind(id) != wanted) continue;
      open[i].second->place = KernelPlace{.type = id.value, .module = number};
      break;
    }
  }
}

// The kernel's own names of that kind which resemble `name`, without what the name is bound to
// start with: a hook is near other hooks only.
std::vector<std::string_view> names_like(const btf::View& view, const KernelName& name) {
  std::string_view prefix;
  for (const std::string_view hidden : kHiddenPrefixes)
    if (name.name.starts_with(hidden)) prefix = hidden;
  std::vector<std::string_view> names;
  for (const btf::View* own = &view; own != nullptr; own = own->base())
    own->each_of({kind_of(name.kind)}, [&](const btf::Type& type) {
      if (type.name.starts_with(prefix)) names.push_back(type.name.substr(prefix.size()));
    });
  std::ranges::sort(names);
  names.erase(std::ranges::unique(names).begin(), names.end());
  return nearest(std::string_view(name.name).substr(prefix.size()), names, kNearNames);
}

std::string place_text(const KernelName& name) {
  if (name.module.empty() || name.module == kVmlinux) return "this kernel";
  return format("module {}", escape_terminal(name.module));
}

}  // namespace

void look_up_names(KernelProfile& profile, const Needs& needs) {
  for (const KernelName& name : needs.names)
    profile.names.try_emplace(name);
  if (profile.own_btf) look_in(profile, profile.own_btf->view, kVmlinux, 0);
  if (!profile.modules) return;
  for (u32 i = 0; i < profile.modules->list.size(); i++) {
    const KernelProfile::Module& module = profile.modules->list[i];
    look_in(profile, module.view, module.name, i + 1);
  }
}

bool wants_modules(const KernelProfile& profile, const Needs& needs) {
  for (const KernelName& name : needs.names) {
    const auto fact = profile.names.find(name);
    if (fact != profile.names.end() && !fact->second.place && name.module != kVmlinux) return true;
  }
  for (const std::string& glob : needs.traced_globs)
    if (!traced_place(glob).module.empty()) return true;
  // Another kernel's BTF is complete, or its modules are not to be had.
  if (!profile.btf || profile.btf != profile.own_btf || needs.core_roots.empty()) return false;
  return std::ranges::any_of(needs.core_roots, [&](const CoreRoot& root) {
    const std::vector<btf::TypeId>* types =
        profile.btf->located.find({.name = root.name, .kind = root.kind});
    return types == nullptr || types->empty();
  });
}

const btf::View* view_of(const KernelProfile& profile, const KernelPlace& place) {
  if (place.module == 0) return profile.own_btf ? &profile.own_btf->view : nullptr;
  if (!profile.modules || place.module > profile.modules->list.size()) return nullptr;
  return &profile.modules->list[place.module - 1].view;
}

std::string_view module_name(const KernelProfile& profile, const KernelPlace& place) {
  if (place.module == 0) return kVmlinux;
  if (!profile.modules || place.module > profile.modules->list.size()) return "?";
  return profile.modules->list[place.module - 1].name;
}

Result<KernelPlace> find_name(const KernelProfile& profile, const KernelName& name,
                              std::string_view what, NearNames near_names) {
  const auto found = profile.names.find(name);
  if (found != profile.names.end() && found->second.place) return *found->second.place;
  if (!profile.own_btf)
    return fail(Code::not_found,
                "{} is to be found in BTF, so programs that use it need the kernel's BTF: {}",
                escape_terminal(what), profile.btf_problem);
  if (found == profile.names.end())
    return fail(Code::internal, "{} was not looked up", escape_terminal(what));
  const bool is_kernel = name.module.empty() || name.module == kVmlinux;
  const bool has_module =
      is_kernel || (profile.modules &&
                    std::ranges::find(profile.modules->list, name.module,
                                      &KernelProfile::Module::name) != profile.modules->list.end());
  std::unexpected<Error> failure =
      has_module ? fail(Code::not_found, "{} does not exist in {}", escape_terminal(what),
                        place_text(name))
                 : fail(Code::not_found,
                        "{} is to be found in module {}, which is not loaded or has no BTF",
                        escape_terminal(what), escape_terminal(name.module));
  if (name.module.empty() && !profile.modules_problem.empty())
    failure.error().what += format(" (modules were not searched: {})", profile.modules_problem);
  if (near_names == NearNames::told)
    failure.error().detail = did_you_mean(names_like(profile.own_btf->view, name));
  return failure;
}

}  // namespace bpfld::loader
