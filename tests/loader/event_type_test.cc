// SPDX-License-Identifier: Apache-2.0
// Two objects may call their streams of events alike; whether what is in them is alike, their types
// say.
#include "loader/event_type.h"

#include <doctest/doctest.h>

#include "tests/support/btf_builder.h"

using namespace bpfld;
using bpfld::test::BtfBuilder;

namespace {

// A struct in a BTF of its own, `before` types into it.
struct Event {
  BtfBuilder b;
  btf::TypeId type = {};
  std::vector<std::byte> blob;

  Event(const char* name, u32 size, const std::vector<std::string>& fields, u32 bits = 32,
        u32 before = 0) {
    for (u32 i = 0; i < before; i++)
      b.add_ptr({});
    const btf::TypeId number = b.add_uint("field", bits / 8);
    std::vector<test::MemberSpec> members;
    for (const std::string& field : fields)
      members.push_back({field, number, static_cast<u32>(members.size()) * bits});
    type = b.add_struct(name, size, members);
    blob = b.bytes();
  }
  btf::View view() const { return *btf::View::parse(blob); }
};

bool same(const Event& one, const Event& other) {
  const btf::View a = one.view(), b = other.view();
  return loader::same_event_type(a, one.type, b, other.type);
}

}  // namespace

TEST_CASE("event type: the same struct of two objects is one type, whatever its number") {
  const Event one("event", 8, {"pid", "seq"});
  CHECK(same(one, one));
  CHECK(same(one, Event("event", 8, {"pid", "seq"}, 32, 5)));
}

TEST_CASE("event type: another name, size or field is another type") {
  const Event one("event", 8, {"pid", "seq"});
  CHECK_FALSE(same(one, Event("message", 8, {"pid", "seq"})));
  CHECK_FALSE(same(one, Event("event", 12, {"pid", "seq"})));
  CHECK_FALSE(same(one, Event("event", 8, {"pid", "uid"})));
  CHECK_FALSE(same(one, Event("event", 8, {"pid"})));
  CHECK_FALSE(same(one, Event("event", 8, {"pid", "seq"}, 16)));
}
