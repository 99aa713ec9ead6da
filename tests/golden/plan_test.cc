// SPDX-License-Identifier: Apache-2.0
// Every request that loading and attaching execsnoop makes, for a kernel that is written down here.
#include "loader/plan.h"

#include <doctest/doctest.h>

#include "base/mapped_file.h"
#include "loader/collect.h"
#include "tests/golden/fixed_kernel.h"
#include "tests/golden/golden.h"

namespace {

using namespace bpfld;
using namespace bpfld::test;

std::string describe(const std::vector<loader::Op>& ops) {
  std::string out;
  for (const loader::Op& op : ops) {
    out += format("{}: {}", op.subject, bpf::describe(op.request));
    out += op.result ? format(" = slot {}\n", *op.result) : "\n";
  }
  return out;
}

std::string plan_text(const loader::KernelProfile& profile) {
  Result<std::vector<std::byte>> file =
      read_file(built_object("examples/execsnoop/execsnoop.bpf.o"));
  REQUIRE_MESSAGE(file, (file ? "" : file.error().message()));
  Result<loader::ObjectSpec> spec = loader::collect(*file, "execsnoop");
  REQUIRE(spec);
  Result<loader::Linked> linked = loader::link(*spec, loader::autoload_programs(*spec), profile);
  REQUIRE_MESSAGE(linked, (linked ? "" : linked.error().message()));
  Result<loader::Plan> plan = loader::make_plan(*spec, *linked, profile);
  REQUIRE(plan);
  std::string out = "load\n" + describe(plan->load) + "attach\n";
  for (const loader::AttachPlan& attach : plan->attach)
    out += format("{}\n", attach.how) + describe(attach.ops);
  return out;
}

}  // namespace

TEST_CASE("golden: the plan of execsnoop, on a kernel with everything it asks for") {
  const TempFolder folder;
  check_golden("execsnoop-plan", plan_text(fixed_kernel(folder)));
}

TEST_CASE("golden: the plan of execsnoop, on a kernel without perf links and newer BTF") {
  const TempFolder folder;
  loader::KernelProfile profile = fixed_kernel(folder);
  for (const loader::Feature feature :
       {loader::Feature::perf_link, loader::Feature::btf_decl_tag, loader::Feature::btf_enum64})
    profile.features[static_cast<std::size_t>(feature)] = loader::Answer::no;
  check_golden("execsnoop-plan-5.10", plan_text(profile));
}
