// SPDX-License-Identifier: Apache-2.0
// BTF of the running kernel. The file of a module continues that of the kernel; it has a name and
// no id, while bpf(2) knows ids. So files are what is searched, and only when something was found
// in a module are the ids of all BTFs looked through for the one of that name.
#include <algorithm>
#include <cerrno>
#include <span>

#include "base/fd.h"
#include "bpf/encode.h"
#include "loader/capture_parts.h"
#include "loader/kernel_lookup.h"

namespace bpfld::loader {
namespace {

constexpr std::string_view kBtfFolder = "/sys/kernel/btf/";
constexpr std::string_view kVmlinux = "vmlinux";

Result<std::shared_ptr<const KernelProfile::Btf>> read_btf(const std::string& path,
                                                           std::span<const CoreRoot> roots) {
  MappedFile file = TRY(MappedFile::open(path));
  btf::View view = TRY(with_context(btf::View::parse(file.bytes()), [&] { return path; }));
  std::vector<btf::core::Root> wanted;
  for (const CoreRoot& root : roots)
    wanted.push_back({.name = root.name, .kind = root.kind});
  btf::core::Located located(view, wanted);
  return std::make_shared<const KernelProfile::Btf>(
      KernelProfile::Btf{std::move(file), std::move(view), path, std::move(located)});
}

// CO-RE from the file that was named, names from the kernel that runs.
Status read_kernel(KernelProfile& profile, const Needs& needs, const CaptureOptions& options) {
  const std::string own = std::string(kBtfFolder) + std::string(kVmlinux);
  const bool named = !options.btf_path.empty();
  Result<std::shared_ptr<const KernelProfile::Btf>> btf =
      read_btf(named ? options.btf_path : own, needs.core_roots);
  if (btf) {
    if (named) TRY(with_context(btf.value()->view.validate(), [&] { return options.btf_path; }));
    profile.btf = std::move(btf).value();
  } else if (named) {
    return std::unexpected(std::move(btf).error());
  } else {
    profile.btf_problem = btf.error().message();
  }
  if (!named || options.offline) {
    profile.own_btf = profile.btf;
  } else if (!needs.names.empty()) {
    Result<std::shared_ptr<const KernelProfile::Btf>> running = read_btf(own, {});
    if (running)
      profile.own_btf = std::move(running).value();
    else
      profile.btf_problem = running.error().message();
  }
  return {};
}

Result<KernelProfile::Module> read_module(const KernelProfile::Btf& base, const std::string& name) {
  MappedFile file = TRY(MappedFile::open(std::string(kBtfFolder) + name));
  btf::View view = TRY(btf::View::parse(file.bytes(), &base.view));
  return KernelProfile::Module{
      .name = name, .file = std::move(file), .view = std::move(view), .btf_id = 0};
}

std::vector<std::string> module_names() {
  std::vector<std::string> names = list_directory(std::string(kBtfFolder));
  std::erase(names, kVmlinux);
  return names;
}

// One that cannot be read was unloaded meanwhile, or continues another kernel's BTF: it is as good
// as not there.
std::shared_ptr<KernelProfile::Modules> read_modules(
    const std::shared_ptr<const KernelProfile::Btf>& base, const std::vector<std::string>& names) {
  auto modules = std::make_shared<KernelProfile::Modules>();
  modules->base = base;
  for (const std::string& name : names) {
    Result<KernelProfile::Module> module = read_module(*base, name);
    if (module) modules->list.push_back(std::move(module).value());
  }
  return modules;
}

bool found_in_module(const KernelProfile& profile, const Needs& needs) {
  if (std::ranges::any_of(needs.traced_globs, [](const std::string& glob) {
        return !traced_place(glob).module.empty();
      }))
    return true;
  return std::ranges::any_of(profile.names, [](const auto& entry) {
    return entry.second.place && entry.second.place->module != 0;
  });
}

// The name of a BTF that the kernel made; empty for those of objects.
std::string btf_name(bpf::Kernel& kernel, int fd) {
  constexpr u32 kInfoSize = 32, kLongestName = 64;
  bpf::ObjectInfo ask;
  ask.object = bpf::Fd::number(fd);
  ask.info_size = kInfoSize;
  ask.name_room = kLongestName;
  const Result<bpf::Reply> info = kernel.call(ask);
  if (!info || info->data.size() <= kInfoSize) return {};
  const std::string_view text = text_of(Bytes(info->data).subspan(kInfoSize));
  return std::string(text.substr(0, text.find('\0')));
}

// BTFs come and go while they are looked through: one that is gone by the time it is opened is
// passed over.
Status find_module_ids(KernelProfile::Modules& modules, bpf::Kernel& kernel) {
  bpf::NextId next{.kind = bpf::ObjectKind::btf, .after = 0};
  while (true) {
    const Result<bpf::Reply> id = kernel.call(next);
    if (!id && id.error().errno_value == ENOENT) return {};  // that was the last
    if (!id) return std::unexpected(id.error());
    if (id->value <= i64{next.after}) return {};
    next.after = static_cast<u32>(id->value);
    const Result<bpf::Reply> opened =
        kernel.call(bpf::ObjectById{bpf::ObjectKind::btf, next.after});
    if (!opened && opened.error().errno_value == ENOENT) continue;
    if (!opened) return std::unexpected(opened.error());
    const UniqueFd fd(static_cast<int>(opened->value));
    const std::string name = btf_name(kernel, fd.get());
    const auto module = std::ranges::find(modules.list, name, &KernelProfile::Module::name);
    if (!name.empty() && module != modules.list.end()) module->btf_id = next.after;
  }
}

}  // namespace

Status capture_btf(KernelProfile& profile, const Needs& needs, const CaptureOptions& options) {
  TRY(read_kernel(profile, needs, options));
  look_up_names(profile, needs);
  if (!options.offline && profile.own_btf && wants_modules(profile, needs)) {
    const std::vector<std::string> names = module_names();
    if (!names.empty()) {
      const std::shared_ptr<KernelProfile::Modules> modules = read_modules(profile.own_btf, names);
      profile.modules = modules;
      look_up_names(profile, needs);
      if (found_in_module(profile, needs) && options.kernel != nullptr) {
        const Status done = find_module_ids(*modules, *options.kernel);
        if (!done) profile.modules_problem = done.error().message();
      }
    }
  }
  return {};
}

}  // namespace bpfld::loader
