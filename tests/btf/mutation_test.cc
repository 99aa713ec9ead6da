// SPDX-License-Identifier: Apache-2.0
// Every truncation and every changed byte of a blob that has one type of each kind: an answer or an
// error, never a crash (the sanitizer builds see to it that "never" is meant). And blobs made to
// cost memory: what they cost is bounded.
#include <algorithm>
#include <doctest/doctest.h>

#include "tests/support/allocations.h"
#include "tests/support/btf_builder.h"
#include "tests/support/btf_exercise.h"

using namespace bpfld;
using namespace bpfld::btf;
using test::BtfBuilder;
using test::BtfExtBuilder;
using test::message;

namespace {

constexpr std::size_t kHostileBytes = 64 << 10;
constexpr u64 kBudget = 64 << 20;
constexpr ByteOrder kOther = kHostOrder == ByteOrder::little ? ByteOrder::big : ByteOrder::little;

BtfBuilder sample() {
  BtfBuilder b;
  const TypeId i = b.add_int("int", 4);
  const TypeId p = b.add_ptr({6});
  const TypeId a = b.add_array(i, i, 4);
  const TypeId bits = b.add_struct("bits", 4, {{"x", i, 0, 7}, {"y", i, 7, 25}});
  const TypeId u = b.add_union("", 16, {{"list", a, 0}, {"next", p, 0}});
  b.add_struct("task_struct___v1", 24, {{"bits", bits, 0}, {"", u, 64}});
  b.add_enum("colour", {{"red", 0}, {"blue", -1}}, 4, true);
  b.add_fwd("later");
  const TypeId t = b.add_typedef("a", b.add_volatile(b.add_const(i)));
  b.add_restrict(p);
  const TypeId f = b.add_func("run", b.add_func_proto(i, {{"x", t}, {"", {}}}));
  const TypeId v = b.add_var("counter", i);
  b.add_datasec(".data", 4, {{v, 0, 4}});
  b.add_float("double", 8);
  b.add_decl_tag("hot", f, 0);
  b.add_type_tag("user", i);
  b.add_enum64("wide", {{"lo", 1}, {"hi", i64{1} << 40}});
  b.add_raw({.kind = 22, .vlen = 1, .tail = {1, 2, 3}});
  b.add_layout({{0, 0, 0}, {0, 0, 0}, {0, 12, 0}});
  return b;
}

template <typename Ask>
void mutate(const std::vector<std::byte>& good, Ask ask) {
  for (std::size_t size = 0; size <= good.size(); size++) {
    // A copy of exactly that size, so that a sanitizer sees a read past its end.
    const std::vector<std::byte> cut(good.begin(),
                                     good.begin() + static_cast<std::ptrdiff_t>(size));
    ask(cut);
  }
  std::vector<std::byte> bytes = good;
  for (std::byte& byte : bytes) {
    const std::byte before = byte;
    for (const int flip : {0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0xff}) {
      byte = before ^ static_cast<std::byte>(flip);
      ask(bytes);
    }
    for (const int value : {0x00, 0x7f, 0xff}) {
      byte = static_cast<std::byte>(value);
      ask(bytes);
    }
    byte = before;
  }
}

u64 cost_of(const BtfBuilder& builder) {
  std::vector<std::byte> blob = builder.bytes();
  CHECK(blob.size() <= kHostileBytes);
  CHECK(View::parse(blob).has_value());
  return test::peak_of([&] { test::exercise_btf(blob); });
}

}  // namespace

TEST_CASE("btf mutation: any one byte of a blob may be anything, and it may end anywhere") {
  u64 good = 0;
  for (const ByteOrder order : {kHostOrder, kOther}) {
    const std::vector<std::byte> blob = sample().bytes(order);
    CHECK(message(View::parse(blob)->validate()) == "no error");
    mutate(blob, [&](const std::vector<std::byte>& bytes) { good += test::exercise_btf(bytes); });
  }
  CHECK(good > 0);
}

TEST_CASE("btf mutation: the same for split BTF") {
  const std::vector<std::byte> base_blob = sample().bytes();
  const View base = *View::parse(base_blob);
  BtfBuilder b(base);
  b.add_struct("own", 24, {{"task", {6}, 0}});
  b.add_typedef("own_t", {base.count()});
  u64 good = 0;
  mutate(b.bytes(),
         [&](const std::vector<std::byte>& bytes) { good += test::exercise_btf(bytes, &base); });
  CHECK(good > 0);
}

TEST_CASE("btf mutation: the same for .BTF.ext") {
  BtfBuilder b = sample();
  BtfExtBuilder ext(b);
  ext.add_func("xdp", 0, {14});
  ext.add_func("tc", 0, {14});
  ext.add_line("xdp", 0, "a.c", "return 1;", 3, 4);
  ext.add_core("xdp", 8, {6}, "0:1", CoreKind::field_byte_offset);
  u64 good = 0;
  for (const ByteOrder order : {kHostOrder, kOther}) {
    const std::vector<std::byte> ext_blob = ext.bytes(order);
    const std::vector<std::byte> blob = b.bytes(order);
    const View view = *View::parse(blob);
    mutate(ext_blob, [&](const std::vector<std::byte>& bytes) {
      good += test::exercise_btf_ext(bytes, view);
    });
  }
  CHECK(good > 0);
}

TEST_CASE("btf mutation: 64 KiB of the smallest records stay within the memory budget") {
  BtfBuilder b;
  for (u32 n = 0; n < 5400; n++)
    b.add_ptr({n});
  CHECK(cost_of(b) < kBudget);
}

TEST_CASE("btf mutation: 64 KiB of structs within structs stay within the memory budget") {
  BtfBuilder b;
  for (u32 n = 0; n < 2700; n++)
    b.add_raw({.kind = 4, .vlen = 1, .size_or_type = 4, .tail = {0, n + 2, 0}});
  b.add_int("int", 4);
  CHECK(cost_of(b) < kBudget);
}

TEST_CASE("btf mutation: arrays of arrays of 4 billion elements cost no memory") {
  BtfBuilder b;
  const TypeId i = b.add_int("int", 4);
  for (u32 n = 1; n < 2700; n++)
    b.add_array({n}, i, ~0u);
  CHECK(cost_of(b) < kBudget);
}

TEST_CASE("btf mutation: functions whose parameters are functions cost no memory to spell") {
  BtfBuilder b;
  b.add_ptr({2});
  for (u32 n = 0; n < 7; n++)
    b.add_func_proto({1}, std::vector<test::ParamSpec>(1000, {"", {1}}));
  CHECK(cost_of(b) < kBudget);
}

TEST_CASE("btf mutation: one long name, used by every type, costs no memory") {
  BtfBuilder b;
  const std::string name(30000, 'n');
  for (u32 n = 0; n < 2600; n++)
    b.add_fwd(name);
  CHECK(cost_of(b) < kBudget);
}

TEST_CASE("btf mutation: pseudo-random bytes behind a good header stay within the memory budget") {
  u64 state = 1;
  for (u32 round = 0; round < 20; round++) {
    std::vector<std::byte> blob = sample().bytes();
    const std::size_t header = 32;
    for (std::size_t at = header; at < blob.size(); at++) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      if (state >> 60 < 3) blob[at] = static_cast<std::byte>(state >> 32);
    }
    CHECK(test::peak_of([&] { test::exercise_btf(blob); }) < kBudget);
  }
}
