// SPDX-License-Identifier: Apache-2.0
// See linux_pins.h.
#include "bpf/linux_pins.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <memory>
#include <unistd.h>
#include <vector>

#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include "base/escape.h"

namespace bpfld::bpf {
namespace {

constexpr u64 kBpfFsMagic = 0xcafe4a11;   // BPF_FS_MAGIC in include/uapi/linux/magic.h
constexpr std::size_t kMostPins = 65536;  // in one folder that is removed

Result<UniqueFd> open_path(int folder, const std::string& path, u64 flags) {
  open_how how = {};
  how.flags = flags | O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_NO_SYMLINKS;
  const long fd = ::syscall(SYS_openat2, folder, path.c_str(), &how, sizeof how);
  if (fd >= 0) return UniqueFd(static_cast<int>(fd));
  if (errno == ELOOP)
    return fail(Code::unsupported, "{} has a symbolic link in it, which is not followed",
                escape_terminal(path));
  return fail_errno(errno, "{}", escape_terminal(path));
}

struct stat status_of(int fd) {
  struct stat status = {};
  static_cast<void>(::fstat(fd, &status));  // of an fd that is open: cannot fail
  return status;
}

bool is_ours(const struct stat& status) {
  return status.st_uid == 0 || status.st_uid == ::geteuid();
}

// A folder on a BPF file system in which nobody else can put one thing in place of another.
Status check_folder(int folder, const std::string& path) {
  struct statfs system = {};
  if (::fstatfs(folder, &system) != 0) return fail_errno(errno, "{}", escape_terminal(path));
  if (static_cast<u64>(static_cast<u32>(system.f_type)) != kBpfFsMagic)
    return fail(Code::unsupported, "{} is not on a BPF file system", escape_terminal(path));
  const struct stat status = status_of(folder);
  const bool shared = (status.st_mode & (S_IWGRP | S_IWOTH)) != 0;
  if (!is_ours(status) || (shared && (status.st_mode & S_ISVTX) == 0))
    return fail(Code::denied, "{}: others may change what is in it", escape_terminal(path));
  return {};
}

// A path as an open folder and a name in it.
struct Split {
  UniqueFd folder;
  std::string name;
};

Result<Split> split(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  Split out;
  out.name = slash == std::string::npos ? path : path.substr(slash + 1);
  std::string parent = ".";
  if (slash != std::string::npos) parent = slash == 0 ? "/" : path.substr(0, slash);
  if (out.name.empty() || out.name == "." || out.name == ".." ||
      path.find('\0') != std::string::npos)
    return fail(Code::usage, "\"{}\" is not the path of a pin", escape_terminal(path));
  out.folder = TRY(open_path(AT_FDCWD, parent, O_DIRECTORY));
  TRY(check_folder(out.folder.get(), parent));
  return out;
}

Result<Reply> make_folder(const PinFolder& r) {
  const Split place = TRY(split(r.path));
  if (::mkdirat(place.folder.get(), place.name.c_str(), 0700) == 0) return Reply{};
  return fail_errno(errno, "mkdirat {}", escape_terminal(r.path));
}

Result<Reply> rename_pins(const PinRename& r) {
  const Split from = TRY(split(r.from));
  const Split to = TRY(split(r.to));
  const unsigned flags = r.exchange ? RENAME_EXCHANGE : RENAME_NOREPLACE;
  if (::syscall(SYS_renameat2, from.folder.get(), from.name.c_str(), to.folder.get(),
                to.name.c_str(), flags) == 0)
    return Reply{};
  return fail_errno(errno, "renameat2 {}", escape_terminal(r.to));
}

std::vector<std::string> names_in(int folder) {
  std::vector<std::string> out;
  const int fd = ::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return out;
  const std::unique_ptr<DIR, int (*)(DIR*)> list(::fdopendir(fd), ::closedir);
  if (!list) {
    ::close(fd);
    return out;
  }
  while (const dirent* entry = ::readdir(list.get())) {
    const std::string name = static_cast<const char*>(entry->d_name);
    if (name != "." && name != ".." && out.size() < kMostPins) out.push_back(name);
  }
  return out;
}

// The pins and empty folders of one folder.
void remove_all_in(int folder) {
  for (const std::string& name : names_in(folder))
    if (::unlinkat(folder, name.c_str(), 0) != 0)
      static_cast<void>(::unlinkat(folder, name.c_str(), AT_REMOVEDIR));
}

Result<Reply> remove_pins(const PinRemove& r) {
  const Split place = TRY(split(r.path));
  if (::unlinkat(place.folder.get(), place.name.c_str(), 0) == 0) return Reply{};
  if (errno != EISDIR && errno != EPERM)
    return fail_errno(errno, "unlinkat {}", escape_terminal(r.path));
  const UniqueFd set = TRY(open_path(place.folder.get(), place.name, O_DIRECTORY));
  for (const std::string& name : names_in(set.get()))
    if (const Result<UniqueFd> kind = open_path(set.get(), name, O_DIRECTORY))
      remove_all_in(kind->get());
  remove_all_in(set.get());
  if (::unlinkat(place.folder.get(), place.name.c_str(), AT_REMOVEDIR) == 0) return Reply{};
  return fail_errno(errno, "unlinkat {}", escape_terminal(r.path));
}

}  // namespace

Result<PinPlace> place_for_pin(const std::string& path) {
  Split place = TRY(split(path));
  PinPlace out;
  out.path = format("/proc/self/fd/{}/{}", place.folder.get(), place.name);
  out.held = std::move(place.folder);
  return out;
}

Result<PinPlace> place_of_pin(const std::string& path) {
  const Split place = TRY(split(path));
  PinPlace out;
  out.held = TRY(with_context(open_path(place.folder.get(), place.name, O_NOFOLLOW),
                              [&] { return escape_terminal(path); }));
  const struct stat status = status_of(out.held.get());
  if (S_ISLNK(status.st_mode))
    return fail(Code::unsupported, "{} is a symbolic link, which is not followed",
                escape_terminal(path));
  if (!is_ours(status))
    return fail(Code::denied, "{} is another user's (uid {})", escape_terminal(path),
                status.st_uid);
  out.path = format("/proc/self/fd/{}", out.held.get());
  return out;
}

std::optional<Result<Reply>> call_pins(const Request& request) {
  if (const PinFolder* r = std::get_if<PinFolder>(&request)) return make_folder(*r);
  if (const PinRename* r = std::get_if<PinRename>(&request)) return rename_pins(*r);
  if (const PinRemove* r = std::get_if<PinRemove>(&request)) return remove_pins(*r);
  return std::nullopt;
}

}  // namespace bpfld::bpf
