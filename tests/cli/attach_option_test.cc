// SPDX-License-Identifier: Apache-2.0
// --attach and its relatives: from text to the places of programs.
#include "cli/attach_option.h"

#include <doctest/doctest.h>

using namespace bpfld;
using namespace bpfld::cli;
using loader::AttachMethod;
using loader::AttachTarget;
using loader::ObjectSpec;

namespace {

ObjectSpec object_of(std::initializer_list<std::pair<const char*, const char*>> programs) {
  ObjectSpec spec;
  for (const auto& [name, section] : programs) {
    loader::ProgramSpec program;
    program.name = name;
    program.section = section;
    const std::optional<loader::SectionMatch> match = loader::match_section(section);
    REQUIRE(match);
    program.row = match->row;
    program.target = match->target;
    spec.programs.push_back(program);
  }
  return spec;
}

std::string error_of(std::string_view text) {
  const Result<AttachTarget> target = parse_attach_target(text);
  return target ? "no error" : target.error().message();
}

std::string apply(const AttachOptions& options, ObjectSpec& spec) {
  loader::Selection all;
  for (u32 i = 0; i < spec.programs.size(); i++)
    all.push_back(i);
  const Status done = apply_attach_options(options, all, spec);
  return done ? "no error" : done.error().message();
}

AttachTarget parsed(std::string_view text) {
  const Result<AttachTarget> target = parse_attach_target(text);
  REQUIRE_MESSAGE(target, (target ? "" : target.error().message()));
  return *target;
}

}  // namespace

TEST_CASE("attach option: what follows the kind is read as the kind says") {
  AttachTarget target = parsed("kprobe:do_unlinkat+0x10");
  CHECK(target.method == AttachMethod::kprobe);
  CHECK(target.place == "do_unlinkat+0x10");
  CHECK(parsed("uprobe:/bin/bash:readline,x").place == "/bin/bash:readline,x");
  CHECK(parsed("usdt:@libjvm:hotspot:gc__begin").place == "@libjvm:hotspot:gc__begin");
  CHECK(parsed("tp:sched/sched_switch").place == "sched/sched_switch");
  CHECK(parsed("tp:sched:sched_switch").place == "sched/sched_switch");
  CHECK(parsed("perf:cpu-clock@49").place == "cpu-clock@49");
  CHECK(parsed("cgroup:/a:b,c=d").place == "/a:b,c=d");
  target = parsed("xdp:eth0,skb");
  CHECK(target.place == "eth0");
  CHECK(target.hook.empty());
  CHECK(target.has("skb"));
  CHECK_FALSE(target.has("native"));
  target = parsed("tc:eth0:ingress,prio=1,handle=2");
  CHECK(target.place == "eth0");
  CHECK(target.hook == "ingress");
  CHECK(*target.option("prio") == "1");
  CHECK(*target.option("handle") == "2");
  target = parsed("netfilter:ipv4:pre_routing,prio=-100,defrag");
  CHECK(target.place == "ipv4");
  CHECK(target.hook == "pre_routing");
  CHECK(*target.option("prio") == "-100");
  target = parsed("socket:pid=12,fd=3");
  CHECK(target.place.empty());
  CHECK(*target.option("pid") == "12");
  target = parsed("lwt:fd00:1::/64,dev=eth0,via=fd00::1");
  CHECK(target.place == "fd00:1::/64");
  CHECK(*target.option("via") == "fd00::1");
}

TEST_CASE("attach option: what is not a place is said") {
  CHECK(error_of("") == "--attach : there is no kind of place \"\"");
  CHECK(error_of("eth0") == "--attach eth0: there is no kind of place \"eth0\"");
  CHECK(error_of("xdp") == "--attach xdp: want xdp:IF[,native|generic|offload]");
  CHECK(error_of("xdp:") == "--attach xdp:: want xdp:IF[,native|generic|offload]");
  CHECK(error_of("xdp:eth0,fast") ==
        "--attach xdp:... takes no \"fast\"; want xdp:IF[,native|generic|offload]");
  CHECK(error_of("xdp:eth0,skb=1") == "--attach xdp: skb takes no value");
  CHECK(error_of("tc:eth0,prio") == "--attach tc: prio needs a value, prio=...");
  CHECK(error_of("tc:eth0,prio=") == "--attach tc: prio needs a value, prio=...");
  CHECK(error_of("tc:eth0,prio=-1") == "--attach tc: prio takes a number, not \"-1\"");
  CHECK(error_of("tc:eth0,prio=4294967296") ==
        "--attach tc: prio takes a number, not \"4294967296\"");
  CHECK(error_of("netfilter:ipv4:x,prio=1x") ==
        "--attach netfilter: prio takes a number, not \"1x\"");
  CHECK(error_of("tc:eth0,pri\x1b=1").find('\x1b') == std::string::npos);
  const Result<AttachTarget> near = parse_attach_target("kprob:fn");
  REQUIRE_FALSE(near);
  CHECK(near.error().detail == "did you mean: kprobe");
}

TEST_CASE("attach option: a pattern names many programs, and repeated options add") {
  ObjectSpec spec = object_of({{"in", "xdp"}, {"out", "tc"}, {"in2", "xdp.frags"}});
  CHECK(apply({.attach = {"in*=xdp:a", "in=xdp:b"}}, spec) == "no error");
  REQUIRE(spec.programs[0].places.size() == 2);
  CHECK(spec.programs[0].places[1].place == "b");
  CHECK(spec.programs[1].places.empty());
  CHECK(spec.programs[2].places.size() == 1);
}

TEST_CASE("attach option: a program goes only where its type can") {
  ObjectSpec spec =
      object_of({{"pkt", "xdp"}, {"k", "kprobe"}, {"f", "fexit/x"}, {"s", "fentry.s"}});
  CHECK(apply({.attach = {"pkt=tc:eth0"}}, spec) ==
        "--attach pkt=tc:eth0: program \"pkt\" is SEC(\"xdp\"), which does not go to tc:...");
  CHECK(apply({.attach = {"f=fentry:x"}}, spec).find("does not go to fentry") != std::string::npos);
  CHECK(apply({.attach = {"s=fentry:x"}}, spec) == "no error");
  CHECK(apply({.attach = {"k=uprobe:/bin/sh:main"}}, spec) == "no error");
  CHECK(spec.programs[1].places[0].method == AttachMethod::uprobe);
  CHECK(apply({.attach = {"*=xdp:eth0"}}, spec) == "no error");  // the others are passed over
  CHECK(spec.programs[0].places.size() == 1);
}

TEST_CASE("attach option: names that are not there are said, with those like them") {
  ObjectSpec spec = object_of({{"on_packet", "xdp"}});
  CHECK(apply({.attach = {"on_paket=xdp:lo"}}, spec) ==
        "--attach: there is no program \"on_paket\"");
  CHECK(apply({.attach = {"on_packet"}}, spec) ==
        "--attach on_packet: want PROGRAM=KIND:PLACE, such as on_packet=xdp:eth0");
  CHECK(apply({.attach = {"=xdp:lo"}}, spec).find("want PROGRAM=KIND:PLACE") != std::string::npos);
}

TEST_CASE("attach option: a default is for the class, and --attach goes before it") {
  ObjectSpec spec = object_of({{"a", "xdp"},
                               {"b", "tc/egress"},
                               {"c", "cgroup/connect4"},
                               {"d", "socket"},
                               {"e", "sk_lookup"},
                               {"f", "xdp/devmap"},
                               {"g", "tp/sched/sched_switch"}});
  AttachOptions options;
  options.attach = {"a=xdp:one"};
  options.devices = {"two", "three"};
  options.cgroup = "/c";
  options.netns = "blue";
  options.xdp_mode = "generic";
  CHECK(apply(options, spec) == "no error");
  REQUIRE(spec.programs[0].places.size() == 1);
  CHECK(spec.programs[0].places[0].place == "one");
  CHECK(spec.programs[0].places[0].has("generic"));
  REQUIRE(spec.programs[1].places.size() == 2);
  CHECK(spec.programs[1].places[0].place == "two");
  CHECK(spec.programs[1].places[1].place == "three");
  CHECK(spec.programs[1].places[1].options.empty());
  CHECK(spec.programs[2].places[0].place == "/c");
  CHECK(spec.programs[3].places.size() == 2);
  CHECK(spec.programs[4].places[0].place == "blue");
  CHECK(spec.programs[5].places.empty());  // it goes into a map
  CHECK(spec.programs[6].places.empty());
}

TEST_CASE("attach option: a default that applies to nothing is a mistake") {
  ObjectSpec spec = object_of({{"g", "tp/sched/sched_switch"}});
  CHECK(apply({.devices = {"lo"}}, spec) ==
        "--dev: the object has no program that it would apply to");
  CHECK(apply({.cgroup = "/c"}, spec).starts_with("--cgroup: "));
  CHECK(apply({.netns = "n"}, spec).starts_with("--netns: "));
  CHECK(apply({.xdp_mode = "native"}, spec).starts_with("--xdp-mode: "));
  CHECK(apply({.pid = 1}, spec).starts_with("--pid: "));
  CHECK(apply({.frequency = 99}, spec).starts_with("--freq: "));
}

TEST_CASE("attach option: --pid and --freq say more about a place that the section gives") {
  ObjectSpec spec = object_of({{"u", "uprobe//bin/sh:main"}, {"p", "perf_event"}});
  CHECK(apply({.pid = 7, .frequency = 49}, spec) == "no error");
  REQUIRE(spec.programs[0].places.size() == 1);
  CHECK(spec.programs[0].places[0].place == "/bin/sh:main");
  CHECK(spec.programs[0].places[0].pid == 7u);
  CHECK_FALSE(spec.programs[0].places[0].frequency.has_value());
  REQUIRE(spec.programs[1].places.size() == 1);
  CHECK(spec.programs[1].places[0].frequency == 49u);
}
