// SPDX-License-Identifier: Apache-2.0
// Thousands of made-up objects and kernels, each asked a dozen questions, compared with a slow and
// obvious CO-RE (tests/support/core_oracle.h).
#include "tests/support/core_oracle.h"

#include <doctest/doctest.h>

namespace bpfld::test {
namespace {

// Reproducible bytes for a number: splitmix64.
std::vector<std::byte> bytes_of_seed(u64 seed, std::size_t size) {
  std::vector<std::byte> out;
  while (out.size() < size) {
    seed += 0x9e3779b97f4a7c15;
    u64 mixed = seed;
    mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111eb;
    out.push_back(static_cast<std::byte>((mixed ^ mixed >> 31) >> 24));
  }
  return out;
}

TEST_CASE("core: thousands of made-up cases agree with a slow and obvious matcher") {
  for (u64 seed = 1; seed <= 4000; seed++) {
    const std::string difference = compare_with_oracle(bytes_of_seed(seed * 1'000'003, 600));
    CAPTURE(seed);
    REQUIRE(difference == "");
  }
}

// A test that cannot fail is none: among the cases there must be many of each outcome.
TEST_CASE("core: the made-up cases have every outcome that they are to compare") {
  std::array<u32, btf::core::kVerdicts> seen{};
  u32 conflicts = 0;
  for (u64 seed = 1; seed <= 2000; seed++) {
    const std::vector<std::byte> bytes = bytes_of_seed(seed * 1'000'003, 600);
    Choices choices(bytes);
    const Forest local(choices, 1), target(choices, 3);
    std::vector<Question> questions;
    for (u32 i = 0; i < 12; i++)
      questions.push_back(make_question(choices, local));
    std::vector<TypeId> local_ids, target_ids;
    (void)local.write(local_ids);
    (void)target.write(target_ids);
    for (const Expected& one : expect_all(local, target, local_ids, target_ids, questions)) {
      seen[static_cast<std::size_t>(one.verdict)]++;
      conflicts += one.size_conflict ? 1 : 0;
    }
  }
  using btf::core::Verdict;
  for (const Verdict verdict : {Verdict::matched, Verdict::local, Verdict::absent,
                                Verdict::poisoned, Verdict::ambiguous, Verdict::unsupported}) {
    CAPTURE(btf::core::verdict_name(verdict));
    CHECK(seen[static_cast<std::size_t>(verdict)] > 20);
  }
  CHECK(conflicts > 20);
}

}  // namespace
}  // namespace bpfld::test
