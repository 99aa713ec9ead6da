// SPDX-License-Identifier: Apache-2.0
// `bpfld list KIND [GLOB]` for what a kernel has: tracepoints, functions, hooks, iterators,
// helpers. One line per place, `kprobe:tcp_v4_connect`; with -v its arguments and the SEC() text to
// paste.
#pragma once

#include <future>
#include <optional>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/kernel_files.h"

namespace bpfld::cli {

// view: what was asked for.
struct ListRequest {
  std::string_view glob = "*";
  bool verbose = false;
  bool json = false;
  bool quiet = false;  // no lines on standard error about where names came from
  bool alone = true;   // this kind was asked for, so that it has nothing is worth a line
};

// handle: one run of the command; what was read stays read for the next kind.
class PlaceLister {
 public:
  PlaceLister(KernelFiles& files, Streams& streams, const Style& style, ListRequest request)
      : files_(files), streams_(streams), style_(style), request_(request) {}

  // Begins to read the kernel's functions, which takes longer than all else, on another CPU. For
  // when several kinds will be listed. Until they are needed nothing else may read `files`' lists
  // of functions.
  void read_ahead();

  // Prints the places of a kind. Errors: those of reading what names them.
  [[nodiscard]] Result<u64> list(const loader::PlaceKindRow& row);

 private:
  struct Found {
    std::vector<loader::Place> places;
    std::string source;  // which file, and why not a better one
  };
  Result<Found> find(const loader::PlaceKindRow& row);
  std::string near_names(const loader::PlaceKindRow& row,
                         const std::vector<loader::Place>& places) const;
  struct Functions {
    std::vector<loader::Place> places;
    std::string source;
    bool traceable = false;  // the kernel said that they are
  };
  Result<Functions> read_functions();
  Result<const Functions*> functions();
  Result<Found> find_events();
  Result<Found> find_functions();
  Result<Found> find_traceable();
  Result<Found> find_kfuncs();
  void add_prototypes(std::vector<loader::Place>& places);
  void print(const loader::PlaceKindRow& row, const loader::Place& place);
  void print_json(const loader::PlaceKindRow& row, const loader::Place& place);
  std::string details(const loader::PlaceKindRow& row, const loader::Place& place);
  std::string event_json(const loader::Place& place);
  std::string event_details(const loader::Place& place);
  std::string type_details(const loader::PlaceKindRow& row, const loader::Place& place);
  std::span<const loader::NamedBtf> btfs();

  KernelFiles& files_;
  Streams& streams_;
  const Style& style_;
  ListRequest request_;
  std::optional<Result<Functions>> functions_;           // two kinds start from them
  std::future<Result<Functions>> ahead_;                 // they, when they are being read
  std::optional<std::vector<loader::Place>> described_;  // what trampolines can call, by BTF
  std::string line_;
};

// Appends text that is nearly always plain; escapes it when it is not.
void append_escaped(std::string& out, std::string_view text);

// list_perf.cc: `bpfld list perf`: what SEC("perf_event") programs can be attached to.
u64 list_perf_events(Streams& streams, const ListRequest& request);
// list_files.cc: `bpfld list uprobe:FILE:GLOB`, `bpfld list usdt:FILE:GLOB`. `target` is
// "FILE:GLOB" or "FILE". Errors: those of reading the file; not_found (it has no symbols, no
// probes).
[[nodiscard]] Result<u64> list_file(std::string_view kind, std::string_view target,
                                    Streams& streams, ListRequest request);
// list_sections.cc: `bpfld list sec`.
int list_sections(const Invocation& invocation, const std::string& glob);

}  // namespace bpfld::cli
