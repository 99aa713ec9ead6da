// SPDX-License-Identifier: Apache-2.0
// See kernel_files.h.
#include "cli/kernel_files.h"

#include <algorithm>
#include <dirent.h>

namespace bpfld::cli {
namespace {

constexpr u64 kMaxText = u64{256} << 20;
constexpr const char* kBtfFolder = "/sys/kernel/btf";

std::vector<std::string> loaded_modules() {
  std::vector<std::string> names;
  DIR* folder = ::opendir(kBtfFolder);
  if (folder == nullptr) return names;
  while (const dirent* entry = ::readdir(folder)) {
    const std::string name = entry->d_name;
    if (!name.starts_with('.') && name != "vmlinux") names.push_back(name);
  }
  ::closedir(folder);
  std::ranges::sort(names);
  return names;
}

Error not_given(std::string_view what) {
  return fail(Code::not_found, "not the running kernel's, and no {} was given", what).error();
}

}  // namespace

bool is_event_place(std::string_view place) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == ':';
  };
  return std::ranges::all_of(place, allowed) && std::ranges::count(place, ':') == 1 &&
         !place.starts_with(':') && !place.ends_with(':');
}

const KernelText& KernelFiles::read(std::optional<KernelText>& slot, const std::string& path,
                                    const std::string& shown) {
  slot = KernelText{.path = shown, .text = {}, .error = {}};
  Result<std::string> text = read_text(path, kMaxText);
  if (text)
    slot->text = std::move(text).value();
  else
    slot->error = std::move(text).error();
  return *slot;
}

const Result<perf::Tracefs>& KernelFiles::tracefs() {
  if (!tracefs_) tracefs_.emplace(perf::Tracefs::open());
  return *tracefs_;
}

const KernelText& KernelFiles::read_tracefs(std::optional<KernelText>& slot,
                                            const std::string& name) {
  if (slot) return *slot;
  if (!paths_.tracefs.empty())
    return read(slot, paths_.tracefs + "/" + name, paths_.tracefs + "/" + name);
  const std::string shown = "/sys/kernel/tracing/" + name;
  if (paths_.is_other_kernel())
    return slot.emplace(KernelText{.path = name, .text = {}, .error = not_given("--tracefs")});
  if (!tracefs())
    return slot.emplace(KernelText{.path = shown, .text = {}, .error = tracefs().error()});
  return read(slot, tracefs()->path() + "/" + name, tracefs()->shown_path() + "/" + name);
}

const KernelText& KernelFiles::events() {
  return read_tracefs(events_, "available_events");
}

const KernelText& KernelFiles::traceable() {
  return read_tracefs(traceable_, "available_filter_functions");
}

const KernelText& KernelFiles::kallsyms() {
  if (kallsyms_) return *kallsyms_;
  if (!paths_.kallsyms.empty()) return read(kallsyms_, paths_.kallsyms, paths_.kallsyms);
  if (paths_.is_other_kernel())
    return kallsyms_.emplace(
        KernelText{.path = "kallsyms", .text = {}, .error = not_given("--kallsyms")});
  return read(kallsyms_, "/proc/kallsyms", "/proc/kallsyms");
}

Result<std::string> KernelFiles::event_format(std::string_view place) {
  if (!is_event_place(place)) return fail(Code::not_found, "not an event's name");
  std::string path(place);
  path[path.find(':')] = '/';
  if (!paths_.tracefs.empty()) return read_text(paths_.tracefs + "/events/" + path + "/format");
  if (paths_.is_other_kernel()) return std::unexpected(not_given("--tracefs"));
  if (!tracefs()) return std::unexpected(tracefs().error());
  return read_text(tracefs()->path() + "/events/" + path + "/format");
}

Status KernelFiles::open_btfs() {
  if (paths_.btf.empty() && paths_.is_other_kernel()) return std::unexpected(not_given("--btf"));
  sources_.push_back(TRY(open_btf(paths_.btf.empty() ? "kernel" : paths_.btf)));
  btfs_.push_back({.module = {}, .view = sources_.back().view.get()});
  if (paths_.is_other_kernel()) return {};
  for (const std::string& name : loaded_modules()) {
    Result<BtfSource> module = open_module_btf(name, *sources_.front().view);
    if (!module) continue;  // unloaded since
    sources_.push_back(std::move(module).value());
    btfs_.push_back({.module = sources_.back().label, .view = sources_.back().view.get()});
  }
  return {};
}

Result<std::span<const loader::NamedBtf>> KernelFiles::btfs() {
  if (!opened_) opened_.emplace(open_btfs());
  if (!*opened_) return std::unexpected(opened_->error());
  return std::span<const loader::NamedBtf>(btfs_);
}

}  // namespace bpfld::cli
