// SPDX-License-Identifier: Apache-2.0
// What the session tests share: a small object with a bit of everything, a profile that knows its
// tracepoint, and short names for the usual steps.
#pragma once

#include <cerrno>
#include <doctest/doctest.h>

#include "loader/collect.h"
#include "loader/session.h"
#include "tests/support/fake_kernel.h"
#include "tests/support/objects.h"

namespace bpfld::test {

using namespace loader;  // NOLINT(google-build-using-namespace): for tests only
using bpf::exit_insn;
using bpf::mov64_imm;

inline constexpr const char* kGetppid = "syscalls/sys_enter_getppid";

inline KernelProfile make_profile() {
  KernelProfile profile;
  profile.tracepoints[kGetppid].id = 331;
  profile.possible_cpus = 4;
  return profile;
}

inline Answer& feature(KernelProfile& profile, Feature f) {
  return profile.features[static_cast<std::size_t>(f)];
}

inline ObjectSpec spec_of(ObjectBuilder& object) {
  Result<ObjectSpec> spec = collect(object.build(), "tool");
  REQUIRE_MESSAGE(spec, message(spec));
  return *std::move(spec);
}

// A map, a filled and a zeroed data section, two programs at one tracepoint.
inline ObjectSpec example() {
  ObjectBuilder object;
  object.add_map("counts", {number("type", 1), number("max_entries", 8), type("key", object.u32_id),
                            type("value", object.u64_id)});
  object.add_variable("limit", ".rodata", object.u32_id, bytes_vector(u32{5}));
  object.add_variable("hits", ".bss", object.u64_id, bytes_vector(u64{0}));
  for (const char* name : {"one", "two"}) {
    object.add_function(name, format("tp/{}", kGetppid),
                        {load_address(1), kSecondSlot, mov64_imm(0, 0), exit_insn()});
    object.relocate(name, 0, "counts");
  }
  return spec_of(object);
}

inline Result<Session> load(const ObjectSpec& spec, KernelProfile& profile, bpf::Kernel& kernel) {
  return Session::load(spec, autoload_programs(spec), profile, kernel);
}

inline std::vector<std::string> call_names(const FakeKernel& kernel) {
  std::vector<std::string> out;
  for (const bpf::Request& request : kernel.requests)
    out.push_back(bpf::call_name(request));
  return out;
}

inline std::string joined(const std::vector<std::string>& lines) {
  std::string out;
  for (const std::string& line : lines)
    out += line + "\n";
  return out;
}

template <typename R>
std::function<bool(const bpf::Request&)> is() {
  return [](const bpf::Request& request) { return std::holds_alternative<R>(request); };
}

}  // namespace bpfld::test
