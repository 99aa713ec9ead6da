// SPDX-License-Identifier: Apache-2.0
// The order of declarations, the names they get, and input that tries to break out of either.
#include <doctest/doctest.h>

#include "btf/c_names.h"
#include "tests/btf/c_text.h"

namespace bpfld::test {
namespace {

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST_CASE("btf c: what is held by value comes first, what is pointed to does not") {
  BtfBuilder b;
  const TypeId holder = {3};
  const TypeId integer = b.add_int("int", 4);                      // 1
  const TypeId back = b.add_ptr(holder);                           // 2
  b.add_struct("holder", 16, {{"held", {5}, 0}, {"n", {6}, 64}});  // 3
  b.add_array({7}, integer, 1);                                    // 4
  b.add_typedef("held_t", {4});                                    // 5
  b.add_typedef("number", integer);                                // 6
  b.add_struct("held", 8, {{"back", back, 0}});                    // 7
  CHECK(c_text(b) ==
        "struct held {\n\tstruct holder *back;\n};\n\n"
        "typedef struct held held_t[1];\n\n"
        "typedef int number;\n\n"
        "struct holder {\n\theld_t held;\n\tnumber n;\n};\n\n");
}

TEST_CASE("btf c: a list head, and structs that point at each other, are no cycles") {
  BtfBuilder b;
  const TypeId list = {2};
  const TypeId next = b.add_ptr(list);                                     // 1
  b.add_struct("list_head", 16, {{"next", next, 0}, {"prev", next, 64}});  // 2
  b.add_ptr({5});                                                          // 3
  b.add_struct("a", 8, {{"b", {3}, 0}});                                   // 4
  b.add_struct("b", 8, {{"a", b.add_ptr({4}), 0}});                        // 6, the pointer is 5
  CHECK(contains(c_text(b), "struct list_head {\n\tstruct list_head *next;"));
  CHECK_FALSE(contains(c_text(b), "error"));
}

TEST_CASE("btf c: the tag of a struct is declared before a parameter that points to it") {
  BtfBuilder b;
  const TypeId integer = b.add_int("int", 4);
  const TypeId file = b.add_fwd("file");
  const TypeId later = {6};
  const TypeId proto =
      b.add_func_proto(integer, {{"", b.add_ptr(file)}, {"", {5}}});  // 4, the pointer is 3
  b.add_ptr(later);                                                   // 5
  b.add_struct("later", 8, {{"f", b.add_ptr(proto), 0}});             // 7, the pointer is 6
  b.type(5).size_or_type = 7;
  b.add_struct("self", 8, {{"f", {10}, 0}});     // 8
  b.add_func_proto({}, {{"", b.add_ptr({8})}});  // 10, the pointer is 9
  b.type(8).tail[1] = 11;
  b.add_ptr({10});  // 11
  CHECK(c_text(b) ==
        "struct file;\n\n"
        "struct later {\n\tint (*f)(struct file *, struct later *);\n};\n\n"
        "struct self {\n\tvoid (*f)(struct self *);\n};\n\n");
}

TEST_CASE("btf c: the second type of a name gets a flavour") {
  BtfBuilder b;
  const TypeId integer = b.add_int("int", 4);
  const TypeId one = b.add_struct("foo", 4, {{"a", integer, 0}});
  const TypeId two = b.add_struct("foo", 8, {{"a", integer, 0}, {"b", integer, 32}});
  b.add_union("foo", 4, {{"one", one, 0}});
  b.add_struct("foo___2", 0);
  b.add_typedef("foo", two);
  b.add_enum("bar", {{"foo", 0}, {"A", 1}});
  b.add_enum("baz", {{"A", 2}});
  CHECK(c_text(b) ==
        "struct foo {\n\tint a;\n};\n\n"
        "struct foo___2 {\n\tint a;\n\tint b;\n};\n\n"
        "union foo___3 {\n\tstruct foo one;\n};\n\n"
        "struct foo___2___2 {\n};\n\n"
        "typedef struct foo___2 foo;\n\n"
        "enum bar {\n\tfoo___2 = 0,\n\tA = 1,\n};\n\n"
        "enum baz {\n\tA___2 = 2,\n};\n\n");
}

TEST_CASE("btf c: a forward declaration stands for the struct of its name and keyword") {
  BtfBuilder b;
  b.add_typedef("a", b.add_ptr(b.add_fwd("foo")));
  b.add_struct("foo", 0);
  b.add_typedef("b", b.add_ptr(b.add_fwd("foo", true)));
  b.add_typedef("c", b.add_ptr(b.add_enum("e", {})));
  b.add_enum("e", {{"E", 1}});
  CHECK(c_text(b) ==
        "struct foo {\n};\n\n"
        "typedef struct foo *a;\n\n"
        "union foo___2;\n\n"
        "typedef union foo___2 *b;\n\n"
        "enum e {\n\tE = 1,\n};\n\n"
        "typedef enum e *c;\n\n");
}

TEST_CASE("btf c: anonymous types in parameters, and enums in two places, get a tag") {
  BtfBuilder b;
  const TypeId integer = b.add_int("int", 4);
  const TypeId state = b.add_enum("", {{"ON", 1}});
  const TypeId inner = b.add_struct("", 4, {{"a", integer, 0}});
  b.add_struct("two", 8, {{"x", state, 0}, {"y", state, 32}});
  b.add_typedef("function", b.add_func_proto({}, {{"", b.add_ptr(inner)}}));
  CHECK(c_text(b) ==
        "enum anonymous_enum {\n\tON = 1,\n};\n\n"
        "struct anonymous_struct {\n\tint a;\n};\n\n"
        "struct two {\n\tenum anonymous_enum x;\n\tenum anonymous_enum y;\n};\n\n"
        "typedef void function(struct anonymous_struct *);\n\n");
}

TEST_CASE("btf c: names that cannot be written are changed") {
  CHECK(btf::c_identifier("task_struct") == "task_struct");
  CHECK(btf::c_identifier("a.b") == "a_b");
  CHECK(btf::c_identifier("9p") == "_9p");
  CHECK(btf::c_identifier("int") == "int_");
  CHECK(btf::c_identifier("") == "_");
  CHECK(btf::c_identifier("x */ ;\n#include \"/etc/passwd\"") == "x_______include___etc_passwd_");
  CHECK(btf::is_c_identifier("__int128_t"));
  CHECK_FALSE(btf::is_c_identifier("__int128"));
  CHECK_FALSE(btf::is_c_identifier("\xc3\xa9"));
}

TEST_CASE("btf c: hostile names stay within their place") {
  BtfBuilder b;
  const TypeId integer = b.add_int("int", 4);
  const std::string evil = "x; */ } int main(){}\n#error \?\?/ \x1b[2J";
  b.add_struct(evil, 4, {{evil, integer, 0}});
  b.add_enum(evil, {{evil, 1}, {"typeof", 2}});
  b.add_typedef(evil, b.add_fwd(evil));
  b.add_typedef("__builtin_va_list", b.add_ptr({}));
  const TypeId kfunc = b.add_func(evil, b.add_func_proto({}, {{evil, integer}}));
  b.add_decl_tag("bpf_kfunc", kfunc);
  const std::string name = btf::c_identifier(evil);
  const std::string text = c_text(b);
  for (const char c : text)
    CHECK((c >= ' ' || c == '\n' || c == '\t'));
  CHECK(contains(text, "struct " + name + " {\n\tint " + name + ";\n};"));
  CHECK(contains(text, "typedef struct " + name + " " + name + "___2;"));
  CHECK(contains(text, "enum " + name + "___2 {\n\t" + name + " = 1,\n\ttypeof_ = 2,\n};"));
  CHECK(contains(text, "typedef void *__builtin_va_list___2;"));
  CHECK(contains(text, "extern void " + name + "___3(int " + name + "_)"));
}

TEST_CASE("btf c: structs and typedefs that need themselves are an error") {
  BtfBuilder b;
  const TypeId self = {1};
  b.add_struct("self", 8, {{"me", self, 0}});
  CHECK(c_text(b) == "error: BTF type [1]: STRUCT \"self\" needs itself to be declared");
  BtfBuilder c;
  c.add_typedef("loop", {2});
  c.add_ptr({3});
  c.add_func_proto({}, {{"", {1}}});
  CHECK(c_text(c) == "error: BTF type [1]: TYPEDEF \"loop\" needs itself to be declared");
}

TEST_CASE("btf c: text that grows without end is an error") {
  BtfBuilder b;
  b.add_typedef("f", {2});
  b.add_ptr({3});
  b.add_func_proto({}, {{"", {2}}, {"", {2}}});  // takes itself, twice
  CHECK(c_text(b) == "error: BTF type [3]: more than 64 functions in each other's parameters");
  BtfBuilder c;
  c.add_typedef("s", {2});
  c.add_struct("", 8, {{"next", {3}, 0}});  // no name, and yet it points to itself
  c.add_ptr({2});
  CHECK(contains(c_text(c), "error: BTF type [2]: more than 200 structs inside each other"));
  BtfBuilder d;
  d.add_typedef("p", {2});
  d.add_ptr({2});
  CHECK(contains(c_text(d), "error: BTF type [2]: more than 256 pointers"));
}

TEST_CASE("btf c: roots bring what they need and nothing else") {
  BtfBuilder b;
  const TypeId integer = b.add_int("int", 4);
  const TypeId number = b.add_typedef("number", integer);
  b.add_struct("unwanted", 4, {{"a", number, 0}});
  const TypeId wanted = b.add_struct("wanted", 4, {{"a", number, 0}});
  b.add_enum("", {{"UNWANTED", 1}});
  CHECK(c_text(b, {.roots = {{wanted}}}) ==
        "typedef int number;\n\nstruct wanted {\n\tnumber a;\n};\n\n");
  CHECK(c_text(b, {.roots = {{b.add_ptr(wanted)}}}) == "");
}

TEST_CASE("btf c: a module's header has its own types and what they need of the kernel's") {
  BtfBuilder base;
  const TypeId integer = base.add_int("int", 4);
  const TypeId used = base.add_struct("used", 4, {{"a", integer, 0}});
  base.add_struct("unused", 4, {{"a", integer, 0}});
  const std::vector<std::byte> base_blob = base.bytes();
  const Result<btf::View> base_view = btf::View::parse(base_blob);
  REQUIRE(base_view);
  BtfBuilder module(*base_view);
  module.add_struct("used", 8, {{"base", used, 0}, {"b", integer, 32}});
  const std::vector<std::byte> blob = module.bytes();
  const Result<btf::View> view = btf::View::parse(blob, &*base_view);
  REQUIRE(view);
  const Result<std::string> header = btf::c_header(*view);
  REQUIRE(header);
  CHECK(contains(*header,
                 "struct used {\n\tint a;\n};\n\n"
                 "struct used___2 {\n\tstruct used base;\n\tint b;\n};\n\n"));
  CHECK_FALSE(contains(*header, "unused"));
}

}  // namespace
}  // namespace bpfld::test
