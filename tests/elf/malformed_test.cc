// SPDX-License-Identifier: Apache-2.0
// A valid object with one field broken: each rule has its message.
#include <doctest/doctest.h>

#include "elf/format.h"
#include "elf/object.h"
#include "tests/support/elf_builder.h"

namespace {

using namespace bpfld;
using namespace bpfld::elf;
using bpfld::test::ElfBuilder;
using bpfld::test::small_object;

// Section indices of small_object().
constexpr u32 kText = 1, kCode = 2, kBss = 5, kRel = 7, kSymtab = 8, kStrtab = 9, kShstrtab = 10;

std::string message(Bytes file, Code code) {
  const Result<Object> object = Object::parse(file);
  if (object) return "it parses";
  CHECK(object.error().code == code);
  return object.error().message();
}
std::string malformed(const ElfBuilder& elf) {
  return message(elf.build(), Code::malformed);
}
std::string unsupported(const ElfBuilder& elf) {
  return message(elf.build(), Code::unsupported);
}
std::string limit(const ElfBuilder& elf) {
  return message(elf.build(), Code::limit);
}
std::string text_file(std::string_view text, Code code = Code::malformed) {
  return message(bytes_of(text), code);
}

ElfBuilder with_header(std::function<void(FileHeader&)> edit) {
  ElfBuilder elf = small_object();
  elf.edit_header(std::move(edit));
  return elf;
}
ElfBuilder with_section(u32 index, std::function<void(SectionHeader&)> edit) {
  ElfBuilder elf = small_object();
  elf.edit_section(index, std::move(edit));
  return elf;
}
// A small object plus one function in "xdp", then edited.
ElfBuilder with_symbol(std::function<void(SymbolRecord&)> edit) {
  ElfBuilder elf = small_object();
  elf.edit_symbol(elf.add_function("extra", kCode, 0, 32), std::move(edit));
  return elf;
}
ElfBuilder with_relocation(std::function<void(RelRecord&)> edit) {
  ElfBuilder elf = small_object();
  elf.edit_relocation(kCode, 1, std::move(edit));
  return elf;
}

}  // namespace

TEST_CASE("elf: a file that is not ELF says what it starts with") {
  CHECK(text_file("") == "not ELF: the file is empty");
  CHECK(text_file("root:x:0:0:root") == "not ELF: starts with 'root:x:0'");
  CHECK(text_file("\x1b[2J") == "not ELF: starts with '\\x1b[2J'");
  CHECK(text_file("\x7f"
                  "EL") == "not ELF: starts with '\\x7fEL'");
  CHECK(text_file("BC\xc0\xde rest", Code::unsupported) == "not ELF: this is LLVM bitcode");
  CHECK(text_file("\xde\xc0\x17\x0b rest", Code::unsupported) == "not ELF: this is LLVM bitcode");
}

TEST_CASE("elf: a file that ends inside the ELF header is malformed") {
  const std::vector<std::byte> file = small_object().build();
  CHECK(message(Bytes(file).first(63), Code::malformed) ==
        "the file ends inside the ELF header: 63 of 64 bytes");
}

TEST_CASE("elf: e_ident's class, byte order and version must be ones we know") {
  ElfBuilder elf = small_object();
  elf.edit_ident(kIdentClass, 1);
  CHECK(unsupported(elf) == "this is 32-bit ELF (EI_CLASS=1); BPF objects are 64-bit");
  elf.edit_ident(kIdentClass, 9);
  CHECK(malformed(elf) == "EI_CLASS is 9 (byte 0x4), not ELFCLASS64 (2)");
  elf.edit_ident(kIdentClass, 2);
  elf.edit_ident(kIdentData, 3);
  CHECK(malformed(elf) == "EI_DATA is 3 (byte 0x5), neither little-endian (1) nor big-endian (2)");
  elf.edit_ident(kIdentData, 1);
  elf.edit_ident(kIdentVersion, 0);
  CHECK(malformed(elf) == "EI_VERSION is 0 (byte 0x6), not 1");
}

TEST_CASE("elf: another machine, file type or version is named") {
  CHECK(unsupported(with_header([](FileHeader& h) { h.machine = 62; })) ==
        "machine is x86-64 (62), not BPF (247)");
  CHECK(unsupported(with_header([](FileHeader& h) { h.machine = 0xabcd; })) ==
        "machine is 43981, not BPF (247)");
  CHECK(unsupported(with_header([](FileHeader& h) { h.type = 3; })) ==
        "file type is a shared object (3), not a relocatable object (1)");
  CHECK(malformed(with_header([](FileHeader& h) { h.version = 2; })) ==
        "e_version is 2 (byte 0x14), not 1");
}

TEST_CASE("elf: the section header table must be there and inside the file") {
  const std::size_t size = small_object().build().size();
  CHECK(malformed(with_header([](FileHeader& h) { h.section_headers = 0; })) ==
        "there is no section header table (e_shoff is 0)");
  CHECK(malformed(with_header([](FileHeader& h) { h.section_headers = 0xfffffffffffffff0; })) ==
        format("11 section headers of 64 bytes at offset 0xfffffffffffffff0 reach past the end, "
               "file has {} bytes",
               size));
  CHECK(malformed(with_header([](FileHeader& h) {
          h.section_count = 0xfeff;
        })).starts_with("65279 section headers of 64 bytes at offset "));
  CHECK(malformed(with_header([](FileHeader& h) { h.section_count = 0xff00; })) ==
        "e_shnum is 0xff00 (byte 0x3c), a reserved section index");
}

TEST_CASE("elf: a section count taken from section 0 is checked like any other") {
  CHECK(malformed(with_header([](FileHeader& h) { h.section_count = 0; })) ==
        "there are no sections (e_shnum and section [0]'s size are 0)");
  ElfBuilder elf = with_header([](FileHeader& h) { h.section_count = 0; });
  elf.edit_section(0, [](SectionHeader& s) { s.size = 65'536; });
  CHECK(limit(elf) == "65536 sections, more than 65535");
  elf.edit_section(0, [](SectionHeader& s) { s.size = 0xffffffffffffffff; });
  CHECK(limit(elf) == "18446744073709551615 sections, more than 65535");
  elf.edit_section(0, [](SectionHeader& s) { s.size = 0xffff; });
  CHECK(malformed(elf).starts_with("65535 section headers of 64 bytes at offset "));
  const std::size_t size = small_object().build().size();
  CHECK(malformed(with_header([](FileHeader& h) {
          h.section_count = 0;
          h.section_headers = 0x7fffffff;
        })) ==
        format("section header [0] at byte 0x7fffffff is past the end, file has {} bytes", size));
}

TEST_CASE("elf: the section name table must exist and be a string table") {
  CHECK(malformed(with_header([](FileHeader& h) { h.section_names = 0; })) ==
        "the sections have no names (e_shstrndx is 0)");
  CHECK(malformed(with_header([](FileHeader& h) { h.section_names = 11; })) ==
        "e_shstrndx: section [11] does not exist (11 sections)");
  CHECK(malformed(with_header([](FileHeader& h) { h.section_names = 0xfff1; })) ==
        "e_shstrndx is 0xfff1 (byte 0x3e), a reserved section index");
  CHECK(malformed(with_header([](FileHeader& h) { h.section_names = kIndexExtended; })) ==
        "the sections have no names (e_shstrndx is 0)");
  CHECK(malformed(with_header([](FileHeader& h) { h.section_names = kText; })) ==
        "section [1], the section name table, has type 1, not SHT_STRTAB (3)");
  CHECK(malformed(with_section(kShstrtab, [](SectionHeader& s) {
          s.size = 0x7000000000000000;
        })).starts_with("section [10], the section name table, says offset "));
}

TEST_CASE("elf: a section past the end of the file names its offset, size and header") {
  const std::vector<std::byte> good = small_object().build();
  const Result<Object> object = Object::parse(good);
  REQUIRE(object.has_value());
  const u64 offset = object->sections()[3].file_offset;
  CHECK(malformed(with_section(3, [](SectionHeader& s) { s.size = 0x300000; })) ==
        format("section [3] \".maps\" says offset {:#x} size 0x300000, file has {} bytes "
               "(header at byte {:#x})",
               offset, good.size(), good.size() - std::size_t{8 * 64}));
  CHECK(
      malformed(with_section(3, [](SectionHeader& s) {
        s.offset = 0xfffffffffffffffc;
      })).starts_with("section [3] \".maps\" says offset 0xfffffffffffffffc size 0x8, file has "));
}

TEST_CASE("elf: a section's name must be inside the name table and end") {
  CHECK(malformed(with_section(3, [](SectionHeader& s) {
          s.name = 9999;
        })).starts_with("section [3]: name offset 0x270f is past the string table ("));
  CHECK(malformed(with_section(kShstrtab, [](SectionHeader& s) {
          s.size -= 1;
        })).starts_with("section [10]: name at "));
  ElfBuilder elf;
  elf.add_data(std::string(kMaxNameSize, 'a'), std::string_view("x"));
  CHECK(Object::parse(elf.build()).has_value());
  elf.add_data(std::string(kMaxNameSize + 1, 'a'), std::string_view("x"));
  CHECK(limit(elf) == "section [2]: name at 0x1002 of the string table is longer than 4096 bytes");
}

TEST_CASE("elf: a long name is cut in a message") {
  ElfBuilder elf;
  const u32 index = elf.add_data(std::string(80, 'a'), std::string_view("x"));
  elf.edit_section(index, [](SectionHeader& s) { s.alignment = 3; });
  CHECK(malformed(elf) ==
        format("section [1] \"{}...\": alignment 0x3 is not a power of two", std::string(64, 'a')));
}

TEST_CASE("elf: section 0 is null, alignments are powers of two, and bytes are not compressed") {
  CHECK(malformed(with_section(0, [](SectionHeader& s) { s.type = 1; })) ==
        "section [0] has type 1, not SHT_NULL (0)");
  CHECK(malformed(with_section(kCode, [](SectionHeader& s) { s.alignment = 12; })) ==
        "section [2] \"xdp\": alignment 0xc is not a power of two");
  CHECK(unsupported(with_section(kCode, [](SectionHeader& s) { s.flags |= kFlagCompressed; })) ==
        "section [2] \"xdp\" is compressed (SHF_COMPRESSED)");
}

TEST_CASE("elf: the symbol table's entry size, size and string table are checked") {
  CHECK(malformed(with_section(kSymtab, [](SectionHeader& s) { s.entry_size = 16; })) ==
        "section [8] \".symtab\": entry size is 16, not 24");
  CHECK(malformed(with_section(kSymtab, [](SectionHeader& s) { s.size -= 1; })) ==
        "section [8] \".symtab\": size 0xbf is not a multiple of its entry size 24");
  CHECK(malformed(with_section(kSymtab, [](SectionHeader& s) { s.link = 99; })) ==
        "section [8] \".symtab\": sh_link is 99, not a string table");
  CHECK(malformed(with_section(kSymtab, [](SectionHeader& s) { s.link = kText; })) ==
        "section [8] \".symtab\": sh_link is 1, not a string table");
  CHECK(malformed(with_section(kText, [](SectionHeader& s) { s.type = kSectionSymtab; })) ==
        "section [8] \".symtab\" is a second symbol table; the first is section [1] \".text\"");
}

TEST_CASE("elf: a symbol's name must be inside the string table and end") {
  CHECK(malformed(with_symbol([](SymbolRecord& s) {
          s.name = 9999;
        })).starts_with("symbol [8]: name offset 0x270f is past the string table ("));
  CHECK(malformed(with_section(kStrtab, [](SectionHeader& s) {
          s.size -= 1;
        })).starts_with("symbol [7]: name at "));
  CHECK(malformed(with_section(kStrtab, [](SectionHeader& s) { s.size = 0; })) ==
        "symbol [1]: name offset 0x1 is past the string table (0 bytes)");
}

TEST_CASE("elf: a symbol's section must exist") {
  CHECK(malformed(with_symbol([](SymbolRecord& s) { s.section = 11; })) ==
        "symbol [8] \"extra\": section [11] does not exist (11 sections)");
  CHECK(unsupported(with_symbol([](SymbolRecord& s) { s.section = 0xff05; })) ==
        "symbol [8] \"extra\": section index 0xff05 is reserved");
  CHECK(malformed(with_symbol([](SymbolRecord& s) { s.section = kIndexExtended; })) ==
        "symbol [8] \"extra\": its section index is SHN_XINDEX, but no SHT_SYMTAB_SHNDX entry has "
        "it");
}

TEST_CASE("elf: a symbol must lie inside its section") {
  CHECK(malformed(with_symbol([](SymbolRecord& s) { s.size = 33; })) ==
        "symbol [8] \"extra\": value 0x0 size 0x21 is outside section [2] \"xdp\" (32 bytes)");
  CHECK(malformed(with_symbol([](SymbolRecord& s) { s.value = 0xffffffffffffffe0; })) ==
        "symbol [8] \"extra\": value 0xffffffffffffffe0 size 0x20 is outside section [2] \"xdp\" "
        "(32 bytes)");
  CHECK(malformed(with_symbol([](SymbolRecord& s) { s = {s.name, 0x10, 0, kCode, 33, 0}; })) ==
        "symbol [8] \"extra\": value 0x21 size 0x0 is outside section [2] \"xdp\" (32 bytes)");
  CHECK(malformed(with_symbol([](SymbolRecord& s) { s = {s.name, 0x11, 0, kBss, 9, 8}; })) ==
        "symbol [8] \"extra\": value 0x9 size 0x8 is outside section [5] \".bss\" (16 bytes)");
}

TEST_CASE("elf: a relocation section's entry size and size are checked") {
  CHECK(malformed(with_section(kRel, [](SectionHeader& s) { s.entry_size = 24; })) ==
        "section [7] \".relxdp\": entry size is 24, not 16");
  CHECK(malformed(with_section(kRel, [](SectionHeader& s) { s.size -= 8; })) ==
        "section [7] \".relxdp\": size 0x18 is not a multiple of its entry size 16");
}

TEST_CASE("elf: a relocation section patches one existing section through the symbol table") {
  CHECK(malformed(with_section(kRel, [](SectionHeader& s) { s.info = 0; })) ==
        "section [7] \".relxdp\": it patches section [0], which does not exist (11 sections)");
  CHECK(malformed(with_section(kRel, [](SectionHeader& s) { s.info = 11; })) ==
        "section [7] \".relxdp\": it patches section [11], which does not exist (11 sections)");
  CHECK(malformed(with_section(kRel, [](SectionHeader& s) { s.link = kStrtab; })) ==
        "section [7] \".relxdp\": sh_link is 9, not the symbol table section [8] \".symtab\"");
  CHECK(malformed(with_section(kSymtab, [](SectionHeader& s) { s.type = kSectionProgbits; })) ==
        "section [7] \".relxdp\": there is no symbol table (stripped object?)");
  ElfBuilder elf = small_object();
  const ElfBuilder::SymbolHandle symbol = elf.add_extern("x");
  elf.add_relocation(kText, 0, symbol, kReloc32);
  elf.edit_section(elf.index_of(".rel.text"), [](SectionHeader& s) { s.info = kCode; });
  CHECK(unsupported(elf) ==
        "section [8] \".relxdp\" is a second relocation section for section [2] \"xdp\"");
}

TEST_CASE("elf: a relocation's symbol must exist") {
  CHECK(malformed(with_relocation([](RelRecord& r) { r.info = u64{8} << 32 | kReloc32; })) ==
        "section [7] \".relxdp\": relocation #1: symbol [8] does not exist (8 symbols)");
}

TEST_CASE("elf: what a relocation patches must lie inside its section") {
  CHECK(malformed(with_relocation([](RelRecord& r) { r.offset = 32; })) ==
        "section [7] \".relxdp\": relocation #1: 8 bytes at offset 0x20 are outside section [2] "
        "\"xdp\" "
        "(32 bytes)");
  CHECK(malformed(with_relocation([](RelRecord& r) { r.offset = 0xfffffffffffffff8; })) ==
        "section [7] \".relxdp\": relocation #1: 8 bytes at offset 0xfffffffffffffff8 are outside "
        "section [2] \"xdp\" (32 bytes)");
  CHECK(malformed(with_relocation([](RelRecord& r) {
          r.offset = 24;
          r.info = u64{1} << 32 | kReloc64;
        })) ==
        "section [7] \".relxdp\": relocation #1: 16 bytes at offset 0x18 are outside section [2] "
        "\"xdp\" "
        "(32 bytes)");
  CHECK(malformed(with_section(kRel, [](SectionHeader& s) { s.info = kBss; })) ==
        "section [7] \".relxdp\": relocation #0: 8 bytes at offset 0x0 are outside section [5] "
        "\".bss\" "
        "(0 bytes)");
}
