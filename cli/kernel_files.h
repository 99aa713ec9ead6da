// SPDX-License-Identifier: Apache-2.0
// The files in which a kernel names its events, functions and types, each read when it is first
// asked for: /proc/kallsyms alone is 8 MB of text. They are the running kernel's, or files that
// were saved from another.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/btf_source.h"
#include "loader/places.h"
#include "perf/tracefs.h"

namespace bpfld::cli {

// spec: which files. When any is set, the running kernel's are not looked at.
struct KernelPaths {
  std::string btf;       // as for open_btf()
  std::string tracefs;   // a folder like /sys/kernel/tracing
  std::string kallsyms;  // a file like /proc/kallsyms
  bool is_other_kernel() const { return !btf.empty() || !tracefs.empty() || !kallsyms.empty(); }
};

// spec: one file's text, or why there is none.
struct KernelText {
  std::string path;  // as a person finds it
  std::string text;
  std::optional<Error> error;
};

// handle: the files that were read.
class KernelFiles {
 public:
  explicit KernelFiles(KernelPaths paths) : paths_(std::move(paths)) {}

  const KernelText& events();     // available_events
  const KernelText& traceable();  // available_filter_functions
  const KernelText& kallsyms();
  // events/CATEGORY/EVENT/format. `place` is "sched:sched_switch".
  Result<std::string> event_format(std::string_view place);
  // The kernel's BTF, then its modules'. Errors: those of open_btf().
  Result<std::span<const loader::NamedBtf>> btfs();
  const KernelPaths& paths() const { return paths_; }

 private:
  const KernelText& read(std::optional<KernelText>& slot, const std::string& path,
                         const std::string& shown);
  const KernelText& read_tracefs(std::optional<KernelText>& slot, const std::string& name);
  const Result<perf::Tracefs>& tracefs();
  Status open_btfs();

  KernelPaths paths_;
  std::optional<Result<perf::Tracefs>> tracefs_;
  std::optional<KernelText> events_, traceable_, kallsyms_;
  std::deque<BtfSource> sources_;
  std::vector<loader::NamedBtf> btfs_;
  std::optional<Status> opened_;
};

// Whether an event's name may become part of a path: one ':' between words.
bool is_event_place(std::string_view place);

}  // namespace bpfld::cli
