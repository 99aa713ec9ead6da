// SPDX-License-Identifier: Apache-2.0
// Names to ids: what is found, what must not be, and in which order.
#include "btf/index.h"

#include <array>
#include <doctest/doctest.h>

#include "tests/support/btf_builder.h"

using namespace bpfld;
using namespace bpfld::btf;
using test::BtfBuilder;

namespace {

using Ids = std::vector<TypeId>;

}  // namespace

TEST_CASE("btf index: essential names are cut at the last flavour that has text on both sides") {
  CHECK(essential_name("task_struct") == "task_struct");
  CHECK(essential_name("task_struct___old") == "task_struct");
  CHECK(essential_name("a___b") == "a");
  CHECK(essential_name("a___b___c") == "a___b");
  CHECK(essential_name("___x") == "___x");
  CHECK(essential_name("x___") == "x___");
  CHECK(essential_name("a____b") == "a____b");
  CHECK(essential_name("a_____b") == "a_____b");
  CHECK(essential_name("a___b____c") == "a");
  CHECK(essential_name("") == "");
}

TEST_CASE("btf index: all types of a name and kind are found, in id order, one list per name") {
  BtfBuilder b;
  const TypeId i = b.add_int("int", 4);
  const TypeId first = b.add_struct("file", 8);
  b.add_func("file", b.add_func_proto(i));
  const TypeId second = b.add_struct("file", 16);
  const TypeId fd = b.add_typedef("fd", i);
  b.add_struct("file_operations", 8);
  b.add_struct("", 8);
  const std::vector<std::byte> blob = b.bytes();
  const View view = *View::parse(blob);
  const std::array<std::string_view, 5> names = {"file", "fd", "absent", "file", ""};
  const std::vector<Ids> found = find_named(view, names, {Kind::struct_, Kind::typedef_});
  REQUIRE(found.size() == 5);
  CHECK(found[0] == Ids{first, second});
  CHECK(found[1] == Ids{fd});
  CHECK(found[2].empty());
  CHECK(found[3] == found[0]);
  CHECK(found[4].empty());
  CHECK(find_one(view, "file", {Kind::func}) == TypeId{4});
  CHECK(find_one(view, "file", {Kind::union_}) == TypeId{});
}

TEST_CASE("btf index: flavours are found under their essential name, short names too") {
  BtfBuilder b;
  const TypeId plain = b.add_struct("fd", 4);
  const TypeId old = b.add_struct("fd___v2", 4);
  const TypeId x = b.add_struct("x___y", 4);
  b.add_struct("fd_set", 4);
  b.add_struct("fdx___v2", 4);
  const TypeId nested = b.add_struct("long_name___a___b", 4);
  const std::vector<std::byte> blob = b.bytes();
  const View view = *View::parse(blob);
  const std::array<std::string_view, 4> names = {"fd", "x", "long_name", "long_name___a"};
  const std::vector<Ids> found = find_named(view, names, KindMask::all(), Match::essential);
  CHECK(found[0] == Ids{plain, old});
  CHECK(found[1] == Ids{x});
  CHECK(found[2].empty());
  CHECK(found[3] == Ids{nested});
  CHECK(find_named(view, names, KindMask::all())[0] == Ids{plain});
}

TEST_CASE("btf index: a name that points into another string, or at the table's end, is found") {
  BtfBuilder b;
  const TypeId whole = b.add_struct("prefix_pid", 4);
  const TypeId tail = b.add_struct("", 4);
  b.type(tail).name_offset = 8;  // "pid" within "\0prefix_pid\0"
  const TypeId last = b.add_struct("", 4);
  b.type(last).name_offset = 10;  // "d", its NUL is the table's last byte
  const std::vector<std::byte> blob = b.bytes();
  const View view = *View::parse(blob);
  const std::array<std::string_view, 3> names = {"pid", "prefix_pid", "d"};
  const std::vector<Ids> found = find_named(view, names, KindMask::all());
  CHECK(found[0] == Ids{tail});
  CHECK(found[1] == Ids{whole});
  CHECK(found[2] == Ids{last});
}

TEST_CASE("btf index: split BTF is searched alone; its names may lie in the base's strings") {
  BtfBuilder base_builder;
  base_builder.add_struct("shared", 4);
  const std::vector<std::byte> base_blob = base_builder.bytes();
  const View base = *View::parse(base_blob);
  BtfBuilder split_builder(base);
  const TypeId own = split_builder.add_struct("own", 4);
  const TypeId borrowed = split_builder.add_struct("", 4);
  split_builder.type(borrowed).name_offset = 1;
  const std::vector<std::byte> blob = split_builder.bytes();
  const View view = *View::parse(blob, &base);
  const std::array<std::string_view, 2> names = {"shared", "own"};
  const std::vector<Ids> found = find_named(view, names, KindMask::all());
  CHECK(found[0] == Ids{borrowed});
  CHECK(found[1] == Ids{own});
  CHECK(find_one(view, "own", KindMask::all()) == own);
  CHECK(find_one(view, "shared", KindMask::all()) == borrowed);
  CHECK(find_one(base, "own", KindMask::all()) == TypeId{});
}

TEST_CASE("btf index: kinds without a row are never found") {
  BtfBuilder b;
  b.add_raw({.name_offset = b.add_string("site"), .kind = 22});
  b.add_layout({{0, 0, 0}, {0, 0, 0}, {0, 12, 0}});
  const std::vector<std::byte> blob = b.bytes();
  const View view = *View::parse(blob);
  CHECK(find_one(view, "site", KindMask::all()) == TypeId{});
}
