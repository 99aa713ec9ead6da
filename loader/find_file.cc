// SPDX-License-Identifier: Apache-2.0
// PATH, the dynamic linker's folders, /proc/PID/maps; see find_file.h.
#include "loader/find_file.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <dirent.h>
#include <unistd.h>
#include <vector>

#include "base/escape.h"
#include "base/mapped_file.h"

namespace bpfld::loader {
namespace {

constexpr u64 kMaxMaps = 64u << 20;

using Folders = std::vector<std::string>;

void split_into(Folders& out, std::string_view text, std::string_view separators) {
  while (!text.empty()) {
    const std::size_t end = text.find_first_of(separators);
    if (end != 0) out.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return;
    text.remove_prefix(end + 1);
  }
}

std::string environment(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nobody sets it
  return value != nullptr ? value : "";
}

std::vector<std::string> names_in(const std::string& path) {
  std::vector<std::string> names;
  DIR* folder = ::opendir(path.c_str());
  if (folder == nullptr) return names;
  while (const dirent* entry = ::readdir(folder))  // NOLINT(concurrency-mt-unsafe): own DIR
    names.emplace_back(entry->d_name);
  ::closedir(folder);
  std::ranges::sort(names);
  return names;
}

Folders program_folders() {
  Folders out;
  split_into(out, environment("PATH"), ":");
  for (const char* more : {"/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin"})
    out.emplace_back(more);
  return out;
}

// ld.so(8): LD_LIBRARY_PATH, the configured folders, then the built-in ones.
Folders library_folders(const std::string& root) {
  Folders out;
  split_into(out, environment("LD_LIBRARY_PATH"), ":;");
  const std::string configured = root + "/etc/ld.so.conf.d/";
  for (const std::string& name : names_in(configured)) {
    if (!name.ends_with(".conf")) continue;
    Folders lines;
    if (const Result<std::string> text = read_text(configured + name))
      split_into(lines, *text, " \t\n");
    for (std::string& line : lines)
      if (line.starts_with('/')) out.push_back(std::move(line));
  }
  for (const char* more : {"/lib64", "/usr/lib64", "/lib", "/usr/lib"})
    out.emplace_back(more);
  return out;
}

bool is_file(const std::string& path) {
  return ::access(path.c_str(), R_OK) == 0;
}

std::string_view last_part(std::string_view path) {
  return path.substr(path.find_last_of('/') + 1);
}

// "libc" for libc.so.6, libc-2.31.so.
bool is_library(std::string_view file, std::string_view library) {
  if (file == library) return true;
  if (!file.starts_with(library) || file.find(".so") == std::string_view::npos) return false;
  return file[library.size()] == '.' || file[library.size()] == '-';
}

std::string first_file(const Folders& folders, const std::string& root, std::string_view name) {
  for (const std::string& folder : folders)
    if (std::string path = format("{}{}/{}", root, folder, name); is_file(path)) return path;
  return {};
}

std::string first_library(const Folders& folders, const std::string& root, std::string_view name) {
  for (const std::string& folder : folders)
    for (const std::string& file : names_in(root + folder))
      if (is_library(file, name)) return format("{}{}/{}", root, folder, file);
  return {};
}

// view: "7f1200000000-7f1200026000 r--p 00001000 08:01 123   /usr/lib/libc.so.6".
struct Mapping {
  u64 start = 0, end = 0, offset = 0;
  std::string_view path;
};
std::optional<Mapping> read_mapping(std::string_view line) {
  Mapping out;
  const char* at = line.data();
  const char* const stop = line.data() + line.size();
  std::from_chars_result done = std::from_chars(at, stop, out.start, 16);
  if (done.ec != std::errc() || done.ptr == stop) return std::nullopt;
  done = std::from_chars(done.ptr + 1, stop, out.end, 16);
  const std::size_t flags = line.find(' ');
  if (done.ec != std::errc() || flags == std::string_view::npos || line.size() - flags < 7)
    return std::nullopt;
  done = std::from_chars(line.data() + flags + 6, stop, out.offset, 16);
  const std::size_t path = line.find('/');
  if (done.ec != std::errc() || path == std::string_view::npos || out.end < out.start)
    return std::nullopt;
  out.path = line.substr(path);
  return out;
}

template <typename Visit>
void for_each_mapping(std::string_view maps, Visit visit) {
  while (!maps.empty()) {
    const std::string_view line = maps.substr(0, maps.find('\n'));
    if (const std::optional<Mapping> mapping = read_mapping(line)) visit(*mapping);
    maps.remove_prefix(std::min(maps.size(), line.size() + 1));
  }
}

Result<std::string> read_maps(u32 pid) {
  return read_text(format("/proc/{}/maps", pid), kMaxMaps);
}

}  // namespace

std::string mapped_library(std::string_view maps, std::string_view library) {
  std::string out;
  for_each_mapping(maps, [&](const Mapping& mapping) {
    if (out.empty() && is_library(last_part(mapping.path), library)) out = mapping.path;
  });
  return out;
}

std::optional<u64> address_in_maps(std::string_view maps, std::string_view path, u64 offset) {
  std::optional<u64> out;
  for_each_mapping(maps, [&](const Mapping& mapping) {
    if (out || mapping.path != path || offset < mapping.offset) return;
    if (offset - mapping.offset < mapping.end - mapping.start)
      out = mapping.start + (offset - mapping.offset);
  });
  return out;
}

std::optional<u64> mapped_address(u32 pid, std::string_view path, u64 offset) {
  const std::string root = format("/proc/{}/root", pid);
  if (path.starts_with(root)) path.remove_prefix(root.size());
  const Result<std::string> maps = read_maps(pid);
  // The process may have the file under another name, such as the target of a link.
  std::optional<u64> out = maps ? address_in_maps(*maps, path, offset) : std::nullopt;
  if (!out && maps) {
    char* real = ::realpath(std::string(path).c_str(), nullptr);
    if (real != nullptr) out = address_in_maps(*maps, real, offset);
    std::free(real);
  }
  return out;
}

Result<std::string> find_file(std::string_view name, u32 pid) {
  const std::string root = pid == 0 ? std::string() : format("/proc/{}/root", pid);
  if (name.starts_with('@')) {
    if (pid == 0)
      return fail(Code::usage, "\"{}\" is looked for in a process: --pid PID",
                  escape_terminal(name));
    const std::string maps = TRY(read_maps(pid));
    const std::string path = mapped_library(maps, name.substr(1));
    if (path.empty()) return fail(Code::not_found, "process {} has mapped no such library", pid);
    return root + path;
  }
  if (name.find('/') != std::string_view::npos) {
    std::string path(name);
    if (name.starts_with('/') && is_file(root + path)) path = root + path;
    if (!is_file(path)) return fail(Code::not_found, "no such file");
    return path;
  }
  std::string path;
  if (name.find(".so") == std::string_view::npos) path = first_file(program_folders(), root, name);
  if (path.empty()) path = first_file(library_folders(root), root, name);
  if (path.empty()) path = first_library(library_folders(root), root, name);
  if (path.empty())
    return fail(Code::not_found, "neither in PATH nor where the dynamic linker looks");
  return path;
}

}  // namespace bpfld::loader
