// SPDX-License-Identifier: Apache-2.0
// From "0:1:2" to a path of names, and from the path's end to the bytes that a load would take.
#include <algorithm>
#include <deque>
#include <doctest/doctest.h>

#include "tests/btf/core_case.h"

namespace bpfld::test {
namespace {

using btf::CoreRelo;
using btf::View;
using btf::core::AccessPath;
using btf::core::Field;

// An object's types, and what an access string means in them.
struct AccessCase {
  BtfBuilder b;
  TypeId int_id = b.add_int("int", 4);
  std::deque<std::vector<std::byte>> blobs;
  std::deque<View> views;
  AccessPath path;
  Field field;

  // Of the types so far; a path keeps views into it.
  const View& view() {
    blobs.push_back(b.bytes());
    views.push_back(*View::parse(blobs.back()));
    return views.back();
  }
  Reason parse(TypeId root, std::string_view access, CoreKind kind = CoreKind::field_byte_offset) {
    path.raw_count = path.step_count = 0;
    path.bit_offset = 0;
    return btf::core::parse_access(view(), {.type = root, .access = access, .kind = kind}, path);
  }
  Reason find(TypeId root, std::string_view access) {
    const Reason reason = parse(root, access);
    field = {};
    return reason != Reason::none ? reason : btf::core::find_field(views.back(), path, field);
  }
  std::string text(TypeId root, std::string_view access,
                   CoreKind kind = CoreKind::field_byte_offset) {
    return btf::core::path_text(view(), {.type = root, .access = access, .kind = kind});
  }
};

// struct outer { int a; union { int b; struct { int c; struct inner d[3]; }; }; int tail[]; }
struct NestedCase : AccessCase {
  TypeId inner = b.add_struct("inner", 8, {{"x", int_id, 0}, {"y", int_id, 32}});
  TypeId array = b.add_array(inner, int_id, 3);
  TypeId anonymous = b.add_struct("", 28, {{"c", int_id, 0}, {"d", array, 32}});
  TypeId either = b.add_union("", 28, {{"b", int_id, 0}, {"", anonymous, 0}});
  TypeId rest = b.add_array(int_id, int_id, 0);
  TypeId outer =
      b.add_struct("outer", 32, {{"a", int_id, 0}, {"", either, 32}, {"tail", rest, 256}});
  TypeId alias = b.add_typedef("outer_t", b.add_const(outer));
};

TEST_CASE("core: an access string that is not numbers between colons is malformed") {
  NestedCase c;
  for (const std::string_view bad :
       {"", ":", "0:", ":0", "0::1", "0:1:", "a", "0:a", "-1", "0:-1", "+1", " 0", "0 ", "0:1x",
        "0x1", "4294967296", "0:99999999999", "0;1", "\xff"}) {
    CAPTURE(bad);
    CHECK(c.parse(c.outer, bad) == Reason::bad_access);
  }
}

TEST_CASE("core: an access string may have 64 numbers and not 65") {
  AccessCase c;
  TypeId at = c.int_id;
  std::string access = "0";
  for (u32 i = 0; i < 64; i++)
    at = c.b.add_struct("level", 4, {{"next", at, 0}});
  for (u32 i = 1; i < 64; i++)
    access += ":0";
  CHECK(c.parse(at, access) == Reason::none);
  CHECK(c.path.step_count == 64);
  CHECK(c.parse(at, access + ":0") == Reason::too_many_indices);
}

TEST_CASE("core: anonymous structs count in the access string and not in the path of names") {
  NestedCase c;
  REQUIRE(c.find(c.outer, "0:1:1:1:2:1") == Reason::none);
  CHECK(c.path.raw_count == 6);
  REQUIRE(c.path.step_count == 4);
  CHECK(c.path.steps[1].name == "d");
  CHECK(c.path.steps[2].name.empty());
  CHECK(c.path.steps[2].index == 2);
  CHECK(c.path.steps[3].name == "y");
  CHECK(c.field.byte_offset == 4 + 4 + 16 + 4);
  CHECK(c.text(c.outer, "0:1:1:1:2:1") == "outer.d[2].y");
}

TEST_CASE("core: a first number other than 0 moves by whole roots") {
  NestedCase c;
  REQUIRE(c.find(c.alias, "3:0") == Reason::none);
  CHECK(c.field.byte_offset == 96);
  CHECK(c.text(c.alias, "3:0") == "outer_t[3].a");
  CHECK(c.parse(c.outer, "4294967295:0") == Reason::offset_too_large);
}

TEST_CASE("core: numbers past the members, the elements or the enumerators are malformed") {
  NestedCase c;
  const TypeId colour = c.b.add_enum("colour", {{"red", 0}, {"green", 1}});
  CHECK(c.parse(c.outer, "0:3") == Reason::member_past_end);
  CHECK(c.parse(c.outer, "0:1:1:1:3") == Reason::element_past_end);
  CHECK(c.parse(c.outer, "0:0:0") == Reason::not_a_container);
  CHECK(c.parse(c.outer, "0", CoreKind::enumval_value) == Reason::not_an_enum);
  CHECK(c.parse(colour, "2", CoreKind::enumval_value) == Reason::enumerator_past_end);
  CHECK(c.parse(colour, "1:0", CoreKind::enumval_value) == Reason::bad_access);
  CHECK(c.parse(colour, "1", CoreKind::type_size) == Reason::not_whole_type);
  CHECK(c.parse(colour, "0:0", CoreKind::type_exists) == Reason::not_whole_type);
}

TEST_CASE("core: a path that stops is shown as far as it goes") {
  NestedCase c;
  const TypeId shade = c.b.add_enum("shade", {{"dark", 0}});
  CHECK(c.text(c.outer, "0:1:1:1:3") == "outer.d.? (\"0:1:1:1:3\")");
  CHECK(c.text(c.outer, "x") == "outer.? (\"x\")");
  CHECK(c.text(shade, "0", CoreKind::enumval_exists) == "enum shade.dark");
  CHECK(c.text(c.outer, "0", CoreKind::type_size) == "struct outer");
}

TEST_CASE("core: only the last array of a struct is without end") {
  NestedCase c;
  REQUIRE(c.find(c.outer, "0:2:1000") == Reason::none);
  CHECK(c.field.byte_offset == 32 + 4000);
  const TypeId early = c.b.add_struct("early", 4, {{"none", c.rest, 0}, {"after", c.int_id, 0}});
  CHECK(c.parse(early, "0:0:0") == Reason::element_past_end);
  CHECK(c.parse(c.rest, "0:0") == Reason::element_past_end);
}

TEST_CASE("core: types without a size, or without end, have no fields") {
  AccessCase c;
  const TypeId forward = c.b.add_fwd("secret");
  const TypeId self = c.b.add_typedef("self", {c.int_id.value + 2});
  const TypeId holder = c.b.add_struct("holder", 8, {{"s", forward, 0}, {"t", self, 0}});
  CHECK(c.parse(forward, "0:0") == Reason::root_has_no_size);
  CHECK(c.parse({0}, "0") == Reason::root_has_no_size);
  CHECK(c.parse({9999}, "0") == Reason::root_has_no_size);
  CHECK(c.parse(self, "0:0") == Reason::root_has_no_size);
  CHECK(c.find(holder, "0:0") == Reason::no_size);
  CHECK(c.find(holder, "0:1") == Reason::no_size);
}

TEST_CASE("core: offsets past 512 MiB are refused, not wrapped") {
  AccessCase c;
  const TypeId big = c.b.add_struct("big", 0x20000000, {{"last", c.int_id, 0xfffffff0}});
  const TypeId pair = c.b.add_struct("pair", 0x20000008, {{"big", big, 32}});
  CHECK(c.parse(big, "0:0") == Reason::none);
  CHECK(c.parse(pair, "0:0:0") == Reason::offset_too_large);
  CHECK(c.parse(big, "1:0") == Reason::offset_too_large);
}

TEST_CASE("core: a field that starts inside a byte and is no bitfield is malformed") {
  AccessCase c;
  const TypeId odd = c.b.add_struct("odd", 8, {{"x", c.int_id, 12}});
  CHECK(c.find(odd, "0:0") == Reason::misaligned);
}

TEST_CASE("core: a load of an array takes its innermost element") {
  AccessCase c;
  const TypeId word = c.b.add_uint("u16", 2);
  const TypeId row = c.b.add_array(word, c.int_id, 5);
  const TypeId grid = c.b.add_array(row, c.int_id, 3);
  const TypeId holder = c.b.add_struct("holder", 30, {{"grid", grid, 0}});
  REQUIRE(c.find(holder, "0:0") == Reason::none);
  CHECK(c.field.byte_size == 30);
  CHECK(c.field.load_size == 2);
  REQUIRE(c.find(holder, "0:0:2") == Reason::none);
  CHECK(c.field.byte_size == 10);
  CHECK(c.field.byte_offset == 20);
  CHECK(c.field.load_size == 2);
  CHECK(c.field.is_element);
}

// The unit is the declared type where the bits are, doubled until it holds them all.
TEST_CASE(
    "core: a bitfield of every size and place is loaded from the smallest unit that holds it") {
  for (u32 declared = 1; declared <= 8; declared *= 2) {
    for (u32 bits = 1; bits <= declared * 8; bits++) {
      for (u32 start = 0; start < 64; start++) {
        AccessCase c;
        const TypeId storage = c.b.add_uint("storage", declared);
        const TypeId holder = c.b.add_struct("holder", 32, {{"f", storage, start, bits}});
        const Reason reason = c.find(holder, "0:0");
        const bool fits_in_8 = start % 64 + bits <= 64;
        REQUIRE((reason == Reason::none) == fits_in_8);
        if (!fits_in_8) {
          REQUIRE(reason == Reason::bitfield_too_wide);
          continue;
        }
        u32 unit = declared;
        while (start / (unit * 8) != (start + bits - 1) / (unit * 8))
          unit *= 2;
        REQUIRE(c.field.byte_size == unit);
        REQUIRE(c.field.byte_offset == start / (unit * 8) * unit);
        REQUIRE(c.field.bit_size == bits);
        REQUIRE(c.field.is_bitfield);
      }
    }
  }
}

TEST_CASE("core: a bitfield that is written the old way, in an INT of its own, is one too") {
  AccessCase c;
  const TypeId three_bits = c.b.add_int_bits("unsigned int", 4, 0, 0, 3);
  const TypeId holder = c.b.add_struct("holder", 8, {{"a", three_bits, 35}});
  REQUIRE(c.find(holder, "0:0") == Reason::none);
  CHECK(c.field.is_bitfield);
  CHECK(c.field.bit_size == 3);
  CHECK(c.field.byte_offset == 4);
  CHECK(c.field.byte_size == 4);
}

TEST_CASE("core: a bitfield of a type that has no bits is malformed") {
  AccessCase c;
  const TypeId holder = c.b.add_struct(
      "holder", 8, {{"p", c.b.add_ptr({0}), 0, 3}, {"z", c.b.add_uint("z", 0), 0, 3}});
  CHECK(c.find(holder, "0:0") == Reason::no_size);
  CHECK(c.find(holder, "0:1") == Reason::no_size);
}

TEST_CASE("core: every reason has a sentence of its own") {
  std::vector<std::string_view> seen;
  for (u32 i = 0; i < btf::core::kReasons; i++) {
    const std::string_view text = btf::core::reason_text(static_cast<Reason>(i));
    CHECK(!text.empty());
    CHECK(std::ranges::count(seen, text) == 0);
    seen.push_back(text);
  }
}

}  // namespace
}  // namespace bpfld::test
