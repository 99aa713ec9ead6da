// SPDX-License-Identifier: Apache-2.0
// Interfaces by name, the cgroup2 mount, and whether a path is what it should be; see capture.h.
#include <algorithm>
#include <cerrno>
#include <net/if.h>

#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/escape.h"
#include "loader/capture_parts.h"

namespace bpfld::loader {
namespace {

// include/uapi/linux/magic.h
constexpr u64 kCgroup1Magic = 0x27e0eb;
constexpr u64 kCgroup2Magic = 0x63677270;

std::vector<std::string> interface_names() {
  std::vector<std::string> names;
  struct if_nameindex* const list = ::if_nameindex();
  if (list == nullptr) return names;
  for (const struct if_nameindex* one = list; one->if_index != 0; one++)
    names.emplace_back(one->if_name);
  ::if_freenameindex(list);
  return names;
}

InterfaceFact find_interface(const std::string& name) {
  InterfaceFact fact;
  if (name.empty() || name.size() >= IFNAMSIZ || name.find('\0') != std::string::npos) {
    fact.problem = format("\"{}\" cannot be the name of an interface", escape_terminal(name));
    return fact;
  }
  fact.index = ::if_nametoindex(name.c_str());
  if (fact.index != 0) return fact;
  fact.errno_value = errno == ENODEV ? 0 : errno;
  fact.problem = format("there is no interface {}", escape_terminal(name));
  std::vector<std::string> names = interface_names();
  fact.near = near_names(name, names);
  if (!fact.near.empty()) return fact;
  // Few names resemble each other, and a machine has few: better some than none.
  names.resize(std::min<std::size_t>(names.size(), 3));
  fact.near = std::move(names);
  return fact;
}

PathFact find_path(const std::string& path) {
  PathFact fact;
  fact.path = path;
  struct stat status = {};
  if (::stat(path.c_str(), &status) == 0) return fact;
  fact.errno_value = errno;
  fact.problem = format("there is no {}", escape_terminal(path));
  if (fact.errno_value != ENOENT) fact.problem = format("cannot look at {}", escape_terminal(path));
  return fact;
}

PathFact find_cgroup(const std::string& wanted, const std::string& mount) {
  if (wanted.empty() && mount.empty()) {
    PathFact fact;
    fact.problem = "no cgroup2 hierarchy is mounted";
    return fact;
  }
  PathFact fact = find_path(wanted.empty() ? mount : wanted);
  struct statfs status = {};
  if (!fact.problem.empty() || ::statfs(fact.path.c_str(), &status) != 0) return fact;
  const u64 type = static_cast<u64>(status.f_type);
  if (type == kCgroup2Magic) return fact;
  fact.problem = format("{} is {} of cgroup2{}{}", escape_terminal(fact.path),
                        type == kCgroup1Magic ? "a cgroup of version 1, not" : "no directory",
                        mount.empty() ? "" : ", which is mounted at ", escape_terminal(mount));
  return fact;
}

}  // namespace

void capture_places(KernelProfile& profile, const Needs& needs) {
  for (const std::string& name : needs.interfaces)
    profile.interfaces.emplace(name, find_interface(name));
  if (!needs.cgroups.empty()) {
    const Result<std::string> mounts = read_text("/proc/self/mountinfo");
    const std::string mount = mounts ? cgroup2_mount(*mounts) : std::string();
    for (const std::string& path : needs.cgroups)
      profile.cgroups.emplace(path, find_cgroup(path, mount));
  }
  for (const std::string& path : needs.paths)
    profile.paths.emplace(path, find_path(path));
}

// A line: ID PARENT DEVICE ROOT MOUNT-POINT OPTIONS [TAG...] - TYPE SOURCE SUPER-OPTIONS, see
// proc_pid_mountinfo(5). Space, tab, newline and backslash are written as \ooo.
std::string cgroup2_mount(std::string_view mountinfo) {
  constexpr std::string_view kType = " - cgroup2 ";
  while (!mountinfo.empty()) {
    std::string_view line = mountinfo.substr(0, mountinfo.find('\n'));
    mountinfo.remove_prefix(std::min(mountinfo.size(), line.size() + 1));
    if (line.find(kType) == std::string_view::npos) continue;
    for (int field = 0; field < 4; field++)
      line.remove_prefix(std::min(line.size(), line.substr(0, line.find(' ')).size() + 1));
    line = line.substr(0, line.find(' '));
    std::string path;
    for (std::size_t i = 0; i < line.size(); i++) {
      const auto digit = [&](std::size_t n) {
        return line.size() - i > n && line[i + n] >= '0' && line[i + n] <= '7';
      };
      if (line[i] == '\\' && digit(1) && digit(2) && digit(3)) {
        path += static_cast<char>((line[i + 1] - '0') * 64 + (line[i + 2] - '0') * 8 +
                                  (line[i + 3] - '0'));
        i += 3;
      } else {
        path += line[i];
      }
    }
    if (path.starts_with('/')) return path;
  }
  return {};
}

}  // namespace bpfld::loader
