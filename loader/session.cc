// SPDX-License-Identifier: Apache-2.0
// Load, learn, load again; attach; detach. See session.h.
#include "loader/session.h"

#include <algorithm>
#include <cerrno>
#include <span>

#include "base/escape.h"
#include "bpf/request_fds.h"
#include "loader/attach_refusal.h"
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
    if (known == feature_rows()[static_cast<std::size_t>(feature)].surprise) changed = true;
  }
  return changed;
}

// The errnos by which a kernel says that it does not understand what it was given. Everything else
// is about this machine and this moment (ENOMEM, EPERM, EMFILE ...): no reason to load less.
bool not_understood(int errno_value) {
  return errno_value == EINVAL || errno_value == E2BIG || errno_value == EOPNOTSUPP ||
         errno_value == kErrnoNotSupported;
}

// The map that `op` creates, if its request names BTF.
std::optional<u32> described_map(const Plan& plan, const Op& op) {
  const bpf::MapCreate* create = std::get_if<bpf::MapCreate>(&op.request);
  if (create == nullptr || !create->btf.is_set()) return std::nullopt;
  if (create->btf_vmlinux_value_type_id != 0) return std::nullopt;  // needs it
  if (const auto outer = op.result ? plan.templates.find(*op.result) : plan.templates.end();
      outer != plan.templates.end())
    return outer->second;
  const auto slot = std::ranges::find(plan.map_slots, op.result);
  if (slot == plan.map_slots.end()) return std::nullopt;
  return static_cast<u32>(slot - plan.map_slots.begin());
}

// What else a second attempt may do differently. True when `options` changed.
bool give_way(const Failure& failure, const Plan& plan, const KernelProfile& profile,
              PlanOptions& options) {
  const bool unknown = not_understood(failure.error.errno_value);
  if (std::holds_alternative<bpf::BtfLoad>(failure.request) && unknown && !options.without_btf) {
    options.without_btf = true;  // the kernel uses an object's BTF to describe it, not to run it
    return true;
  }
  // Each map type has its own idea of which types its keys and values may be.
  const std::optional<u32> map = described_map(plan, plan.load[failure.op]);
  if (map && unknown) return options.maps_without_btf.insert(*map).second;
  // A kernel that nobody gave a program since it booted knows no struct_ops: it has not read its
  // own BTF (kernel/bpf/bpf_struct_ops.c: bpf_struct_ops_find_value()).
  if (const bpf::MapCreate* create = std::get_if<bpf::MapCreate>(&failure.request);
      create != nullptr && create->type == bpf::MapType::struct_ops &&
      failure.error.errno_value == kErrnoNotSupported && !options.wake_kernel_btf) {
    options.wake_kernel_btf = true;
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

// How often others may pin or unpin a map while we load, before we give up.
constexpr u32 kPinRounds = 32;

// A map that asks to be pinned by name is taken from its pin, if there is one, and else made and
// pinned; between looking and pinning somebody else may do the same. True when `options` changed.
bool pin_appeared_or_went(const Failure& failure, const Plan& plan, PlanOptions& options) {
  const bpf::ObjGet* get = std::get_if<bpf::ObjGet>(&failure.request);
  const bpf::ObjPin* pin = std::get_if<bpf::ObjPin>(&failure.request);
  const std::string& prefix = options.by_name_folder;
  if (get != nullptr && failure.error.errno_value == ENOENT && !prefix.empty() &&
      get->path.starts_with(prefix + "/")) {
    const auto slot = std::ranges::find(plan.map_slots, plan.load[failure.op].result);
    if (slot == plan.map_slots.end()) return false;
    return options.not_pinned_yet.insert(static_cast<u32>(slot - plan.map_slots.begin())).second;
  }
  if (pin == nullptr || failure.error.errno_value != EEXIST) return false;
  const bpf::ObjPin& planned = std::get<bpf::ObjPin>(plan.load[failure.op].request);
  const auto slot = std::ranges::find(plan.map_slots, planned.object.slot_index());
  if (slot == plan.map_slots.end()) return false;
  return options.not_pinned_yet.erase(static_cast<u32>(slot - plan.map_slots.begin())) != 0;
}

// The pins by name that attempts to load have made: they go, unless an attempt succeeds.
class PinsMade {
 public:
  explicit PinsMade(bpf::Kernel& kernel) : kernel_(kernel) {}
  PinsMade(const PinsMade&) = delete;
  PinsMade& operator=(const PinsMade&) = delete;
  ~PinsMade() {
    for (const std::string& path : paths_)
      static_cast<void>(kernel_.call(bpf::PinRemove{path}));
  }
  // Those of the first `done` ops.
  void add(const Plan& plan, std::size_t done) {
    for (const Op& op : std::span(plan.load).first(done))
      if (const bpf::ObjPin* pin = std::get_if<bpf::ObjPin>(&op.request))
        paths_.push_back(pin->path);
  }
  void keep() { paths_.clear(); }

 private:
  bpf::Kernel& kernel_;
  std::vector<std::string> paths_;
};

// The request with numbers for its fds, which stay open until it is made.
bpf::Request with_numbers(bpf::Request request, const SlotTable& slots) {
  bpf::for_each_fd(request, [&](bpf::Fd& fd) {
    if (fd.is_slot()) fd = bpf::Fd::number(slots.get(fd.slot_index()));
  });
  return request;
}

// The refusal of the object's BTF, with the last line of the kernel's log, which says why.
std::string without_btf(const Error& refusal) {
  std::string_view log = refusal.detail;
  while (log.ends_with('\n'))
    log.remove_suffix(1);
  const std::string_view reason = log.substr(log.rfind('\n') + 1);  // npos + 1 is 0
  return format("loaded without BTF: {}{}{}", escape_terminal(refusal.message()),
                reason.empty() ? "" : ": ", escape_terminal(reason));
}

}  // namespace

Result<Session> Session::load(const ObjectSpec& spec, const Selection& selection,
                              KernelProfile& profile, bpf::Kernel& kernel, PlanOptions options) {
  Session session(spec, profile, kernel);
  session.linked_ = TRY(link(spec, selection, profile));
  u32 rounds = kPinRounds;
  PinsMade pins(kernel);
  std::optional<Error> btf_refusal;
  while (true) {  // ends: every round but the last answers a feature or sets an option, and none is
                  // unset
    Result<Plan> plan = make_plan(spec, session.linked_, profile, options);
    if (!plan && btf_refusal) plan.error().detail = without_btf(*btf_refusal);
    session.plan_ = TRY(std::move(plan));
    const std::expected<void, Failure> done = execute(session.plan_.load, kernel, session.slots_);
    if (done) break;
    session.slots_.close_from(0);
    const Failure& failure = done.error();
    pins.add(session.plan_, failure.op);
    if (rounds != 0 && pin_appeared_or_went(failure, session.plan_, options)) {
      rounds--;
      continue;
    }
    if (learn(failure, profile, kernel)) continue;
    if (!give_way(failure, session.plan_, profile, options)) {
      Error error = failure.error;
      if (error.detail.empty() && btf_refusal) error.detail = without_btf(*btf_refusal);
      return std::unexpected(std::move(error));
    }
    if (options.without_btf && !btf_refusal) btf_refusal = failure.error;
  }
  pins.keep();
  if (btf_refusal) session.plan_.notes.push_back(without_btf(*btf_refusal));
  for (u32 map : options.maps_without_btf)
    session.plan_.notes.push_back(
        format("map {}: created without BTF, whose types the kernel refused",
               escape_terminal(spec.maps[map].name)));
  u32 loaded = 0;  // slots of the load phase come before those of the attach phase
  for (const Op& op : session.plan_.load)
    if (op.result) loaded = std::max(loaded, *op.result + 1);
  session.first_attach_slot_ = loaded;
  return session;
}

Session& Session::operator=(Session&& other) noexcept {
  if (this == &other) return *this;
  detach();  // while the fds are open
  spec_ = other.spec_;
  profile_ = other.profile_;
  kernel_ = other.kernel_;
  linked_ = std::move(other.linked_);
  plan_ = std::move(other.plan_);
  attached_ = std::move(other.attached_);
  first_attach_slot_ = other.first_attach_slot_;
  return_values_ = std::move(other.return_values_);
  undo_ = std::move(other.undo_);
  slots_ = std::move(other.slots_);
  take_back_ = std::move(other.take_back_);
  return *this;
}

Status Session::attach(const AttachPlan& attach) {
  if (attach.problem) return std::unexpected(*attach.problem);
  const u32 program = attach.program;
  std::expected<void, Failure> done = run(attach.ops, program);
  if (done) {
    attached_.push_back(attach);
    return {};
  }
  AttachPlan other = attach;
  for (const AttachWay& way : attach.otherwise) {
    if (!suggests_another_way(done.error())) break;
    done = run(way.ops, program);
    other.how = way.how;
    other.ops = way.ops;
    other.remains = way.remains;
    if (done) break;
  }
  if (!done) {
    if (attach.map) return refused(std::move(done).error());  // there is no other way
    const bool learnt = learn(done.error(), *profile_, *kernel_);
    // The same program, attached in the way that this kernel has. What was learnt may also have
    // been learnt before, from a program whose plan was made at the same time as this one's.
    other = plan_attach(*spec_, program, attach.place, *profile_, plan_);
    if (other.problem) return std::unexpected(*other.problem);
    if (other.how == attach.how) return refused(std::move(done).error());
    if (learnt)
      for (AttachPlan& plan : plan_.attach)
        if (!plan.map && (plan.program != program || plan.place != attach.place)) replan(plan);
    done = run(other.ops, program);
    if (!done) return refused(std::move(done).error());
  }
  other.otherwise.clear();
  attached_.push_back(other);
  for (AttachPlan& plan : plan_.attach)
    if (!plan.map && plan.program == other.program && plan.place == other.place)
      plan = other;  // may be `attach` itself
  return {};
}

// The error, with what the kernel can tell about the place when it is taken.
Status Session::refused(Failure failure) {
  const std::string there = who_is_there(failure, *kernel_);
  if (!there.empty()) failure.error.what += format(": {}", there);
  return std::unexpected(std::move(failure.error));
}

Result<std::vector<std::string>> Session::pin(const PinOptions& options) {
  PinPlan pins = TRY(plan_pins(*spec_, plan_, attached_, options));
  const std::expected<void, Failure> made = execute(pins.ops, *kernel_, slots_);
  Status done;
  if (made)
    done = publish(pins, options);
  else
    done = std::unexpected(made.error().error);
  // A staging folder that was there before is not ours.
  if (!done && (made || made.error().op != 0))
    static_cast<void>(kernel_->call(bpf::PinRemove{pins.stage}));
  if (!done) return std::unexpected(std::move(done).error());
  return std::move(pins.not_pinned);
}

// Gives the finished set its name.
Status Session::publish(const PinPlan& pins, const PinOptions& options) {
  std::string folder = options.folder;
  while (folder.size() > 1 && folder.ends_with('/'))
    folder.pop_back();
  Result<bpf::Reply> moved = kernel_->call(bpf::PinRename{pins.stage, folder, options.replace});
  if (moved && options.replace) {  // the old set is where the new one was built
    if (const Result<bpf::Reply> removed = kernel_->call(bpf::PinRemove{pins.stage}); !removed)
      plan_.notes.push_back(format("the set that was replaced is not quite gone: {}",
                                   escape_terminal(removed.error().message())));
    return {};
  }
  if (!moved && options.replace && moved.error().errno_value == EINVAL) {
    // A BPF file system before 6.0 cannot exchange: for a moment there is no set.
    const std::string old = pins.stage + "_old";
    plan_.notes.push_back(
        "this kernel cannot exchange two folders of pins: for a moment there was none");
    TRY(kernel_->call(bpf::PinRename{folder, old, false}));
    moved = kernel_->call(bpf::PinRename{pins.stage, folder, false});
    if (moved)
      static_cast<void>(kernel_->call(bpf::PinRemove{old}));
    else
      static_cast<void>(kernel_->call(bpf::PinRename{old, folder, false}));
  }
  if (!moved && options.replace && moved.error().errno_value == ENOENT)
    moved = kernel_->call(bpf::PinRename{pins.stage, folder, false});
  if (!moved) return std::unexpected(std::move(moved).error());
  return {};
}

void Session::replan(AttachPlan& attach) {
  if (!attach.ops.empty())
    attach = plan_attach(*spec_, attach.program, attach.place, *profile_, plan_);
}

// Makes the requests; after a failure nothing of them remains.
std::expected<void, Failure> Session::run(std::span<const Op> ops, u32 program) {
  const std::size_t undo_before = undo_.size();
  const std::size_t take_back_before = take_back_.size();
  Outcome outcome{.undo = &take_back_, .return_value = std::nullopt};
  std::expected<void, Failure> done = execute(ops, *kernel_, slots_, &outcome);
  const std::size_t made = done ? ops.size() : done.error().op;
  for (const Op& op : ops.first(made))
    if (op.undo) undo_.add(with_numbers(*op.undo, slots_));
  if (done && outcome.return_value) return_values_[program] = *outcome.return_value;
  if (done) return done;
  take_back_.undo_from(take_back_before);
  for (std::size_t i = ops.size(); i > 0; i--)
    if (ops[i - 1].result) slots_.close(*ops[i - 1].result);
  undo_.undo_from(undo_before);
  return done;
}

void Session::detach() {
  attached_.clear();
  take_back_.undo_from(0);
  slots_.close_from(first_attach_slot_);
  undo_.undo_from(0);
}

std::optional<i64> Session::return_value(u32 program) const {
  const auto found = return_values_.find(program);
  return found != return_values_.end() ? std::optional<i64>(found->second) : std::nullopt;
}

int Session::map_fd(u32 map) const {
  return map < plan_.map_slots.size() ? slots_.get(plan_.map_slots[map]) : -1;
}

int Session::program_fd(u32 program) const {
  if (program >= plan_.program_slots.size() || !plan_.program_slots[program]) return -1;
  return slots_.get(*plan_.program_slots[program]);
}

}  // namespace bpfld::loader
