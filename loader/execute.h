// SPDX-License-Identifier: Apache-2.0
// Runs a plan: fills in the fds that earlier requests gave, makes the request, keeps what comes
// back. It decides nothing but how to ask the verifier again: first without a log, which is fast,
// and only after a refusal with one. Shell.
#pragma once

#include <span>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "bpf/kernel.h"
#include "loader/plan.h"

namespace bpfld::loader {

// handle: the fds that a plan's requests returned, by slot. Destroyed in reverse order of creation.
class SlotTable {
 public:
  SlotTable() = default;
  SlotTable(SlotTable&&) = default;
  SlotTable& operator=(SlotTable&& other) noexcept;
  ~SlotTable() { close_from(0); }

  int get(u32 slot) const;  // -1 when empty
  void put(u32 slot, UniqueFd fd);
  void close(u32 slot);
  void close_from(u32 first_slot);

 private:
  std::vector<UniqueFd> fds_;
};

// handle: the requests that take back what no fd holds. Destroyed, it makes them, last one first.
class UndoList {
 public:
  explicit UndoList(bpf::Kernel& kernel) : kernel_(&kernel) {}
  UndoList(UndoList&& other) noexcept
      : kernel_(other.kernel_), requests_(std::exchange(other.requests_, {})) {}
  UndoList& operator=(UndoList&& other) noexcept;
  ~UndoList() { undo_from(0); }

  std::size_t size() const { return requests_.size(); }
  void add(bpf::Request request) { requests_.push_back(std::move(request)); }
  // Makes those from index `first` on, and forgets them. There is nobody to tell a failure to.
  void undo_from(std::size_t first);

 private:
  bpf::Kernel* kernel_;
  std::vector<bpf::Request> requests_;
};

// spec: why a plan stopped.
struct Failure {
  Error error;           // context names the subject; detail holds the verifier's log
  bpf::Request request;  // the request that failed, with numbers for its fds
  std::size_t op = 0;    // its index in the ops
};

// Makes the requests of `ops` in order. On failure the slots made so far stay filled: the caller
// drops them.
[[nodiscard]] std::expected<void, Failure> execute(std::span<const Op> ops, bpf::Kernel& kernel,
                                                   SlotTable& slots);

}  // namespace bpfld::loader
