// SPDX-License-Identifier: Apache-2.0
// Sizes, alignment and C spellings, on good types and on graphs built to hang or overflow.
#include "btf/layout.h"

#include <doctest/doctest.h>

#include "tests/support/btf_builder.h"

using namespace bpfld;
using namespace bpfld::btf;
using test::BtfBuilder;
using test::message;

namespace {

// A builder's blob and the view of it.
struct Parsed {
  std::vector<std::byte> blob;
  View view;
  explicit Parsed(const BtfBuilder& builder) : blob(builder.bytes()), view(*View::parse(blob)) {}
};

}  // namespace

TEST_CASE("btf layout: sizes follow typedefs, qualifiers and arrays") {
  BtfBuilder b;
  const TypeId i = b.add_int("int", 4);
  const TypeId c = b.add_const(b.add_typedef("number", b.add_volatile(i)));
  const TypeId a = b.add_array(b.add_array(c, i, 3), i, 5);
  const TypeId s = b.add_struct("s", 24);
  const TypeId p = b.add_ptr(s);
  const TypeId v = b.add_var("v", a);
  const TypeId flexible = b.add_array(s, i, 0);
  const Parsed btf(b);
  CHECK(*size_of(btf.view, c) == 4);
  CHECK(*size_of(btf.view, a) == 60);
  CHECK(*size_of(btf.view, s) == 24);
  CHECK(*size_of(btf.view, p) == 8);
  CHECK(*size_of(btf.view, v) == 60);
  CHECK(*size_of(btf.view, flexible) == 0);
  CHECK(resolve(btf.view, c) == i);
  CHECK(btf.view.kind(skip_modifiers(btf.view, c)) == Kind::typedef_);
}

TEST_CASE("btf layout: what has no size says so") {
  BtfBuilder b;
  const TypeId f = b.add_fwd("later");
  const TypeId proto = b.add_func_proto({});
  const Parsed btf(b);
  CHECK(message(size_of(btf.view, {})) == "BTF type [0]: VOID has no size");
  CHECK(message(size_of(btf.view, f)) == "BTF type [1]: FWD has no size");
  CHECK(message(size_of(btf.view, proto)) == "BTF type [2]: FUNC_PROTO has no size");
  CHECK(message(align_of(btf.view, f)) == "BTF type [1]: FWD has no size");
}

TEST_CASE("btf layout: cycles that validate() would refuse end in an error, not in a hang") {
  BtfBuilder b;
  b.add_typedef("loop", {1});
  b.add_struct("self", 4, {{"inner", {3}, 0}});
  b.add_typedef("self_t", {2});
  b.add_ptr({4});
  const Parsed btf(b);
  CHECK(message(size_of(btf.view, {1})) == "BTF type [1]: more than 32 types deep");
  CHECK(message(align_of(btf.view, {1})) == "BTF type [1]: more than 32 types deep");
  CHECK(message(align_of(btf.view, {3})) == "BTF type [2]: STRUCT \"self\" contains itself");
  CHECK(resolve(btf.view, {1}) == TypeId{});
  CHECK(type_name(btf.view, {1}) == "loop");
  CHECK(type_name(btf.view, {4}).size() < 100);
}

TEST_CASE("btf layout: array sizes do not wrap") {
  BtfBuilder b;
  const TypeId i = b.add_int("int", 4);
  TypeId a = b.add_array(i, i, 0xffffffff);
  const TypeId first = a;
  for (int n = 0; n < 20; n++)
    a = b.add_array(a, i, 0xffffffff);
  const Parsed btf(b);
  CHECK(message(size_of(btf.view, first)) == "BTF type [2]: an array of more than 4 GiB");
  CHECK(message(size_of(btf.view, a)) == "BTF type [22]: an array of more than 4 GiB");
}

TEST_CASE("btf layout: alignment is that of the widest member, and 1 when the struct is packed") {
  BtfBuilder b;
  const TypeId c = b.add_char();
  const TypeId i = b.add_int("int", 4);
  const TypeId l = b.add_int("long", 8);
  const TypeId wide = b.add_int("__int128", 16);
  const TypeId inner = b.add_struct("inner", 16, {{"c", c, 0}, {"l", l, 64}});
  const TypeId outer = b.add_struct("outer", 24, {{"i", i, 0}, {"list", inner, 64}});
  const TypeId packed = b.add_struct("packed", 5, {{"c", c, 0}, {"i", i, 8}});
  const TypeId odd_size = b.add_struct("odd", 6, {{"i", i, 0}, {"c", c, 32}});
  const TypeId around = b.add_struct("around", 6, {{"c", c, 0}, {"p", packed, 8}});
  const TypeId bits = b.add_struct("bits", 4, {{"a", i, 0, 3}, {"b", i, 3, 5}});
  const TypeId old_bits = b.add_int_bits("u", 4, 0, 0, 3);
  const TypeId old = b.add_struct("old", 4, {{"a", old_bits, 0}, {"b", old_bits, 3}});
  const Parsed btf(b);
  CHECK(*align_of(btf.view, c) == 1);
  CHECK(*align_of(btf.view, wide) == 16);
  CHECK(*align_of(btf.view, inner) == 8);
  CHECK(*align_of(btf.view, outer) == 8);
  CHECK(*align_of(btf.view, packed) == 1);
  CHECK(*align_of(btf.view, odd_size) == 1);
  CHECK(*align_of(btf.view, around) == 1);
  CHECK(*align_of(btf.view, bits) == 4);
  CHECK(*align_of(btf.view, old) == 4);
}

TEST_CASE("btf layout: a struct reached on 2^30 paths is aligned at once") {
  BtfBuilder b;
  const TypeId c = b.add_char();
  TypeId last = b.add_struct("", 1, {{"c", c, 0}});
  for (int n = 0; n < 30; n++)
    last = b.add_union("", 1, {{"a", last, 0}, {"b", last, 0}});
  const Parsed btf(b);
  REQUIRE(message(align_of(btf.view, last)) == "no error");
  CHECK(*align_of(btf.view, last) == 1);
  CHECK(message(btf.view.validate()) == "no error");
}

TEST_CASE("btf layout: types are spelled as in C") {
  BtfBuilder b;
  const TypeId i = b.add_int("int", 4);
  const TypeId c = b.add_char();
  const TypeId task = b.add_struct("task_struct", 8);
  const TypeId u32_id = b.add_typedef("__u32", i);
  const TypeId ptr = b.add_ptr(task);
  const TypeId comm = b.add_array(c, i, 16);
  const TypeId const_u32 = b.add_const(u32_id);
  const TypeId const_ptr = b.add_const(ptr);
  const TypeId ptr_to_const = b.add_ptr(b.add_const(c));
  const TypeId array_of_ptr = b.add_array(ptr, i, 4);
  const TypeId ptr_to_array = b.add_ptr(comm);
  const TypeId grid = b.add_array(b.add_array(i, i, 3), i, 2);
  const TypeId proto = b.add_func_proto(i, {{"ctx", b.add_ptr({})}, {"", {}}});
  const TypeId callback = b.add_ptr(proto);
  const TypeId callbacks = b.add_array(callback, i, 2);
  const TypeId func = b.add_func("run", proto);
  const TypeId getter = b.add_func("getter", b.add_func_proto(callback));
  const TypeId var = b.add_var("table", callbacks);
  const TypeId anonymous = b.add_union("", 8);
  const TypeId fwd = b.add_fwd("u", true);
  const TypeId colour = b.add_enum("colour", {});
  const TypeId tagged = b.add_ptr(b.add_type_tag("user", c));
  const TypeId nothing = b.add_func_proto({});
  const TypeId flexible = b.add_array(c, i, 0);
  const TypeId volatile_const = b.add_volatile(b.add_const(i));
  const Parsed btf(b);
  const auto name = [&](TypeId id) { return type_name(btf.view, id); };
  CHECK(name({}) == "void");
  CHECK(name(task) == "struct task_struct");
  CHECK(name(ptr) == "struct task_struct *");
  CHECK(name(comm) == "char[16]");
  CHECK(name(const_u32) == "const __u32");
  CHECK(name(const_ptr) == "struct task_struct *const");
  CHECK(name(ptr_to_const) == "const char *");
  CHECK(name(array_of_ptr) == "struct task_struct *[4]");
  CHECK(name(ptr_to_array) == "char (*)[16]");
  CHECK(name(grid) == "int[2][3]");
  CHECK(name(proto) == "int (void *, ...)");
  CHECK(name(callback) == "int (*)(void *, ...)");
  CHECK(name(callbacks) == "int (*[2])(void *, ...)");
  CHECK(name(func) == "int run(void *, ...)");
  CHECK(name(getter) == "int (*getter(void))(void *, ...)");
  CHECK(name(var) == "int (*table[2])(void *, ...)");
  CHECK(name(anonymous) == "union {...}");
  CHECK(name(fwd) == "union u");
  CHECK(name(colour) == "enum colour");
  CHECK(name(tagged) == "char *");
  CHECK(name(nothing) == "void (void)");
  CHECK(name(flexible) == "char[]");
  CHECK(name(volatile_const) == "volatile const int");
  CHECK(declaration(btf.view, comm, "comm") == "char comm[16]");
  CHECK(declaration(btf.view, callback, "open") == "int (*open)(void *, ...)");
  CHECK(declaration(btf.view, const_ptr, "p") == "struct task_struct *const p");
  CHECK(declaration(btf.view, u32_id, "pid") == "__u32 pid");
}

TEST_CASE("btf layout: a spelling that would never end is cut") {
  BtfBuilder b;
  // A function whose 4,000 parameters are pointers to itself: 4000^depth names if followed.
  std::vector<test::ParamSpec> many(4000, {"p", {2}});
  b.add_func_proto({}, many);
  b.add_ptr({1});
  const Parsed btf(b);
  CHECK(type_name(btf.view, {1}).size() < 4 * kMaxNameBytes);
}
