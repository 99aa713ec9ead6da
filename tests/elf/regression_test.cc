// SPDX-License-Identifier: Apache-2.0
// Classes of bugs that ELF readers of other BPF tools have had. Each case builds its own input for
// the class; the title says what went wrong there.
#include <doctest/doctest.h>

#include "elf/describe.h"
#include "elf/format.h"
#include "elf/object.h"
#include "tests/support/elf_builder.h"

namespace {

using namespace bpfld;
using namespace bpfld::elf;
using bpfld::test::ElfBuilder;
using bpfld::test::small_object;

constexpr u32 kCode = 2, kRel = 7, kSymtab = 8;  // of small_object()

bool is_malformed(const ElfBuilder& elf) {
  const std::vector<std::byte> file = elf.build();
  const Result<Object> object = Object::parse(file);
  return !object && object.error().code == Code::malformed;
}

}  // namespace

TEST_CASE("elf class: division by an entry size of 0") {
  for (const u32 section : {kSymtab, kRel}) {
    ElfBuilder elf = small_object();
    elf.edit_section(section, [](SectionHeader& s) { s.entry_size = 0; });
    CHECK(is_malformed(elf));
  }
  ElfBuilder rela = small_object();
  rela.edit_section(kRel, [](SectionHeader& s) {
    s.type = kSectionRela;
    s.entry_size = 0;
  });
  CHECK(is_malformed(rela));
  // Sections without a table's type may say 0, or anything: nothing divides by it.
  ElfBuilder code = small_object();
  code.edit_section(kCode, [](SectionHeader& s) { s.entry_size = 0; });
  CHECK(Object::parse(code.build()).has_value());
}

TEST_CASE("elf class: an entry size that is not the format's walks off its records") {
  for (const u64 entry_size : {u64{1}, u64{15}, u64{17}, u64{48}, ~u64{0}}) {
    CAPTURE(entry_size);
    for (const u32 section : {kSymtab, kRel}) {
      ElfBuilder elf = small_object();
      elf.edit_section(section, [&](SectionHeader& s) { s.entry_size = entry_size; });
      CHECK(is_malformed(elf));
    }
  }
}

TEST_CASE("elf class: a section count that is not the number of headers in the file") {
  for (const u16 count : {u16{12}, u16{255}, u16{0xfeff}, u16{0xffff}}) {
    ElfBuilder elf = small_object();
    elf.edit_header([&](FileHeader& h) { h.section_count = count; });
    CHECK(is_malformed(elf));
  }
  // Fewer than there are: symbols and relocations then name sections that do not exist.
  ElfBuilder fewer = small_object();
  fewer.edit_header([](FileHeader& h) {
    h.section_count = 4;
    h.section_names = 3;
  });
  CHECK(is_malformed(fewer));
}

TEST_CASE("elf class: a section without bytes where bytes are expected") {
  for (const std::string_view name :
       {"license", "version", ".maps", ".rodata", ".struct_ops", "xdp"}) {
    for (const u32 type : {kSectionNobits, kSectionNull}) {
      ElfBuilder elf;
      const u32 index = elf.add_section(name, kSectionProgbits, kFlagAlloc, {});
      elf.edit_section(index, [&](SectionHeader& s) {
        s.type = type;
        s.size = u64{1} << 60;
        s.offset = ~u64{0};
      });
      const std::vector<std::byte> file = elf.build();
      const Result<Object> object = Object::parse(file);
      REQUIRE(object.has_value());
      CHECK(object->sections()[index].data.empty());
      CHECK_FALSE(describe_sections(*object).empty());
    }
  }
}

TEST_CASE("elf class: .BTF of type NOBITS with a size of megabytes has no bytes") {
  ElfBuilder elf;
  const u32 btf = elf.add_bss(".BTF", 6u << 20);
  const std::vector<std::byte> file = elf.build();
  const Result<Object> object = Object::parse(file);
  REQUIRE(object.has_value());
  CHECK(object->sections()[btf].size == 6u << 20);
  CHECK(object->sections()[btf].data.empty());
}

TEST_CASE("elf class: externs and relocations without a name or without data") {
  ElfBuilder nameless = small_object();
  const ElfBuilder::SymbolHandle symbol = nameless.add_extern("");
  nameless.add_relocation(kCode, 16, symbol, kReloc32);
  const std::vector<std::byte> file = nameless.build();
  const Result<Object> object = Object::parse(file);
  REQUIRE(object.has_value());
  CHECK(object->symbols()[nameless.symbol_index(symbol)].name == "");
  CHECK_FALSE(describe_relocations(*object).empty());

  ElfBuilder no_strings = small_object();
  no_strings.edit_section(no_strings.index_of(".strtab"),
                          [](SectionHeader& s) { s.type = kSectionNobits; });
  CHECK(is_malformed(no_strings));

  ElfBuilder no_map_bytes = small_object();
  const u32 maps = no_map_bytes.index_of(".maps");
  no_map_bytes.add_relocation(maps, 0, no_map_bytes.add_extern("x"), kRelocAbs64);
  no_map_bytes.edit_section(maps, [](SectionHeader& s) { s.type = kSectionNobits; });
  CHECK(is_malformed(no_map_bytes));

  // A code section without bytes is no code section: nothing reads what would patch it.
  ElfBuilder no_code_bytes = small_object();
  no_code_bytes.edit_section(kCode, [](SectionHeader& s) { s.type = kSectionNobits; });
  const std::vector<std::byte> no_code = no_code_bytes.build();
  const Result<Object> without_code = Object::parse(no_code);
  REQUIRE(without_code.has_value());
  CHECK_FALSE(without_code->sections()[kCode].is_code());
  CHECK(without_code->relocations_for(kCode) == nullptr);
}

TEST_CASE("elf class: a program's symbol reaches past the end of its section") {
  ElfBuilder elf = small_object();
  elf.add_function("long", kCode, 8, 32);
  CHECK(is_malformed(elf));
}

TEST_CASE("elf class: a program's start and size wrap around to inside the file") {
  for (const u64 value : {~u64{0}, ~u64{0} - 31, u64{1} << 63, u64{0xfffffff8}, u64{0x100000000}}) {
    CAPTURE(value);
    ElfBuilder elf = small_object();
    elf.add_function("wraps", kCode, value, u64{0} - value + 16);
    CHECK(is_malformed(elf));
  }
}

TEST_CASE("elf class: a symbol's size that is negative as 32 bits never ends a loop") {
  ElfBuilder elf = small_object();
  elf.add_function("forever", kCode, 0, 0xfffffff8);
  CHECK(is_malformed(elf));
}

TEST_CASE("elf class: compressed code is not taken for instructions") {
  ElfBuilder elf = small_object();
  elf.edit_section(kCode, [](SectionHeader& s) { s.flags |= kFlagCompressed; });
  const Result<Object> object = Object::parse(elf.build());
  REQUIRE_FALSE(object.has_value());
  CHECK(object.error().code == Code::unsupported);
}

TEST_CASE("elf class: links, symbols and relocations that name sections out of range") {
  for (const u32 index : {u32{11}, u32{0xfeff}, u32{0x7fffffff}, ~u32{0}}) {
    CAPTURE(index);
    ElfBuilder link = small_object();
    link.edit_section(kSymtab, [&](SectionHeader& s) { s.link = index; });
    CHECK(is_malformed(link));
    ElfBuilder target = small_object();
    target.edit_section(kRel, [&](SectionHeader& s) { s.info = index; });
    CHECK(is_malformed(target));
    ElfBuilder relocation = small_object();
    relocation.edit_relocation(kCode, 0,
                               [&](RelRecord& r) { r.info = u64{index} << 32 | kReloc64; });
    CHECK(is_malformed(relocation));
  }
}

TEST_CASE("elf class: memory allocated from a size that no bytes back") {
  for (const u64 size : {u64{1} << 32, u64{24} << 40, ~u64{0} / 24 * 24}) {
    for (const u32 section : {kSymtab, kRel, kCode}) {
      ElfBuilder elf = small_object();
      elf.edit_section(section, [&](SectionHeader& s) { s.size = size; });
      CHECK(is_malformed(elf));
    }
  }
}

TEST_CASE("elf class: many tables over the same bytes multiply memory") {
  // 260 relocation sections of 4,096 entries, all the same bytes: 64 KiB of file, a million
  // relocations.
  ElfBuilder elf;
  std::vector<u32> targets;
  for (int i = 0; i < 260; i++)
    targets.push_back(elf.add_code("t", {test::kExit}));
  const std::vector<std::byte> zeros(4096 * sizeof(RelRecord));
  const u32 first = elf.add_section("records", kSectionProgbits, 0, zeros);
  const u64 offset = [&] {
    const std::vector<std::byte> file = elf.build();
    return Object::parse(file)->sections()[first].file_offset;
  }();
  const u32 symtab = first + static_cast<u32>(targets.size()) + 1;
  for (const u32 target : targets) {
    const u32 table = elf.add_section(".rel", kSectionRel, 0, {});
    elf.edit_section(table, [=](SectionHeader& s) {
      s.offset = offset;
      s.size = 4096 * sizeof(RelRecord);
      s.entry_size = sizeof(RelRecord);
      s.link = symtab;
      s.info = target;
    });
  }
  const Result<Object> object = Object::parse(elf.build());
  REQUIRE_FALSE(object.has_value());
  CHECK(object.error().code == Code::limit);
  CHECK(object.error().what ==
        "section [518] \".rel\": 1052672 relocations so far, more than 1048576");
}

TEST_CASE("elf class: more symbols than any object has are refused before they are read") {
  ElfBuilder elf;
  const std::vector<std::byte> zeros((kMaxSymbols + 1) * sizeof(SymbolRecord));
  elf.add_section("records", kSectionProgbits, 0, zeros);
  elf.edit_section(elf.index_of(".symtab"), [&](SectionHeader& s) {
    s.offset = kFileHeaderSize;
    s.size = zeros.size();
  });
  const Result<Object> object = Object::parse(elf.build());
  REQUIRE_FALSE(object.has_value());
  CHECK(object.error().message() == "section [2] \".symtab\": 1048577 symbols, more than 1048576");
  CHECK(object.error().code == Code::limit);
}

TEST_CASE(
    "elf class: a million names that all start in the same megabyte are not measured to its end") {
  ElfBuilder elf;
  const std::string long_name(1u << 20, 'a');
  const ElfBuilder::SymbolHandle symbol = elf.add_extern(long_name);
  elf.edit_symbol(symbol, [](SymbolRecord& s) { s.name = 1; });
  const Result<Object> object = Object::parse(elf.build());
  REQUIRE_FALSE(object.has_value());
  CHECK(object.error().code == Code::limit);
}

TEST_CASE("elf class: a section header size of 65535 hangs or misreads") {
  for (const u16 size : {u16{0}, u16{1}, u16{40}, u16{63}, u16{65}, u16{65535}}) {
    ElfBuilder elf = small_object();
    elf.edit_header([&](FileHeader& h) { h.section_entry_size = size; });
    CHECK(is_malformed(elf));
  }
}

TEST_CASE("elf class: a bad name of section 0 does no harm") {
  ElfBuilder elf = small_object();
  elf.edit_section(0, [](SectionHeader& s) { s.name = 0xffffffff; });
  const std::vector<std::byte> file = elf.build();
  const Result<Object> object = Object::parse(file);
  REQUIRE(object.has_value());
  CHECK(object->sections()[0].name.empty());
}
