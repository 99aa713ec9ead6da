// SPDX-License-Identifier: Apache-2.0
// What is read from the running system: versions as distributions write them, and that only what is
// needed is looked at.
#include "loader/capture.h"

#include <doctest/doctest.h>

#include "tests/support/btf_builder.h"

using namespace bpfld;
using namespace bpfld::loader;
using test::message;

namespace {

constexpr u32 version(u32 a, u32 b, u32 c) {
  return a << 16 | b << 8 | c;
}

}  // namespace

TEST_CASE("loader capture: the version is what programs are checked against") {
  const char* kOther = "#1 SMP PREEMPT_DYNAMIC Mon Jan 1 00:00:00 UTC 2024";
  CHECK(kernel_version_code("6.18.0", kOther, "") == version(6, 18, 0));
  CHECK(kernel_version_code("5.4.17-2136.300.7.el8uek.x86_64", kOther, "") == version(5, 4, 17));
  CHECK(kernel_version_code("6.1", kOther, "") == version(6, 1, 0));
  CHECK(kernel_version_code("7.2.13+deb14-cloud-amd64", kOther, "") == version(7, 2, 13));
  CHECK(kernel_version_code("4.19.325", kOther, "") == version(4, 19, 255));  // eight bits
  CHECK(kernel_version_code("", "", "") == 0);
  CHECK(kernel_version_code("linux", "", "") == 0);
  CHECK(kernel_version_code("99999999999999999999.1", kOther, "") == 0);
}

TEST_CASE("loader capture: Debian's release keeps a series' first number") {
  CHECK(kernel_version_code("5.10.0-32-cloud-amd64", "#1 SMP Debian 5.10.223-1 (2024-08-10)", "") ==
        version(5, 10, 223));
  CHECK(kernel_version_code("6.1.0-50-cloud-amd64",
                            "#1 SMP PREEMPT_DYNAMIC Debian 6.1.140-1 (2025-05-22)",
                            "") == version(6, 1, 140));
}

TEST_CASE("loader capture: Ubuntu's has the number in a file of its own") {
  const char* kUbuntu = "#21-Ubuntu SMP Tue Apr 24 06:16:15 UTC 2018";
  CHECK(kernel_version_code("4.15.0-20-generic", kUbuntu,
                            "Ubuntu 4.15.0-20.21-generic 4.15.17\n") == version(4, 15, 17));
  CHECK(kernel_version_code("4.15.0-20-generic", kUbuntu, "") == version(4, 15, 0));
  CHECK(kernel_version_code("4.15.0-20-generic", kUbuntu, "nonsense") == version(4, 15, 0));
  CHECK(kernel_version_code("4.15.0-20-generic", kUbuntu, "Ubuntu 4.15.0-20.21-generic \n") ==
        version(4, 15, 0));
}

TEST_CASE("loader capture: nothing needed, nothing read but who the kernel is") {
  const Result<KernelProfile> profile = capture({});
  REQUIRE_MESSAGE(profile, message(profile));
  CHECK_FALSE(profile->release.empty());
  CHECK(profile->version_code > version(3, 18, 0));
  CHECK(profile->page_size >= 4096);
  CHECK(profile->possible_cpus == 1);
  CHECK(profile->tracepoints.empty());
  CHECK(profile->btf == nullptr);
  CHECK(profile->btf_problem.empty());
}

TEST_CASE("loader capture: a tracepoint's name may not lead out of its directory") {
  Needs needs;
  needs.tracepoints = {"../../etc/passwd", "sched/..", "sched", "/",
                       "sched/a/b",        "a b/c",    "/x",    "x/"};
  const Result<KernelProfile> profile = capture(needs);
  REQUIRE_MESSAGE(profile, message(profile));
  REQUIRE(profile->tracepoints.size() == needs.tracepoints.size());
  for (const auto& [name, fact] : profile->tracepoints) {
    CHECK_FALSE(fact.id.has_value());
    CHECK(fact.problem.find("is not a tracepoint name; want category/event") != std::string::npos);
  }
}

TEST_CASE("loader capture: a BTF file that was named must be there") {
  Needs needs;
  needs.kernel_btf = true;
  const Result<KernelProfile> profile = capture(needs, {.btf_path = "/no/such/file"});
  REQUIRE_FALSE(profile);
  CHECK(profile.error().code == Code::not_found);
}

TEST_CASE("loader capture: the cgroup2 mount, in hybrid and in plain hierarchies") {
  CHECK(cgroup2_mount("").empty());
  CHECK(cgroup2_mount("25 30 0:22 / /sys rw shared:7 - sysfs sysfs rw\n").empty());
  CHECK(cgroup2_mount("25 30 0:22 / /sys rw - sysfs sysfs rw\n"
                      "33 25 0:28 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw\n") ==
        "/sys/fs/cgroup");
  CHECK(cgroup2_mount("33 25 0:28 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"
                      "34 25 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw") ==
        "/sys/fs/cgroup/unified");
  CHECK(cgroup2_mount("34 25 0:29 / /with\\040a\\134space rw - cgroup2 x rw\n") ==
        "/with a\\space");
  CHECK(cgroup2_mount("34 25 0:29 / /cut\\04 rw - cgroup2 x rw\n") == "/cut\\04");
  CHECK(cgroup2_mount(" - cgroup2 x").empty());
}

TEST_CASE("loader capture: an interface that is not there is told with those that are") {
  Needs needs;
  needs.interfaces = {"lo", "no-such-if", std::string(40, 'x')};
  needs.paths = {"/", "/no/such/path"};
  needs.cgroups = {"/proc"};
  const Result<KernelProfile> profile = capture(needs);
  REQUIRE_MESSAGE(profile, message(profile));
  CHECK(profile->interfaces.at("lo").index != 0);
  CHECK(profile->interfaces.at("lo").problem.empty());
  CHECK(profile->interfaces.at("no-such-if").index == 0);
  CHECK(profile->interfaces.at("no-such-if").problem == "there is no interface no-such-if");
  CHECK_FALSE(profile->interfaces.at("no-such-if").near.empty());
  CHECK(profile->interfaces.at(std::string(40, 'x')).problem.find("cannot be the name") !=
        std::string::npos);
  CHECK(profile->paths.at("/").problem.empty());
  CHECK(profile->paths.at("/no/such/path").problem == "there is no /no/such/path");
  CHECK(profile->cgroups.at("/proc").problem.starts_with("/proc is no directory of cgroup2"));
}
