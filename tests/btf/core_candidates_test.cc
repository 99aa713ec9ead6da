// SPDX-License-Identifier: Apache-2.0
// Which types of the target are candidates, how they lose, and that two types of one name are never
// mixed.
#include <doctest/doctest.h>

#include "tests/btf/core_case.h"

namespace bpfld::test {
namespace {

using btf::Kind;
using btf::core::kMaxKept;

TypeId add_counter(BtfBuilder& b, std::string_view name, u32 bit_offset,
                   std::string_view member = "count") {
  return b.add_struct(name, 64, {{std::string(member), b.add_int("int", 4), bit_offset}});
}

TEST_CASE("core: the flavours of a name, on both sides, are the same type") {
  CoreCase c;
  const TypeId plain = add_counter(c.local, "stat", 0);
  const TypeId old = add_counter(c.local, "stat___old", 0);
  const TypeId twice = add_counter(c.local, "stat___v2___x", 0);
  add_counter(c.kernel, "stat___now", 32);
  for (const TypeId root : {plain, old, twice})
    c.ask(CoreKind::field_byte_offset, root, "0:0");
  const std::vector<Resolution> got = c.answers();
  CHECK(got[0].target_value == 4);
  CHECK(got[1].target_value == 4);
  CHECK(got[2].verdict == Verdict::poisoned);  // only the last flavour is cut: "stat___v2"
}

TEST_CASE("core: a search holds what it was about, found or not, and nothing else") {
  BtfBuilder b;
  const TypeId first = add_counter(b, "stat", 0);
  const TypeId flavour = add_counter(b, "stat___old", 0);
  b.add_union("stat", 4, {});
  const TypeId colour = b.add_enum("colour", {{"red", 0}});
  const std::vector<std::byte> blob = b.bytes();
  const btf::View view = *btf::View::parse(blob);
  const auto root = [](std::string_view name, Kind kind) {
    return btf::core::Root{.name = name, .kind = kind};
  };
  const std::vector<btf::core::Root> roots = {
      root("stat", Kind::struct_), root("colour", Kind::enum64), root("stat", Kind::struct_),
      root("gone", Kind::struct_)};
  const btf::core::Located located(view, roots);
  REQUIRE(located.find(roots[0]) != nullptr);
  CHECK(*located.find(roots[0]) == std::vector{first, flavour});
  REQUIRE(located.find(roots[1]) != nullptr);
  CHECK(*located.find(roots[1]) == std::vector{colour});  // enums of both sizes are one kind here
  REQUIRE(located.find(roots[3]) != nullptr);
  CHECK(located.find(roots[3])->empty());
  CHECK(located.find(root("stat", Kind::union_)) == nullptr);
  CHECK(located.find(root("int", Kind::int_)) == nullptr);
  CHECK(btf::core::Located().find(roots[0]) == nullptr);
}

TEST_CASE("core: what a search found before is taken, and what it was not about is searched") {
  CoreCase c;
  const TypeId stat = add_counter(c.local, "stat", 0);
  const TypeId other = add_counter(c.local, "other", 0);
  const TypeId gone = add_counter(c.local, "gone", 0);
  add_counter(c.kernel, "other", 64);
  add_counter(c.kernel, "stat", 32);
  c.locate({{.name = "stat", .kind = Kind::struct_}, {.name = "gone", .kind = Kind::struct_}});
  for (const TypeId root : {stat, other, gone})
    c.ask(CoreKind::field_byte_offset, root, "0:0");
  const std::vector<Resolution> got = c.answers();
  CHECK(got[0].target_value == 4);
  CHECK(got[1].target_value == 8);
  CHECK(got[2].verdict == Verdict::poisoned);
}

TEST_CASE("core: a member's name is compared whole") {
  CoreCase c;
  const TypeId root = add_counter(c.local, "stat", 0, "count___old");
  add_counter(c.kernel, "stat", 32);
  CHECK(c.answer(CoreKind::field_exists, root, "0:0").verdict == Verdict::absent);
}

TEST_CASE("core: a function with the struct's name is no candidate") {
  CoreCase c;
  const TypeId root = add_counter(c.local, "bpf_link", 0);
  const TypeId proto = c.kernel.add_func_proto({0});
  c.kernel.add_func("bpf_link", proto);
  c.kernel.add_fwd("bpf_link");
  c.kernel.add_typedef("bpf_link", proto);
  add_counter(c.kernel, "bpf_link", 96);
  const Resolution got = c.answer(CoreKind::field_byte_offset, root, "0:0");
  CHECK(got.verdict == Verdict::matched);
  CHECK(got.target_value == 12);
  CHECK(got.considered.size() == 1);
}

TEST_CASE("core: a struct and a union of one name do not stand for each other as roots") {
  CoreCase c;
  const TypeId root = add_counter(c.local, "either", 0);
  c.kernel.add_union("either", 4, {{"count", c.kernel.add_int("int", 4), 0}});
  CHECK(c.answer(CoreKind::type_exists, root, "0").verdict == Verdict::absent);
}

TEST_CASE("core: a typedef root is looked up as a typedef") {
  CoreCase c;
  const TypeId root = c.local.add_typedef("stat_t", add_counter(c.local, "", 0));
  c.kernel.add_struct("stat_t", 4, {});
  c.kernel.add_typedef("stat_t", add_counter(c.kernel, "", 64));
  const Resolution got = c.answer(CoreKind::field_byte_offset, root, "0:0");
  CHECK(got.target_value == 8);
  CHECK(got.considered.size() == 1);
}

// The bug this guards against: two drivers define `struct e1000_adapter`. Each relocation that
// picks a candidate by itself can read one driver's field at the other's offset.
struct TwoDrivers : CoreCase {
  TypeId root;
  TwoDrivers() {
    const TypeId local_int = local.add_int("int", 4);
    root = local.add_struct("e1000_adapter", 16,
                            {{"msg_enable", local_int, 0},
                             {"itr", local_int, 32},
                             {"only_e1000e", local_int, 64},
                             {"only_e1000", local_int, 96}});
    const TypeId kernel_int = kernel.add_int("int", 4);
    kernel.add_struct(
        "e1000_adapter", 64,  // [2]
        {{"msg_enable", kernel_int, 32}, {"itr", kernel_int, 64}, {"only_e1000", kernel_int, 96}});
    kernel.add_struct("e1000_adapter", 64,  // [3]
                      {{"msg_enable", kernel_int, 32},
                       {"itr", kernel_int, 128},
                       {"only_e1000e", kernel_int, 160}});
  }
};

TEST_CASE("core: candidates that agree all stay; one answer is given") {
  TwoDrivers c;
  const Resolution got = c.answer(CoreKind::field_byte_offset, c.root, "0:0");
  CHECK(got.verdict == Verdict::matched);
  CHECK(got.target_value == 4);
  CHECK(got.winners == 2);
  CHECK(c.text(got) ==
        "byte_off e1000_adapter.msg_enable (0:0): 0 -> 4 in vmlinux [2]; 2 candidates agree");
}

TEST_CASE("core: candidates that disagree make the relocation ambiguous") {
  TwoDrivers c;
  const Resolution got = c.answer(CoreKind::field_byte_offset, c.root, "0:1");
  CHECK(got.verdict == Verdict::ambiguous);
  CHECK(got.reason == Reason::offsets_differ);
  CHECK(btf::core::code_of(got.verdict) == Code::ambiguous);
  CHECK(c.text(got) ==
        "byte_off e1000_adapter.itr (0:1): ambiguous: the candidates put the field at different "
        "offsets: vmlinux [2] gives 8, vmlinux [3] gives 16");
}

TEST_CASE("core: a candidate that lost once is out for all later relocations of the root") {
  TwoDrivers c;
  c.ask(CoreKind::field_exists, c.root, "0:2");       // only e1000e has it
  c.ask(CoreKind::field_byte_offset, c.root, "0:1");  // so this is e1000e's
  c.ask(CoreKind::field_byte_offset, c.root, "0:3");  // and this is not e1000's
  c.ask(CoreKind::type_id_target, c.root, "0");
  const std::vector<Resolution> got = c.answers();
  CHECK(got[0].target_value == 1);
  CHECK(got[1].verdict == Verdict::matched);
  CHECK(got[1].target_value == 16);
  CHECK(got[1].considered.size() == 2);
  CHECK(got[1].considered[1].reason == Reason::lost_earlier);
  CHECK(got[1].considered[1].lost_in == 0);
  CHECK(c.text(got[1]) ==
        "byte_off e1000_adapter.itr (0:1): 4 -> 16 in vmlinux [3]; 1 other lost: vmlinux [2] lost "
        "to another in an earlier relocation (#0)");
  CHECK(got[2].verdict == Verdict::poisoned);
  CHECK(got[2].losers == 2);
  CHECK(got[3].target_value == 3);
}

TEST_CASE("core: whatever the order of relocations, no two answers come from different structs") {
  for (u32 order = 0; order < 4 * 4 * 4; order++) {
    TwoDrivers c;
    const std::array<std::string_view, 4> fields = {"0:0", "0:1", "0:2", "0:3"};
    for (u32 rest = order, i = 0; i < 3; i++, rest /= 4)
      c.ask(CoreKind::field_byte_offset, c.root, fields[rest % 4]);
    bool from_first = false, from_second = false;
    for (const Resolution& one : c.answers()) {
      if (one.verdict != Verdict::matched || one.winners != 1) continue;
      from_first = from_first || one.type.value == 2;
      from_second = from_second || one.type.value == 3;
    }
    CAPTURE(order);
    CHECK_FALSE((from_first && from_second));
  }
}

TEST_CASE("core: a relocation that nothing matches puts nobody out") {
  TwoDrivers c;
  const TypeId local_int = c.local.add_int("int", 4);
  const TypeId flavour = c.local.add_struct("e1000_adapter___x", 8,
                                            {{"nobody", local_int, 0}, {"itr", local_int, 32}});
  c.ask(CoreKind::field_exists, flavour, "0:0");
  c.ask(CoreKind::field_byte_offset, flavour, "0:1");
  const std::vector<Resolution> got = c.answers();
  CHECK(got[0].verdict == Verdict::absent);
  CHECK(got[1].verdict == Verdict::ambiguous);
}

TEST_CASE("core: flavours narrow on their own") {
  TwoDrivers c;
  const TypeId local_int = c.local.add_int("int", 4);
  const TypeId flavour = c.local.add_struct("e1000_adapter___e", 8, {{"itr", local_int, 0}});
  c.ask(CoreKind::field_exists, c.root, "0:2");
  c.ask(CoreKind::field_byte_offset, c.root, "0:1");
  c.ask(CoreKind::field_byte_offset, flavour, "0:0");
  const std::vector<Resolution> got = c.answers();
  CHECK(got[1].verdict == Verdict::matched);
  CHECK(got[2].verdict == Verdict::ambiguous);
}

TEST_CASE("core: same place but different values is ambiguous too") {
  CoreCase c;
  const TypeId root = c.local.add_struct("s", 4, {{"f", c.local.add_int("int", 4), 0}});
  c.kernel.add_struct("s", 4, {{"f", c.kernel.add_int("int", 4), 0}});
  c.kernel.add_struct("s", 8, {{"f", c.kernel.add_int("long", 8), 0}});
  c.ask(CoreKind::field_byte_offset, root, "0:0");
  c.ask(CoreKind::field_byte_size, root, "0:0");
  c.ask(CoreKind::type_id_target, root, "0");
  const std::vector<Resolution> got = c.answers();
  CHECK(got[0].verdict == Verdict::matched);
  CHECK(got[1].reason == Reason::values_differ);
  CHECK(got[2].reason == Reason::values_differ);
}

TEST_CASE("core: of many losers 16 are kept and the rest counted") {
  CoreCase c;
  const TypeId root = add_counter(c.local, "common", 0);
  for (u32 i = 0; i < 40; i++)
    add_counter(c.kernel, "common", 0, "other");
  add_counter(c.kernel, "common", 32);
  c.ask(CoreKind::field_byte_offset, root, "0:0");
  c.ask(CoreKind::field_byte_offset, root, "0:0");
  for (const Resolution& got : c.answers()) {
    CHECK(got.verdict == Verdict::matched);
    CHECK(got.losers == 40);
    CHECK(got.considered.size() == kMaxKept + 1);
    CHECK(c.text(got).ends_with(", and 24 more"));
  }
}

TEST_CASE("core: a module is searched only for roots that vmlinux has none of") {
  CoreCase c;
  const TypeId both = add_counter(c.local, "both", 0);
  const TypeId module_only = add_counter(c.local, "module_only", 0);
  add_counter(c.kernel, "both", 32, "renamed");
  BtfBuilder& module = c.add_module("e1000e");
  add_counter(module, "both", 64);
  add_counter(module, "module_only", 96);
  c.ask(CoreKind::field_exists, both, "0:0");
  c.ask(CoreKind::field_byte_offset, module_only, "0:0");
  const std::vector<Resolution> got = c.answers();
  CHECK(got[0].verdict == Verdict::absent);
  CHECK(got[0].losers == 1);
  CHECK(got[1].verdict == Verdict::matched);
  CHECK(got[1].target_value == 12);
  CHECK(got[1].target == 1);
  CHECK(c.text(got[1]) == "byte_off module_only.count (0:0): 0 -> 12 in e1000e [6]");
}

TEST_CASE("core: all modules are searched, and their types may disagree") {
  CoreCase c;
  const TypeId root = add_counter(c.local, "priv", 0);
  c.kernel.add_int("int", 4);
  add_counter(c.add_module("one"), "priv", 32);
  add_counter(c.add_module("two"), "priv", 64);
  const Resolution got = c.answer(CoreKind::field_byte_offset, root, "0:0");
  CHECK(got.verdict == Verdict::ambiguous);
  CHECK(got.considered.size() == 2);
}

TEST_CASE("core: a module's type may be made of vmlinux's") {
  CoreCase c;
  const TypeId local_inner = add_counter(c.local, "inner", 0);
  const TypeId root = c.local.add_struct("outer", 64, {{"in", local_inner, 0}});
  const TypeId kernel_inner = add_counter(c.kernel, "inner", 96);
  c.add_module("driver").add_struct("outer", 128, {{"in", kernel_inner, 256}});
  const Resolution got = c.answer(CoreKind::field_byte_offset, root, "0:0:0");
  CHECK(got.target_value == 32 + 12);
}

TEST_CASE("core: a module without types is no obstacle") {
  CoreCase c;
  const TypeId root = add_counter(c.local, "priv", 0);
  c.kernel.add_int("int", 4);
  c.add_module("empty");
  add_counter(c.add_module("driver"), "priv", 32);
  const Resolution got = c.answer(CoreKind::field_byte_offset, root, "0:0");
  CHECK(got.verdict == Verdict::matched);
  CHECK(got.target == 2);
}

TEST_CASE("core: the same input gives the same records") {
  TwoDrivers a, b;
  for (TwoDrivers* c : {&a, &b}) {
    c->ask(CoreKind::field_exists, c->root, "0:2");
    c->ask(CoreKind::field_byte_offset, c->root, "0:1");
  }
  CHECK(a.answers() == b.answers());
}

}  // namespace
}  // namespace bpfld::test
