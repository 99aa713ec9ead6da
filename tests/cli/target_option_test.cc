// SPDX-License-Identifier: Apache-2.0
// --target: from text to the programs that programs are about.
#include "cli/target_option.h"

#include <doctest/doctest.h>
#include <initializer_list>
#include <vector>

namespace {

using namespace bpfld;
using loader::ObjectSpec;
using loader::TargetProgram;

ObjectSpec object_of(std::initializer_list<std::pair<const char*, const char*>> programs) {
  ObjectSpec spec;
  for (const auto& [name, section] : programs) {
    loader::ProgramSpec program;
    program.name = name;
    program.section = section;
    program.row = loader::match_section(section)->row;
    spec.programs.push_back(program);
  }
  return spec;
}

ObjectSpec example() {
  return object_of({{"on_packet", "xdp"},
                    {"watch_in", "fentry/parse"},
                    {"watch_out", "fexit"},
                    {"instead", "freplace/parse"},
                    {"switches", "tp_btf/sched_switch"}});
}

std::string apply(ObjectSpec& spec, const std::vector<std::string>& options) {
  loader::Selection all;
  for (u32 i = 0; i < spec.programs.size(); i++)
    all.push_back(i);
  const Status done = cli::apply_target_options(options, all, spec);
  if (done) return {};
  return done.error().message() + (done.error().detail.empty() ? "" : " | " + done.error().detail);
}

}  // namespace

TEST_CASE("target option: a program of the object, an id, a pin, each with a function") {
  ObjectSpec spec = example();
  CHECK(apply(spec, {"watch_*=on_packet", "instead=/sys/fs/bpf/a:b/x:parse"}) == "");
  const TargetProgram own{.own = 0, .loaded = {}, .function = {}};
  CHECK(spec.programs[1].target_program == own);
  CHECK(spec.programs[2].target_program == own);
  CHECK(spec.programs[3].target_program ==
        TargetProgram{.own = {}, .loaded = "/sys/fs/bpf/a:b/x", .function = "parse"});
  CHECK_FALSE(spec.programs[4].target_program);
  CHECK(apply(spec, {"watch_in=id:7", "watch_out=id:7:inner", "instead=on_packet:parse"}) == "");
  CHECK(spec.programs[1].target_program ==
        TargetProgram{.own = {}, .loaded = "id:7", .function = {}});
  CHECK(spec.programs[2].target_program ==
        TargetProgram{.own = {}, .loaded = "id:7", .function = "inner"});
  CHECK(spec.programs[3].target_program ==
        TargetProgram{.own = 0, .loaded = {}, .function = "parse"});
}

TEST_CASE("target option: a replacement takes a place in several programs") {
  ObjectSpec spec = example();
  CHECK(apply(spec, {"instead=on_packet:parse", "instead=id:7:parse", "instead=id:8:other"}) == "");
  CHECK(spec.programs[3].target_program ==
        TargetProgram{.own = 0, .loaded = {}, .function = "parse"});
  CHECK(spec.programs[3].more_targets ==
        std::vector<TargetProgram>{{.own = {}, .loaded = "id:7", .function = "parse"},
                                   {.own = {}, .loaded = "id:8", .function = "other"}});
  CHECK(apply(spec, {"instead=id:9:parse"}) == "");
  CHECK(spec.programs[3].more_targets.empty());
  CHECK(apply(spec, {"instead=id:9:parse", "instead=id:9:parse"}) ==
        "--target instead=id:9:parse: the same target twice");
}

TEST_CASE("target option: what makes no sense is told") {
  ObjectSpec spec = example();
  CHECK(
      apply(spec, {"watch_in=id:7", "watch_in=id:8"}) ==
      "--target watch_in=id:8: program \"watch_in\" has a target already: SEC(\"fentry/parse\") "
      "programs are bound to one function when they are loaded, so a second target takes a second "
      "program, or a second bpfld");
  spec = example();
  CHECK(apply(spec, {"watch_in"}) ==
        "--target watch_in: want PROGRAM=TARGET, such as watch=on_packet, watch=id:7 or "
        "watch=/PINNED");
  CHECK(apply(spec, {"watch_in=on_paket"}) ==
        "--target watch_in=on_paket: the object has no program \"on_paket\" | did you mean: "
        "on_packet");
  CHECK(apply(spec, {"wotch_in=on_packet"}) ==
        "--target wotch_in=on_packet: the object has no program \"wotch_in\" | did you mean: "
        "watch_in");
  CHECK(apply(spec, {"switches=on_packet"}) ==
        "--target switches=on_packet: program \"switches\" is SEC(\"tp_btf/sched_switch\"), and "
        "only fentry, fexit, fsession and freplace programs are about other programs");
  CHECK(apply(spec, {"watch_in=watch_in"}) ==
        "--target watch_in=watch_in: program \"watch_in\" cannot be about itself");
  CHECK(apply(spec, {"watch_in=on_packet:"}) ==
        "--target watch_in=on_packet:: the function after the colon is missing");
}
