// SPDX-License-Identifier: Apache-2.0
// The last two chapters: every request that loading and attaching makes, in order, as strace would
// print it.
#include "base/escape.h"
#include "cli/explain.h"
#include "loader/features.h"

namespace bpfld::cli {
namespace {

void add_op(const loader::Op& op, ExplainTable& table) {
  table.rows.push_back({op.subject, op.result ? slot_text(op.result) + " =" : "",
                        bpf::describe(op.request) + (op.may_fail ? "  (may fail)" : "")});
}

std::string where_text(const Story& story) {
  std::string out = "kernel " + story.profile.release;
  if (story.profile.btf != nullptr) out += ", types from " + story.profile.btf->path;
  return out;
}

// The facts about the kernel that the requests depend on.
ExplainTable fact_table(const Story& story) {
  ExplainTable table{
      .title = "what had to be known of the kernel:", .columns = {"fact", "value"}, .rows = {}};
  for (const auto& [name, fact] : story.profile.tracepoints)
    table.rows.push_back(
        {format("tracepoint {}", name), fact.id ? format("number {}", *fact.id) : fact.problem});
  for (const auto& [name, fact] : story.profile.interfaces)
    table.rows.push_back({format("interface {}", name),
                          fact.index != 0 ? format("number {}", fact.index) : fact.problem});
  for (const auto& [name, fact] : story.profile.cgroups)
    table.rows.push_back({format("cgroup {}", name.empty() ? "root" : name),
                          fact.problem.empty() ? fact.path : fact.problem});
  for (const auto& [name, value] : story.profile.kconfig.options)
    table.rows.push_back({name, value.empty() ? "not set" : value});
  for (const auto& [name, fact] : story.profile.names)
    table.rows.push_back({format("BTF {}", name.name),
                          fact.place ? format("[{}]", fact.place->type) : "there is none"});
  for (const loader::FeatureRow& row : loader::feature_rows())
    if (story.profile.lacks(row.feature))
      table.rows.push_back({std::string(row.name), format("missing (since v{})", row.since)});
  return table;
}

}  // namespace

Chapter explain_load(const Story& story) {
  Chapter out{
      .step = "load", .name = "LOAD", .headline = {}, .tables = {}, .notes = {}, .errors = {}};
  if (!story.plan) {
    out.headline = "no request would be made";
    const std::optional<Error>& error = story.plan_error ? story.plan_error : story.link_error;
    if (error) out.errors.push_back(error->message());
    return out;
  }
  ExplainTable table{.title = {}, .columns = {"subject", "result", "request"}, .rows = {}};
  for (const loader::Op& op : story.plan->load)
    add_op(op, table);
  out.headline =
      format("{} would be made of {}", count_of(table.rows.size(), "request"), where_text(story));
  out.tables.push_back(fact_table(story));
  out.tables.push_back(std::move(table));
  out.notes = {
      "the order is the dependencies': types before the maps that they describe, maps before the "
      "programs that hold their addresses. BPF_PROG_LOAD is where the verifier reads the program; "
      "nothing runs yet.",
      "a request that a missing feature would explain is followed by a probe of that feature and a "
      "new plan without it; this is the plan for a kernel that lacks nothing it was not asked "
      "about."};
  return out;
}

Chapter explain_attach(const Story& story) {
  Chapter out{
      .step = "attach", .name = "ATTACH", .headline = {}, .tables = {}, .notes = {}, .errors = {}};
  if (!story.plan) {
    out.headline = "nothing is loaded, so nothing attaches";
    return out;
  }
  u64 attached = 0;
  for (const loader::AttachPlan& attach : story.plan->attach) {
    const loader::ProgramSpec& program = story.spec.programs[attach.program];
    ExplainTable table{.title = format("{}, SEC(\"{}\")", program.name, program.section),
                       .columns = {"subject", "result", "request"},
                       .rows = {}};
    if (attach.problem) {
      out.errors.push_back(format("{}: {}{}{}", program.name, attach.problem->message(),
                                  attach.problem->detail.empty() ? "" : "; ",
                                  attach.problem->detail));
      continue;
    }
    if (attach.no_place) {
      table.rows.push_back({"names no place: it is loaded and stays idle", "", attach.advice});
    } else {
      attached++;
      table.title += ": " + attach.how;
    }
    for (const loader::Op& op : attach.ops)
      add_op(op, table);
    out.tables.push_back(std::move(table));
  }
  out.headline = format("{} of {} would be attached", attached,
                        count_of(story.plan->attach.size(), "program"));
  out.notes = {
      "what holds an attachment is a file descriptor: when bpfld ends, however it ends, the "
      "kernel closes it and the program is gone.",
      "next: `bpfld run` does all this and prints what the programs emit; `bpfld dump "
      "--linked` shows every instruction."};
  return out;
}

}  // namespace bpfld::cli
