// SPDX-License-Identifier: Apache-2.0
// What a slice keeps and what it leaves out, and that the object sees no difference. On real
// objects and kernels: tests/btf_slice/.
#include "btf/slice.h"

#include <doctest/doctest.h>

#include "btf/core_resolve.h"
#include "btf/types.h"
#include "tests/support/btf_builder.h"
#include "tests/support/core_oracle.h"

namespace bpfld::test {
namespace {

using btf::CoreKind;
using btf::core::Resolution;
using btf::core::Verdict;

// An object, a kernel, and the questions of the first to the second.
struct SliceCase {
  BtfBuilder local, kernel;
  std::vector<btf::CoreRelo> relos;

  void ask(CoreKind kind, TypeId root, std::string_view access) {
    relos.push_back({.insn_offset = 0, .type = root, .access = access, .kind = kind});
  }
  // Cuts, and checks that all answers are as they were. Gives the slice.
  std::vector<std::byte> cut(ByteOrder order = kHostOrder) {
    const std::vector<std::byte> local_blob = local.bytes(order), kernel_blob = kernel.bytes(order);
    const Result<btf::View> ours = btf::View::parse(local_blob);
    const Result<btf::View> whole = btf::View::parse(kernel_blob);
    REQUIRE(message(whole) == "no error");
    btf::Slicer slicer(*whole);
    REQUIRE(message(slicer.keep_for(*ours, relos)) == "no error");
    const Result<std::vector<std::byte>> blob = slicer.build();
    REQUIRE(message(blob) == "no error");
    const Result<btf::View> part = btf::View::parse(*blob);
    REQUIRE(message(part) == "no error");
    CHECK(message(part->validate()) == "no error");
    CHECK(part->was_foreign_order() == (order != kHostOrder));
    expected = answers(*ours, *whole);
    actual = answers(*ours, *part);
    REQUIRE(expected.size() == relos.size());
    REQUIRE(actual.size() == relos.size());
    for (std::size_t i = 0; i < relos.size(); i++) {
      CAPTURE(i);
      CHECK(actual[i].verdict == expected[i].verdict);
      CHECK(actual[i].target_value == expected[i].target_value);
      CHECK(actual[i].winners == expected[i].winners);
    }
    return *blob;
  }
  std::vector<Resolution> expected, actual;

 private:
  std::vector<Resolution> answers(const btf::View& object, const btf::View& view) const {
    const btf::core::Target target = {.view = &view, .name = "kernel"};
    Result<std::vector<Resolution>> out = btf::core::resolve(object, {&target, 1}, relos);
    return out ? *out : std::vector<Resolution>{};
  }
};

// One line per type: "1 STRUCT task (8): pid ->2".
std::string list(const std::vector<std::byte>& blob) {
  const Result<btf::View> view = btf::View::parse(blob);
  std::string out;
  for (u32 id = 1; view && id < view->count(); id++) {
    const btf::Type type = view->type({id});
    out += format("{} {}{}{} {}:", id, btf::kind_name(type.kind), type.name.empty() ? "" : " ",
                  type.name, type.size_or_type);
    for (const btf::Member& member : btf::members(*view, type))
      out += format(" {}->{}@{}", member.name, member.type.value, member.bit_offset);
    for (const btf::Enumerator& entry : btf::enumerators(*view, type))
      out += format(" {}={}", entry.name, entry.value);
    for (const btf::Param& param : btf::params(*view, type))
      out += format(" {}", param.type.value);
    out += '\n';
  }
  return out;
}

TEST_CASE("btf slice: a field keeps the members on its path and the sizes of their types") {
  SliceCase c;
  const TypeId integer = c.local.add_int("int", 4);
  const TypeId inner = c.local.add_struct("inner", 4, {{"x", integer, 0}});
  const TypeId root = c.local.add_struct("task___mine", 16,
                                         {{"in", inner, 0}, {"next", c.local.add_ptr(inner), 64}});
  const TypeId k_int = c.kernel.add_int("int", 4);
  const TypeId k_unused = c.kernel.add_struct("unused", 4, {{"y", k_int, 0}});
  const TypeId k_inner = c.kernel.add_struct("inner", 8, {{"w", k_int, 0}, {"x", k_int, 32}});
  const TypeId k_anonymous =
      c.kernel.add_union("", 8, {{"in", c.kernel.add_const(k_inner), 0}, {"other", k_int, 0}});
  c.kernel.add_struct("task", 32,
                      {{"a", k_unused, 0},
                       {"", k_anonymous, 64},
                       {"next", c.kernel.add_ptr(k_unused), 128},
                       {"b", k_int, 192}});
  c.ask(CoreKind::field_byte_offset, root, "0:0:0");
  c.ask(CoreKind::field_byte_size, root, "0:1");
  CHECK(list(c.cut()) ==
        "1 INT int 4:\n"
        "2 STRUCT inner 8: x->1@32\n"
        "3 CONST 2:\n"
        "4 UNION 8: in->3@0\n"
        "5 PTR 0:\n"
        "6 STRUCT task 32: ->4@64 next->5@128\n");
  CHECK(c.actual[0].target_value == 12);
  CHECK(c.actual[1].target_value == 8);
}

TEST_CASE("btf slice: candidates that lose stay, bare, so that nothing is looked for elsewhere") {
  SliceCase c;
  const TypeId root = c.local.add_struct("s", 4, {{"x", c.local.add_int("int", 4), 0}});
  c.kernel.add_struct("s", 4, {{"y", c.kernel.add_int("int", 4), 0}});
  c.ask(CoreKind::field_exists, root, "0:0");
  c.ask(CoreKind::field_byte_offset, root, "0:0");
  CHECK(list(c.cut()) == "1 STRUCT s 4:\n");
  CHECK(c.actual[0].verdict == Verdict::absent);
  CHECK(c.actual[1].verdict == Verdict::poisoned);
}

TEST_CASE("btf slice: candidates that disagree still disagree") {
  SliceCase c;
  const TypeId root = c.local.add_struct("s", 4, {{"x", c.local.add_int("int", 4), 0}});
  const TypeId integer = c.kernel.add_int("int", 4);
  c.kernel.add_struct("s", 8, {{"x", integer, 0}, {"y", integer, 32}});
  c.kernel.add_struct("s", 8, {{"y", integer, 0}, {"x", integer, 32}});
  c.ask(CoreKind::field_byte_offset, root, "0:0");
  c.cut();
  CHECK(c.actual[0].verdict == Verdict::ambiguous);
}

TEST_CASE("btf slice: an enum keeps the enumerators that are asked for, with their flavour") {
  SliceCase c;
  const TypeId root = c.local.add_enum("e", {{"A", 0}, {"B", 1}, {"C", 2}});
  c.kernel.add_enum("e", {{"A", 5}, {"Z", 6}, {"B___new", 7}});
  c.ask(CoreKind::enumval_value, root, "1");
  c.ask(CoreKind::enumval_exists, root, "2");
  CHECK(list(c.cut()) == "1 ENUM e 4: B___new=7\n");
  CHECK(c.actual[0].target_value == 7);
}

TEST_CASE("btf slice: a type that is compared by shape keeps what its pointers lead to") {
  SliceCase c;
  const TypeId void_pointer = c.local.add_typedef("t", c.local.add_ptr({}));
  const TypeId k_struct = c.kernel.add_struct("s", 4, {{"x", c.kernel.add_int("int", 4), 0}});
  const TypeId k_pointer = c.kernel.add_ptr(k_struct);
  c.kernel.add_typedef("t", k_pointer);
  c.ask(CoreKind::type_exists, void_pointer, "0");
  c.ask(CoreKind::type_size, void_pointer, "0");
  CHECK(list(c.cut()) == "1 STRUCT s 4:\n2 PTR 1:\n3 TYPEDEF t 2:\n");
  CHECK(c.actual[0].target_value == 0);
}

TEST_CASE("btf slice: a type that is compared by its contents keeps them") {
  SliceCase c;
  const auto fill = [](BtfBuilder& b) {
    const TypeId integer = b.add_int("int", 4);
    const TypeId far = b.add_struct("far", 4, {{"f", integer, 0}});
    const TypeId state = b.add_enum("state", {{"ON", 1}});
    const TypeId proto = b.add_func_proto(integer, {{"", b.add_ptr(far)}});
    return b.add_struct("s", 16, {{"x", b.add_ptr(proto), 0}, {"e", state, 64}});
  };
  c.ask(CoreKind::type_matches, fill(c.local), "0");
  fill(c.kernel);
  c.cut();
  CHECK(c.actual[0].target_value == 1);
}

TEST_CASE("btf slice: an array that is not the last member does not become flexible") {
  SliceCase c;
  const TypeId integer = c.local.add_int("int", 4);
  const TypeId root =
      c.local.add_struct("s", 16, {{"a", c.local.add_array(integer, integer, 4), 0}});
  const TypeId k_int = c.kernel.add_int("int", 4);
  const TypeId none = c.kernel.add_array(k_int, k_int, 0);
  c.kernel.add_struct("s", 4, {{"a", none, 0}, {"b", none, 0}, {"c", k_int, 0}, {"d", k_int, 0}});
  c.ask(CoreKind::field_exists, root, "0:0");
  c.ask(CoreKind::field_exists, root, "0:0:3");
  CHECK(list(c.cut()) == "1 INT int 4:\n2 ARRAY 0:\n3 STRUCT s 4: a->2@0 b->2@0 c->1@0\n");
  CHECK(c.actual[0].target_value == 1);
  CHECK(c.actual[1].target_value == 0);
}

TEST_CASE("btf slice: bitfields of a big-endian kernel have the same answers") {
  SliceCase c;
  for (BtfBuilder* b : {&c.local, &c.kernel})
    b->add_struct("s", 4, {{"x", b->add_uint("unsigned int", 4), 3, 5}});
  for (const CoreKind kind : {CoreKind::field_lshift_u64, CoreKind::field_rshift_u64,
                              CoreKind::field_byte_offset, CoreKind::field_signed})
    c.ask(kind, {2}, "0:0");
  c.cut(ByteOrder::little);
  c.cut(ByteOrder::big);
}

TEST_CASE("btf slice: cycles and broken references end") {
  BtfBuilder b;
  b.add_ptr({2});
  b.add_struct("s", 8, {{"self", {1}, 0}, {"far", {77}, 0}});
  const std::vector<std::byte> blob = b.bytes();
  const Result<btf::View> view = btf::View::parse(blob);
  REQUIRE(view);
  btf::Slicer slicer(*view);
  slicer.keep_contents({2});
  slicer.keep_member({2}, 99);
  slicer.keep({1234});
  const Result<std::vector<std::byte>> slice = slicer.build();
  REQUIRE(slice);
  CHECK(list(*slice) == "1 PTR 2:\n2 STRUCT s 8: self->1@0 far->0@0\n");
}

// Where the slice for some questions answers one of them differently; empty when nowhere.
std::string compare_slice(const btf::View& object, const btf::View& whole,
                          std::span<const btf::CoreRelo> relos, u32& matched) {
  btf::Slicer slicer(whole);
  if (const Status status = slicer.keep_for(object, relos); !status)
    return status.error().message();
  const Result<std::vector<std::byte>> blob = slicer.build();
  const Result<btf::View> part = btf::View::parse(*blob);
  if (!part) return part.error().message();
  if (whole.validate() && !part->validate()) return message(part->validate());
  const std::array<btf::core::Target, 2> targets = {
      {{.view = &whole, .name = "whole"}, {.view = &*part, .name = "slice"}}};
  const auto expected = btf::core::resolve(object, {targets.data(), 1}, relos);
  const auto actual = btf::core::resolve(object, {targets.data() + 1, 1}, relos);
  for (std::size_t i = 0; i < relos.size(); i++) {
    const Resolution& a = (*expected)[i];
    const Resolution& b = (*actual)[i];
    const bool is_id = a.kind == CoreKind::type_id_target;
    matched += a.verdict == Verdict::matched ? 1 : 0;
    if (a.verdict != b.verdict || a.reason != b.reason || a.winners != b.winners ||
        a.size_conflict != b.size_conflict || a.skip_old_value != b.skip_old_value ||
        a.target_size != b.target_size || (!is_id && a.target_value != b.target_value))
      return btf::core::describe(a, relos[i], object, {targets.data(), 1}) + "\n" +
             btf::core::describe(b, relos[i], object, {targets.data() + 1, 1});
  }
  return {};
}

TEST_CASE("btf slice: thousands of made-up objects see no difference") {
  u32 matched = 0;
  for (u64 seed = 1; seed <= 4000; seed++) {
    CAPTURE(seed);
    std::vector<std::byte> bytes;
    for (u64 state = seed; bytes.size() < 600;) {
      state = state * 6364136223846793005 + 1442695040888963407;
      bytes.push_back(static_cast<std::byte>(state >> 56));
    }
    Choices choices(bytes);
    const Forest local(choices, 1), target(choices, 3);
    std::vector<TypeId> ids, unused;
    const std::vector<std::byte> local_blob = local.write(ids), target_blob = target.write(unused);
    std::deque<std::string> accesses;
    std::vector<btf::CoreRelo> relos;
    for (u32 i = 0; i < 12; i++) {
      const Question question = make_question(choices, local);
      accesses.push_back(question.access());
      relos.push_back({.insn_offset = 0,
                       .type = ids[question.root],
                       .access = accesses.back(),
                       .kind = question.kind});
    }
    const Result<btf::View> object = btf::View::parse(local_blob);
    const Result<btf::View> whole = btf::View::parse(target_blob);
    REQUIRE(object);
    REQUIRE(whole);
    REQUIRE(compare_slice(*object, *whole, relos, matched) == "");
  }
  CHECK(matched > 3000);  // or nothing was compared
}

TEST_CASE("btf builder: equal names share a string, and too many types are refused") {
  btf::Builder builder;
  CHECK(builder.add({.name = "int", .kind = btf::Kind::int_, .size_or_type = 4},
                    std::vector<u32>{0x01000020}) == TypeId{1});
  CHECK(builder.add({.name = "int", .kind = btf::Kind::typedef_, .size_or_type = 1}) == TypeId{2});
  const Result<std::vector<std::byte>> blob = builder.bytes();
  REQUIRE(blob);
  CHECK(blob->size() == 24 + 16 + 12 + 5);
  CHECK(message(btf::View::parse(*blob)->validate()) == "no error");
  for (u32 i = 0; i <= btf::kMaxTypes; i++)
    builder.add({.kind = btf::Kind::ptr});
  CHECK(message(builder.bytes()) == "1048578 types, a BTF may have 1048575");
}

}  // namespace
}  // namespace bpfld::test
