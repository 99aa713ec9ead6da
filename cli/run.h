// SPDX-License-Identifier: Apache-2.0
// One `bpfld run`, from the paths of objects to the exit status. RunAll::steps() reads as the table
// of contents: each step either goes on or says, as a report, why it ends here. A Run is one of the
// objects: what a step leaves for the next ones is a member. run_object.cc has the steps before the
// kernel, run_kernel.cc those that load and attach, run_all.cc what all objects do together.
#pragma once

#include <map>
#include <memory>
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
#include "cli/verifier_logs.h"
#include "loader/event_type.h"
#include "loader/session.h"

namespace bpfld::cli {

template <typename T>
using Step = std::expected<T, Report>;

// The value, or what `explain(error)` says.
template <typename T, typename Explain>
Step<T> step_of(Result<T> result, Explain explain) {
  if (!result) return std::unexpected(explain(result.error()));
  if constexpr (!std::is_void_v<T>)
    return std::move(*result);
  else
    return {};
}

// What the objects of one run share.
struct RunShared {
  RunShared(const RunOptions& options, Streams& out, const Style& out_style, const Style& err_style)
      : streams(out),
        report(out, err_style, options.format == OutputFormat::json),
        printer(out, out_style,
                {.format = options.format, .header = options.header, .limit = options.count}) {}

  Streams& streams;
  RunReport report;
  EventPrinter printer;
  bpf::LinuxKernel linux;
  VerifierLogs kernel{linux};
  std::optional<Child> child;
  std::optional<EventLoop> loop;
  std::vector<std::string> fields;  // of all event types
};

// handle: one object. Does not move: its session refers to its spec.
class Run {
 public:
  Run(RunShared& shared, RunOptions options)
      : options_(std::move(options)),
        shared_(shared),
        report_(shared.report),
        printer_(shared.printer),
        kernel_(shared.kernel),
        child_(shared.child),
        loop_(shared.loop) {}
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  // The steps, in their order.
  Step<void> read_object();
  Step<void> select_programs();
  Step<void> set_variables();
  Step<void> set_maps();
  Step<void> find_event_types();
  Step<void> make_tables();
  Step<void> check_fields() const;
  Step<void> look_at_kernel();
  Step<void> load();
  Step<void> open_events();
  Step<void> attach();
  Step<void> pin();
  Step<void> read_iterators();
  void detach() { session_->detach(); }

  const loader::ObjectSpec& spec() const { return spec_; }
  RunOptions& options() { return options_; }
  // With several objects: this one's name, in front of its maps', and its maps' first number.
  void be_one_of_many(u32 first_map);
  // Finds the maps that objects before this one have by the same name. Errors: E28.
  Step<void> find_shared_maps(const std::vector<std::unique_ptr<Run>>& objects);
  Step<void> take_shared_maps();
  std::size_t attached() const { return attached_; }
  std::size_t iterators() const { return iterators_; }
  std::size_t not_pinned() const { return not_pinned_; }

 private:
  // A map of an object before this one.
  struct SharedMap {
    const Run* object = nullptr;
    u32 map = 0;
  };
  // Two streams of events that only have their name in common.
  bool has_other_events(u32 map, const Run& other, u32 theirs) const;
  Report cannot_share(const Run& other, const loader::MapSpec& theirs,
                      const loader::MapSpec& ours) const;

  // An error of the library, explained.
  Report explained(Phase phase, const Error& error,
                   const loader::ProgramSpec* program = nullptr) const;
  template <typename T>
  Step<T> at(Phase phase, Result<T> result) const {
    return step_of(std::move(result), [&](const Error& error) { return explained(phase, error); });
  }
  std::unexpected<Report> refuse(Phase phase, const std::unexpected<Error>& failure) const {
    return std::unexpected(explained(phase, failure.error()));
  }

  // run_object.cc
  Step<void> check_sections() const;
  Step<void> set_targets();
  Result<std::optional<loader::EventType>> event_type_of(u32 map) const;

  // run_pins.cc
  loader::PlanOptions plan_options() const;

  // run_kernel.cc
  void choose_variants();
  void say_variant(const WayTaken& way);
  Step<void> leave_out_missing();
  void say_verifier_logs();
  Status add_event_map(u32 map);
  void say_event_maps();
  std::string how_attached(const loader::AttachPlan& plan) const;
  ProgramLine line_of_plan(const loader::AttachPlan& plan) const;

  ProgramLine line_of(u32 program) const {
    return {spec_.programs[program].name, spec_.programs[program].section, label_};
  }
  // "events", or "a.bpf.o:events".
  std::string map_title(u32 map) const {
    return label_.empty() ? spec_.maps[map].name : label_ + ":" + spec_.maps[map].name;
  }

  RunOptions options_;
  RunShared& shared_;
  RunReport& report_;
  EventPrinter& printer_;
  VerifierLogs& kernel_;
  std::optional<Child>& child_;
  std::optional<EventLoop>& loop_;

  std::string label_;  // empty when there is one object
  u32 first_map_ = 0;
  loader::ObjectSpec spec_;
  std::optional<btf::View> btf_;  // of spec_.btf
  loader::Selection selection_;
  std::vector<Variants> variants_;  // the first way of each is in selection_
  std::map<u32, std::optional<loader::EventType>> event_types_;  // by event map
  std::map<u32, SharedMap> shared_from_;                         // by map: who made it
  loader::KernelProfile profile_;
  std::optional<loader::Session> session_;
  std::size_t attached_ = 0, iterators_ = 0;
  std::size_t not_pinned_ = 0;  // with --pin: attachments that end with us
};

// Gives each object those options that name something of it. With --only, objects of which nothing
// is named are left out.
void divide_options(const RunOptions& options, std::vector<std::unique_ptr<Run>>& objects);

// All objects of a command line.
class RunAll {
 public:
  RunAll(RunOptions options, Streams& streams, const Style& out_style, const Style& err_style)
      : options_(std::move(options)), shared_(options_, streams, out_style, err_style) {}
  // The readers go before the maps that they read.
  ~RunAll() { shared_.loop.reset(); }
  RunAll(const RunAll&) = delete;
  RunAll& operator=(const RunAll&) = delete;

  // Says what happens, and gives the exit status.
  int run();

 private:
  Step<int> steps();
  Step<void> read_objects();
  Step<void> start_command();
  Step<void> prepare();
  Step<void> load();
  Step<void> attach();
  Step<void> watch();
  Step<void> read_iterators();
  void look_each_second();
  bool say_new_losses(const std::vector<MapLoss>& losses);
  Step<int> finish();
  std::optional<Report> loss_report(const std::vector<MapLoss>& losses) const;
  Report explained(Phase phase, const Error& error) const;
  template <typename T>
  Step<T> at(Phase phase, Result<T> result) const {
    return step_of(std::move(result), [&](const Error& error) { return explained(phase, error); });
  }
  std::size_t sum(std::size_t (Run::*count)() const) const;

  RunOptions options_;
  RunShared shared_;
  std::vector<std::unique_ptr<Run>> objects_;
  std::optional<StopReason> stopped_;
  u64 reported_losses_ = 0;
};

}  // namespace bpfld::cli
