// SPDX-License-Identifier: Apache-2.0
// Every request that loading and attaching an object makes, for kernels that are written down here.
#include "loader/plan.h"

#include <doctest/doctest.h>

#include "base/mapped_file.h"
#include "loader/collect.h"
#include "loader/kernel_lookup.h"
#include "tests/golden/fixed_kernel.h"
#include "tests/golden/golden.h"

namespace {

using namespace bpfld;
using namespace bpfld::test;

// A congestion control, with members that the fixture does not know, at offsets of no real kernel.
std::vector<std::byte> congestion_btf() {
  BtfBuilder btf;
  const TypeId number = btf.add_uint("unsigned int", 4);
  const TypeId callback = btf.add_ptr(btf.add_func_proto(number));
  const TypeId name = btf.add_array(btf.add_char(), number, 16);
  const TypeId ops = btf.add_struct("tcp_congestion_ops", 128,
                                    {{"ssthresh", callback, 0},
                                     {"set_state", callback, 64},
                                     {"cong_avoid", callback, 128},
                                     {"undo_cwnd", callback, 192},
                                     {"flags", number, 256},
                                     {"name", name, 288},
                                     {"init", callback, 448},
                                     {"release", callback, 512}});
  btf.add_struct("bpf_struct_ops_tcp_congestion_ops", 192,
                 {{"refcnt", number, 0}, {"data", ops, 512}});
  btf.add_struct("bpf_struct_ops_link", 32);
  return btf.bytes();
}

std::string describe(const std::vector<loader::Op>& ops) {
  std::string out;
  for (const loader::Op& op : ops) {
    out += format("{}: {}", op.subject, bpf::describe(op.request));
    out += op.result ? format(" = slot {}\n", *op.result) : "\n";
    if (op.undo) out += format("  at the end: {}\n", bpf::describe(*op.undo));
  }
  return out;
}

std::string plan_text(loader::KernelProfile profile,
                      const char* object = "examples/execsnoop/execsnoop.bpf.o") {
  Result<std::vector<std::byte>> file = read_file(built_object(object));
  REQUIRE_MESSAGE(file, (file ? "" : file.error().message()));
  Result<loader::ObjectSpec> spec = loader::collect(*file, loader::object_name(object));
  REQUIRE(spec);
  const loader::Selection all = loader::autoload_programs(*spec);
  loader::look_up_names(profile, loader::needs(*spec, all));
  Result<loader::Linked> linked = loader::link(*spec, all, profile);
  REQUIRE_MESSAGE(linked, (linked ? "" : linked.error().message()));
  Result<loader::Plan> plan = loader::make_plan(*spec, *linked, profile);
  REQUIRE(plan);
  std::string out = "load\n" + describe(plan->load) + "attach\n";
  for (const loader::AttachPlan& attach : plan->attach)
    out += format("{}\n", attach.how) + describe(attach.ops);
  for (const std::string& note : plan->notes)
    out += "note: " + note + "\n";
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

TEST_CASE(
    "golden: every attribute of maps: their types, nested, of newer kernels, from before BTF") {
  const TempFolder folder;
  std::string all;
  for (const char* name : {"maps_all", "maps_nested", "maps_new", "maps_legacy"})
    all += format("{}: ", name) +
           plan_text(fixed_kernel(folder), format("fixtures/{}.bpf.o", name).c_str()) + "\n";
  check_golden("maps-plan", all);
}

TEST_CASE("golden: the plan of congestion controls, registered by their maps and by a link") {
  const TempFolder folder;
  loader::KernelProfile profile = fixed_kernel(folder);
  set_btf(profile, folder, congestion_btf());
  check_golden("struct_ops-plan", plan_text(profile, "fixtures/struct_ops_cc.bpf.o"));
  check_golden("struct_ops_link-plan", plan_text(profile, "fixtures/struct_ops_link.bpf.o"));
}
