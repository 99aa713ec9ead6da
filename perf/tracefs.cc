// SPDX-License-Identifier: Apache-2.0
// Finding or privately mounting tracefs; see tracefs.h.
#include "perf/tracefs.h"

#include <cerrno>
#include <unistd.h>

#include <linux/mount.h>
#include <sys/syscall.h>

namespace bpfld::perf {
namespace {

constexpr const char* kUsualPlace = "/sys/kernel/tracing";

// A mount that hangs in no directory: only its fd leads there.
Result<UniqueFd> mount_privately() {
  const UniqueFd context(static_cast<int>(::syscall(SYS_fsopen, "tracefs", FSOPEN_CLOEXEC)));
  if (!context) return fail_errno(errno, "fsopen(tracefs)");
  if (::syscall(SYS_fsconfig, context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0)
    return fail_errno(errno, "fsconfig(tracefs)");
  UniqueFd mount(static_cast<int>(::syscall(SYS_fsmount, context.get(), FSMOUNT_CLOEXEC, 0)));
  if (!mount) return fail_errno(errno, "fsmount(tracefs)");
  return mount;
}

}  // namespace

Result<Tracefs> Tracefs::open() {
  Tracefs tracefs;
  for (const char* place : {kUsualPlace, "/sys/kernel/debug/tracing"}) {
    if (::access((std::string(place) + "/events").c_str(), F_OK) != 0) continue;
    tracefs.path_ = tracefs.shown_path_ = place;
    return tracefs;
  }
  tracefs.mount_ =
      TRY(with_context(mount_privately(), [] { return std::string("tracefs is not mounted"); }));
  tracefs.path_ = format("/proc/self/fd/{}", tracefs.mount_.get());
  tracefs.shown_path_ = kUsualPlace;
  return tracefs;
}

}  // namespace bpfld::perf
