// SPDX-License-Identifier: Apache-2.0
// What the tests of plans share: from an object, built or compiled, to its plan on a kernel that is
// only a profile.
#pragma once

#include <doctest/doctest.h>

#include "base/mapped_file.h"
#include "loader/collect.h"
#include "loader/plan.h"
#include "tests/support/objects.h"

namespace bpfld::test {

using namespace loader;  // NOLINT(google-build-using-namespace): for tests only
using bpf::exit_insn;
using bpf::mov64_imm;

inline ObjectSpec spec_of(ObjectBuilder& object) {
  Result<ObjectSpec> spec = collect(object.build(), "tool");
  REQUIRE_MESSAGE(spec, message(spec));
  return *std::move(spec);
}

inline ObjectSpec fixture(const char* name) {
  const Result<std::vector<std::byte>> file =
      read_file(build_path(format("fixtures/{}.bpf.o", name)));
  REQUIRE_MESSAGE(file, message(file));
  Result<ObjectSpec> spec = collect(*file, name);
  REQUIRE_MESSAGE(spec, message(spec));
  return *std::move(spec);
}

inline Result<Plan> try_plan(const ObjectSpec& spec, const KernelProfile& profile = {},
                             const PlanOptions& options = {}) {
  const Result<Linked> linked = link(spec, autoload_programs(spec), profile);
  REQUIRE_MESSAGE(linked, message(linked));
  return make_plan(spec, *linked, profile, options);
}

inline Plan plan_of(const ObjectSpec& spec, const KernelProfile& profile = {},
                    const PlanOptions& options = {}) {
  Result<Plan> plan = try_plan(spec, profile, options);
  REQUIRE_MESSAGE(plan, message(plan));
  return *std::move(plan);
}

// One line for each op: its subject, the request, and the slot that gets the fd.
inline std::string text_of_ops(const std::vector<Op>& ops) {
  std::string out;
  for (const Op& op : ops)
    out += format("{}: {}{}\n", op.subject, bpf::describe(op.request),
                  op.result ? format(" -> ${}", *op.result) : "");
  return out;
}

// The request that creates the map.
inline bpf::MapCreate creation(const Plan& plan, const ObjectSpec& spec, std::string_view name) {
  for (u32 i = 0; i < spec.maps.size(); i++)
    if (spec.maps[i].name == name)
      for (const Op& op : plan.load)
        if (op.result == plan.map_slots[i]) return std::get<bpf::MapCreate>(op.request);
  FAIL("no map " << name);
  return {};
}

// The request for a map of these members alone.
inline bpf::MapCreate create(const std::function<std::vector<MapMember>(ObjectBuilder&)>& members,
                             const KernelProfile& profile = {}, std::string* notes = nullptr) {
  ObjectBuilder object;
  object.add_map("m", members(object));
  const ObjectSpec spec = spec_of(object);
  const Plan plan = plan_of(spec, profile);
  if (notes != nullptr)
    for (const std::string& note : plan.notes)
      *notes += note + "\n";
  return creation(plan, spec, "m");
}

inline KernelProfile profile_with_tracepoint() {
  KernelProfile profile;
  profile.tracepoints["syscalls/sys_enter_getppid"].id = 331;
  return profile;
}

}  // namespace bpfld::test
