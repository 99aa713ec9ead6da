// SPDX-License-Identifier: Apache-2.0
// What a well-formed object gives: the same sections, symbols and relocations in either byte order.
#include "elf/object.h"

#include <doctest/doctest.h>

#include "elf/format.h"
#include "elf/role.h"
#include "tests/support/elf_builder.h"

namespace {

using namespace bpfld;
using namespace bpfld::elf;
using bpfld::test::ElfBuilder;
using bpfld::test::small_object;

constexpr std::array kOrders = {ByteOrder::little, ByteOrder::big};

}  // namespace

TEST_CASE("elf: a small object parses alike in both byte orders") {
  for (const ByteOrder order : kOrders) {
    CAPTURE(static_cast<int>(order));
    const std::vector<std::byte> file = small_object(order).build();
    const Result<Object> object = Object::parse(file);
    REQUIRE(object.has_value());
    CHECK(object->order() == order);
    CHECK(object->machine() == kMachineBpf);
    CHECK(object->file().size() == file.size());
    REQUIRE(object->sections().size() == 11);
    CHECK(object->sections()[0].name.empty());
    CHECK(object->sections()[2].name == "xdp");
    CHECK(object->sections()[2].is_code());
    CHECK(object->sections()[2].data.size() == 32);
    CHECK(text_of(object->find_section(".rodata")->data) == "abcd");
    CHECK(object->find_section("nonsense") == nullptr);
    CHECK(object->find_section("") == nullptr);
  }
}

TEST_CASE("elf: local symbols come first and keep their section, value and size") {
  for (const ByteOrder order : kOrders) {
    const std::vector<std::byte> file = small_object(order).build();
    const Result<Object> object = Object::parse(file);
    REQUIRE(object.has_value());
    REQUIRE(object->symbols().size() == 8);
    const Symbol& null = object->symbols()[0];
    CHECK(null.name.empty());
    CHECK_FALSE(null.is_defined());
    const Symbol& sub = object->symbols()[1];
    CHECK(sub.name == "sub");
    CHECK(sub.type == SymbolType::function);
    CHECK(sub.binding == SymbolBinding::local);
    CHECK(object->symbols()[2].type == SymbolType::section);
    const Symbol& counter = object->symbols()[5];
    CHECK(counter.name == "counter");
    CHECK(counter.type == SymbolType::object);
    CHECK(counter.binding == SymbolBinding::global);
    CHECK(object->sections()[counter.section].name == ".bss");
    CHECK(counter.value == 8);
    CHECK(counter.size == 8);
    const Symbol& kfunc = object->symbols()[7];
    CHECK(kfunc.name == "bpf_kfunc");
    CHECK(kfunc.section == kUndefinedSection);
    CHECK_FALSE(kfunc.is_in_section());
  }
}

TEST_CASE("elf: relocations name their symbol, and are found by the section they patch") {
  for (const ByteOrder order : kOrders) {
    const std::vector<std::byte> file = small_object(order).build();
    const Result<Object> object = Object::parse(file);
    REQUIRE(object.has_value());
    CHECK(object->relocation_tables().size() == 1);
    CHECK(object->relocations_for(1) == nullptr);
    CHECK(object->relocations_for(9999) == nullptr);
    const RelocationTable* table = object->relocations_for(2);
    REQUIRE(table != nullptr);
    CHECK(table->target == 2);
    CHECK(object->sections()[table->section].name == ".relxdp");
    REQUIRE(table->relocations.size() == 2);
    CHECK(table->relocations[0].offset == 0);
    CHECK(table->relocations[0].type == kReloc64);
    CHECK(object->symbols()[table->relocations[0].symbol].name == "events");
    CHECK(table->relocations[1].offset == 16);
    CHECK(object->symbols()[table->relocations[1].symbol].name == "sub");
  }
}

TEST_CASE("elf: a relocation with an addend keeps it") {
  ElfBuilder elf;
  const u32 code = elf.add_code("xdp", {test::kMovR0Zero, test::kExit});
  elf.add_function("prog", code, 0, 16);
  std::vector<std::byte> records;
  const RelaRecord record{8, u64{1} << 32 | kReloc32, -24};
  records.assign(bytes_of(record).begin(), bytes_of(record).end());
  const u32 rela = elf.add_section(".relaxdp", kSectionRela, 0, records);
  elf.edit_section(rela, [&](SectionHeader& s) {
    s.link = rela + 1;
    s.info = code;
    s.entry_size = sizeof(RelaRecord);
  });
  const std::vector<std::byte> file = elf.build();
  const Result<Object> object = Object::parse(file);
  REQUIRE(object.has_value());
  REQUIRE(object->relocations_for(code) != nullptr);
  CHECK(object->relocations_for(code)->relocations[0].addend == -24);
  CHECK(object->relocations_for(code)->relocations[0].offset == 8);
}

TEST_CASE("elf: absolute, common and extern symbols are not in a section") {
  ElfBuilder elf;
  const ElfBuilder::SymbolHandle file_name =
      elf.add_symbol("x.bpf.c", SymbolType::file, SymbolBinding::local, kIndexAbsolute, 0, 0);
  const ElfBuilder::SymbolHandle common = elf.add_object("tentative", kIndexCommon, 4, 4);
  const std::vector<std::byte> file = elf.build();
  const Result<Object> object = Object::parse(file);
  REQUIRE(object.has_value());
  CHECK(object->symbols()[elf.symbol_index(file_name)].section == kAbsoluteSection);
  CHECK(object->symbols()[elf.symbol_index(common)].section == kCommonSection);
  CHECK_FALSE(object->symbols()[elf.symbol_index(common)].is_in_section());
}

TEST_CASE("elf: weak binding, visibility, and types and bindings without a name are kept") {
  ElfBuilder elf;
  const u32 code = elf.add_code(".text", {test::kExit});
  const ElfBuilder::SymbolHandle hidden = elf.add_function("hidden", code, 0, 8);
  elf.edit_symbol(hidden, [](SymbolRecord& s) {
    s.info = 2 << 4 | 2;  // STB_WEAK, STT_FUNC
    s.other = 2;          // STV_HIDDEN
  });
  const ElfBuilder::SymbolHandle odd = elf.add_function("odd", code, 0, 8);
  elf.edit_symbol(odd, [](SymbolRecord& s) { s.info = 0xaa; });  // STB_LOOS, STT_LOOS
  const std::vector<std::byte> file = elf.build();
  const Result<Object> object = Object::parse(file);
  REQUIRE(object.has_value());
  CHECK(object->symbols()[1].binding == SymbolBinding::weak);
  CHECK(object->symbols()[1].visibility == SymbolVisibility::hidden);
  CHECK(object->symbols()[2].binding == SymbolBinding::other);
  CHECK(object->symbols()[2].type == SymbolType::other);
}

TEST_CASE("elf: machine 0, which early compilers wrote, is taken for BPF") {
  ElfBuilder elf = small_object();
  elf.edit_header([](FileHeader& h) { h.machine = kMachineNone; });
  const std::vector<std::byte> file = elf.build();
  REQUIRE(Object::parse(file).has_value());
}

TEST_CASE("elf: an object without code, symbols or relocations is an object") {
  const std::vector<std::byte> file = ElfBuilder().build();
  const Result<Object> object = Object::parse(file);
  REQUIRE(object.has_value());
  CHECK(object->symbols().size() == 1);
  CHECK(object->relocation_tables().empty());
}

TEST_CASE("elf: section count and name index may come from section 0") {
  ElfBuilder elf = small_object();
  const u32 names = elf.index_of(".shstrtab");
  elf.edit_header([](FileHeader& h) {
    h.section_count = 0;
    h.section_names = kIndexExtended;
  });
  elf.edit_section(0, [&](SectionHeader& s) {
    s.size = names + 1;
    s.link = names;
  });
  const std::vector<std::byte> file = elf.build();
  const Result<Object> object = Object::parse(file);
  REQUIRE(object.has_value());
  CHECK(object->sections().size() == names + 1);
  CHECK(object->find_section("license") != nullptr);
}

TEST_CASE("elf: a symbol's section index may come from SHT_SYMTAB_SHNDX") {
  for (const ByteOrder order : kOrders) {
    ElfBuilder elf(order);
    const u32 code = elf.add_code("xdp", {test::kExit});
    std::array<u32, 2> indices = {0, order == kHostOrder ? code : std::byteswap(code)};
    const u32 extended =
        elf.add_section(".symtab_shndx", kSectionSymtabIndex, 0, bytes_of(indices));
    const ElfBuilder::SymbolHandle prog = elf.add_function("prog", code, 0, 8);
    elf.edit_section(extended, [&](SectionHeader& s) { s.link = extended + 1; });
    elf.edit_symbol(prog, [](SymbolRecord& s) { s.section = kIndexExtended; });
    const std::vector<std::byte> file = elf.build();
    const Result<Object> object = Object::parse(file);
    REQUIRE(object.has_value());
    CHECK(object->symbols()[1].section == code);
  }
}

TEST_CASE("elf: relocations of debug information and BTF are neither checked nor kept") {
  ElfBuilder elf;
  const u32 debug = elf.add_section(".debug_info", kSectionProgbits, kFlagCompressed,
                                    bytes_of(std::string_view("zlib")));
  const u32 btf =
      elf.add_section(".BTF.ext", kSectionProgbits, 0, bytes_of(std::string_view("1234")));
  const ElfBuilder::SymbolHandle symbol = elf.add_extern("x");
  elf.add_relocation(debug, 0x1000, symbol, kRelocAbs32);  // an offset in the uncompressed bytes
  elf.add_relocation(btf, 0x2000, symbol, kRelocNodyld32);
  const std::vector<std::byte> file = elf.build();
  const Result<Object> object = Object::parse(file);
  REQUIRE(object.has_value());
  CHECK(object->relocation_tables().empty());
}

TEST_CASE("elf: relocations of data need room for the word they patch, not for an instruction") {
  ElfBuilder elf;
  const u32 maps = elf.add_data(".maps", std::string_view("12345678"));
  const ElfBuilder::SymbolHandle symbol = elf.add_object("m", maps, 0, 8);
  elf.add_relocation(maps, 0, symbol, kReloc64);
  elf.add_relocation(maps, 4, symbol, kReloc32);
  elf.add_relocation(maps, 0, symbol, kRelocAbs64);
  elf.add_relocation(maps, 4, symbol, kRelocAbs32);
  elf.add_relocation(maps, 8, symbol, kRelocNone);
  const std::vector<std::byte> file = elf.build();
  REQUIRE(Object::parse(file).has_value());
}

TEST_CASE("elf: names with control bytes, invalid UTF-8 and quotes are kept as they are") {
  constexpr std::string_view kHostile = "\x1b]0;x\x07\"\xff\xe2\x80\xae%n";
  ElfBuilder elf;
  const u32 code = elf.add_code(kHostile, {test::kExit});
  elf.add_function(kHostile, code, 0, 8);
  const std::vector<std::byte> file = elf.build();
  const Result<Object> object = Object::parse(file);
  REQUIRE(object.has_value());
  CHECK(object->find_section(kHostile) != nullptr);
  CHECK(object->symbols()[1].name == kHostile);
  CHECK(label(object->sections()[code]) == R"(section [1] "\x1b]0;x\x07"\xff\u{202e}%n")");
  CHECK(label(object->symbols()[1]) == R"(symbol [1] "\x1b]0;x\x07"\xff\u{202e}%n")");
}
