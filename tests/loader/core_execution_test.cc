// SPDX-License-Identifier: Apache-2.0
// CO-RE proved by running it: programs that a compiler made, relocated for kernels whose structs
// are laid out in other ways, read memory of that layout. What they must find there was put in bit
// by bit, from the layout alone.
#include <cstdlib>
#include <doctest/doctest.h>
#include <map>
#include <unistd.h>

#include "base/mapped_file.h"
#include "loader/collect.h"
#include "loader/fixup.h"
#include "loader/link.h"
#include "tests/support/bpf_machine.h"
#include "tests/support/btf_builder.h"
#include "tests/support/objects.h"

namespace bpfld::loader {
namespace {

using btf::TypeId;
using test::BpfMachine;
using test::BtfBuilder;
using test::message;

// spec: the kernel's side of fixtures/core_execution.bpf.c. Places in bytes, of bitfields in bits.
struct Layout {
  std::string name;
  u32 size = 0;
  u32 number = 0, negative = 0, resized = 0, resized_bytes = 4;
  u32 bits = 0, bits_width = 3, signed_bits = 0, signed_width = 4;
  u32 list = 0, list_count = 4, inner = 0, value_in_inner = 0, next = 0;
  bool old_bitfields = false;    // by INTs of few bits, as before the kind flag
  bool inner_anonymous = false;  // everything is within an unnamed struct
  bool resized_signed = false;
  i64 high = 2, wide = 3;
};

const std::vector<Layout> kLayouts = {
    {.name = "as in the object",
     .size = 48,
     .negative = 4,
     .resized = 8,
     .bits = 96,
     .signed_bits = 99,
     .list = 16,
     .inner = 32,
     .next = 40},
    {.name = "moved, wider, shorter",
     .size = 144,
     .number = 100,
     .negative = 96,
     .resized = 8,
     .resized_bytes = 8,
     .bits = 29,
     .bits_width = 3,
     .signed_bits = 37,
     .signed_width = 11,
     .list = 48,
     .list_count = 9,
     .inner = 112,
     .value_in_inner = 12,
     .next = 136,
     .high = -70,
     .wide = (i64{1} << 40) + 5},
    {.name = "narrow, over a word's border, in an unnamed struct",
     .size = 80,
     .number = 76,
     .negative = 72,
     .resized = 2,
     .resized_bytes = 2,
     .bits = 57,
     .bits_width = 7,
     .signed_bits = 128 + 31,
     .signed_width = 2,
     .list = 40,
     .list_count = 3,
     .inner = 56,
     .value_in_inner = 4,
     .next = 64,
     .inner_anonymous = true,
     .high = 1 << 30,
     .wide = -9},
    {.name = "old bitfields, one byte",
     .size = 64,
     .number = 20,
     .negative = 24,
     .resized = 31,
     .resized_bytes = 1,
     .bits = 9,
     .bits_width = 5,
     .signed_bits = 38,
     .signed_width = 9,
     .list = 32,
     .inner = 48,
     .next = 56,
     .old_bitfields = true},
};

// The layout as BTF.
std::vector<std::byte> describe_kernel(const Layout& layout) {
  BtfBuilder b;
  const TypeId number = b.add_uint("unsigned int", 4), signed_number = b.add_int("int", 4);
  const TypeId unit = b.add_uint("unsigned long", 8), signed_unit = b.add_int("long", 8);
  const TypeId few = b.add_int_bits("unsigned long", 8, 0, 0, static_cast<u8>(layout.bits_width));
  const TypeId few_signed = b.add_int_bits("long", 8, 1, 0, static_cast<u8>(layout.signed_width));
  const TypeId resized = b.add_int("resized_t", layout.resized_bytes, layout.resized_signed);
  const TypeId inner = b.add_struct("inner", layout.value_in_inner + 4,
                                    {{"value", signed_number, layout.value_in_inner * 8}});
  const TypeId pointer = b.add_ptr({11});  // the struct below, or the one around it
  const bool old = layout.old_bitfields;
  const std::vector<test::MemberSpec> members = {
      {"resized", resized, layout.resized * 8},
      {"bits", old ? few : unit, layout.bits, old ? 0 : layout.bits_width},
      {"signed_bits", old ? few_signed : signed_unit, layout.signed_bits,
       old ? 0 : layout.signed_width},
      {"number", number, layout.number * 8},
      {"negative", signed_number, layout.negative * 8},
      {"list", b.add_array(number, number, layout.list_count), layout.list * 8},
      {"inner", inner, layout.inner * 8},
      {"next", pointer, layout.next * 8}};
  if (layout.inner_anonymous) {
    const TypeId unnamed = b.add_struct("", layout.size, members);
    b.add_struct("subject", layout.size, {{"", unnamed, 0}});
  } else {
    b.add_struct("subject", layout.size, members);
  }
  b.add_enum("level", {{"LOW", 1}, {"HIGH", layout.high}}, 4, layout.high < 0);
  b.add_enum64("wide", {{"WIDE_MAX", layout.wide}}, 8, layout.wide < 0);
  return b.bytes();
}

void put(std::vector<std::byte>& memory, u32 bit, u32 width, u64 value) {
  for (u32 i = 0; i < width; i++, bit++)
    if ((value >> i & 1) != 0) memory[bit / 8] |= std::byte{1} << bit % 8;
}

constexpr u32 kNumber = 0x89abcdef, kResized = 0xa5, kBits = 5, kElement = 0xfedcba98;
constexpr i32 kNegative = -5, kSignedBits = -2, kValue = -77;

// One object of the layout, with a bit set behind `bits` that is in the way.
std::vector<std::byte> make_subject(const Layout& layout, u32 number, u64 next) {
  std::vector<std::byte> memory(layout.size);
  put(memory, layout.number * 8, 32, number);
  put(memory, layout.negative * 8, 32, static_cast<u32>(kNegative));
  put(memory, layout.resized * 8, layout.resized_bytes * 8, kResized);
  put(memory, layout.bits, layout.bits_width, kBits);
  if (const u32 after = layout.bits + layout.bits_width; after != layout.signed_bits)
    put(memory, after, 1, 1);
  put(memory, layout.signed_bits, layout.signed_width, static_cast<u32>(kSignedBits));
  put(memory, (layout.list + 8) * 8, 32, kElement);
  put(memory, (layout.inner + layout.value_in_inner) * 8, 32, static_cast<u32>(kValue));
  put(memory, layout.next * 8, 64, next);
  return memory;
}

KernelProfile kernel_of(const std::vector<std::byte>& blob) {
  char path[] = "/tmp/bpfld-core-test-XXXXXX";
  const int fd = mkstemp(path);
  REQUIRE(fd >= 0);
  REQUIRE(write(fd, blob.data(), blob.size()) == static_cast<ssize_t>(blob.size()));
  close(fd);
  Result<MappedFile> file = MappedFile::open(path);
  unlink(path);
  REQUIRE(message(file) == "no error");
  Result<btf::View> view = btf::View::parse(file->bytes());
  REQUIRE(message(view) == "no error");
  REQUIRE(message(view->validate()) == "no error");
  KernelProfile profile;
  profile.btf = std::make_shared<KernelProfile::Btf>(
      KernelProfile::Btf{std::move(*file), std::move(*view), path});
  return profile;
}

// bpf_probe_read_kernel(to, size, from)
Result<u64> probe_read(BpfMachine& machine, const BpfMachine::Arguments& a) {
  for (u64 i = 0; i < a[1]; i++)
    TRY(machine.write(a[0] + i, 1, TRY(machine.read(a[2] + i, 1))));
  return u64{0};
}

// Every program of the fixture, relocated for a kernel of that layout and run: its name and answer.
std::map<std::string, Result<u64>> answers(const Layout& layout) {
  const Result<std::vector<std::byte>> file =
      read_file(test::build_path("fixtures/core_execution.bpf.o"));
  REQUIRE_MESSAGE(file, message(file));
  const Result<ObjectSpec> spec = collect(*file, "core_execution");
  REQUIRE(message(spec) == "no error");
  const Result<Linked> linked =
      link(*spec, autoload_programs(*spec), kernel_of(describe_kernel(layout)));
  REQUIRE(message(linked) == "no error");

  BpfMachine machine;
  machine.add_helper(113, probe_read);
  const u64 last = machine.add_memory(make_subject(layout, kNumber + 2, 0));
  const u64 middle = machine.add_memory(make_subject(layout, kNumber + 1, last));
  const u64 first = machine.add_memory(make_subject(layout, kNumber, middle));
  std::map<std::string, Result<u64>> out;
  for (const LinkedProgram& program : linked->programs)
    out.emplace(spec->programs[program.program].name, machine.run(program.insns, {first}));
  return out;
}

i64 signed_answer(const std::map<std::string, Result<u64>>& got, const char* name) {
  const Result<u64>& answer = got.at(name);
  REQUIRE_MESSAGE(answer, name << ": " << message(answer));
  return static_cast<i64>(*answer);
}

}  // namespace

TEST_CASE("core execution: relocated programs find every field, whatever the kernel's layout") {
  for (const Layout& layout : kLayouts) {
    CAPTURE(layout.name);
    const std::map<std::string, Result<u64>> got = answers(layout);
    const auto answer = [&](const char* name) { return signed_answer(got, name); };
    CHECK(answer("number") == kNumber);
    CHECK(static_cast<i32>(answer("negative")) == kNegative);
    CHECK(answer("resized") == kResized);
    CHECK(answer("bits") == kBits);
    CHECK(answer("bits_probed") == kBits);
    CHECK(answer("signed_bits") == kSignedBits);
    CHECK(answer("signed_bits_probed") == kSignedBits);
    CHECK(answer("element") == kElement);
    CHECK(static_cast<i32>(answer("nested")) == kValue);
    CHECK(answer("chased") == kNumber + 2);
    CHECK(answer("size") == layout.size);
    CHECK(answer("list_size") == 4 * layout.list_count);
    CHECK(answer("there") == 1);
    CHECK(answer("not_there") == 0);
    CHECK(answer("level") == layout.high);
    CHECK(answer("wide") == layout.wide);
  }
}

TEST_CASE("core execution: a load that cannot be made as wide as the kernel's field does not run") {
  Layout layout = kLayouts[1];
  layout.resized_signed = true;
  const std::map<std::string, Result<u64>> got = answers(layout);
  CHECK(message(got.at("resized")).find(format("no function {} to call", kPoisonHelper)) !=
        std::string::npos);
  CHECK(signed_answer(got, "number") == kNumber);
}

TEST_CASE("core execution: the machine refuses what is outside of memory, and ends") {
  BpfMachine machine;
  const u64 memory = machine.add_memory(std::vector<std::byte>(8));
  const bpf::Insn load_last = {0x61, 0x10, 8, 0};  // r0 = *(u32*)(r1 + 8)
  const std::vector<bpf::Insn> outside = {load_last, bpf::exit_insn()};
  CHECK(message(machine.run(outside, {memory})) ==
        format("instruction 0: 4 bytes at {:#x} are outside of memory", memory + 8));
  const Result<u64> inside = machine.run(outside, {memory - 4});
  REQUIRE(message(inside) == "no error");
  CHECK(*inside == 0);
  const std::vector<bpf::Insn> forever = {{0x05, 0, -1, 0}};
  CHECK(message(machine.run(forever, {})) == "more than 1000000 instructions");
  const std::vector<bpf::Insn> no_end = {bpf::mov64_imm(0, 1)};
  CHECK(message(machine.run(no_end, {})) == "instruction 1: there is no such instruction");
  const std::vector<bpf::Insn> deeper = {{bpf::kOpCall, bpf::kPseudoCall << 4, 0, -1}};
  CHECK(message(machine.run(deeper, {})) == "instruction 0: more than 8 calls deep");
}

}  // namespace bpfld::loader
