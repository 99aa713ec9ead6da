// SPDX-License-Identifier: Apache-2.0
#include "elf/section.h"

#include <doctest/doctest.h>

#include "tests/support/elf_builder.h"

namespace bpfld::test {
namespace {

std::string text_of_section(const std::vector<std::byte>& file, std::string_view name) {
  const Result<Bytes> bytes = elf::find_section_bytes(file, name);
  return bytes ? std::string(text_of(*bytes)) : bytes.error().message();
}

TEST_CASE("elf section: found by name in a file of any machine and kind, in either byte order") {
  for (const ByteOrder order : {ByteOrder::little, ByteOrder::big}) {
    ElfBuilder builder(order);
    builder.add_data(".BTF.base", "base");
    builder.add_data(".BTF", "types");
    builder.edit_header([](elf::FileHeader& header) {
      header.machine = 62;  // x86-64
      header.type = 2;      // an executable
    });
    const std::vector<std::byte> file = builder.build();
    CHECK(elf::is_elf(file));
    CHECK(text_of_section(file, ".BTF") == "types");
    CHECK(text_of_section(file, ".BTF.base") == "base");
    CHECK(text_of_section(file, ".BT") == "there is no section .BT");
    CHECK_FALSE(elf::Object::parse(file).has_value());
  }
}

TEST_CASE("elf section: a section that is not in the file, or is compressed, is an error") {
  ElfBuilder builder;
  const u32 section = builder.add_data(".BTF", "types");
  builder.add_bss(".bss", 8);
  CHECK(text_of_section(builder.build(), ".bss") == "section [2] has no bytes in the file");
  builder.edit_section(section, [](elf::SectionHeader& header) { header.flags |= 1u << 11; });
  CHECK(text_of_section(builder.build(), ".BTF") == "section [1] is compressed (SHF_COMPRESSED)");
  builder.edit_section(section, [](elf::SectionHeader& header) { header.size = 1u << 30; });
  CHECK(text_of_section(builder.build(), ".BTF").starts_with("section [1]: bytes "));
  builder.edit_section(section, [](elf::SectionHeader& header) { header.name = 0xffffffff; });
  CHECK(text_of_section(builder.build(), ".BTF") == "there is no section .BTF");
}

TEST_CASE("elf section: no truncation and no changed byte of the headers does harm") {
  ElfBuilder builder;
  builder.add_data(".BTF", "types");
  const std::vector<std::byte> file = builder.build();
  u32 found = 0;
  for (std::size_t size = 0; size <= file.size(); size++)
    found += elf::find_section_bytes(Bytes(file).first(size), ".BTF") ? 1 : 0;
  CHECK(found == 1);
  for (std::size_t at = 0; at < file.size(); at++) {
    std::vector<std::byte> bad = file;
    bad[at] ^= std::byte{0xff};
    found += elf::find_section_bytes(bad, ".BTF") ? 1 : 0;
  }
  CHECK(found > 1);
  CHECK_FALSE(elf::is_elf(Bytes(file).first(3)));
}

}  // namespace
}  // namespace bpfld::test
