// SPDX-License-Identifier: Apache-2.0
// A kernel's facts as text, and back.
#include "loader/saved_profile.h"

#include <doctest/doctest.h>

namespace {

using namespace bpfld;
using namespace bpfld::loader;

constexpr std::string_view kText =
    "bpfld-profile 2\n"
    "release 6.12.107+deb13\n"
    "machine aarch64\n"
    "version 0x60c6b\n"
    "page_size 4096\n"
    "possible_cpus 4\n"
    "cgroup2 /sys/fs/cgroup\n"
    "btf kernel.btf\n"
    "config kernel.config\n"
    "functions kernel.functions\n"
    "pmu kprobe 6 0 - tracefs\n"
    "pmu uprobe - 1 32\n"
    "obstacle lsm bpf is not an active LSM\n"
    "feature perf_link yes\n"
    "feature btf_enum64 no\n"
    "program lsm denied 1\n"
    "program xdp yes\n"
    "map ringbuf no 22\n"
    "link tcx unknown 12 PROG_LOAD before it failed\n"
    "helpers xdp 1-3,9,11-12\n"
    "tracepoint sched/sched_switch 315\n"
    "tracepoint sched/sched_waking 317\n"
    "end\n";

std::string message(std::string_view line) {
  const Result<SavedProfile> profile =
      parse_saved_profile("bpfld-profile 2\n" + std::string(line) + "\nend\n");
  return profile ? "it parses" : profile.error().what;
}

}  // namespace

TEST_CASE("saved profile: what was written is read back, and written the same") {
  const Result<SavedProfile> profile = parse_saved_profile(kText);
  REQUIRE(profile.has_value());
  CHECK(profile->release == "6.12.107+deb13");
  CHECK(profile->version_code == 0x60c6b);
  CHECK(profile->possible_cpus == 4);
  CHECK(profile->pmus.at("uprobe").semaphore_shift == 32u);
  CHECK(profile->helpers.at("xdp") == std::vector<u32>{1, 2, 3, 9, 11, 12});
  CHECK(profile->tracepoints.at("sched/sched_switch") == 315);
  CHECK(to_text(*profile) == kText);
}

TEST_CASE("saved profile: it answers for its tracepoints, and has names like those it lacks") {
  const Result<SavedProfile> saved = parse_saved_profile(kText);
  REQUIRE(saved.has_value());
  Needs needs;
  needs.tracepoints = {"sched/sched_switch", "sched/sched_swich"};
  needs.pmus = {"kprobe", "cpu"};
  const KernelProfile profile = to_profile(*saved, needs);
  CHECK(profile.tracepoints.at("sched/sched_switch").id == 315);
  const TracepointFact& missing = profile.tracepoints.at("sched/sched_swich");
  CHECK(!missing.id);
  CHECK(missing.problem == "tracepoint sched/sched_swich does not exist on kernel 6.12.107+deb13");
  REQUIRE(!missing.near.empty());
  CHECK(missing.near.front() == "sched/sched_switch");
  CHECK(profile.lacks(Feature::btf_enum64));
  CHECK(!profile.lacks(Feature::perf_link));
  CHECK(profile.machine == "aarch64");
  CHECK(profile.pmus.at("kprobe").type == 6u);
  CHECK(profile.pmus.at("cpu") == PmuFact{});
}

TEST_CASE("saved profile: probes are answered as they were, and what was not asked is unknown") {
  const Result<SavedProfile> saved = parse_saved_profile(kText);
  REQUIRE(saved.has_value());
  Probe probe;
  probe.kind = ProbeKind::program;
  probe.name = "lsm";
  CHECK(saved_answer(*saved, probe).answer == ProbeAnswer::denied);
  CHECK(saved_answer(*saved, probe).errno_value == 1);
  CHECK(saved_helper(*saved, probe, 1).answer == ProbeAnswer::unknown);
  probe.name = "xdp";
  CHECK(saved_helper(*saved, probe, 9).answer == ProbeAnswer::yes);
  CHECK(saved_helper(*saved, probe, 10).answer == ProbeAnswer::no);
  probe.kind = ProbeKind::map;
  CHECK(saved_answer(*saved, probe).answer == ProbeAnswer::unknown);
  probe.kind = ProbeKind::link;
  probe.name = "tcx";
  CHECK(saved_answer(*saved, probe).detail == "PROG_LOAD before it failed");
}

TEST_CASE("saved profile: what was cut short is noticed wherever it was cut") {
  const std::string_view cut_before_end = kText.substr(0, kText.size() - 1);
  CHECK(parse_saved_profile(cut_before_end).has_value());  // only the last newline is missing
  for (std::size_t size = 0; size + 1 < kText.size(); size++) {
    CAPTURE(size);
    CHECK(!parse_saved_profile(kText.substr(0, size)).has_value());
  }
  const Result<SavedProfile> cut = parse_saved_profile(kText.substr(0, kText.size() - 4));
  REQUIRE(!cut);
  CHECK(cut.error().what == "the profile is cut short: its last line is not \"end\"");
  const Result<SavedProfile> longer = parse_saved_profile(std::string(kText) + "btf x\n");
  REQUIRE(!longer);
  CHECK(longer.error().what == "profile, line 23: something follows the end");
}

TEST_CASE("saved profile: one of another version says so") {
  const Result<SavedProfile> old = parse_saved_profile("bpfld-profile 1\nrelease 6.1\n");
  REQUIRE(!old);
  CHECK(old.error().code == Code::unsupported);
  CHECK(old.error().what ==
        "the profile is of version 1, and this bpfld reads version 2: save it again with `bpfld "
        "profile save`");
}

TEST_CASE("saved profile: a line that is no fact is malformed") {
  CHECK(message("release") == "profile, line 2: \"release\" is not a fact");
  CHECK(message("page_size 4095") == "profile, line 2: \"page_size 4095\" is not a fact");
  CHECK(message("page_size 5000") == "profile, line 2: \"page_size 5000\" is not a fact");
  CHECK(message("possible_cpus 0") == "profile, line 2: \"possible_cpus 0\" is not a fact");
  CHECK(message("possible_cpus 99999999999") ==
        "profile, line 2: \"possible_cpus 99999999999\" is not a fact");
  CHECK(message("btf ../../etc/passwd") ==
        "profile, line 2: \"btf ../../etc/passwd\" is not a fact");
  CHECK(message("feature warp yes") == "profile, line 2: \"feature warp yes\" is not a fact");
  CHECK(message("feature perf_link maybe") ==
        "profile, line 2: \"feature perf_link maybe\" is not a fact");
  CHECK(message("tracepoint a/b c") == "profile, line 2: \"tracepoint a/b c\" is not a fact");
  CHECK(message("helpers xdp 9,3") == "profile, line 2: \"helpers xdp 9,3\" is not a fact");
  CHECK(message("helpers xdp 1-4000000000") ==
        "profile, line 2: \"helpers xdp 1-4000000000\" is not a fact");
  CHECK(message("program xdp perhaps") == "profile, line 2: \"program xdp perhaps\" is not a fact");
  CHECK(message("program xdp no 5000") == "profile, line 2: \"program xdp no 5000\" is not a fact");
  CHECK(message("pmu kprobe 6 64 -") == "profile, line 2: \"pmu kprobe 6 64 -\" is not a fact");
  CHECK(message("pmu kprobe 6 0 - x") == "profile, line 2: \"pmu kprobe 6 0 - x\" is not a fact");
  CHECK(message("cgroup2 here") == "profile, line 2: \"cgroup2 here\" is not a fact");
  CHECK(message("functions ../x") == "profile, line 2: \"functions ../x\" is not a fact");
  CHECK(message("colour \x1b[1m") == "profile, line 2: \"colour \\x1b[1m\" is not a fact");
  const Result<SavedProfile> other = parse_saved_profile("[section]\n");
  REQUIRE(!other);
  CHECK(other.error().what == "not a profile: the first line is not \"bpfld-profile 2\"");
}
