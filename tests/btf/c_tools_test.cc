// SPDX-License-Identifier: Apache-2.0
// What `bpfld btf` prints: raw records, one type with its offsets, differences, names found.
#include <doctest/doctest.h>

#include "btf/diff.h"
#include "btf/dump.h"
#include "btf/search.h"
#include "btf/show.h"
#include "btf/types.h"
#include "tests/support/btf_builder.h"

namespace bpfld::test {
namespace {

using btf::KindMask;
using btf::View;

// A blob and its view.
struct Btf {
  explicit Btf(const BtfBuilder& builder) : blob(builder.bytes()), parsed(View::parse(blob)) {}
  const View& view() const { return *parsed; }

  std::vector<std::byte> blob;
  Result<View> parsed;
};

std::string raw(const View& view) {
  std::string out;
  for (u32 id = 1; id < view.count(); id++)
    btf::append_raw_text(view, {id}, out);
  return out;
}
std::string json(const View& view, u32 id) {
  std::string out;
  btf::append_raw_json(view, {id}, out);
  return out;
}

TEST_CASE("btf dump: every kind as a record") {
  BtfBuilder b;
  const TypeId integer = b.add_int("int", 4);
  b.add_array(integer, integer, 3);
  b.add_struct("pair", 8, {{"a", integer, 0, 5}, {"", integer, 32}});
  b.add_enum("e", {{"A", -1}, {"B", 2}}, 4, true);
  b.add_enum64("wide", {{"W", -1}});
  b.add_fwd("u", true);
  b.add_typedef("t", integer);
  const TypeId proto = b.add_func_proto(integer, {{"x", integer}});
  const TypeId func = b.add_func("f", proto, 0);
  const TypeId var = b.add_var("v", integer, 2);
  b.add_datasec(".data", 4, {{var, 0, 4}});
  b.add_float("double", 8);
  b.add_decl_tag("tag", func, 0);
  b.add_type_tag("rcu", b.add_const(b.add_ptr({})));
  const Btf btf(b);
  CHECK(raw(btf.view()) ==
        "[1] INT 'int' size=4 bits_offset=0 nr_bits=32 encoding=SIGNED\n"
        "[2] ARRAY '(anon)' type_id=1 index_type_id=1 nr_elems=3\n"
        "[3] STRUCT 'pair' size=8 vlen=2\n"
        "\t'a' type_id=1 bits_offset=0 bitfield_size=5\n"
        "\t'(anon)' type_id=1 bits_offset=32\n"
        "[4] ENUM 'e' encoding=SIGNED size=4 vlen=2\n\t'A' val=-1\n\t'B' val=2\n"
        "[5] ENUM64 'wide' encoding=UNSIGNED size=8 vlen=1\n\t'W' val=18446744073709551615\n"
        "[6] FWD 'u' fwd_kind=union\n"
        "[7] TYPEDEF 't' type_id=1\n"
        "[8] FUNC_PROTO '(anon)' ret_type_id=1 vlen=1\n\t'x' type_id=1\n"
        "[9] FUNC 'f' type_id=8 linkage=static\n"
        "[10] VAR 'v' type_id=1 linkage=extern\n"
        "[11] DATASEC '.data' size=4 vlen=1\n\ttype_id=10 offset=0 size=4\n"
        "[12] FLOAT 'double' size=8\n"
        "[13] DECL_TAG 'tag' type_id=9 component_idx=0\n"
        "[14] PTR '(anon)' type_id=0\n"
        "[15] CONST '(anon)' type_id=14\n"
        "[16] TYPE_TAG 'rcu' type_id=15\n");
  CHECK(json(btf.view(), 3) ==
        "{\"id\":3,\"kind\":\"STRUCT\",\"name\":\"pair\",\"size\":8,\"vlen\":2,\"members\":["
        "{\"name\":\"a\",\"type_id\":1,\"bits_offset\":0,\"bitfield_size\":5},"
        "{\"name\":\"\",\"type_id\":1,\"bits_offset\":32}]}\n");
  CHECK(json(btf.view(), 5) ==
        "{\"id\":5,\"kind\":\"ENUM64\",\"name\":\"wide\",\"encoding\":\"UNSIGNED\",\"size\":8,"
        "\"vlen\":1,\"values\":[{\"name\":\"W\",\"val\":\"18446744073709551615\"}]}\n");
  CHECK(json(btf.view(), 11) ==
        "{\"id\":11,\"kind\":\"DATASEC\",\"name\":\".data\",\"size\":4,\"vlen\":1,\"vars\":["
        "{\"type_id\":10,\"offset\":0,\"size\":4}]}\n");
}

TEST_CASE("btf show: members stand behind their offsets, anonymous ones in braces") {
  BtfBuilder b;
  const TypeId integer = b.add_int("int", 4);
  const TypeId inner = b.add_struct("", 8, {{"x", integer, 0}, {"y", integer, 32}});
  const TypeId either = b.add_union("", 8, {{"", inner, 0}, {"z", integer, 0}});
  const TypeId named = b.add_struct("ns_tree", 4, {{"n", integer, 0}});
  const TypeId outer = b.add_struct("outer", 48,
                                    {{"a", integer, 0, 3},
                                     {"b", integer, 3, 5},
                                     {"", either, 64},
                                     {"list", b.add_array(inner, integer, 2), 128},
                                     {"", named, 256},
                                     {"next", b.add_ptr(inner), 320}});
  const Btf btf(b);
  CHECK(btf::show_type(btf.view(), outer) ==
        "struct outer  48 B, 6 members  [7]\n"
        "     0:0  int a:3;\n"
        "     0:3  int b:5;\n"
        "       8  union {\n"
        "       8      struct {\n"
        "       8          int x;\n"
        "      12          int y;\n"
        "              };\n"
        "       8      int z;\n"
        "          };\n"
        "      16  struct {\n"
        "      16      int x;\n"
        "      20      int y;\n"
        "          } list[2];\n"
        "      32  struct ns_tree {\n"
        "      32      int n;\n"
        "          };\n"
        "      40  struct {...} *next;\n");
}

TEST_CASE("btf show: functions with their parameters' names, enums with their values") {
  BtfBuilder b;
  const TypeId integer = b.add_int("int", 4);
  const TypeId text = b.add_ptr(b.add_const(b.add_char()));
  const TypeId func = b.add_func("printf", b.add_func_proto(integer, {{"format", text}, {"", {}}}));
  const TypeId quiet = b.add_func("quiet", b.add_func_proto(text), 0);
  const TypeId numbers = b.add_enum("numbers", {{"LOW", -1}}, 4, true);
  const TypeId alias = b.add_typedef("row", b.add_array(integer, integer, 2));
  const TypeId evil = b.add_struct("\x1b[2J", 4, {{"a\nb", integer, 0}});
  const Btf btf(b);
  CHECK(btf::show_type(btf.view(), func) == "int printf(const char *format, ...)  [6]\n");
  CHECK(btf::show_type(btf.view(), quiet) == "static const char *quiet(void)  [8]\n");
  CHECK(btf::show_type(btf.view(), numbers) == "enum numbers  4 B  [9]\n  LOW = -1\n");
  CHECK(btf::show_type(btf.view(), alias) == "typedef int row[2]  [11]\n");
  CHECK(btf::show_type(btf.view(), evil) ==
        "struct \\x1b[2J  4 B, 1 member  [12]\n       0  int a\\nb;\n");
}

TEST_CASE("btf search: types and enumerators by pattern, in the order of names") {
  BtfBuilder b;
  const TypeId proto = b.add_func_proto({});
  const TypeId func = b.add_func("tcp_sock", proto);
  const TypeId sock = b.add_struct("tcp_request_sock", 0);
  const TypeId state = b.add_enum("state", {{"tcp_x_sock", 1}, {"udp_sock", 2}});
  b.add_struct("tcp_socket", 0);
  const Btf btf(b);
  CHECK(btf::search(btf.view(), "tcp_*sock", KindMask::all()) ==
        std::vector<btf::Hit>{{.type = sock}, {.type = func}, {.type = state, .enumerator = 0}});
  CHECK(btf::search(btf.view(), "tcp_*sock", {btf::Kind::func}) ==
        std::vector<btf::Hit>{{.type = func}});
  CHECK(btf::near_names(btf.view(), "tcp_sok", KindMask::all(), 1) ==
        std::vector<std::string_view>{"tcp_sock"});
}

TEST_CASE("btf diff: members that moved, changed, came, went and were renamed") {
  BtfBuilder a, b;
  const TypeId old_int = a.add_int("int", 4);
  a.add_struct("task", 24,
               {{"first", old_int, 0},
                {"state", a.add_volatile(old_int), 32},
                {"gone", old_int, 64},
                {"pid", old_int, 96},
                {"flag", old_int, 128, 3},
                {"same", old_int, 160}});
  const TypeId new_int = b.add_int("int", 4);
  const TypeId inner = b.add_union("", 4, {{"pid", b.add_uint("unsigned int", 4), 0}});
  b.add_struct("task", 32,
               {{"first", new_int, 0},
                {"__state", new_int, 32},
                {"", inner, 96},
                {"flag", new_int, 131, 3},
                {"same", new_int, 160},
                {"fresh", b.add_array(new_int, new_int, 2), 192}});
  const Btf before(a), after(b);
  const auto diffs = btf::diff_named(before.view(), after.view(), "task");
  REQUIRE(diffs);
  REQUIRE(diffs->size() == 1);
  CHECK(btf::describe((*diffs)[0]) ==
        "struct task   24 B, 6 members  ->  32 B, 6 members\n"
        " - volatile int state  @4        + int __state         @4  (renamed)\n"
        " - int gone            @8\n"
        " ~ int pid             @12  ->  unsigned int pid  @12\n"
        "   int flag:3          @16:0 -> @16:3\n"
        " + int fresh[2]        @24\n");
  CHECK(btf::summarize((*diffs)[0]) == "~ struct task  24 -> 32 B, +1 -1, 3 moved or changed\n");
}

TEST_CASE("btf diff: all types, those of one name in the order of their ids") {
  BtfBuilder a, b;
  const TypeId old_int = a.add_int("int", 4);
  a.add_struct("same", 4, {{"x", old_int, 0}});
  a.add_struct("gone", 8);
  a.add_enum("e", {{"A", 1}, {"B", 2}});
  a.add_typedef("t", old_int);
  a.add_func("f", a.add_func_proto(old_int));
  a.add_struct("twice", 4, {{"x", old_int, 0}});
  a.add_struct("twice", 4, {{"y", old_int, 0}});
  const TypeId new_int = b.add_int("int", 4);
  b.add_typedef("t", b.add_uint("unsigned int", 4));
  b.add_struct("same", 4, {{"x", new_int, 0}});
  b.add_enum64("e", {{"A", 1}, {"B", 3}, {"C", 4}});
  b.add_func("f", b.add_func_proto({}));
  b.add_union("fresh", 16);
  b.add_struct("twice", 4, {{"x", new_int, 0}});
  b.add_struct("twice", 8, {{"y", new_int, 32}});
  const Btf before(a), after(b);
  const auto diffs = btf::diff_all(before.view(), after.view(), KindMask::all());
  REQUIRE(diffs);
  std::string text;
  for (const btf::TypeDiff& diff : *diffs)
    text += btf::summarize(diff);
  CHECK(text ==
        "~ enum e  4 -> 8 B, +1 -0, 1 moved or changed\n"
        "~ int f(void)  ->  void f(void)\n"
        "+ union fresh  16 B\n"
        "- struct gone  8 B\n"
        "~ struct twice  4 -> 8 B, 1 moved or changed\n"
        "~ typedef int t  ->  typedef unsigned int t\n");
  CHECK(btf::describe((*diffs)[0]) ==
        "enum e   4 B, 2 values  ->  8 B, 3 values\n ~ B = 2  ->  B = 3\n + C = 4\n");
  const auto same = btf::diff_named(before.view(), after.view(), "same");
  REQUIRE(same);
  CHECK(btf::describe((*same)[0]) ==
        "struct same   4 B, 1 member  ->  4 B, 1 member\n   nothing differs\n");
}

TEST_CASE("btf diff: a struct that says little and means much is an error") {
  BtfBuilder b;
  TypeId inner = b.add_struct("", 0, {{"x", b.add_int("int", 4), 0}});
  for (int i = 0; i < 30; i++)
    inner = b.add_union("", 0, {{"a", inner, 0}, {"b", inner, 0}});
  const TypeId outer = b.add_struct("outer", 0, {{"in", inner, 0}});
  const Btf btf(b);
  CHECK_FALSE(btf::diff_types(btf.view(), outer, btf.view(), outer).has_value());
  CHECK(btf::show_type(btf.view(), outer).size() < 3u << 20);
}

}  // namespace
}  // namespace bpfld::test
