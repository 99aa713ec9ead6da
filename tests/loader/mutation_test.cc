// SPDX-License-Identifier: Apache-2.0
// Every truncation and every changed byte of compiled objects, all the way from the file to the
// kernel: the loader gives a session or an error, and where reading, linking or planning failed,
// the kernel was not asked anything. What is planned is loaded into a fake kernel, which takes all.
#include <doctest/doctest.h>

#include "base/escape.h"
#include "base/mapped_file.h"
#include "loader/collect.h"
#include "loader/session.h"
#include "tests/support/fake_kernel.h"
#include "tests/support/objects.h"

using namespace bpfld;
using namespace bpfld::loader;
using namespace bpfld::test;

namespace {

struct Tally {
  u64 loaded = 0;
  u64 refused = 0;      // before anything was asked of the kernel
  u64 failed = 0;       // after
  u64 asked_early = 0;  // requests of an object that was refused
  u64 leaked = 0;
  u64 unprintable = 0;
};

void note_error(const Error& error, Tally& tally) {
  const std::string text = error.message();
  if (text.empty() || escape_terminal(text) != text) tally.unprintable++;
}

KernelProfile profile_for(const ObjectSpec& spec) {
  KernelProfile profile;
  for (const std::string& name : needs(spec, autoload_programs(spec)).tracepoints)
    profile.tracepoints[name].id = 331;
  return profile;
}

void visit(Bytes file, Tally& tally) {
  FakeKernel kernel;
  const Result<ObjectSpec> spec = collect(file, "x");
  if (!spec) {
    tally.refused++;
    tally.asked_early += kernel.requests.size();
    return note_error(spec.error(), tally);
  }
  {
    KernelProfile profile = profile_for(*spec);
    const Result<Session> session = Session::load(*spec, autoload_programs(*spec), profile, kernel);
    if (session) {
      tally.loaded++;
    } else {
      (kernel.requests.empty() ? tally.refused : tally.failed)++;
      note_error(session.error(), tally);
    }
  }
  tally.leaked += kernel.open_fds() + FakeKernel::bad_closes();
}

std::vector<std::byte> read_fixture(const char* name) {
  const Result<std::vector<std::byte>> file =
      read_file(build_path(format("fixtures/{}.bpf.o", name)));
  REQUIRE_MESSAGE(file, message(file));
  return *file;
}

void check(const Tally& tally) {
  CHECK(tally.refused > 0);
  CHECK(tally.asked_early == 0);
  CHECK(tally.failed == 0);  // the fake kernel refuses nothing
  CHECK(tally.leaked == 0);
  CHECK(tally.unprintable == 0);
}

constexpr const char* kFixtures[] = {"minimal", "subprogs", "perf_getppid"};

}  // namespace

TEST_CASE("loader: every truncation of a compiled object is refused before the kernel is asked") {
  for (const char* name : kFixtures) {
    const std::vector<std::byte> file = read_fixture(name);
    Tally tally;
    for (std::size_t size = 0; size < file.size(); size++) {
      const std::vector<std::byte> part(file.begin(),
                                        file.begin() + static_cast<std::ptrdiff_t>(size));
      visit(part, tally);
    }
    check(tally);
    CHECK(tally.refused == file.size());
    Tally whole;
    visit(file, whole);
    CHECK(whole.loaded == 1);
  }
}

TEST_CASE("loader: every changed byte of a compiled object gives a session or a clean error") {
  for (const char* name : kFixtures) {
    std::vector<std::byte> file = read_fixture(name);
    Tally tally;
    for (std::size_t at = 0; at < file.size(); at++) {
      const std::byte old = file[at];
      for (const unsigned mask : {0xffu, 0x01u, 0x80u}) {
        file[at] = old ^ static_cast<std::byte>(mask);
        visit(file, tally);
      }
      file[at] = old;
    }
    check(tally);
    CHECK(tally.loaded > 0);
    CHECK(tally.loaded + tally.refused == file.size() * 3);
  }
}
