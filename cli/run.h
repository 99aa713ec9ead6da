// SPDX-License-Identifier: Apache-2.0
// One `bpfld run`, from the path of an object to the exit status. steps() reads as the table of
// contents: each step either goes on or says, as a report, why it ends here. What a step leaves for
// the next ones is a member. run_object.cc has the steps before the kernel, run_kernel.cc the rest.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cli/child.h"
#include "cli/event_loop.h"
#include "cli/event_printer.h"
#include "cli/hints.h"
#include "cli/run_options.h"
#include "cli/run_report.h"
#include "cli/variants.h"
#include "loader/event_type.h"
#include "loader/session.h"

namespace bpfld::cli {

template <typename T>
using Step = std::expected<T, Report>;

class Run {
 public:
  Run(RunOptions options, Streams& streams, const Style& out_style, const Style& err_style)
      : options_(std::move(options)),
        streams_(streams),
        report_(streams, err_style, options_.format == OutputFormat::json),
        printer_(streams, out_style,
                 {.format = options_.format, .header = options_.header, .limit = options_.count}) {}

  // Says what happens, and gives the exit status.
  int run();

 private:
  Step<int> steps();

  // An error of the library, explained.
  Report explained(Phase phase, const Error& error,
                   const loader::ProgramSpec* program = nullptr) const;
  template <typename T>
  Step<T> at(Phase phase, Result<T> result) const {
    if (!result) return std::unexpected(explained(phase, result.error()));
    if constexpr (!std::is_void_v<T>)
      return std::move(*result);
    else
      return {};
  }
  std::unexpected<Report> refuse(Phase phase, const std::unexpected<Error>& failure) const {
    return std::unexpected(explained(phase, failure.error()));
  }

  // run_object.cc
  Step<void> read_object();
  Step<void> select_programs();
  Step<void> check_sections() const;
  Step<void> set_targets();
  Step<void> start_command();
  Step<void> set_variables();
  Step<void> set_maps();
  Step<void> find_event_types();
  Result<std::optional<loader::EventType>> event_type_of(u32 map) const;
  Step<void> make_tables();

  // run_pins.cc
  loader::PlanOptions plan_options() const;
  Step<void> pin();

  // run_kernel.cc
  Step<void> look_at_kernel();
  void choose_variants();
  void say_variant(const WayTaken& way);
  Step<void> leave_out_missing();
  Step<void> load();
  Step<void> open_events();
  Status add_event_map(u32 map);
  Step<void> attach();
  void say_event_maps();
  Step<void> read_iterators();
  std::string how_attached(const loader::AttachPlan& plan) const;
  ProgramLine line_of_plan(const loader::AttachPlan& plan) const;
  Step<void> watch();
  void look_each_second();
  bool say_new_losses(const std::vector<MapLoss>& losses);
  Step<int> finish();
  std::optional<Report> loss_report(const std::vector<MapLoss>& losses) const;

  ProgramLine line_of(u32 program) const {
    return {spec_.programs[program].name, spec_.programs[program].section};
  }

  RunOptions options_;
  Streams& streams_;
  RunReport report_;
  EventPrinter printer_;
  bpf::LinuxKernel kernel_;

  loader::ObjectSpec spec_;
  std::optional<btf::View> btf_;  // of spec_.btf
  loader::Selection selection_;
  std::vector<Variants> variants_;  // the first way of each is in selection_
  std::map<u32, std::optional<loader::EventType>> event_types_;  // by event map
  std::optional<Child> child_;
  loader::KernelProfile profile_;
  std::optional<loader::Session> session_;
  std::optional<EventLoop> loop_;
  std::size_t attached_ = 0, iterators_ = 0;
  std::size_t not_pinned_ = 0;  // with --pin: attachments that end with us
  std::optional<StopReason> stopped_;
  u64 reported_losses_ = 0;
};

}  // namespace bpfld::cli
