// SPDX-License-Identifier: Apache-2.0
// When a type of the kernel may stand for one of the object's, for each of the three questions.
#include "btf/core_match.h"

#include <doctest/doctest.h>
#include <functional>

#include "tests/btf/core_case.h"

namespace bpfld::test {
namespace {

using btf::View;
using btf::core::Budget;
using btf::core::Sides;

using Build = std::function<TypeId(BtfBuilder&)>;
using Compare = Reason (*)(const Sides&, TypeId, TypeId);

Reason compare(Compare how, const Build& local, const Build& target, u64 budget = 1'000'000) {
  BtfBuilder ours, theirs;
  const TypeId a = local(ours), b = target(theirs);
  const std::vector<std::byte> our_blob = ours.bytes(), their_blob = theirs.bytes();
  const View our_view = *View::parse(our_blob), their_view = *View::parse(their_blob);
  Budget left{budget};
  return how({our_view, their_view, left}, a, b);
}
bool fields(const Build& local, const Build& target) {
  return compare(btf::core::fields_compatible, local, target) == Reason::none;
}
bool shapes(const Build& local, const Build& target) {
  return compare(btf::core::types_compatible, local, target) == Reason::none;
}
bool contents(const Build& local, const Build& target) {
  return compare(btf::core::types_match, local, target) == Reason::none;
}

Build integer(std::string name, u32 size, u8 encoding = 1) {
  return [=](BtfBuilder& b) { return b.add_int(name, size, encoding); };
}
Build pointer(Build to) {
  return [=](BtfBuilder& b) { return b.add_ptr(to(b)); };
}
Build array(Build of, u32 count) {
  return [=](BtfBuilder& b) {
    const TypeId element = of(b);
    return b.add_array(element, b.add_int("int", 4), count);
  };
}
Build composite(bool is_union, std::string name, std::vector<std::pair<std::string, Build>> members,
                u32 size = 64) {
  return [=](BtfBuilder& b) {
    std::vector<MemberSpec> list;
    for (const auto& [member, type] : members)
      list.push_back({member, type(b), 0});
    return is_union ? b.add_union(name, size, list) : b.add_struct(name, size, list);
  };
}
Build structure(std::string name, std::vector<std::pair<std::string, Build>> members = {}) {
  return composite(false, name, members);
}
Build either(std::string name, std::vector<std::pair<std::string, Build>> members = {}) {
  return composite(true, name, members);
}
Build enumeration(std::string name, std::vector<EnumeratorSpec> values = {{"a", 0}}, u32 size = 4) {
  return [=](BtfBuilder& b) { return b.add_enum(name, values, size); };
}
Build enumeration64(std::string name, std::vector<EnumeratorSpec> values = {{"a", 0}}) {
  return [=](BtfBuilder& b) { return b.add_enum64(name, values); };
}
Build forward(std::string name, bool is_union = false) {
  return [=](BtfBuilder& b) { return b.add_fwd(name, is_union); };
}
Build real(u32 size) {
  return [=](BtfBuilder& b) { return b.add_float("double", size); };
}
Build alias(std::string name, Build to) {
  return [=](BtfBuilder& b) {
    return b.add_typedef(name, b.add_const(b.add_volatile(b.add_type_tag("rcu", to(b)))));
  };
}
Build prototype(Build result, std::vector<Build> params) {
  return [=](BtfBuilder& b) {
    std::vector<ParamSpec> list;
    for (const Build& param : params)
      list.push_back({"p", param(b)});
    return b.add_func_proto(result(b), list);
  };
}
Build nothing() {
  return [](BtfBuilder&) { return TypeId{0}; };
}
const Build kInt = integer("int", 4);
const Build kChar = integer("char", 1);

TEST_CASE("core: fields are compatible when they can be read in the same way") {
  CHECK(fields(kInt, integer("unsigned long", 8, 0)));
  CHECK(fields(kInt, alias("s32", kInt)));
  CHECK(fields(pointer(kInt), pointer(structure("s"))));
  CHECK(fields(pointer(nothing()), pointer(prototype(kInt, {}))));
  CHECK(fields(structure("a"), either("b")));
  CHECK(fields(real(4), real(8)));
  CHECK(fields(array(kInt, 4), array(kChar, 9)));
  CHECK(fields(array(array(kInt, 4), 2), array(array(kChar, 9), 1)));

  CHECK_FALSE(fields(kInt, pointer(kInt)));
  CHECK_FALSE(fields(kInt, enumeration("e")));
  CHECK_FALSE(fields(kInt, structure("s")));
  CHECK_FALSE(fields(kInt, real(8)));
  CHECK_FALSE(fields(array(kInt, 4), kInt));
  CHECK_FALSE(fields(array(kInt, 4), array(pointer(kInt), 4)));
  CHECK_FALSE(fields(prototype(kInt, {}), prototype(kInt, {})));
  CHECK_FALSE(fields(nothing(), nothing()));
}

TEST_CASE("core: enum fields are compatible by name, flavours aside, or when one has none") {
  CHECK(fields(enumeration("e"), enumeration("e")));
  CHECK(fields(enumeration("e___x"), enumeration64("e")));
  CHECK(fields(enumeration(""), enumeration("e")));
  CHECK(fields(enumeration64("e"), enumeration("")));
  CHECK(fields(forward("s"), forward("s___y")));
  CHECK_FALSE(fields(enumeration("e"), enumeration("f")));
  CHECK_FALSE(fields(forward("s"), forward("t")));
}

TEST_CASE("core: an old bitfield integer with an offset is compatible with nothing") {
  const Build shifted = [](BtfBuilder& b) { return b.add_int_bits("u", 4, 0, 2, 3); };
  CHECK_FALSE(fields(shifted, kInt));
  CHECK_FALSE(fields(kInt, shifted));
  CHECK_FALSE(shapes(kInt, shifted));
}

TEST_CASE("core: shapes ignore names and sizes below the root") {
  CHECK(shapes(kInt, integer("unsigned long", 8, 0)));
  CHECK(shapes(structure("a", {{"x", kInt}}), structure("b")));
  CHECK(shapes(pointer(structure("a")), pointer(structure("b"))));
  CHECK(shapes(array(kInt, 4), array(kChar, 9)));
  CHECK(shapes(enumeration("a"), enumeration64("b")));
  CHECK(shapes(alias("t", kInt), alias("t", kChar)));
  CHECK(shapes(prototype(kInt, {kInt, pointer(nothing())}),
               prototype(kChar, {kChar, pointer(nothing())})));

  CHECK_FALSE(shapes(structure("a"), either("a")));
  CHECK_FALSE(shapes(pointer(kInt), kInt));
  CHECK_FALSE(shapes(alias("t", kInt), kInt));  // the roots' own kinds count
  CHECK_FALSE(shapes(pointer(kInt), pointer(structure("b"))));
  CHECK_FALSE(shapes(prototype(kInt, {kInt}), prototype(kInt, {})));
  CHECK_FALSE(shapes(prototype(kInt, {kInt}), prototype(kInt, {pointer(kInt)})));
  CHECK_FALSE(shapes(prototype(kInt, {}), prototype(nothing(), {})));
  CHECK_FALSE(shapes(real(8), real(8)));
}

TEST_CASE("core: contents match when the target has every member, by name and type") {
  const Build local = structure("s", {{"a", kInt}, {"b", pointer(structure("t"))}});
  CHECK(
      contents(local, structure("s", {{"b", pointer(structure("t"))}, {"z", kChar}, {"a", kInt}})));
  CHECK(contents(
      local, structure("s___k", {{"a", alias("s32", kInt)}, {"b", pointer(structure("t___2"))}})));
  CHECK_FALSE(contents(local, structure("r", {{"a", kInt}, {"b", pointer(structure("t"))}})));
  CHECK_FALSE(contents(local, structure("s", {{"a", kInt}, {"c", pointer(structure("t"))}})));
  CHECK_FALSE(contents(local, structure("s", {{"a", kInt}})));
  CHECK_FALSE(contents(local, structure("s", {{"a", kChar}, {"b", pointer(structure("t"))}})));
  CHECK_FALSE(contents(local, structure("s", {{"a", kInt}, {"b", pointer(structure("u"))}})));
  CHECK_FALSE(contents(local, either("s", {{"a", kInt}, {"b", pointer(structure("t"))}})));
}

TEST_CASE("core: an anonymous member matches any anonymous member that has its members") {
  const auto with = [](Build one, Build two) { return structure("s", {{"", one}, {"", two}}); };
  const Build x = structure("", {{"x", kInt}}), y = structure("", {{"y", kInt}});
  const Build neither = structure("", {{"z", kInt}});
  CHECK(contents(with(x, y), with(y, x)));
  CHECK(contents(with(x, x), with(neither, x)));
  CHECK_FALSE(contents(with(x, y), with(neither, y)));
}

TEST_CASE("core: integers match by name, size and sign; arrays by length too") {
  CHECK(contents(kInt, kInt));
  CHECK_FALSE(contents(kInt, integer("int", 8)));
  CHECK_FALSE(contents(kInt, integer("int", 4, 0)));
  CHECK_FALSE(contents(integer("long", 8), integer("long int", 8)));
  CHECK(contents(array(kInt, 3), array(kInt, 3)));
  CHECK_FALSE(contents(array(kInt, 3), array(kInt, 4)));
}

TEST_CASE("core: enums match by size and by having every enumerator, whatever its value") {
  const Build local = enumeration("e", {{"a", 0}, {"b___old", 1}});
  CHECK(contents(local, enumeration("e", {{"c", 9}, {"b", 8}, {"a", 7}})));
  CHECK_FALSE(contents(local, enumeration("e", {{"a", 0}, {"c", 1}})));
  CHECK_FALSE(contents(local, enumeration("e", {{"a", 0}})));
  CHECK_FALSE(contents(local, enumeration("e", {{"a", 0}, {"b", 1}}, 8)));
  CHECK(contents(enumeration("e", {{"a", 0}}, 8), enumeration64("e", {{"a", 0}})));
}

TEST_CASE("core: behind a pointer a struct's name is enough, also when only declared") {
  const Build full = structure("t", {{"a", kInt}}), other = structure("t", {{"b", kChar}});
  CHECK(contents(pointer(full), pointer(other)));
  CHECK(contents(pointer(full), pointer(forward("t"))));
  CHECK(contents(pointer(forward("t")), pointer(full)));
  CHECK(contents(pointer(forward("t", true)), pointer(either("t"))));
  CHECK_FALSE(contents(pointer(full), pointer(forward("t", true))));
  CHECK_FALSE(contents(pointer(forward("t")), pointer(either("t"))));
  CHECK_FALSE(contents(pointer(full), pointer(either("t"))));
  CHECK_FALSE(contents(full, forward("t")));
  CHECK(contents(forward("t"), forward("t")));
  CHECK_FALSE(contents(forward("t"), forward("t", true)));
}

TEST_CASE("core: prototypes match parameter by parameter") {
  const Build local = prototype(kInt, {pointer(structure("s")), kChar});
  CHECK(contents(local, local));
  CHECK_FALSE(contents(local, prototype(kInt, {pointer(structure("r")), kChar})));
  CHECK_FALSE(contents(local, prototype(kInt, {pointer(structure("s"))})));
  CHECK_FALSE(contents(local, prototype(nothing(), {pointer(structure("s")), kChar})));
  CHECK(contents(prototype(nothing(), {}), prototype(nothing(), {})));
}

// ---- what a hostile type graph may try ----

TEST_CASE("core: a list that points at itself is a legal cycle and matches itself") {
  const Build list = [](BtfBuilder& b) {
    const TypeId pointer_id = b.add_ptr({2});
    return b.add_struct("list_head", 16, {{"next", pointer_id, 0}, {"prev", pointer_id, 64}});
  };
  CHECK(contents(list, list));
  CHECK(shapes(list, list));
  CHECK(fields(list, list));
}

TEST_CASE("core: pointers, arrays, typedefs and structs that contain themselves end") {
  const Build pointer_cycle = [](BtfBuilder& b) { return b.add_ptr({1}); };
  const Build array_cycle = [](BtfBuilder& b) { return b.add_array({1}, {1}, 1); };
  const Build struct_cycle = [](BtfBuilder& b) { return b.add_struct("s", 4, {{"s", {1}, 0}}); };
  const Build anonymous_cycle = [](BtfBuilder& b) { return b.add_struct("", 4, {{"", {1}, 0}}); };
  const Build proto_cycle = [](BtfBuilder& b) { return b.add_func_proto({1}, {{"a", {1}}}); };
  const Build typedef_cycle = [](BtfBuilder& b) { return b.add_typedef("t", {1}); };
  CHECK(compare(btf::core::types_compatible, pointer_cycle, pointer_cycle) == Reason::too_deep);
  CHECK(compare(btf::core::types_match, pointer_cycle, pointer_cycle) == Reason::too_deep);
  CHECK(compare(btf::core::fields_compatible, array_cycle, array_cycle) == Reason::too_deep);
  CHECK(compare(btf::core::types_compatible, array_cycle, array_cycle) == Reason::too_deep);
  CHECK(compare(btf::core::types_match, struct_cycle, struct_cycle) == Reason::too_deep);
  CHECK(compare(btf::core::types_match, anonymous_cycle, anonymous_cycle) == Reason::too_deep);
  CHECK(compare(btf::core::types_compatible, proto_cycle, proto_cycle) != Reason::none);
  CHECK(compare(btf::core::types_match, proto_cycle, proto_cycle) != Reason::none);
  CHECK(compare(btf::core::fields_compatible, typedef_cycle, typedef_cycle) != Reason::none);
}

TEST_CASE("core: prototypes that span 2^30 paths run out of budget instead of time") {
  const Build fan = [](BtfBuilder& b) {
    TypeId level = b.add_func_proto({0});
    for (u32 i = 0; i < 30; i++) {
      const TypeId pointer_id = b.add_ptr(level);
      level = b.add_func_proto({0}, {{"a", pointer_id}, {"b", pointer_id}});
    }
    return level;
  };
  CHECK(compare(btf::core::types_compatible, fan, fan, 100'000) == Reason::too_much_work);
  CHECK(compare(btf::core::types_match, fan, fan, 100'000) == Reason::too_much_work);
}

TEST_CASE("core: anonymous members that span 2^64 paths run out of budget instead of time") {
  CoreCase c;
  const TypeId root = c.local.add_struct("s", 4, {{"x", c.local.add_int("int", 4), 0}});
  c.kernel.add_struct("", 4, {{"", {1}, 0}, {"", {1}, 0}});
  c.kernel.add_struct("s", 4, {{"", {1}, 0}});
  const Resolution got = c.answer(CoreKind::field_byte_offset, root, "0:0");
  CHECK(got.verdict == Verdict::undecided);
  CHECK(got.reason == Reason::too_deep);
}

TEST_CASE("core: a struct of anonymous towers that fan out runs out of budget") {
  CoreCase c;
  const TypeId root = c.local.add_struct("s", 4, {{"x", c.local.add_int("int", 4), 0}});
  TypeId level = c.kernel.add_struct("", 4, {});
  for (u32 i = 0; i < 30; i++)
    level = c.kernel.add_struct("", 4, {{"", level, 0}, {"", level, 0}});
  c.kernel.add_struct("s", 4, {{"", level, 0}});
  const Resolution got = c.answer(CoreKind::field_byte_offset, root, "0:0");
  CHECK(got.verdict == Verdict::undecided);
  CHECK(got.reason == Reason::too_much_work);
}

// ---- members inside anonymous structs ----

TEST_CASE("core: a member may have moved into an anonymous struct, or out of one") {
  CoreCase c;
  const TypeId local_int = c.local.add_int("int", 4);
  const TypeId hidden = c.local.add_struct("", 4, {{"out", local_int, 0}});
  const TypeId root = c.local.add_struct("s", 8, {{"in", local_int, 0}, {"", hidden, 32}});
  const TypeId kernel_int = c.kernel.add_int("int", 4);
  const TypeId deep = c.kernel.add_union("", 8, {{"in", kernel_int, 0}, {"other", kernel_int, 0}});
  const TypeId wrap = c.kernel.add_struct("", 16, {{"pad", kernel_int, 0}, {"", deep, 64}});
  c.kernel.add_struct("s", 32, {{"out", kernel_int, 0}, {"", wrap, 128}});
  c.ask(CoreKind::field_byte_offset, root, "0:0");
  c.ask(CoreKind::field_byte_offset, root, "0:1:0");
  const std::vector<Resolution> got = c.answers();
  CHECK(got[0].target_value == 24);
  CHECK(got[1].target_value == 0);
}

TEST_CASE("core: a member of the right name but another kind hides later ones at its level only") {
  CoreCase c;
  const TypeId root = c.local.add_struct("s", 8, {{"x", c.local.add_int("int", 4), 0}});
  const TypeId kernel_int = c.kernel.add_int("int", 4);
  const TypeId wrong = c.kernel.add_ptr({0});
  const TypeId inner = c.kernel.add_struct("", 16, {{"x", wrong, 0}, {"x", kernel_int, 64}});
  c.kernel.add_struct("s", 32, {{"", inner, 0}, {"x", kernel_int, 160}});
  c.kernel.add_struct("t", 32, {{"x", wrong, 0}, {"x", kernel_int, 160}});
  const TypeId other = c.local.add_struct("t", 8, {{"x", {1}, 0}});
  c.ask(CoreKind::field_byte_offset, root, "0:0");
  c.ask(CoreKind::field_byte_offset, other, "0:0");
  const std::vector<Resolution> got = c.answers();
  CHECK(got[0].target_value == 20);
  CHECK(got[1].verdict == Verdict::poisoned);
  CHECK(got[1].considered[0].reason == Reason::member_type_differs);
}

TEST_CASE("core: an index is checked against the kernel's array") {
  CoreCase c;
  const TypeId local_int = c.local.add_int("int", 4);
  const TypeId local_array = c.local.add_array(local_int, local_int, 8);
  const TypeId root = c.local.add_struct("s", 64, {{"a", local_array, 0}, {"b", local_array, 256}});
  const TypeId kernel_int = c.kernel.add_int("int", 4);
  const TypeId shorter = c.kernel.add_array(kernel_int, kernel_int, 4);
  const TypeId endless = c.kernel.add_array(kernel_int, kernel_int, 0);
  c.kernel.add_struct("s", 16, {{"a", shorter, 0}, {"b", endless, 128}});
  c.ask(CoreKind::field_byte_offset, root, "0:0:3");
  c.ask(CoreKind::field_exists, root, "0:0:4");
  c.ask(CoreKind::field_byte_offset, root, "0:1:7");
  const std::vector<Resolution> got = c.answers();
  CHECK(got[0].target_value == 12);
  CHECK(got[1].verdict == Verdict::absent);
  CHECK(got[1].considered[0].reason == Reason::array_too_short);
  CHECK(got[2].target_value == 16 + 28);
}

}  // namespace
}  // namespace bpfld::test
