// SPDX-License-Identifier: Apache-2.0
// The executor; see execute.h.
#include "loader/execute.h"

#include <algorithm>
#include <cerrno>

#include "bpf/map_like.h"
#include "bpf/request_fds.h"

namespace bpfld::loader {
namespace {

constexpr int kLoadAttempts = 5;
constexpr u32 kLogGrowth = 8;

// BPF_PROG_LOAD gives EAGAIN when a signal interrupts the verifier (kernel/bpf/verifier.c:
// do_check).
Result<bpf::Reply> call_again(bpf::Kernel& kernel, const bpf::Request& request) {
  Result<bpf::Reply> reply = kernel.call(request);
  for (int i = 1; i < kLoadAttempts && !reply && reply.error().errno_value == EAGAIN; i++)
    reply = kernel.call(request);
  return reply;
}

// The buffer to try next after one that was too small (ENOSPC). Kernels since v6.4 say how large it
// must be, older ones do not. 0: there is no point in a larger one, either because none should be,
// or because the log would not fit even there; the kernels that say so have given its end.
u32 larger_log(u32 size, const Error& refusal) {
  if (size >= kLargestLogSize || refusal.room > kLargestLogSize) return 0;
  if (refusal.room > size) return refusal.room;
  return size <= kLargestLogSize / kLogGrowth ? size * kLogGrowth : 0;
}

// Asks with the log that the request wants, growing the buffer while it is too small. What is
// accepted with too small a buffer is refused for that alone, so this answer is the true one.
Result<bpf::Reply> call_with_own_log(bpf::Kernel& kernel, bpf::ProgLoad load) {
  while (true) {
    Result<bpf::Reply> reply = call_again(kernel, load);
    if (reply || reply.error().errno_value != ENOSPC) return reply;
    const u32 size = larger_log(load.log_size, reply.error());
    if (size == 0) return reply;
    load.log_size = size;
  }
}

// Asks again with a log, growing the buffer while the kernel says it was too small. The refusal
// without a log is the true one; the log is only added to it.
template <typename Load>
Result<bpf::Reply> with_log(bpf::Kernel& kernel, Load load, Result<bpf::Reply> refusal) {
  load.log_level = 1;
  for (load.log_size = kFirstLogSize; load.log_size != 0;) {
    Result<bpf::Reply> reply = call_again(kernel, load);
    if (reply) return reply;  // a refusal that did not last, such as ENOMEM
    // A buffer larger than the kernel takes gives no log; the start of one is better than none.
    if (!reply.error().detail.empty()) refusal.error().detail = std::move(reply.error().detail);
    if (reply.error().errno_value != ENOSPC) break;
    load.log_size = larger_log(load.log_size, reply.error());
  }
  return refusal;
}

// Whether the errno can be the verifier's verdict: a machine without memory is none, even if the
// verifier had already written something.
bool can_be_verdict(int errno_value) {
  return errno_value != ENOMEM && errno_value != EAGAIN && errno_value != EINTR;
}

Result<bpf::Reply> call(bpf::Kernel& kernel, const bpf::Request& request) {
  const bpf::ProgLoad* program = std::get_if<bpf::ProgLoad>(&request);
  const bool has_own_log = program != nullptr && program->log_level != 0;
  Result<bpf::Reply> reply =
      has_own_log ? call_with_own_log(kernel, *program) : call_again(kernel, request);
  if (reply) return reply;
  if (program != nullptr) {
    if (!has_own_log) reply = with_log(kernel, *program, std::move(reply));
    // EACCES and EINVAL with the verifier's words are its verdict; without them something else
    // refused.
    if (!reply && !reply.error().detail.empty() && can_be_verdict(reply.error().errno_value))
      reply.error().code = Code::rejected;
  }
  if (const bpf::BtfLoad* load = std::get_if<bpf::BtfLoad>(&request);
      load != nullptr && load->log_level == 0)
    reply = with_log(kernel, *load, std::move(reply));
  return reply;
}

}  // namespace

int SlotTable::get(u32 slot) const {
  return slot < fds_.size() ? fds_[slot].get() : -1;
}

void SlotTable::put(u32 slot, UniqueFd fd) {
  if (slot >= fds_.size()) fds_.resize(slot + 1);
  fds_[slot] = std::move(fd);
}

void SlotTable::close(u32 slot) {
  if (slot < fds_.size()) fds_[slot].reset();
}

void SlotTable::close_from(u32 first_slot) {
  while (fds_.size() > first_slot)
    fds_.pop_back();
}

SlotTable& SlotTable::operator=(SlotTable&& other) noexcept {
  if (this != &other) {
    close_from(0);
    fds_ = std::move(other.fds_);
  }
  return *this;
}

UndoList& UndoList::operator=(UndoList&& other) noexcept {
  if (this != &other) {
    undo_from(0);
    kernel_ = other.kernel_;
    requests_ = std::exchange(other.requests_, {});
  }
  return *this;
}

void UndoList::undo_from(std::size_t first) {
  while (requests_.size() > first) {
    const bpf::Request request = std::move(requests_.back());
    requests_.pop_back();
    static_cast<void>(kernel_->call(request));
  }
}

std::expected<void, Failure> execute(std::span<const Op> ops, bpf::Kernel& kernel, SlotTable& slots,
                                     Outcome* outcome) {
  for (std::size_t i = 0; i < ops.size(); i++) {
    const Op& op = ops[i];
    bpf::Request request = op.request;
    bpf::for_each_fd(request, [&](bpf::Fd& fd) {
      if (fd.is_slot()) fd = bpf::Fd::number(slots.get(fd.slot_index()));
    });
    Result<bpf::Reply> reply = call(kernel, request);
    if (!reply) {
      if (op.may_fail) continue;
      reply = with_context(std::move(reply), [&] { return op.subject; });
      return std::unexpected(Failure{std::move(reply).error(), std::move(request), i});
    }
    if (outcome != nullptr && outcome->undo != nullptr)
      if (std::optional<bpf::Request> undo = bpf::undo_of(request, *reply))
        outcome->undo->add(std::move(*undo));
    if (outcome != nullptr && std::holds_alternative<bpf::ProgTestRun>(request))
      outcome->return_value = reply->value;
    if (op.like) {
      const Status same = bpf::check_like(bpf::decode_map_info(reply->data), *op.like);
      if (!same) {
        Status failed = with_context(same, [&] { return op.subject; });
        return std::unexpected(Failure{std::move(failed).error(), std::move(request), i});
      }
    }
    if (bpf::returns_fd(request)) {
      UniqueFd fd(static_cast<int>(reply->value));
      if (op.result) slots.put(*op.result, std::move(fd));
    }
    if (op.closes) slots.close(*op.closes);
  }
  return {};
}

}  // namespace bpfld::loader
