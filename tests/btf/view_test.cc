// SPDX-License-Identifier: Apache-2.0
// BTF's container: header, sections, record lengths, byte order, split BTF. Each bad case is good
// input with one field broken.
#include "btf/view.h"

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

constexpr ByteOrder kOther = kHostOrder == ByteOrder::little ? ByteOrder::big : ByteOrder::little;

// One type of every kind; ids in comments.
BtfBuilder every_kind() {
  BtfBuilder b;
  const TypeId i = b.add_int("int", 4);                                                // 1
  b.add_ptr(i);                                                                        // 2
  b.add_array(i, i, 3);                                                                // 3
  b.add_struct("pair", 8, {{"a", i, 0}, {"b", i, 32}});                                // 4
  b.add_union("either", 4, {{"a", i, 0}, {"b", i, 0}});                                // 5
  b.add_enum("colour", {{"red", 0}, {"blue", -1}}, 4, true);                           // 6
  b.add_fwd("later");                                                                  // 7
  b.add_typedef("number", i);                                                          // 8
  b.add_volatile(i);                                                                   // 9
  b.add_const(i);                                                                      // 10
  b.add_restrict({2});                                                                 // 11
  b.add_func("run", {13});                                                             // 12
  b.add_func_proto(i, {{"first", i}, {"", {0}}});                                      // 13
  const TypeId var = b.add_var("counter", i);                                          // 14
  b.add_datasec(".data", 4, {{var, 0, 4}});                                            // 15
  b.add_float("double", 8);                                                            // 16
  b.add_decl_tag("hot", {4}, 1);                                                       // 17
  b.add_type_tag("user", i);                                                           // 18
  b.add_enum64("wide", {{"lo", 1}, {"hi", static_cast<i64>(0xffff'ffff'0000'0001)}});  // 19
  return b;
}

std::string parse_message(const BtfBuilder& builder) {
  const std::vector<std::byte> blob = builder.bytes();
  return message(View::parse(blob));
}

}  // namespace

TEST_CASE("btf: every kind is found with its name, size and entries, in both byte orders") {
  for (const ByteOrder order : {kHostOrder, kOther}) {
    const std::vector<std::byte> blob = every_kind().bytes(order);
    const Result<View> view = View::parse(blob);
    REQUIRE(message(view) == "no error");
    CHECK(view->was_foreign_order() == (order != kHostOrder));
    REQUIRE(view->count() == 20);
    for (u32 id = 1; id < view->count(); id++)
      CHECK(view->kind({id}) == static_cast<Kind>(id));
    CHECK(message(view->validate()) == "no error");

    CHECK(view->type({1}).name == "int");
    CHECK(int_info(view->type({1})).bits == 32);
    CHECK(int_info(view->type({1})).encoding == kIntSigned);
    CHECK(view->type({2}).type() == TypeId{1});
    CHECK(array(view->type({3})).count == 3);
    CHECK(array(view->type({3})).element == TypeId{1});
    const Entries<Member> pair = members(*view, view->type({4}));
    REQUIRE(pair.size() == 2);
    CHECK(pair[1].name == "b");
    CHECK(pair[1].bit_offset == 32);
    CHECK(pair[1].bitfield_size == 0);
    const Entries<Enumerator> colour = enumerators(*view, view->type({6}));
    REQUIRE(colour.size() == 2);
    CHECK(colour[1].name == "blue");
    CHECK(colour[1].value == ~u64{0});
    const Entries<Param> run = params(*view, view->type({13}));
    REQUIRE(run.size() == 2);
    CHECK(run[0].name == "first");
    CHECK(run[1].type == TypeId{});
    CHECK(func_linkage(view->type({12})) == Linkage::global);
    CHECK(var_linkage(view->type({14})) == Linkage::global);
    const Entries<Variable> data = variables(*view, view->type({15}));
    REQUIRE(data.size() == 1);
    CHECK(data[0].type == TypeId{14});
    CHECK(data[0].size == 4);
    CHECK(tag_component(view->type({17})) == 1);
    CHECK(view->type({18}).name == "user");
    CHECK(enumerators(*view, view->type({19}))[1].value == 0xffff'ffff'0000'0001);
  }
}

TEST_CASE("btf: an unsigned enum's values are not sign-extended") {
  BtfBuilder b;
  const TypeId id = b.add_enum("mask", {{"all", 0xffffffff}});
  const std::vector<std::byte> blob = b.bytes();
  const View view = *View::parse(blob);
  CHECK(enumerators(view, view.type(id))[0].value == 0xffffffff);
}

TEST_CASE("btf: bitfields of both encodings are decoded") {
  BtfBuilder b;
  const TypeId i = b.add_uint("u", 4);
  const TypeId s = b.add_struct("flags", 4, {{"a", i, 0, 3}, {"b", i, 3, 29}});
  const std::vector<std::byte> blob = b.bytes();
  const View view = *View::parse(blob);
  const Entries<Member> list = members(view, view.type(s));
  CHECK(list[1].bit_offset == 3);
  CHECK(list[1].bitfield_size == 29);
  CHECK(list[0].bitfield_size == 3);
}

TEST_CASE("btf: void, ids past the end and strings past the end read as nothing") {
  const std::vector<std::byte> blob = every_kind().bytes();
  const View view = *View::parse(blob);
  CHECK(view.type({0}).kind == Kind::void_);
  CHECK(view.type({20}).kind == Kind::void_);
  CHECK(view.type({~0u}).name == "");
  CHECK(view.kind({20}) == Kind::void_);
  CHECK(view.string(~0u) == "");
  CHECK(view.string(view.string_end()) == "");
  CHECK(members(view, view.type({1})).empty());
  CHECK(members(view, view.type({4}))[2].name == "");
}

TEST_CASE("btf: a name past the string table is none, and nothing is read for it") {
  BtfBuilder b;
  b.add_struct("s", 4, {});
  b.type(1).name_offset = 9999;
  const std::vector<std::byte> blob = b.bytes();
  const View view = *View::parse(blob);
  CHECK(view.type({1}).name == "");
  CHECK(find_one(view, "s", kComposites) == TypeId{});
}

TEST_CASE("btf: a record that is cut short is malformed") {
  BtfBuilder b;
  b.add_int("int", 4);
  b.header().type_len = 14;
  CHECK(parse_message(b) ==
        "BTF type [1]: INT of 0 entries takes 16 bytes, 14 are left in the type section");
  b.header().type_len = 11;
  CHECK(parse_message(b) == "BTF type [1]: 11 bytes are left for a record of at least 12");
}

TEST_CASE("btf: more entries than bytes is malformed, up to the largest vlen") {
  BtfBuilder b;
  const TypeId i = b.add_int("int", 4);
  b.add_struct("pair", 8, {{"a", i, 0}, {"b", i, 32}});
  b.type(2).vlen = 0xffffff;
  CHECK(parse_message(b) ==
        "BTF type [2]: STRUCT of 16777215 entries takes 201326592 bytes, 36 are left in the type "
        "section");
}

TEST_CASE("btf: a kind that nobody knows is unsupported, unless the layout gives its length") {
  BtfBuilder b;
  b.add_int("int", 4);
  b.add_raw({.name_offset = 0, .kind = 22, .vlen = 2, .tail = {1, 2, 3, 4, 5, 6, 7}});
  b.add_ptr({1});
  CHECK(
      parse_message(b) ==
      "BTF type [2]: kind 22 is newer than this program, and the BTF does not say how long it is");
  b.add_layout({{0, 0, 0}, {0, 0, 0}, {4, 12, 0}});
  for (const ByteOrder order : {kHostOrder, kOther}) {
    const std::vector<std::byte> blob = b.bytes(order);
    const Result<View> view = View::parse(blob);
    REQUIRE(message(view) == "no error");
    CHECK(view->count() == 4);
    CHECK(view->kind({2}) == Kind::unknown);
    CHECK(view->type({2}).kind_number == 22);
    CHECK(view->type({2}).tail.size() == 28);
    CHECK(view->kind({3}) == Kind::ptr);
    CHECK(message(view->validate()) == "no error");
  }
}

TEST_CASE("btf: the highest kind number is skipped by its layout row too") {
  BtfBuilder b;
  b.add_raw({.kind = 127, .vlen = 0, .tail = {9}});
  std::vector<test::RawLayout> rows(127 - 20 + 1);
  rows.back().info_size = 4;
  b.add_layout(rows);
  CHECK(parse_message(b) == "no error");
}

TEST_CASE("btf: a layout that gives an odd length is malformed") {
  BtfBuilder b;
  b.add_raw({.kind = 20, .vlen = 1, .tail = {1}});
  b.add_layout({{3, 0, 0}});
  CHECK(parse_message(b) ==
        "BTF type [1]: the layout gives kind 20 a length of 15, not a multiple of 4");
}

TEST_CASE("btf: kind 0 has no record") {
  BtfBuilder b;
  b.add_raw({.kind = 0});
  CHECK(parse_message(b) == "BTF type [1]: kind 0 (void) has no record");
}

TEST_CASE("btf: a vlen that needs the widened field is read whole") {
  BtfBuilder b;
  const TypeId i = b.add_int("int", 4);
  const std::vector<test::EnumeratorSpec> values(0x10001, {"same", 1});
  b.add_enum("huge", values);
  b.add_ptr(i);
  const std::vector<std::byte> blob = b.bytes();
  const Result<View> view = View::parse(blob);
  REQUIRE(message(view) == "no error");
  CHECK(view->type({2}).vlen == 0x10001);
  CHECK(view->kind({3}) == Kind::ptr);
}

TEST_CASE("btf: a longer header than known is read, its rest ignored") {
  BtfBuilder b = every_kind();
  b.header().extra_bytes = 20;
  CHECK(parse_message(b) == "no error");
  b.add_layout();
  CHECK(parse_message(b) == "no error");
}

TEST_CASE("btf: header fields that lie are malformed") {
  const auto with = [](auto change) {
    BtfBuilder b;
    b.add_int("int", 4);
    b.add_layout();
    change(b.header());
    return parse_message(b);
  };
  using test::RawHeader;
  CHECK(with([](RawHeader&) {}) == "no error");
  CHECK(with([](RawHeader& h) { h.magic = 0x1234; }) == "BTF header: magic 0x1234 is not 0xeb9f");
  CHECK(with([](RawHeader& h) { h.version = 2; }) == "BTF header: version 2 is not 1");
  CHECK(with([](RawHeader& h) { h.flags = 1; }) == "BTF header: unknown flags 0x1");
  CHECK(with([](RawHeader& h) { h.hdr_len = 23; }) ==
        "BTF header: length 23 is not between 24 and the blob's 133 bytes");
  CHECK(with([](RawHeader& h) { h.hdr_len = ~0u; }) ==
        "BTF header: length 4294967295 is not between 24 and the blob's 133 bytes");
  CHECK(with([](RawHeader& h) { h.type_off = 2; }) ==
        "BTF header: type section offset 0x2 is not a multiple of 4");
  CHECK(with([](RawHeader& h) { h.type_len = ~0u; }) ==
        "BTF header: type section 0x0..+0xffffffff reaches past the end (101 bytes)");
  CHECK(with([](RawHeader& h) { h.type_off = ~3u; }) ==
        "BTF header: type section 0xfffffffc..+0x10 reaches past the end (101 bytes)");
  CHECK(with([](RawHeader& h) { h.str_off = ~0u; }) ==
        "BTF header: string section 0xffffffff..+0x5 reaches past the end (101 bytes)");
  CHECK(with([](RawHeader& h) { h.str_len = ~0u; }) ==
        "BTF header: string section 0x60..+0xffffffff reaches past the end (101 bytes)");
  CHECK(with([](RawHeader& h) { h.layout_len = 99; }) ==
        "BTF header: layout section 0x10..+0x63 reaches past the end (101 bytes)");
  CHECK(with([](RawHeader& h) { h.layout_off = 12; }) ==
        "BTF header: type and layout sections overlap");
  CHECK(with([](RawHeader& h) { h.str_off = 0; }) ==
        "BTF header: type and string sections overlap");
  CHECK(with([](RawHeader& h) { h.str_len = 4; }) == "BTF: string table does not end with a NUL");
}

TEST_CASE("btf: the string table starts with the empty string") {
  BtfBuilder b;
  b.add_int("int", 4);
  b.strings()[0] = 'x';
  CHECK(parse_message(b) == "BTF: string table does not start with the empty string");
}

TEST_CASE("btf: a header alone is a blob without types, as a module that adds none has it") {
  BtfBuilder b;
  b.strings().clear();
  const std::vector<std::byte> blob = b.bytes();
  REQUIRE(blob.size() == 24);
  const Result<View> alone = View::parse(blob);
  REQUIRE(message(alone) == "no error");
  CHECK(alone->count() == 1);
  const std::vector<std::byte> base_blob = every_kind().bytes();
  const View base = *View::parse(base_blob);
  const Result<View> split = View::parse(blob, &base);
  REQUIRE(message(split) == "no error");
  CHECK(split->count() == base.count());
  CHECK(split->type({4}).name == "pair");
}

TEST_CASE("btf: split BTF continues its base's ids and strings, twice over") {
  const std::vector<std::byte> base_blob = every_kind().bytes();
  const View base = *View::parse(base_blob);
  BtfBuilder middle_builder(base);
  const TypeId two = middle_builder.add_struct("two", 16, {{"x", {4}, 0}, {"y", {4}, 64}});
  CHECK(two == TypeId{20});
  // A name may come from the base's strings.
  middle_builder.add_raw({.name_offset = 1, .kind = 8, .size_or_type = 20});
  for (const ByteOrder order : {kHostOrder, kOther}) {
    const std::vector<std::byte> middle_blob = middle_builder.bytes(order);
    const Result<View> middle = View::parse(middle_blob, &base);
    REQUIRE(message(middle) == "no error");
    CHECK(message(middle->validate()) == "no error");
    CHECK(middle->first_id() == 20);
    CHECK(middle->count() == 22);
    CHECK(middle->type(two).name == "two");
    CHECK(members(*middle, middle->type(two))[1].name == "y");
    CHECK(middle->type({21}).name == "int");
    CHECK(middle->type({4}).name == "pair");
    CHECK(middle->record_offset({4}) == 0);
    CHECK(middle->record_offset({21}) == 36);

    BtfBuilder top_builder(*middle);
    const TypeId top_id = top_builder.add_typedef("top_t", two);
    const std::vector<std::byte> top_blob = top_builder.bytes();
    const View top = *View::parse(top_blob, &*middle);
    CHECK(top_id == TypeId{22});
    CHECK(top.type(top_id).name == "top_t");
    CHECK(top.type(two).name == "two");
    CHECK(top.type({1}).name == "int");
    CHECK(top.string(1) == "int");
  }
}

TEST_CASE("btf: a blob at an odd address reads the same") {
  const std::vector<std::byte> blob = every_kind().bytes();
  std::vector<std::byte> shifted(blob.size() + 1);
  std::ranges::copy(blob, shifted.begin() + 1);
  const Result<View> view = View::parse(Bytes(shifted).subspan(1));
  REQUIRE(message(view) == "no error");
  CHECK(view->type({4}).name == "pair");
  CHECK(message(view->validate()) == "no error");
}

TEST_CASE("btf: a moved view keeps its bytes, also those it had to swap") {
  const std::vector<std::byte> blob = every_kind().bytes(kOther);
  Result<View> view = View::parse(blob);
  const std::string_view before = view->type({4}).name;
  const View moved = std::move(*view);
  CHECK(before == "pair");
  CHECK(members(moved, moved.type({4}))[0].name == "a");
}
