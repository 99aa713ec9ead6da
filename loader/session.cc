// SPDX-License-Identifier: Apache-2.0
// Load, learn, load again; attach; detach. See session.h.
#include "loader/session.h"

#include <algorithm>
#include <cerrno>

#include "base/escape.h"
#include "loader/features.h"

namespace bpfld::loader {
namespace {

// Probes what could explain the failure. True when the profile changed, so that a new plan will
// differ.
bool learn(const Failure& failure, KernelProfile& profile, bpf::Kernel& kernel) {
  bool changed = false;
  for (Feature feature : suspects(failure.request, failure.error.errno_value)) {
    Answer& known = profile.features[static_cast<std::size_t>(feature)];
    if (known != Answer::unknown) continue;
    known = probe(feature, kernel);
    if (known == Answer::no) changed = true;
  }
  return changed;
}

// What else a second attempt may do differently. True when `options` changed.
bool give_way(const Failure& failure, const KernelProfile& profile, PlanOptions& options) {
  if (std::holds_alternative<bpf::BtfLoad>(failure.request) && failure.error.code != Code::denied &&
      !options.without_btf) {
    options.without_btf = true;  // the kernel uses an object's BTF to describe it, not to run it
    return true;
  }
  // EPERM where memory is charged to RLIMIT_MEMLOCK; if the probe could not tell, trying is
  // harmless.
  if (failure.error.errno_value == EPERM && !options.raise_memlock &&
      !suspects(failure.request, EPERM).empty() &&
      profile.feature(Feature::memcg_accounting) != Answer::yes) {
    options.raise_memlock = true;
    return true;
  }
  return false;
}

}  // namespace

Result<Session> Session::load(const ObjectSpec& spec, const Selection& selection,
                              KernelProfile& profile, bpf::Kernel& kernel) {
  Session session(spec, profile, kernel);
  session.linked_ = TRY(link(spec, selection, profile));
  PlanOptions options;
  std::string btf_refusal;
  while (true) {  // ends: every round but the last answers a feature or sets an option, and none is
                  // unset
    session.plan_ = TRY(make_plan(spec, session.linked_, profile, options));
    const std::expected<void, Failure> done = execute(session.plan_.load, kernel, session.slots_);
    if (done) break;
    session.slots_.close_from(0);
    const Failure& failure = done.error();
    if (learn(failure, profile, kernel)) continue;
    if (!give_way(failure, profile, options)) return std::unexpected(failure.error);
    if (options.without_btf && btf_refusal.empty()) btf_refusal = failure.error.message();
  }
  if (!btf_refusal.empty())
    session.plan_.notes.push_back("loaded without BTF: " + escape_terminal(btf_refusal));
  u32 loaded = 0;  // slots of the load phase come before those of the attach phase
  for (const Op& op : session.plan_.load)
    if (op.result) loaded = std::max(loaded, *op.result + 1);
  session.first_attach_slot_ = loaded;
  return session;
}

Status Session::attach(const AttachPlan& attach) {
  if (attach.problem) return std::unexpected(*attach.problem);
  const std::expected<void, Failure> done = execute(attach.ops, *kernel_, slots_);
  if (done) return {};
  if (!learn(done.error(), *profile_, *kernel_)) return std::unexpected(done.error().error);
  // The same program, attached in the way that this kernel has.
  const AttachPlan other = plan_attach(*spec_, attach.program, *plan_.program_slots[attach.program],
                                       *profile_, plan_.slots);
  const std::expected<void, Failure> again = execute(other.ops, *kernel_, slots_);
  if (!again) return std::unexpected(again.error().error);
  return {};
}

void Session::detach() {
  slots_.close_from(first_attach_slot_);
}

int Session::map_fd(u32 map) const {
  return map < plan_.map_slots.size() ? slots_.get(plan_.map_slots[map]) : -1;
}

int Session::program_fd(u32 program) const {
  if (program >= plan_.program_slots.size() || !plan_.program_slots[program]) return -1;
  return slots_.get(*plan_.program_slots[program]);
}

}  // namespace bpfld::loader
