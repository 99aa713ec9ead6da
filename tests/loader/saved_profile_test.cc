// SPDX-License-Identifier: Apache-2.0
// A kernel's facts as text, and back.
#include "loader/saved_profile.h"

#include <doctest/doctest.h>

namespace {

using namespace bpfld;
using namespace bpfld::loader;

constexpr std::string_view kText =
    "bpfld-profile 1\n"
    "release 6.12.107+deb13\n"
    "version 0x60c6b\n"
    "page_size 4096\n"
    "possible_cpus 4\n"
    "btf kernel.btf\n"
    "config kernel.config\n"
    "feature perf_link yes\n"
    "feature btf_enum64 no\n"
    "tracepoint sched/sched_switch 315\n"
    "tracepoint sched/sched_waking 317\n";

std::string message(std::string_view line) {
  const Result<SavedProfile> profile =
      parse_saved_profile("bpfld-profile 1\n" + std::string(line) + "\n");
  return profile ? "it parses" : profile.error().what;
}

}  // namespace

TEST_CASE("saved profile: what was written is read back, and written the same") {
  const Result<SavedProfile> profile = parse_saved_profile(kText);
  REQUIRE(profile.has_value());
  CHECK(profile->release == "6.12.107+deb13");
  CHECK(profile->version_code == 0x60c6b);
  CHECK(profile->possible_cpus == 4);
  CHECK(profile->tracepoints.at("sched/sched_switch") == 315);
  CHECK(to_text(*profile) == kText);
}

TEST_CASE("saved profile: it answers for its tracepoints, and has names like those it lacks") {
  const Result<SavedProfile> saved = parse_saved_profile(kText);
  REQUIRE(saved.has_value());
  Needs needs;
  needs.tracepoints = {"sched/sched_switch", "sched/sched_swich"};
  const KernelProfile profile = to_profile(*saved, needs);
  CHECK(profile.tracepoints.at("sched/sched_switch").id == 315);
  const TracepointFact& missing = profile.tracepoints.at("sched/sched_swich");
  CHECK(!missing.id);
  CHECK(missing.problem == "tracepoint sched/sched_swich does not exist on kernel 6.12.107+deb13");
  REQUIRE(!missing.near.empty());
  CHECK(missing.near.front() == "sched/sched_switch");
  CHECK(profile.lacks(Feature::btf_enum64));
  CHECK(!profile.lacks(Feature::perf_link));
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
  CHECK(message("colour \x1b[1m") == "profile, line 2: \"colour \\x1b[1m\" is not a fact");
  const Result<SavedProfile> other = parse_saved_profile("[section]\n");
  REQUIRE(!other);
  CHECK(other.error().what == "not a profile: the first line is not \"bpfld-profile 1\"");
}
