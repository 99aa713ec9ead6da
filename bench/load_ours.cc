// SPDX-License-Identifier: Apache-2.0
// One side of a comparison: bpfld's library. The same steps as load_libbpf.c, in a process of its
// own, so that everything is cold but the files.
//
//   load-ours relocate|load OBJECT
//
// relocate: everything until the first request could be made, CO-RE included; no privileges needed.
// load: that, then load and attach.
#include <cstdio>
#include <string_view>

#include "base/mapped_file.h"
#include "bench/bpf_clock.h"
#include "bpf/kernel.h"
#include "loader/capture.h"
#include "loader/collect.h"
#include "loader/session.h"

namespace {

using namespace bpfld;

Status relocate(const loader::ObjectSpec& spec, const loader::Selection& all) {
  const loader::KernelProfile profile = TRY(loader::capture(loader::needs(spec, all)));
  const loader::Linked linked = TRY(loader::link(spec, all, profile));
  TRY(loader::make_plan(spec, linked, profile));
  bpf_clock_print();
  return {};
}

Status load(const loader::ObjectSpec& spec, const loader::Selection& all) {
  loader::KernelProfile profile = TRY(loader::capture(loader::needs(spec, all)));
  bpf::LinuxKernel kernel;
  loader::Session session = TRY(loader::Session::load(spec, all, profile, kernel));
  for (const loader::AttachPlan& plan : std::vector(session.plan().attach))
    TRY(session.attach(plan));
  bpf_clock_print();
  return {};
}

Status run(std::string_view mode, const std::string& path) {
  const std::vector<std::byte> file = TRY(read_file(path));
  const loader::ObjectSpec spec = TRY(loader::collect(file, loader::object_name(path)));
  const loader::Selection all = loader::autoload_programs(spec);
  return mode == "relocate" ? relocate(spec, all) : load(spec, all);
}

}  // namespace

int main(int argc, char** argv) {
  bpf_clock_start(0);
  const std::string_view mode = argc == 3 ? argv[1] : "";
  if (mode != "relocate" && mode != "load") {
    std::fprintf(stderr, "usage: load-ours relocate|load OBJECT\n");
    return 2;
  }
  const Status done = run(mode, argv[2]);
  if (done) return 0;
  std::fprintf(stderr, "load-ours: %s\n%s", done.error().message().c_str(),
               done.error().detail.c_str());
  return 1;
}
