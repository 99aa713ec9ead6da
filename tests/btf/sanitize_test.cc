// SPDX-License-Identifier: Apache-2.0
// BTF for older kernels: each kind's stand-in, and that the result is BTF again with the same ids.
#include "btf/sanitize.h"

#include <doctest/doctest.h>

#include "btf/layout.h"
#include "tests/support/btf_builder.h"

using namespace bpfld;
using namespace bpfld::btf;
using test::BtfBuilder;
using test::message;

namespace {

// Ids in comments.
BtfBuilder modern_object() {
  BtfBuilder b;
  const TypeId i = b.add_int("int", 4);                                                  // 1
  const TypeId proto = b.add_func_proto(i, {{"ctx", i}, {"", {}}});                      // 2
  b.add_func("handle", proto);                                                           // 3
  const TypeId counter = b.add_var("counter", i);                                        // 4
  const TypeId nothing = b.add_var("nothing", b.add_struct("empty", 0));                 // 5, 6
  b.add_datasec(".data.x", 8, {{counter, 4, 4}, {nothing, 8, 0}});                       // 7
  const TypeId d = b.add_float("double", 8);                                             // 8
  b.add_decl_tag("bpfld:hidden", {3}, 0);                                                // 9
  const TypeId tag = b.add_type_tag("user", i);                                          // 10
  b.add_ptr(tag);                                                                        // 11
  const TypeId wide = b.add_enum64("wide", {{"BIG", i64{1} << 40}}, 8, true);            // 12
  const TypeId anonymous = b.add_enum64("", {{"X", 1}});                                 // 13
  b.add_struct("event", 24, {{"d", d, 0}, {"w", wide, 64, 40}, {"a", anonymous, 128}});  // 14
  b.add_enum("sign", {{"MINUS", -1}}, 4, true);                                          // 15
  b.add_datasec("?.struct_ops", 4, {{counter, 0, 4}});                                   // 16
  b.add_ptr(proto);                                                                      // 17
  return b;
}

struct Both {
  std::vector<std::byte> blob, clean_blob;
  View before, after;
  Both(const BtfBuilder& b, const KindSupport& support, ByteOrder order = kHostOrder)
      : blob(b.bytes(order)), before(*View::parse(blob)), after(*View::parse(blob)) {
    REQUIRE(message(before.validate()) == "no error");
    clean_blob = sanitize(before, support);
    Result<View> parsed = View::parse(clean_blob);
    REQUIRE(message(parsed) == "no error");
    after = *std::move(parsed);
    CHECK(message(after.validate()) == "no error");
    CHECK(after.count() == before.count());
  }
};

KindSupport oldest() {
  return {.func = false,
          .func_global = false,
          .datasec = false,
          .float_ = false,
          .decl_tag = false,
          .type_tag = false,
          .enum64 = false,
          .tag_flag = false,
          .question_in_section = false};
}

constexpr KindMask kOldestKinds = {Kind::int_,      Kind::ptr,    Kind::array,    Kind::struct_,
                                   Kind::union_,    Kind::enum_,  Kind::fwd,      Kind::typedef_,
                                   Kind::volatile_, Kind::const_, Kind::restrict_};

}  // namespace

TEST_CASE("btf sanitize: a kernel that knows everything gets the same types") {
  const Both btf(modern_object(), {});
  CHECK_FALSE(needs_sanitizing(btf.before, {}));
  CHECK(std::ranges::equal(btf.after.type_bytes(), btf.before.type_bytes()));
}

TEST_CASE("btf sanitize: for the oldest kernel every kind becomes one of the first eleven") {
  for (const ByteOrder order : {ByteOrder::little, ByteOrder::big}) {
    const Both btf(modern_object(), oldest(), order);
    CHECK(needs_sanitizing(btf.before, oldest()));
    const auto kind = [&](u32 id) { return btf.after.kind({id}); };
    for (u32 id = 1; id < btf.after.count(); id++)
      CHECK(kOldestKinds.has(kind(id)));
    CHECK(kind(2) == Kind::enum_);
    CHECK(kind(3) == Kind::typedef_);
    CHECK(btf.after.type({3}).name == "handle");
    CHECK(btf.after.type({3}).type() == TypeId{2});
    CHECK(btf.after.type({3}).vlen == 0);
    CHECK(*size_of(btf.after, {6}) == 1);
    const Type section = btf.after.type({7});
    CHECK(section.kind == Kind::struct_);
    CHECK(section.name == "_data_x");
    CHECK(section.size() == 8);
    REQUIRE(members(btf.after, section).size() == 1);
    CHECK(members(btf.after, section)[0].name == "counter");
    CHECK(members(btf.after, section)[0].bit_offset == 32);
    CHECK(kind(8) == Kind::struct_);
    CHECK(btf.after.type({8}).name == "");
    CHECK(kind(9) == Kind::int_);
    CHECK(type_name(btf.after, {11}) == "const int *");
    CHECK(kind(12) == Kind::int_);
    CHECK(is_signed(btf.after.type({12})));
    CHECK(btf.after.type({13}).name == "enum64");
    CHECK_FALSE(btf.after.type({15}).kind_flag);
    CHECK(btf.after.type({16}).name == "__struct_ops");
  }
}

TEST_CASE("btf sanitize: sizes stay what they were") {
  const Both btf(modern_object(), oldest());
  for (const u32 id : {1u, 5u, 7u, 8u, 12u, 13u, 14u, 15u, 16u, 17u})
    CHECK(*size_of(btf.after, {id}) == *size_of(btf.before, {id}));
}

TEST_CASE("btf sanitize: each feature alone changes only what needs it") {
  const auto changed = [](auto change) {
    KindSupport support;
    change(support);
    const Both btf(modern_object(), support);
    std::vector<u32> ids;
    for (u32 id = 1; id < btf.after.count(); id++) {
      const Type a = btf.before.type({id}), b = btf.after.type({id});
      if (a.kind != b.kind || a.vlen != b.vlen || a.kind_flag != b.kind_flag || a.name != b.name)
        ids.push_back(id);
    }
    return ids;
  };
  using Ids = std::vector<u32>;
  CHECK(changed([](KindSupport& s) { s.func_global = false; }) == Ids{3});
  CHECK(changed([](KindSupport& s) { s.question_in_section = false; }) == Ids{16});
  CHECK(changed([](KindSupport& s) { s.float_ = false; }) == Ids{8});
  CHECK(changed([](KindSupport& s) { s.type_tag = false; }) == Ids{10});
  CHECK(changed([](KindSupport& s) { s.enum64 = false; }) == Ids{12, 13, 15});
  CHECK(changed([](KindSupport& s) { s.decl_tag = false; }) == Ids{9});
  // A tag goes with what it tags.
  CHECK(changed([](KindSupport& s) { s.func = false; }) == Ids{2, 3, 9});
  CHECK(changed([](KindSupport& s) { s.datasec = false; }) == Ids{4, 6, 7, 9, 16});
}

TEST_CASE("btf sanitize: the flag of tags is cleared for kernels that do not know it") {
  BtfBuilder b;
  const TypeId i = b.add_int("int", 4);
  const TypeId tag = b.add_type_tag("attribute", i);
  b.type(tag).kind_flag = true;
  const Both btf(b, {.tag_flag = false});
  CHECK_FALSE(btf.after.type(tag).kind_flag);
  CHECK(btf.after.kind(tag) == Kind::type_tag);
}

TEST_CASE("btf sanitize: bytes that are no BTF are refused") {
  CHECK(sanitize(bytes_of(std::string_view("no BTF")), {}).error().code == Code::malformed);
}

TEST_CASE("btf sanitize: kinds that nobody knows, and their layout section, are gone") {
  BtfBuilder b;
  b.add_int("int", 4);
  b.add_raw({.name_offset = b.add_string("site"), .kind = 22, .vlen = 1, .tail = {1, 2, 3}});
  b.add_ptr({2});
  b.add_layout({{0, 0, 0}, {0, 0, 0}, {0, 12, 0}});
  const Both btf(b, {});
  CHECK(needs_sanitizing(btf.before, {}));
  CHECK(btf.after.kind({2}) == Kind::int_);
  CHECK(btf.after.type({2}).name == "site");
}

TEST_CASE("btf sanitize: what no kernel takes is replaced for the newest too") {
  BtfBuilder b;
  const TypeId i = b.add_int("int", 4);
  const TypeId forward = b.add_enum("later", {}, 0);
  const TypeId forward64 = b.add_enum64("much_later", {}, 0);
  const TypeId section = b.add_datasec(".unfilled", 0, {{b.add_var("v", i), 0, 4}});
  const Both btf(b, {});
  CHECK(needs_sanitizing(btf.before, {}));
  for (const TypeId id : {forward, forward64}) {
    CHECK(btf.after.kind(id) == btf.before.kind(id));
    CHECK(btf.after.type(id).name == btf.before.type(id).name);
    CHECK(btf.after.type(id).size() == 4);
  }
  CHECK(btf.after.kind(section) == Kind::struct_);
  CHECK(btf.after.type(section).name.empty());
  CHECK(btf.after.type(section).vlen == 0);
}

TEST_CASE("btf sanitize: split BTF keeps its base") {
  const std::vector<std::byte> base_blob = modern_object().bytes();
  const View base = *View::parse(base_blob);
  BtfBuilder b(base);
  b.add_type_tag("mine", {1});
  b.add_enum64("", {{"A", 1}});
  const TypeId own = b.add_var("own", {1});
  b.add_datasec(".bss", 8, {{{4}, 0, 4}, {own, 4, 4}});
  const std::vector<std::byte> blob = b.bytes();
  const View view = *View::parse(blob, &base);
  const std::vector<std::byte> clean_blob = sanitize(view, oldest());
  const Result<View> clean = View::parse(clean_blob, &base);
  REQUIRE(message(clean) == "no error");
  CHECK(clean->first_id() == view.first_id());
  CHECK(clean->type({18}).kind == Kind::const_);
  CHECK(clean->type({19}).name == "enum64");
  CHECK(clean->type({21}).name == "_bss");
  REQUIRE(members(*clean, clean->type({21})).size() == 1);
  CHECK(members(*clean, clean->type({21}))[0].name == "own");
  CHECK(message(clean->validate()) == "no error");
}
