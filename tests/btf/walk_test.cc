// SPDX-License-Identifier: Apache-2.0
// A View remembers where some types start. Going there by number and walking past all of
// them must give the same, also over records whose length only the blob's layout section says.
#include <algorithm>
#include <doctest/doctest.h>

#include "btf/index.h"
#include "btf/types.h"
#include "tests/support/btf_builder.h"

using namespace bpfld;
using namespace bpfld::btf;
using test::BtfBuilder;
using test::message;

namespace {

// Records of many lengths, in an order that does not repeat after eight.
BtfBuilder mixed_types(u32 count) {
  BtfBuilder b;
  const TypeId i = b.add_int("int", 4);
  for (u32 n = 1; n < count; n++) {
    const std::string name = format("t{}", n);
    if (n % 11 == 3) {
      b.add_raw({.name_offset = b.add_string(name), .kind = 21, .vlen = n % 3, .tail = {1, 2}});
      b.type(n + 1).tail.resize(n % 3);
    } else if (n % 7 == 2) {
      std::vector<test::MemberSpec> members;
      for (u32 m = 0; m < n % 5; m++)
        members.push_back({format("m{}", m), i, m * 32});
      b.add_struct(n % 2 == 0 ? name : "", 20, members);
    } else if (n % 5 == 1) {
      b.add_array(i, i, n);
    } else if (n % 3 == 0) {
      b.add_union(name, 4, {{"a", i, 0}});
    } else {
      b.add_ptr(i);
    }
  }
  b.add_layout({{0, 0, 0}, {0, 4, 0}});
  return b;
}

}  // namespace

TEST_CASE("btf walk: a type found by its number is the one that a walk comes to") {
  for (const ByteOrder order : {ByteOrder::little, ByteOrder::big}) {
    for (const u32 count : {1u, 7u, 8u, 9u, 16u, 100u}) {
      CAPTURE(count);
      const std::vector<std::byte> blob = mixed_types(count).bytes(order);
      const Result<View> view = View::parse(blob);
      REQUIRE(message(view) == "no error");
      REQUIRE(view->own_count() == count);
      u32 seen = 0;
      const Status walked = view->each_type([&](const Type& type) -> Status {
        const Type found = view->type({1 + seen});
        CHECK(found.id == type.id);
        CHECK(found.kind == type.kind);
        CHECK(found.name == type.name);
        CHECK(found.vlen == type.vlen);
        CHECK(found.tail.data() == type.tail.data());
        CHECK(found.tail.size() == type.tail.size());
        seen++;
        return {};
      });
      CHECK(message(walked) == "no error");
      CHECK(seen == count);
      u32 records = 0;
      view->each_record([&](u32 index, const TypeRecord& record) {
        CHECK(index == records++);
        CHECK(record.info == view->own_record(index).info);
      });
      CHECK(records == count);
    }
  }
}

TEST_CASE("btf walk: it stops at the first error") {
  const std::vector<std::byte> blob = mixed_types(20).bytes();
  const View view = *View::parse(blob);
  u32 seen = 0;
  const Status walked = view.each_type([&](const Type&) -> Status {
    if (++seen == 11) return fail(Code::internal, "enough");
    return {};
  });
  CHECK(message(walked) == "enough");
  CHECK(seen == 11);
}

TEST_CASE("btf walk: the list of structs and unions is that of a search by kind") {
  const std::vector<std::byte> blob = mixed_types(100).bytes();
  const View view = *View::parse(blob);
  std::vector<u32> expected, listed;
  for (u32 id = 1; id < view.count(); id++)
    if (is_composite(view.kind({id}))) expected.push_back(id);
  for (const u32 position : view.composites()) {
    listed.push_back(view.id_at(position).value);
    CHECK(view.record_offset({listed.back()}) == position);
    CHECK(view.id_at(position + 4) == TypeId{});
  }
  std::ranges::sort(listed);
  CHECK(listed == expected);
  CHECK(listed.size() > 10);
  // A union is not a struct, although one list holds both.
  const std::string name(view.type({expected.back()}).name);
  const Kind other = view.kind({expected.back()}) == Kind::union_ ? Kind::struct_ : Kind::union_;
  CHECK(find_one(view, name, kComposites) == TypeId{expected.back()});
  CHECK(find_one(view, name, {other}) == TypeId{});
}
