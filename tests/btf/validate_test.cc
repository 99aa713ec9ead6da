// SPDX-License-Identifier: Apache-2.0
// What validate() refuses: in each case valid BTF with one thing wrong, and the message that names
// it.
#include <doctest/doctest.h>

#include "btf/types.h"
#include "tests/support/btf_builder.h"

using namespace bpfld;
using namespace bpfld::btf;
using test::BtfBuilder;
using test::message;

namespace {

std::string verdict(const BtfBuilder& builder) {
  const std::vector<std::byte> blob = builder.bytes();
  const Result<View> view = View::parse(blob);
  if (!view) return "parse: " + message(view);
  return message(view->validate());
}

}  // namespace

TEST_CASE(
    "btf validate: a reference past the last type is malformed, from every kind that has one") {
  const auto with = [](auto add) {
    BtfBuilder b;
    b.add_int("int", 4);
    add(b);
    return verdict(b);
  };
  const TypeId gone = {99};
  CHECK(with([&](BtfBuilder& b) { b.add_ptr(gone); }) ==
        "BTF type [2]: PTR target is type [99], the last one is [2]");
  CHECK(with([&](BtfBuilder& b) { b.add_typedef("t", gone); }) ==
        "BTF type [2]: TYPEDEF \"t\" target is type [99], the last one is [2]");
  CHECK(with([&](BtfBuilder& b) { b.add_array(gone, {1}, 1); }) ==
        "BTF type [2]: ARRAY element is type [99], the last one is [2]");
  CHECK(with([&](BtfBuilder& b) { b.add_array({1}, gone, 1); }) ==
        "BTF type [2]: ARRAY index is type [99], the last one is [2]");
  CHECK(with([&](BtfBuilder& b) { b.add_struct("s", 4, {{"m", gone, 0}}); }) ==
        "BTF type [2]: STRUCT \"s\" member 0 \"m\" is type [99], the last one is [2]");
  CHECK(with([&](BtfBuilder& b) { b.add_func_proto({1}, {{"p", gone}}); }) ==
        "BTF type [2]: FUNC_PROTO parameter 0 \"p\" is type [99], the last one is [2]");
  CHECK(with([&](BtfBuilder& b) { b.add_func_proto(gone); }) ==
        "BTF type [2]: FUNC_PROTO target is type [99], the last one is [2]");
  CHECK(with([&](BtfBuilder& b) { b.add_datasec(".data", 4, {{gone, 0, 4}}); }) ==
        "BTF type [2]: DATASEC \".data\" variable 0 is type [99], the last one is [2]");
  CHECK(with([&](BtfBuilder& b) { b.add_decl_tag("tag", gone); }) ==
        "BTF type [2]: DECL_TAG \"tag\" target is type [99], the last one is [2]");
}

TEST_CASE("btf validate: a reference to the wrong kind is malformed") {
  BtfBuilder b;
  const TypeId i = b.add_int("int", 4);
  const TypeId proto = b.add_func_proto(i);
  const TypeId func = b.add_func("f", proto);
  CHECK(verdict(b) == "no error");
  b.type(func).size_or_type = i.value;
  CHECK(verdict(b) == "BTF type [3]: FUNC \"f\" has type [1], which is INT, not FUNC_PROTO");
  b.type(func).size_or_type = proto.value;
  const TypeId ptr = b.add_ptr(func);
  CHECK(verdict(b) == "BTF type [4]: PTR target is [3], which is FUNC, not a type");
  b.type(ptr).size_or_type = 0;
  CHECK(verdict(b) == "no error");
  b.add_var("v", {});
  CHECK(verdict(b) == "BTF type [5]: VAR \"v\" is void");
  b.type(5).size_or_type = 1;
  b.add_datasec(".bss", 8, {{i, 0, 4}});
  CHECK(verdict(b) == "BTF type [6]: DATASEC \".bss\" variable 0 is INT [1]");
}

TEST_CASE("btf validate: a name offset past the string table is malformed") {
  BtfBuilder b;
  b.add_int("int", 4);
  b.type(1).name_offset = 9999;
  CHECK(verdict(b) == "BTF type [1]: name offset 9999 is past the string table (5 bytes)");
  b.type(1).name_offset = 5;  // one past the last byte
  CHECK(verdict(b) == "BTF type [1]: name offset 5 is past the string table (5 bytes)");
  b.type(1).name_offset = 4;  // its last byte: an empty name
  CHECK(verdict(b) == "no error");
}

TEST_CASE("btf validate: names are identifiers where C needs them, absent where C has none") {
  BtfBuilder b;
  const TypeId i = b.add_int("long unsigned int", 4);
  const TypeId s = b.add_struct("s", 4, {{"m", i, 0}});
  CHECK(verdict(b) == "no error");
  const u32 bad = b.add_string("no\x1b[31midentifier");
  b.type(s).tail[0] = bad;
  CHECK(verdict(b) == "BTF type [2]: STRUCT \"s\" member 0 has no valid identifier as its name");
  b.type(s).tail[0] = 0;  // anonymous members are for structs and unions, but nothing relies on it
  CHECK(verdict(b) == "no error");
  b.type(s).tail[0] = 12345;
  CHECK(verdict(b).starts_with(
      "BTF type [2]: STRUCT \"s\" member 0: name offset 12345 is past the string table"));
  b.type(s).tail[0] = 0;
  const TypeId t = b.add_typedef("9lives", i);
  CHECK(verdict(b) == "BTF type [3]: TYPEDEF \"9lives\" has no valid identifier as its name");
  b.type(t).name_offset = 0;
  CHECK(verdict(b) == "BTF type [3]: TYPEDEF has no valid identifier as its name");
  b.type(t).name_offset = b.add_string("fine");
  b.add_ptr(i);
  b.type(4).name_offset = b.add_string("fine");
  CHECK(verdict(b) == "BTF type [4]: PTR \"fine\" must not have a name");
  b.type(4).name_offset = 0;
  b.add_type_tag("", i);
  CHECK(verdict(b) == "BTF type [5]: TYPE_TAG has no name");
}

TEST_CASE("btf validate: counts and flags that mean nothing are malformed") {
  BtfBuilder b;
  const TypeId i = b.add_int("int", 4);
  b.type(i).vlen = 1;
  CHECK(verdict(b) == "BTF type [1]: INT \"int\" has 1 entries, its kind has none");
  b.type(i).vlen = 0;
  b.type(i).kind_flag = true;
  CHECK(verdict(b) == "BTF type [1]: INT \"int\" has the kind flag, which means nothing for it");
}

TEST_CASE("btf validate: an INT's bits fit its bytes, its encoding is one that exists") {
  const auto with = [](u32 size, u8 encoding, u8 offset, u8 bits) {
    BtfBuilder b;
    b.add_int_bits("int", size, encoding, offset, bits);
    return verdict(b);
  };
  CHECK(with(4, 0, 0, 32) == "no error");
  CHECK(with(16, 1, 0, 128) == "no error");
  CHECK(with(4, 0, 3, 5) == "no error");
  CHECK(with(4, 0, 1, 32) == "BTF type [1]: INT \"int\" has 32 bits at bit 1 in 4 bytes");
  CHECK(with(4, 0, 0, 0) == "BTF type [1]: INT \"int\" has 0 bits at bit 0 in 4 bytes");
  CHECK(with(16, 0, 1, 128) == "BTF type [1]: INT \"int\" has 128 bits at bit 1 in 16 bytes");
  CHECK(with(32, 0, 0, 128) == "BTF type [1]: INT \"int\" has 128 bits at bit 0 in 32 bytes");
  CHECK(with(4, 3, 0, 32) == "BTF type [1]: INT \"int\" has unknown encoding 0x3");
  CHECK(with(4, 0x10, 0, 32) == "BTF type [1]: INT \"int\" has unknown encoding bits 0x10000020");
}

TEST_CASE("btf validate: a forward declaration of an enum has no size and no enumerator") {
  BtfBuilder b;
  const TypeId e = b.add_enum("e", {}, 0);
  CHECK(verdict(b) == "no error");
  b.type(e).size_or_type = 3;
  CHECK(verdict(b) == "BTF type [1]: ENUM \"e\" has a size of 3");
  BtfBuilder complete;
  complete.add_enum("e", {{"A", 1}}, 0);
  CHECK(verdict(complete) == "BTF type [1]: ENUM \"e\" has a size of 0");
}

TEST_CASE("btf validate: sizes of enums and floats") {
  BtfBuilder b;
  const TypeId e = b.add_enum("e", {{"A", 1}}, 3);
  CHECK(verdict(b) == "BTF type [1]: ENUM \"e\" has a size of 3");
  b.type(e).size_or_type = 8;
  CHECK(verdict(b) == "no error");
  b.type(e).tail[0] = 0;
  CHECK(verdict(b) == "BTF type [1]: ENUM \"e\" enumerator 0 has no valid identifier as its name");
  b.type(e).tail[0] = b.add_string("A");
  b.add_float("half", 6);
  CHECK(verdict(b) == "BTF type [2]: FLOAT \"half\" has a size of 6");
}

TEST_CASE("btf validate: a member past the struct's end is malformed") {
  BtfBuilder b;
  const TypeId i = b.add_int("int", 4);
  const TypeId s = b.add_struct("pair", 8, {{"a", i, 0}, {"b", i, 32}});
  CHECK(verdict(b) == "no error");
  b.type(s).tail[5] = 40;
  CHECK(verdict(b) ==
        "BTF type [2]: STRUCT \"pair\" member 1 \"b\" at bit 40 takes 32 bits, past the end (8 "
        "bytes)");
  b.type(s).tail[5] = ~7u;
  CHECK(verdict(b) ==
        "BTF type [2]: STRUCT \"pair\" member 1 \"b\" at bit 4294967288 takes 32 bits, past the "
        "end (8 "
        "bytes)");
  b.type(s).tail[5] = 33;
  CHECK(verdict(b) ==
        "BTF type [2]: STRUCT \"pair\" member 1 \"b\" starts at bit 33, within a byte");
  b.type(s).tail[5] = 32;
  b.type(s).tail[4] = 0;
  CHECK(verdict(b) == "BTF type [2]: STRUCT \"pair\" member 1 \"b\" is void");
}

TEST_CASE("btf validate: bitfields fit their type and their struct") {
  BtfBuilder b;
  const TypeId i = b.add_uint("u", 4);
  const TypeId p = b.add_ptr(i);
  const TypeId s = b.add_struct("flags", 4, {{"a", i, 0, 3}, {"b", i, 3, 29}});
  CHECK(verdict(b) == "no error");
  b.type(s).tail[5] = 30 << 24 | 3;
  CHECK(verdict(b) ==
        "BTF type [3]: STRUCT \"flags\" member 1 \"b\" at bit 3 takes 30 bits, past the end (4 "
        "bytes)");
  b.type(s).tail[5] = 33 << 24 | 3;
  CHECK(verdict(b) == "BTF type [3]: STRUCT \"flags\" member 1 \"b\" has 33 bits, its type has 32");
  b.type(s).tail[5] = 2 << 24 | 3;
  b.type(s).tail[4] = p.value;
  CHECK(verdict(b) == "BTF type [3]: STRUCT \"flags\" member 1 \"b\" is a bitfield of PTR");
}

TEST_CASE("btf validate: old-style bitfields, encoded in the INT, are accepted within the struct") {
  BtfBuilder b;
  const TypeId three = b.add_int_bits("u", 4, 0, 0, 3);
  const TypeId s = b.add_struct("flags", 4, {{"a", three, 0}, {"b", three, 29}});
  CHECK(verdict(b) == "no error");
  b.type(s).tail[5] = 30;
  CHECK(verdict(b) ==
        "BTF type [2]: STRUCT \"flags\" member 1 \"b\" at bit 30 takes 3 bits, past the end (4 "
        "bytes)");
}

TEST_CASE("btf validate: a flexible array may sit at the struct's very end") {
  BtfBuilder b;
  const TypeId c = b.add_char();
  const TypeId flexible = b.add_array(c, c, 0);
  const TypeId s = b.add_struct("event", 4, {{"tail", flexible, 32}});
  CHECK(verdict(b) == "no error");
  b.type(s).tail[2] = 40;
  CHECK(verdict(b) ==
        "BTF type [3]: STRUCT \"event\" member 0 \"tail\" at bit 40 takes 0 bits, past the end (4 "
        "bytes)");
}

TEST_CASE("btf validate: union members start at 0") {
  BtfBuilder b;
  const TypeId c = b.add_char();
  b.add_union("u", 4, {{"a", c, 8}});
  CHECK(verdict(b) == "BTF type [2]: UNION \"u\" member 0 \"a\" is at bit 8 of a union");
}

TEST_CASE("btf validate: a typedef of itself is malformed, and so is every longer ring") {
  BtfBuilder b;
  b.add_typedef("loop", {1});
  CHECK(verdict(b) ==
        "BTF type [1]: TYPEDEF \"loop\" refers to itself without a struct in between");
  b.type(1).size_or_type = 2;
  b.add_const({3});
  b.add_ptr({1});
  CHECK(verdict(b) ==
        "BTF type [1]: TYPEDEF \"loop\" refers to itself without a struct in between");
  b.type(3).kind = static_cast<u32>(Kind::array);
  b.type(3).size_or_type = 0;
  b.type(3).tail = {1, 4, 2};
  b.add_int("int", 4);
  CHECK(verdict(b) ==
        "BTF type [1]: TYPEDEF \"loop\" refers to itself without a struct in between");
}

TEST_CASE("btf validate: a struct that holds itself by value is malformed, through others too") {
  BtfBuilder b;
  const TypeId i = b.add_int("int", 4);
  b.add_struct("a", 8, {{"b", {4}, 0}});
  b.add_array({2}, i, 1);
  b.add_struct("b", 8, {{"list", {3}, 0}});
  CHECK(verdict(b) ==
        "BTF type [4]: STRUCT \"b\" member 0 \"list\" holds the struct itself, by value");
}

TEST_CASE("btf validate: list_head and mutual pointers are legal cycles") {
  BtfBuilder b;
  b.add_struct("list_head", 16, {{"next", {2}, 0}, {"prev", {2}, 64}});
  b.add_ptr({1});
  b.add_struct("parent", 8, {{"child", {4}, 0}});
  b.add_ptr({5});
  b.add_struct("child", 16, {{"parent", {6}, 0}, {"call", {7}, 64}});
  b.add_ptr({3});
  b.add_ptr({8});
  b.add_func_proto({0}, {{"child", {4}}});
  CHECK(verdict(b) == "no error");
}

TEST_CASE("btf validate: chains longer than the kernel follows are malformed") {
  BtfBuilder b;
  const TypeId i = b.add_int("int", 4);
  TypeId top = i;
  for (int n = 0; n < 31; n++)
    top = b.add_const(top);
  CHECK(verdict(b) == "no error");
  b.add_const(top);
  CHECK(verdict(b) == "BTF type [33]: CONST is more than 32 types deep");
}

TEST_CASE("btf validate: a tower of a million structs is walked without running out of stack") {
  BtfBuilder b;
  b.add_int("int", 4);
  constexpr u32 kHigh = 20000;
  for (u32 n = 0; n < kHigh; n++)
    b.add_raw({.kind = 4, .vlen = 1, .size_or_type = 4, .tail = {0, n + 3, 0}});
  b.add_int("int", 4);
  CHECK(verdict(b) == "no error");
}

TEST_CASE("btf validate: an array larger than 4 GiB may be pointed to, but not be in a struct") {
  BtfBuilder b;
  const TypeId i = b.add_int("int", 4);
  const TypeId a = b.add_array(i, i, 0x3fffffff);
  CHECK(verdict(b) == "no error");
  b.type(a).tail[2] = 0x40000000;
  b.add_ptr(a);
  CHECK(verdict(b) == "no error");
  b.add_struct("holder", 8, {{"huge", a, 0}});
  CHECK(verdict(b) ==
        "BTF type [4]: STRUCT \"holder\" member 0 \"huge\": BTF type [2]: an array of more than 4 "
        "GiB");
}

TEST_CASE("btf validate: arrays of what has no size, and indexed by what is no number") {
  BtfBuilder b;
  const TypeId i = b.add_int("int", 4);
  const TypeId f = b.add_fwd("later");
  const TypeId a = b.add_array(f, i, 2);
  CHECK(verdict(b) == "BTF type [2]: FWD has no size");
  b.type(a).tail[0] = 0;
  CHECK(verdict(b) == "BTF type [3]: ARRAY has void elements");
  b.type(a).tail[0] = 1;
  b.type(a).tail[1] = 2;
  CHECK(verdict(b) == "BTF type [3]: ARRAY is indexed by FWD");
}

TEST_CASE("btf validate: linkage is static, global or extern") {
  BtfBuilder b;
  const TypeId i = b.add_int("int", 4);
  const TypeId f = b.add_func("f", b.add_func_proto(i), 2);
  const TypeId v = b.add_var("v", i, 2);
  CHECK(verdict(b) == "no error");
  b.type(f).vlen = 3;
  CHECK(verdict(b) == "BTF type [3]: FUNC \"f\" has unknown linkage 3");
  b.type(f).vlen = 0;
  b.type(v).tail[0] = 7;
  CHECK(verdict(b) == "BTF type [4]: VAR \"v\" has unknown linkage 7");
}

TEST_CASE("btf validate: variables lie inside their section, once its size is known") {
  BtfBuilder b;
  const TypeId i = b.add_int("int", 4);
  const TypeId v = b.add_var("v", i);
  const TypeId s = b.add_datasec(".data", 8, {{v, 4, 4}});
  CHECK(verdict(b) == "no error");
  b.type(s).tail[1] = 5;
  CHECK(verdict(b) ==
        "BTF type [3]: DATASEC \".data\" variable 0 at 5..+4 is past the section's end (8 bytes)");
  b.type(s).tail[1] = ~0u;
  CHECK(verdict(b) ==
        "BTF type [3]: DATASEC \".data\" variable 0 at 4294967295..+4 is past the section's end (8 "
        "bytes)");
  b.type(s).size_or_type = 0;  // the compiler leaves it to the loader
  b.type(s).tail[1] = 0;
  CHECK(verdict(b) == "no error");
}

TEST_CASE("btf validate: a decl tag names a part that exists, of something declared") {
  BtfBuilder b;
  const TypeId i = b.add_int("int", 4);
  const TypeId s = b.add_struct("s", 4, {{"m", i, 0}});
  const TypeId f = b.add_func("f", b.add_func_proto(i, {{"p", i}}));
  const TypeId tag = b.add_decl_tag("x", s, 0);
  CHECK(verdict(b) == "no error");
  b.type(tag).tail[0] = 1;
  CHECK(verdict(b) == "BTF type [5]: DECL_TAG \"x\" tags part 1 of [2], which has 1");
  b.type(tag).tail[0] = static_cast<u32>(-2);
  CHECK(verdict(b) == "BTF type [5]: DECL_TAG \"x\" tags part -2 of [2], which has 1");
  b.type(tag).size_or_type = f.value;
  b.type(tag).tail[0] = 0;
  CHECK(verdict(b) == "no error");
  b.type(tag).size_or_type = i.value;
  CHECK(verdict(b) == "BTF type [5]: DECL_TAG \"x\" tags [1], which is INT");
}

TEST_CASE("btf validate: only the last parameter may be void, and only without a name") {
  BtfBuilder b;
  const TypeId i = b.add_int("int", 4);
  const TypeId p = b.add_func_proto(i, {{"a", i}, {"", {}}});
  CHECK(verdict(b) == "no error");
  b.type(p).tail = {0, 0, 0, 1};
  CHECK(verdict(b) == "BTF type [2]: FUNC_PROTO parameter 0 is void");
}
