// SPDX-License-Identifier: Apache-2.0
// What each of the 13 kinds answers, with and without a match. How several candidates share a name
// is in core_candidates_test.cc.
#include <doctest/doctest.h>

#include "tests/btf/core_case.h"

namespace bpfld::test {
namespace {

// struct task { int pid; char comm[16]; } as the object has it, and grown in the kernel.
struct TaskCase : CoreCase {
  TypeId task;
  TaskCase() {
    const TypeId local_int = local.add_int("int", 4);
    const TypeId local_char = local.add_char();
    const TypeId comm = local.add_array(local_char, local_int, 16);
    task = local.add_struct("task", 24, {{"pid", local_int, 0}, {"comm", comm, 32}});
    const TypeId kernel_int = kernel.add_int("int", 4);
    const TypeId kernel_long = kernel.add_int("long", 8);
    const TypeId kernel_comm = kernel.add_array(kernel.add_char(), kernel_int, 32);
    kernel.add_struct(
        "task", 48,
        {{"state", kernel_long, 0}, {"pid", kernel_int, 64}, {"comm", kernel_comm, 96}});
  }
};

void check_value(const Resolution& got, Verdict verdict, u64 local, u64 target) {
  CHECK(got.verdict == verdict);
  CHECK(got.local_value == local);
  CHECK(got.target_value == target);
}

TEST_CASE("core: the offset of a member is the one that the kernel's member of that name has") {
  TaskCase c;
  const Resolution got = c.answer(CoreKind::field_byte_offset, c.task, "0:0");
  check_value(got, Verdict::matched, 0, 8);
  CHECK(got.local_size == 4);
  CHECK(got.target_size == 4);
  CHECK_FALSE(got.skip_old_value);
  CHECK(c.text(got) == "byte_off task.pid (0:0): 0 -> 8 in vmlinux [5]");
}

TEST_CASE("core: size, existence and signedness of a member come from the kernel") {
  TaskCase c;
  c.ask(CoreKind::field_byte_size, c.task, "0:1");
  c.ask(CoreKind::field_exists, c.task, "0:1");
  c.ask(CoreKind::field_signed, c.task, "0:0");
  c.ask(CoreKind::field_byte_offset, c.task, "0:1:3");
  c.ask(CoreKind::field_byte_offset, c.task, "2:0");
  const std::vector<Resolution> got = c.answers();
  REQUIRE(got.size() == 5);
  check_value(got[0], Verdict::matched, 16, 32);
  check_value(got[1], Verdict::matched, 1, 1);
  check_value(got[2], Verdict::matched, 1, 1);
  check_value(got[3], Verdict::matched, 7, 15);
  check_value(got[4], Verdict::matched, 48, 104);
}

TEST_CASE("core: shifts place a plain field's bits at the top and back") {
  TaskCase c;
  c.ask(CoreKind::field_lshift_u64, c.task, "0:0");
  c.ask(CoreKind::field_rshift_u64, c.task, "0:0");
  const std::vector<Resolution> got = c.answers();
  check_value(got[0], Verdict::matched, 32, 32);
  check_value(got[1], Verdict::matched, 32, 32);
}

TEST_CASE("core: without a match existence is 0 and everything else about a field is poison") {
  for (u32 kind = 0; kind <= static_cast<u32>(CoreKind::field_rshift_u64); kind++) {
    CAPTURE(kind);
    CoreCase c;
    const TypeId root = c.local.add_struct("task", 4, {{"gone", c.local.add_int("int", 4), 0}});
    c.kernel.add_struct("task", 4, {{"here", c.kernel.add_int("int", 4), 0}});
    const Resolution got = c.answer(static_cast<CoreKind>(kind), root, "0:0");
    const bool is_exists = static_cast<CoreKind>(kind) == CoreKind::field_exists;
    CHECK(got.verdict == (is_exists ? Verdict::absent : Verdict::poisoned));
    CHECK(got.target_value == 0);
    CHECK(got.losers == 1);
    REQUIRE(got.considered.size() == 1);
    CHECK(got.considered[0].reason == Reason::no_member);
    CHECK(got.considered[0].step == 1);
    const std::string tail = is_exists ? "1 -> 0, no match" : "-> poison, no match";
    CHECK(c.text(got).find(tail + "; 1 candidate lost: vmlinux [2] has no such member") !=
          std::string::npos);
  }
}

TEST_CASE("core: a type's id, existence and size come from the kernel") {
  CoreCase c;
  const TypeId root = c.local.add_struct("task", 4, {});
  c.kernel.add_int("int", 4);
  c.kernel.add_struct("task", 4096, {});
  c.ask(CoreKind::type_id_local, root, "0");
  c.ask(CoreKind::type_id_target, root, "0");
  c.ask(CoreKind::type_exists, root, "0");
  c.ask(CoreKind::type_size, root, "0");
  c.ask(CoreKind::type_matches, root, "0");
  const std::vector<Resolution> got = c.answers();
  check_value(got[0], Verdict::local, 1, 1);
  CHECK(got[0].skip_old_value);
  check_value(got[1], Verdict::matched, 1, 2);
  CHECK(got[1].skip_old_value);
  check_value(got[2], Verdict::matched, 1, 1);
  check_value(got[3], Verdict::matched, 4, 4096);
  CHECK_FALSE(got[3].skip_old_value);
  check_value(got[4], Verdict::matched, 1, 1);
  CHECK(c.text(got[0]) == "local_type_id struct task (0): 1, the object's own");
}

TEST_CASE("core: questions about a type that the kernel lacks are answered with 0") {
  for (const CoreKind kind : {CoreKind::type_id_target, CoreKind::type_exists, CoreKind::type_size,
                              CoreKind::type_matches}) {
    CoreCase c;
    const TypeId root = c.local.add_struct("task", 4, {});
    c.kernel.add_struct("tasks", 4, {});
    c.kernel.add_union("task", 4, {});
    const Resolution got = c.answer(kind, root, "0");
    CHECK(got.verdict == Verdict::absent);
    CHECK(got.target_value == 0);
    CHECK(got.considered.empty());
  }
}

TEST_CASE("core: a type id of the object itself is answered for any type, named or not") {
  CoreCase c;
  const TypeId anonymous = c.local.add_struct("", 4, {});
  const Resolution got = c.answer(CoreKind::type_id_local, anonymous, "0");
  check_value(got, Verdict::local, anonymous.value, anonymous.value);
}

TEST_CASE("core: any other question about an anonymous root is unsupported") {
  CoreCase c;
  const TypeId anonymous = c.local.add_struct("", 4, {{"x", c.local.add_int("int", 4), 0}});
  const TypeId constant = c.local.add_const(anonymous);
  c.ask(CoreKind::type_size, anonymous, "0");
  c.ask(CoreKind::field_byte_offset, anonymous, "0:0");
  c.ask(CoreKind::type_exists, constant, "0");
  for (const Resolution& got : c.answers()) {
    CHECK(got.verdict == Verdict::unsupported);
    CHECK(got.reason == Reason::anonymous_root);
    CHECK_FALSE(btf::core::is_usable(got.verdict));
  }
}

TEST_CASE("core: an element has an offset, a size and existence, nothing else") {
  TaskCase c;
  c.ask(CoreKind::field_byte_offset, c.task, "0:1:2");
  c.ask(CoreKind::field_byte_size, c.task, "0:1:2");
  c.ask(CoreKind::field_exists, c.task, "0:1:2");
  c.ask(CoreKind::field_byte_size, c.task, "0");
  c.ask(CoreKind::field_signed, c.task, "0:1:2");
  c.ask(CoreKind::field_lshift_u64, c.task, "0:1:2");
  const std::vector<Resolution> got = c.answers();
  check_value(got[0], Verdict::matched, 6, 14);
  check_value(got[1], Verdict::matched, 1, 1);
  check_value(got[2], Verdict::matched, 1, 1);
  check_value(got[3], Verdict::matched, 24, 48);
  CHECK(got[4].reason == Reason::element_property);
  CHECK(got[5].verdict == Verdict::unsupported);
}

struct EnumCase : CoreCase {
  TypeId colour, wide;
  EnumCase() {
    colour = local.add_enum("colour", {{"red", 1}, {"blue___v2", 2}, {"gone", 3}});
    wide = local.add_enum64("wide", {{"huge", 0x1'0000'0001}});
    kernel.add_enum("colour", {{"green", 5}, {"red", 7}, {"blue", -2}}, 4, true);
    kernel.add_enum64("wide", {{"huge", 0x7'0000'0009}});
  }
};

TEST_CASE("core: an enumerator is found by name, its flavour aside, with its value's sign") {
  EnumCase c;
  c.ask(CoreKind::enumval_value, c.colour, "0");
  c.ask(CoreKind::enumval_exists, c.colour, "0");
  c.ask(CoreKind::enumval_value, c.colour, "1");
  c.ask(CoreKind::enumval_value, c.wide, "0");
  const std::vector<Resolution> got = c.answers();
  check_value(got[0], Verdict::matched, 1, 7);
  check_value(got[1], Verdict::matched, 1, 1);
  check_value(got[2], Verdict::matched, 2, static_cast<u64>(i64{-2}));
  check_value(got[3], Verdict::matched, 0x1'0000'0001, 0x7'0000'0009);
  CHECK(c.text(got[2]) == "enumval_value enum colour.blue___v2 (1): 2 -> -2 in vmlinux [1]");
}

TEST_CASE("core: an enumerator that the kernel lacks does not exist and has no value") {
  EnumCase c;
  c.ask(CoreKind::enumval_exists, c.colour, "2");
  c.ask(CoreKind::enumval_value, c.colour, "2");
  const std::vector<Resolution> got = c.answers();
  CHECK(got[0].verdict == Verdict::absent);
  CHECK(got[1].verdict == Verdict::poisoned);
  CHECK(got[1].considered[0].reason == Reason::no_enumerator);
}

TEST_CASE("core: an enum and an enum64 stand for each other") {
  CoreCase c;
  const TypeId narrow = c.local.add_enum("grows", {{"a", 1}});
  const TypeId wide = c.local.add_enum64("shrinks", {{"b", 2}});
  c.kernel.add_enum64("grows", {{"a", 0x10'0000'0000}});
  c.kernel.add_enum("shrinks", {{"b", 4}});
  c.ask(CoreKind::enumval_value, narrow, "0");
  c.ask(CoreKind::enumval_value, wide, "0");
  c.ask(CoreKind::type_exists, narrow, "0");
  const std::vector<Resolution> got = c.answers();
  check_value(got[0], Verdict::matched, 1, 0x10'0000'0000);
  check_value(got[1], Verdict::matched, 2, 4);
  check_value(got[2], Verdict::matched, 1, 1);
}

// A 32-bit enumerator without a sign flag may be a negative one that an old compiler wrote.
TEST_CASE("core: a 32-bit enumerator is sign-extended with or without the enum's sign flag") {
  for (const bool is_signed : {false, true}) {
    CoreCase c;
    const TypeId root = c.local.add_enum("e", {{"low", -1}}, 4, is_signed);
    c.kernel.add_enum("e", {{"low", -3}}, 4, is_signed);
    const Resolution got = c.answer(CoreKind::enumval_value, root, "0");
    check_value(got, Verdict::matched, ~u64{0}, ~u64{2});
  }
}

TEST_CASE("core: signedness of an enum is its flag; pointers and structs have none") {
  CoreCase c;
  const auto build = [](BtfBuilder& b, bool is_signed) {
    const TypeId plain = b.add_enum("e", {{"a", 0}}, 4, is_signed);
    const TypeId pointer = b.add_ptr({0});
    return b.add_struct("s", 16, {{"e", plain, 0}, {"p", pointer, 64}});
  };
  const TypeId root = build(c.local, false);
  build(c.kernel, true);
  c.ask(CoreKind::field_signed, root, "0:0");
  c.ask(CoreKind::field_signed, root, "0:1");
  const std::vector<Resolution> got = c.answers();
  check_value(got[0], Verdict::matched, 0, 1);
  check_value(got[1], Verdict::matched, 0, 0);
}

// The shifts must bring exactly the field's bits from the unit that byte_off and byte_sz give: a
// load, << and >> are done here by hand, on real bytes, and compared with the bits themselves.
TEST_CASE("core: offset, size and shifts of a bitfield extract its bits, in both byte orders") {
  for (const ByteOrder order : {ByteOrder::little, ByteOrder::big}) {
    for (u32 bits = 1; bits <= 32; bits++) {
      for (u32 start = 0; start + bits <= 64; start++) {
        CoreCase c;
        const TypeId root =
            c.local.add_struct("s", 4, {{"f", c.local.add_uint("unsigned int", 4), 0, 1}});
        c.kernel.add_struct("s", 8, {{"f", c.kernel.add_uint("unsigned int", 4), start, bits}});
        for (const CoreKind kind : {CoreKind::field_byte_offset, CoreKind::field_byte_size,
                                    CoreKind::field_lshift_u64, CoreKind::field_rshift_u64})
          c.ask(kind, root, "0:0");
        const std::vector<Resolution> got = c.answers(order);
        for (const Resolution& one : got)
          REQUIRE(one.verdict == Verdict::matched);
        REQUIRE(got[0].skip_old_value);
        const u64 offset = got[0].target_value, size = got[1].target_value;
        REQUIRE(offset + size <= 8);
        // Bit n of the struct is bit n % 8 of byte n / 8 on a little-endian machine, counted from
        // the other end of the byte on a big-endian one.
        for (u32 bit = 0; bit < 64; bit++) {
          u64 loaded = 0;
          const u64 in_byte = order == ByteOrder::little ? bit % 8 : 7 - bit % 8;
          const u64 byte = bit / 8;
          if (byte >= offset && byte < offset + size) {
            const u64 place = order == ByteOrder::little ? byte - offset : offset + size - 1 - byte;
            loaded = u64{1} << (place * 8 + in_byte);
          }
          const u64 value = loaded << got[2].target_value >> got[3].target_value;
          const bool inside = bit >= start && bit < start + bits;
          const u32 expected_bit =
              order == ByteOrder::little ? bit - start : start + bits - 1 - bit;
          REQUIRE(value == (inside ? u64{1} << expected_bit : 0));
        }
      }
    }
  }
}

TEST_CASE("core: a bitfield may become a plain field and back") {
  CoreCase c;
  const TypeId local_int = c.local.add_uint("unsigned int", 4);
  const TypeId root =
      c.local.add_struct("s", 8, {{"a", local_int, 3, 5}, {"b", local_int, 32, 32}});
  const TypeId kernel_int = c.kernel.add_uint("unsigned char", 1);
  c.kernel.add_struct("s", 8, {{"a", kernel_int, 16}, {"b", kernel_int, 27, 2}});
  c.ask(CoreKind::field_byte_offset, root, "0:0");
  c.ask(CoreKind::field_byte_size, root, "0:0");
  c.ask(CoreKind::field_byte_offset, root, "0:1");
  c.ask(CoreKind::field_rshift_u64, root, "0:1");
  const std::vector<Resolution> got = c.answers();
  check_value(got[0], Verdict::matched, 0, 2);
  check_value(got[1], Verdict::matched, 4, 1);
  check_value(got[2], Verdict::matched, 4, 3);
  check_value(got[3], Verdict::matched, 32, 62);
}

TEST_CASE("core: a load may change its width between pointers and between unsigned integers") {
  struct Row {
    const char* what;
    TypeId (*local)(BtfBuilder&);
    TypeId (*target)(BtfBuilder&);
    bool conflict;
  };
  const auto u32_type = [](BtfBuilder& b) { return b.add_uint("u32", 4); };
  const auto u64_type = [](BtfBuilder& b) { return b.add_uint("u64", 8); };
  const auto s32_type = [](BtfBuilder& b) { return b.add_int("s32", 4); };
  const auto s64_type = [](BtfBuilder& b) { return b.add_int("s64", 8); };
  const auto char3 = [](BtfBuilder& b) {
    return b.add_array(b.add_uint("u8", 1), b.add_int("int", 4), 3);
  };
  const auto char9 = [](BtfBuilder& b) {
    return b.add_array(b.add_uint("u8", 1), b.add_int("int", 4), 9);
  };
  const auto short3 = [](BtfBuilder& b) {
    return b.add_array(b.add_uint("u16", 2), b.add_int("int", 4), 3);
  };
  const auto small = [](BtfBuilder& b) { return b.add_struct("x", 4); };
  const auto large = [](BtfBuilder& b) { return b.add_struct("x", 8); };
  const auto const_u64 = [](BtfBuilder& b) {
    return b.add_typedef("t", b.add_const(b.add_uint("u64", 8)));
  };
  const std::vector<Row> rows = {
      {"unsigned grows", u32_type, u64_type, false},
      {"unsigned shrinks", u64_type, u32_type, false},
      {"through typedef and const", u32_type, const_u64, false},
      {"signed grows", s32_type, s64_type, true},
      {"unsigned becomes signed", u32_type, s64_type, true},
      {"signed becomes unsigned", s32_type, u64_type, true},
      {"same size, other sign", s32_type, u32_type, false},
      {"array of more elements", char3, char9, false},
      {"array of wider elements", char3, short3, true},
      {"struct grows", small, large, true},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    CoreCase c;
    const TypeId root = c.local.add_struct("s", 64, {{"f", row.local(c.local), 0}});
    c.kernel.add_struct("s", 64, {{"f", row.target(c.kernel), 64}});
    const Resolution got = c.answer(CoreKind::field_byte_offset, root, "0:0");
    CHECK(got.verdict == Verdict::matched);
    CHECK(got.size_conflict == row.conflict);
  }
}

TEST_CASE("core: malformed access strings are verdicts, and the other relocations are answered") {
  TaskCase c;
  c.ask(CoreKind::field_byte_offset, c.task, "0:9");
  c.ask(CoreKind::field_byte_offset, c.task, "");
  c.ask(CoreKind::type_size, {9999}, "0");
  c.ask(CoreKind::field_byte_offset, c.task, "0:0");
  const std::vector<Resolution> got = c.answers();
  REQUIRE(got.size() == 4);
  CHECK(got[0].verdict == Verdict::malformed);
  CHECK(got[0].reason == Reason::member_past_end);
  CHECK(got[1].reason == Reason::bad_access);
  CHECK(got[2].verdict == Verdict::malformed);
  CHECK(got[3].verdict == Verdict::matched);
  CHECK(c.text(got[0]) ==
        "byte_off task.? (\"0:9\") (0:9): malformed: the access string names a member past the "
        "struct's last");
}

TEST_CASE("core: a kernel's field that no load can take is undecided, not poisoned") {
  CoreCase c;
  const TypeId root = c.local.add_struct("s", 8, {{"f", c.local.add_uint("u64", 8), 0}});
  c.kernel.add_struct("s", 16, {{"f", c.kernel.add_uint("u64", 8), 4, 63}});
  const Resolution got = c.answer(CoreKind::field_byte_offset, root, "0:0");
  CHECK(got.verdict == Verdict::undecided);
  CHECK(got.reason == Reason::bitfield_too_wide);
}

TEST_CASE("core: without any BTF to search nothing matches") {
  TaskCase c;
  const std::vector<std::byte> blob = c.local.bytes();
  const btf::View view = *btf::View::parse(blob);
  const std::vector<btf::CoreRelo> relos = {
      {.insn_offset = 0, .type = c.task, .access = "0:0", .kind = CoreKind::field_exists},
      {.insn_offset = 8, .type = c.task, .access = "0:0", .kind = CoreKind::field_byte_offset}};
  const Result<std::vector<Resolution>> got = btf::core::resolve(view, {}, relos);
  REQUIRE(got.has_value());
  CHECK((*got)[0].verdict == Verdict::absent);
  CHECK((*got)[1].verdict == Verdict::poisoned);
}

}  // namespace
}  // namespace bpfld::test
