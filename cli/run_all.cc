// SPDX-License-Identifier: Apache-2.0
// What all objects of a run do together: the command, waiting, the end. See run.h.
#include <algorithm>
#include <csignal>
#include <ranges>

#include "base/escape.h"
#include "cli/facts.h"
#include "cli/run.h"

namespace bpfld::cli {
namespace {

std::string ring_text(const std::vector<MapLoss>& losses) {
  std::string out;
  for (const MapLoss& loss : losses) {
    if (!loss.ring || loss.ring_size == 0) continue;
    const u64 tenths = std::min<u64>(loss.high_water, loss.ring_size) * 1000 / loss.ring_size;
    out += format("{}{} peak {}.{} % full", out.empty() ? "" : ", ", loss.map, tenths / 10,
                  tenths % 10);
  }
  return out;
}

// The sum over all maps; a ring buffer that was never full lost nothing.
perf::Lost total_of(const std::vector<MapLoss>& losses) {
  using enum perf::Lost::Certainty;
  perf::Lost total;
  for (const MapLoss& loss : losses) {
    if (loss.ring && loss.times_full == 0) continue;
    total.events += loss.lost.events;
    total.certainty = std::max(total.certainty, loss.lost.certainty);
  }
  return total;
}

}  // namespace

int RunAll::run() {
  const Step<int> status = steps();
  if (status) return *status;
  shared_.report.message(status.error());
  return static_cast<int>(status.error().exit);
}

Step<int> RunAll::steps() {
  TRY(read_objects());
  TRY(start_command());
  TRY(prepare());
  TRY(load());
  TRY(attach());
  TRY(watch());
  return finish();
}

Report RunAll::explained(Phase phase, const Error& error) const {
  const Facts facts = read_facts();
  return explain({.phase = phase,
                  .error = error,
                  .facts = facts,
                  .object = options_.objects.size() == 1 ? options_.object : ""});
}

std::size_t RunAll::sum(std::size_t (Run::*count)() const) const {
  std::size_t out = 0;
  for (const std::unique_ptr<Run>& object : objects_)
    out += (*object.*count)();
  return out;
}

Step<void> RunAll::read_objects() {
  for (const std::string& path : options_.objects) {
    RunOptions own = options_;
    own.object = path;
    objects_.push_back(std::make_unique<Run>(shared_, std::move(own)));
    TRY(objects_.back()->read_object());
  }
  if (objects_.size() > 1) {
    divide_options(options_, objects_);
    u32 first_map = 0;
    for (const std::unique_ptr<Run>& object : objects_) {
      object->be_one_of_many(first_map);
      first_map += static_cast<u32>(object->spec().maps.size());
    }
  }
  for (const std::unique_ptr<Run>& object : objects_)
    TRY(object->select_programs());
  return {};
}

Step<void> RunAll::start_command() {
  if (options_.command.empty()) return {};
  shared_.child.emplace(TRY(at(Phase::command, Child::fork(options_.command))));
  return {};
}

Step<void> RunAll::prepare() {
  for (const std::unique_ptr<Run>& object : objects_) {
    TRY(object->set_variables());
    TRY(object->set_maps());
    if (options_.share) TRY(object->find_shared_maps(objects_));
    TRY(object->find_event_types());
  }
  return objects_.front()->check_fields();
}

Step<void> RunAll::load() {
  for (const std::unique_ptr<Run>& object : objects_) {
    TRY(object->take_shared_maps());
    TRY(object->look_at_kernel());
    TRY(object->load());
    TRY(object->open_events());
  }
  return {};
}

Step<void> RunAll::attach() {
  shared_.loop->catch_signals();
  for (const std::unique_ptr<Run>& object : objects_) {
    TRY(object->attach());
    TRY(object->pin());
  }
  return {};
}

Step<void> RunAll::read_iterators() {
  for (const std::unique_ptr<Run>& object : objects_)
    TRY(object->read_iterators());
  return {};
}

Step<void> RunAll::watch() {
  // What a command has done is to be seen in the iterators' text.
  if (!shared_.child) TRY(read_iterators());
  if (sum(&Run::attached) == sum(&Run::iterators) && !shared_.child)
    return {};  // nothing to wait for
  if (options_.detach) return {};
  if (!shared_.loop->is_empty()) shared_.printer.begin();
  if (shared_.child) TRY(at(Phase::command, shared_.child->release()));
  const LoopOptions options = {.duration = options_.duration,
                               .child = shared_.child ? &*shared_.child : nullptr};
  stopped_ = TRY(at(Phase::read, shared_.loop->run(options, [this] { look_each_second(); })));
  if (shared_.child) TRY(read_iterators());
  // The terminal has written ^C and stays on that line.
  if (shared_.loop->signal_received() == SIGINT && shared_.streams.err.is_terminal() &&
      !shared_.report.json())
    shared_.streams.say("\n");
  return {};
}

void RunAll::look_each_second() {
  for (const std::string& note : shared_.loop->take_notes())
    shared_.report.note(note);
  say_new_losses(shared_.loop->losses());
}

// Says what was lost, if that is more than was said before. True when anything was lost at all.
bool RunAll::say_new_losses(const std::vector<MapLoss>& losses) {
  std::optional<Report> report = loss_report(losses);
  if (!report) return false;
  u64 sum = 0;
  for (const MapLoss& loss : losses)
    sum += loss.lost.events + loss.times_full;
  if (sum == reported_losses_) return true;
  if (reported_losses_ != 0) report->hint.clear();  // once is enough
  reported_losses_ = sum;
  shared_.report.message(*report);
  return true;
}

// E23: how much was lost where, as far as that is known.
std::optional<Report> RunAll::loss_report(const std::vector<MapLoss>& losses) const {
  Report report;
  report.severity = Severity::warning;
  report.id = "E23";
  u64 lost = 0;
  bool at_least = false;
  std::string where;
  for (const MapLoss& loss : losses) {
    if (loss.lost.events == 0 && loss.times_full == 0) continue;
    lost += loss.lost.events;
    at_least |= loss.lost.certainty != perf::Lost::Certainty::exact;
    where += format("{}map {}: ", where.empty() ? "" : "; ", loss.map);
    where += loss.ring ? format("full {} times", loss.times_full)
                       : format("{} events", loss.lost.events);
  }
  if (where.empty()) return std::nullopt;
  const u64 all = lost + shared_.printer.count();
  report.what = lost == 0
                    ? "events may be lost: a ring buffer was full"
                    : format("lost {}{} of {} events", at_least ? "at least " : "", lost, all);
  report.where = where;
  report.hint = format(
      "--buffer SIZE (now {} KiB for each CPU), a filter in the program, or "
      "-o json into a file",
      options_.buffer >> 10);
  if (lost == 0) report.hint = "a larger max_entries of the map, or a filter in the program";
  return report;
}

Step<int> RunAll::finish() {
  // In reverse: what came later may be about what came before.
  for (const std::unique_ptr<Run>& object : std::views::reverse(objects_))
    object->detach();
  shared_.loop->drain_rest();
  RunEnd end;
  if (shared_.child && !shared_.child->ended()) {
    shared_.child->terminate();
    end.command = "was asked to end (SIGTERM)";
  } else if (shared_.child) {
    end.command = shared_.child->ended()->text();
  }
  if (shared_.streams.out.closed()) return 0;  // `| head`: whoever read has seen enough
  const std::vector<MapLoss> losses = shared_.loop->losses();
  const bool lost = say_new_losses(losses);
  for (const std::string& note : shared_.printer.oversized())
    shared_.report.note(note);
  end.events = shared_.printer.count();
  end.lost = total_of(losses);
  end.rings = ring_text(losses);
  end.detached = options_.pin.empty() ? sum(&Run::attached) : sum(&Run::not_pinned);
  end.pinned = options_.pin;
  end.waited = stopped_.has_value();
  shared_.report.finish(end);
  if (options_.exit_with_command && shared_.child && shared_.child->ended())
    return shared_.child->ended()->status();
  return static_cast<int>(options_.fail_on_lost && lost ? Exit::lost : Exit::ok);
}

}  // namespace bpfld::cli
