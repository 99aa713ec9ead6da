// SPDX-License-Identifier: Apache-2.0
// A loaded object: the programs, maps and links that exist in the kernel because we hold their fds.
// Destroying a Session detaches first and closes then, and nothing remains. Shell.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "bpf/kernel.h"
#include "loader/execute.h"
#include "loader/plan.h"

namespace bpfld::loader {

// handle: owns every fd of one loaded object.
class Session {
 public:
  // Links, plans and loads `selection`. A request that fails in a way that a missing feature
  // explains is looked into: the feature is probed, noted in `profile`, and the load starts over
  // without it. Errors: those of link() and make_plan(); denied, rejected (verifier's log in
  // `detail`), kernel. On failure nothing stays loaded. `options` is where the first attempt
  // starts.
  [[nodiscard]] static Result<Session> load(const ObjectSpec& spec, const Selection& selection,
                                            KernelProfile& profile, bpf::Kernel& kernel,
                                            PlanOptions options = {});

  Session(Session&&) = default;
  Session& operator=(Session&& other) noexcept;
  ~Session() { detach(); }

  // Attaches one program of plan().attach. On a kernel that lacks the planned way another is taken,
  // and plan() tells. Errors: the plan's problem, or the kernel's refusal; then nothing of the
  // attachment remains.
  [[nodiscard]] Status attach(const AttachPlan& attach);
  // Detaches everything that was attached.
  void detach();

  const Plan& plan() const LIFETIMEBOUND { return plan_; }
  const Linked& linked() const LIFETIMEBOUND { return linked_; }
  // By index into ObjectSpec::maps / programs; borrowed, -1 when not loaded.
  int map_fd(u32 map) const;
  int program_fd(u32 program) const;
  // What reading gives the text of an iterator; borrowed, -1 when it is no attached iterator.
  int iterator_fd(const AttachPlan& attach) const {
    return attach.iterator ? slots_.get(*attach.iterator) : -1;
  }

 private:
  Session(const ObjectSpec& spec, KernelProfile& profile, bpf::Kernel& kernel)
      : spec_(&spec), profile_(&profile), kernel_(&kernel), undo_(kernel) {}

  void replan(AttachPlan& attach);
  [[nodiscard]] std::expected<void, Failure> run(const AttachPlan& attach);

  // The spec, the profile and the kernel outlive the session.
  const ObjectSpec* spec_;
  KernelProfile* profile_;
  bpf::Kernel* kernel_;
  Linked linked_;
  Plan plan_;
  u32 first_attach_slot_ = 0;
  UndoList undo_;  // outlives slots_: what is undone may be in use while an fd is open
  SlotTable slots_;
};

}  // namespace bpfld::loader
