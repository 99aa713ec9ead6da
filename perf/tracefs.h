// SPDX-License-Identifier: Apache-2.0
// tracefs tells the number of a tracepoint and the layout of its record. It is often not mounted
// (small images, containers), and mounting it would leave something behind on somebody's machine;
// so when it is not there it is mounted where only this process can see it, and gone when the
// handle is.
//
// Source: Documentation/trace/ftrace.rst; fsopen(2), fsmount(2) (since v5.2).
#pragma once

#include <string>

#include "base/fd.h"
#include "base/result.h"

namespace bpfld::perf {

// handle: a way into tracefs.
class Tracefs {
 public:
  // The mounted tracefs, or a private one. Errors: denied (needs CAP_SYS_ADMIN to mount), kernel.
  [[nodiscard]] static Result<Tracefs> open();

  // The directory's path, without a slash at its end; good while this object lives.
  const std::string& path() const { return path_; }
  // The path that a person can use: /sys/kernel/tracing.
  const std::string& shown_path() const { return shown_path_; }

 private:
  Tracefs() = default;
  UniqueFd mount_;
  std::string path_;
  std::string shown_path_;
};

}  // namespace bpfld::perf
