// SPDX-License-Identifier: Apache-2.0
// Objects that are to run on many kernels hold a probe twice: once in the way that is best, once in
// the way that older kernels have (fentry and kprobe of one function, tp_btf and raw_tp of one
// event). Their own programs choose one; run with both, everything is seen twice. Here is which
// programs are such a choice. Pure.
#pragma once

#include <string>
#include <vector>

#include "loader/profile.h"
#include "loader/spec.h"

namespace bpfld::cli {

// spec: programs that look at the same place in different ways, the best way first. A way is more
// than one program when the object has several of the same kind there: they belong together.
struct Variants {
  std::string place;  // "do_unlinkat", "the return of do_unlinkat", "sched_switch"
  std::vector<loader::Selection> ways;  // two or more
  bool operator==(const Variants&) const = default;
};
std::vector<Variants> find_variants(const loader::ObjectSpec& spec,
                                    const loader::Selection& selection);

// Leaves in `selection` only the first way of each.
void choose_first_ways(const std::vector<Variants>& all, loader::Selection& selection);

// spec: which way of several was taken, and why the others were not.
struct WayTaken {
  std::string place;
  loader::Selection taken;
  struct LeftOut {
    loader::Selection programs;
    std::string why;
    bool operator==(const LeftOut&) const = default;
  };
  std::vector<LeftOut> left_out;
  bool operator==(const WayTaken&) const = default;
};
// Leaves in `selection` the best way of each that the kernel seems to have, and in `all` that one
// and those after it.
std::vector<WayTaken> choose_ways(std::vector<Variants>& all, const loader::ObjectSpec& spec,
                                  const loader::KernelProfile& profile,
                                  loader::Selection& selection);

// After `program` could not be loaded: the next way takes its place in `selection` and in the
// group. False when there is none.
bool choose_next_way(std::vector<Variants>& all, u32 program, loader::Selection& selection);

}  // namespace bpfld::cli
