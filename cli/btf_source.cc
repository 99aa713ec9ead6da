// SPDX-License-Identifier: Apache-2.0
// See btf_source.h. The kernel's own BTF is mapped, as nobody can change it; files are copied.
#include "cli/btf_source.h"

#include <algorithm>
#include <dirent.h>

#include <sys/stat.h>

#include "base/escape.h"
#include "base/near.h"
#include "elf/section.h"

namespace bpfld::cli {
namespace {

constexpr std::string_view kFolder = "/sys/kernel/btf/";
constexpr u64 kMaxFile = u64{2} << 30;  // a vmlinux with its debug information

bool exists(const std::string& path) {
  struct stat status = {};
  return ::stat(path.c_str(), &status) == 0;
}

std::vector<std::string> module_names() {
  std::vector<std::string> out = {"kernel"};
  DIR* folder = ::opendir(std::string(kFolder).c_str());
  if (folder == nullptr) return out;
  while (const dirent* entry = ::readdir(folder))
    if (entry->d_name[0] != '.') out.emplace_back(entry->d_name);
  ::closedir(folder);
  std::ranges::sort(out);
  return out;
}

// "kernel", "vmlinux" or a module: one of the kernel's own. Names with a slash are paths.
bool is_kernels(const std::string& name) {
  if (name == "kernel") return true;
  return name.find('/') == std::string::npos && name != "." && name != ".." && !exists(name) &&
         exists(std::string(kFolder) + name);
}

std::unexpected<Error> unknown(const std::string& name) {
  std::unexpected<Error> failure =
      fail(Code::not_found, "there is no file and no kernel module \"{}\"", escape_terminal(name));
  const std::vector<std::string> names = module_names();
  const std::vector<std::string_view> views(names.begin(), names.end());
  for (const std::string_view near : nearest(name, views, 3))
    failure.error().detail += format("{}{}", failure.error().detail.empty() ? "" : ", ", near);
  return failure;
}

Result<BtfSource> parse(BtfSource source, Bytes blob, bool trusted) {
  const btf::View* base = source.base == nullptr ? nullptr : source.base->view.get();
  source.view = std::make_unique<btf::View>(TRY(btf::View::parse(blob, base)));
  if (!trusted) TRY(source.view->validate());
  return source;
}

Result<BtfSource> open_kernels(const std::string& name) {
  const bool is_kernel = name == "kernel" || name == "vmlinux";
  BtfSource source;
  source.label = name;
  if (!is_kernel) source.base = std::make_unique<BtfSource>(TRY(open_kernels("kernel")));
  const std::string path = std::string(kFolder) + (is_kernel ? "vmlinux" : name);
  source.mapped = std::make_unique<MappedFile>(TRY(MappedFile::open(path)));
  const Bytes blob = source.mapped->bytes();
  return parse(std::move(source), blob, true);
}

// A module's .BTF.base holds the few types of the kernel that it was built against.
Result<BtfSource> open_elf(BtfSource source, bool needs_base) {
  const Bytes file = source.bytes;
  const Bytes blob = TRY(elf::find_section_bytes(file, ".BTF"));
  const bool is_module = elf::find_section_bytes(file, ".modinfo").has_value();
  if (needs_base && is_module) {
    const Result<Bytes> distilled = elf::find_section_bytes(file, ".BTF.base");
    if (distilled)
      source.base = std::make_unique<BtfSource>(TRY(parse({}, *distilled, false)));
    else
      source.base = std::make_unique<BtfSource>(TRY(open_kernels("kernel")));
  }
  return parse(std::move(source), blob, false);
}

Result<BtfSource> open_file(const std::string& name, const std::string& base) {
  BtfSource source;
  source.label = name;
  if (!base.empty()) source.base = std::make_unique<BtfSource>(TRY(open_btf(base)));
  if (base.empty() && name.starts_with(kFolder) && !name.ends_with("/vmlinux"))
    source.base = std::make_unique<BtfSource>(TRY(open_kernels("kernel")));
  source.bytes = TRY(read_file(name, kMaxFile));
  if (elf::is_elf(source.bytes)) return open_elf(std::move(source), base.empty());
  const Bytes blob = source.bytes;
  return parse(std::move(source), blob, false);
}

}  // namespace

Result<BtfSource> open_btf(const std::string& name, const std::string& base) {
  if (is_kernels(name))
    return with_context(open_kernels(name), [&] { return escape_terminal(name); });
  if (name.find('/') == std::string::npos && !exists(name)) return unknown(name);
  return with_context(open_file(name, base), [&] { return escape_terminal(name); });
}

Result<BtfSource> open_module_btf(const std::string& name, const btf::View& kernel) {
  BtfSource source;
  source.label = name;
  source.mapped = std::make_unique<MappedFile>(TRY(MappedFile::open(std::string(kFolder) + name)));
  source.view = std::make_unique<btf::View>(TRY(btf::View::parse(source.mapped->bytes(), &kernel)));
  return source;
}

}  // namespace bpfld::cli
