// SPDX-License-Identifier: Apache-2.0
// The steps of one object on the running kernel: facts, load, events, attach.
#include <algorithm>
#include <bit>
#include <cerrno>
#include <unistd.h>

#include "base/escape.h"
#include "bpf/tables.h"
#include "btf/layout.h"
#include "cli/load_failure.h"
#include "cli/object_warnings.h"
#include "cli/run.h"
#include "loader/capture.h"
#include "loader/externs.h"
#include "loader/kernel_functions.h"

namespace bpfld::cli {
namespace {

using loader::ProgramSpec;
using loader::Selection;

std::string_view file_name(std::string_view path) {
  return path.substr(path.find_last_of('/') + 1);
}

// What the plan made of the map: sizes that the object left open are filled in there.
u32 planned_entries(const loader::Plan& plan, u32 map) {
  for (const loader::Op& op : plan.load)
    if (op.result == plan.map_slots[map])
      if (const bpf::MapCreate* create = std::get_if<bpf::MapCreate>(&op.request))
        return create->max_entries;
  return 0;
}

}  // namespace

Step<void> Run::look_at_kernel() {
  const Facts facts = read_facts();
  if (facts.cannot_load()) {
    const std::unexpected<Error> failure = fail(Code::denied, "loading needs privileges");
    return std::unexpected(explained(Phase::load, failure.error()));
  }
  profile_ = TRY(
      at(options_.btf.empty() ? Phase::capture : Phase::btf,
         loader::capture(loader::needs(spec_, selection_),
                         {.btf_path = options_.btf, .offline = false, .kernel = &shared_.linux})));
  report_.start({.object = file_name(options_.object),
                 .programs = selection_.size(),
                 .maps = spec_.maps.size(),
                 .kernel = profile_.release,
                 .btf = options_.btf});
  std::vector<ProgramLine> lines;
  for (u32 program : selection_)
    lines.push_back(line_of(program));
  report_.expect(lines);
  for (const std::string& note : spec_.notes)
    report_.note(note);
  if (const std::optional<Report> lost = lost_relocations(spec_, options_.object))
    report_.message(*lost);
  for (const auto& [map, shared] : shared_from_)
    report_.note(format("map {}: the one of {}", escape_terminal(spec_.maps[map].name),
                        escape_terminal(shared.object->label_)));
  if (!options_.all_variants) choose_variants();
  return leave_out_missing();
}

// Of several ways to one place the best that this kernel seems to have. What loading then refuses
// gives way to the next: see load().
void Run::choose_variants() {
  variants_ = find_variants(spec_, selection_);
  for (const WayTaken& way : choose_ways(variants_, spec_, profile_, selection_))
    say_variant(way);
}

void Run::say_variant(const WayTaken& way) {
  std::string names;
  for (u32 program : way.taken)
    names +=
        format("{}{}", names.empty() ? "" : ", ", escape_terminal(spec_.programs[program].name));
  report_.note(format("{}: {} is the best of several ways (--all-variants takes all)",
                      escape_terminal(way.place), names));
}

// A program whose place does not exist here, or that uses what this kernel does not have, is not
// worth loading: the others are.
Step<void> Run::leave_out_missing() {
  std::vector<std::pair<u32, Report>> missing;
  for (u32 i : selection_) {
    std::optional<Error> problem = loader::attach_problem(spec_, i, profile_);
    if (!problem || problem->code == Code::unsupported)
      problem = loader::extern_problem(spec_, i, profile_);
    if (problem) missing.emplace_back(i, explained(Phase::capture, *problem, &spec_.programs[i]));
  }
  if (missing.empty()) return {};
  if (missing.size() == selection_.size() || options_.strict) {
    for (std::size_t i = 1; i < missing.size(); i++)
      report_.failed(line_of(missing[i].first), missing[i].second);
    return std::unexpected(missing.front().second);
  }
  for (auto& [program, problem] : missing) {
    std::erase(selection_, program);
    problem.severity = Severity::warning;
    report_.failed(line_of(program), problem);
  }
  return {};
}

Step<void> Run::load() {
  Result<loader::Session> session =
      loader::Session::load(spec_, selection_, profile_, kernel_, plan_options());
  while (!session) {
    const ProgramSpec* refused = program_of(session.error(), spec_);
    if (refused == nullptr) break;
    const u32 program = static_cast<u32>(refused - spec_.programs.data());
    if (!choose_next_way(variants_, program, selection_)) break;
    report_.note(format("{} does not load here ({}): taking the next way",
                        escape_terminal(refused->name), session.error().what));
    session = loader::Session::load(spec_, selection_, profile_, kernel_, plan_options());
  }
  if (!session) {
    const Error& error = session.error();
    if (error.code == Code::rejected && options_.verifier_log == VerifierLog::full)
      report_.verifier_log(error.detail);
    Report report = explain_load_failure(error,
                                         {.object = options_.object,
                                          .spec = spec_,
                                          .selection = selection_,
                                          .profile = profile_,
                                          .kernel = &kernel_},
                                         read_facts());
    if (options_.verifier_log == VerifierLog::off) report.excerpt.clear();
    return std::unexpected(std::move(report));
  }
  session_.emplace(std::move(*session));
  for (const std::string& note : session_->plan().notes)
    report_.note(note);
  say_verifier_logs();
  return {};
}

// What the verifier said of the programs that it took, and of no others: what a load learns by
// trying is not part of the object.
void Run::say_verifier_logs() {
  const std::vector<VerifierSaid> logs = kernel_.take();
  if (options_.verifier_log != VerifierLog::full) return;
  for (u32 program : selection_)
    for (auto said = logs.rbegin(); said != logs.rend(); ++said)
      if (spec_.programs[program].name.starts_with(said->program) && !said->program.empty()) {
        report_.verifier_log(said->log, spec_.programs[program].name);
        break;
      }
}

Status Run::add_event_map(u32 map) {
  const loader::MapSpec& spec = spec_.maps[map];
  const u32 entries = planned_entries(session_->plan(), map);
  const int fd = session_->map_fd(map);
  const u32 number = first_map_ + map;
  if (spec.type == bpf::MapType::ringbuf)
    return loop_->add_ring(number, map_title(map), fd, entries);
  const u64 pages = std::bit_ceil(std::max<u64>(options_.buffer / profile_.page_size, 1));
  return loop_->add_perf_map(number, map_title(map), fd, entries, pages);
}

Step<void> Run::open_events() {
  if (!loop_) loop_.emplace(TRY(at(Phase::read, EventLoop::open(kernel_, printer_))));
  for (const auto& [map, type] : event_types_) {
    if (shared_from_.contains(map)) continue;  // who made it reads it
    TRY(at(Phase::read, with_context(add_event_map(map), [&, number = map] {
             return format("map \"{}\"", escape_terminal(spec_.maps[number].name));
           })));
  }
  for (const std::string& note : loop_->take_notes())
    report_.note(note);
  return {};
}

void Run::say_event_maps() {
  for (const auto& [map, type] : event_types_) {
    if (shared_from_.contains(map)) continue;
    EventMapLine line;
    line.object = label_;
    line.name = spec_.maps[map].name;
    line.map_type = bpf::name_of(spec_.maps[map].type);
    if (type) {
      line.type = btf::type_name(*btf_, type->type);
      line.size = btf::size_of(*btf_, type->type).value_or(0);
      line.rule = loader::event_rule_text(type->rule);
    }
    report_.event_map(line);
  }
}

std::string Run::how_attached(const loader::AttachPlan& plan) const {
  const std::optional<i64> returned = session_->return_value(plan.program);
  return returned ? format("{}, returned {}", plan.how, *returned) : plan.how;
}

// The program, or the struct_ops map, that the plan is about.
ProgramLine Run::line_of_plan(const loader::AttachPlan& plan) const {
  if (!plan.map) return line_of(plan.program);
  return {.name = spec_.maps[*plan.map].name,
          .section = spec_.maps[*plan.map].origin.section,
          .object = label_};
}

Step<void> Run::attach() {
  if (!label_.empty()) report_.object(label_);
  std::vector<std::pair<ProgramLine, Report>> failures;
  for (const loader::AttachPlan& plan : session_->plan().attach) {
    const ProgramLine line = line_of_plan(plan);
    if (plan.no_place) {
      report_.not_attached(line, plan.advice.empty()
                                     ? "loaded; its section names no place to attach to"
                                     : format("loaded, not attached; its place: {}", plan.advice));
      continue;
    }
    const Status done = session_->attach(plan);
    if (done) {
      attached_++;
      if (plan.iterator) iterators_++;
      report_.attached(line, how_attached(plan));
      if (!plan.remains.empty())
        report_.note(format("nothing holds this but the kernel: a kill -9 of bpfld would leave {}",
                            plan.remains));
    } else {
      const ProgramSpec* program = plan.map ? nullptr : &spec_.programs[plan.program];
      Error error = done.error();
      const std::string function =
          plan.map ? "" : loader::probed_function(spec_, plan.program, plan.place, profile_);
      if (!function.empty()) loader::explain_probe_refusal(function, error);
      failures.emplace_back(line, explained(Phase::attach, error, program));
    }
  }
  const bool fatal = !failures.empty() && (attached_ == 0 || options_.strict);
  for (std::size_t i = fatal ? 1 : 0; i < failures.size(); i++) {
    failures[i].second.severity = Severity::warning;
    report_.failed(failures[i].first, failures[i].second);
  }
  if (fatal) return std::unexpected(failures.front().second);
  say_event_maps();
  return {};
}

// An iterator runs when it is read, and what it writes is text.
Step<void> Run::read_iterators() {
  for (const loader::AttachPlan& plan : session_->plan().attach) {
    const int fd = session_->iterator_fd(plan);
    if (fd < 0) continue;
    char text[16384];
    ssize_t got = 0;
    while ((got = ::read(fd, text, sizeof text)) > 0 || (got < 0 && errno == EINTR))
      if (got > 0) shared_.streams.out.write({text, static_cast<std::size_t>(got)});
    if (got < 0)
      return refuse(Phase::read, fail_errno(errno, "reading iterator \"{}\"",
                                            escape_terminal(spec_.programs[plan.program].name)));
  }
  shared_.streams.out.flush();
  return {};
}

}  // namespace bpfld::cli
