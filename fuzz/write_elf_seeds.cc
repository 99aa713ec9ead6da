// SPDX-License-Identifier: Apache-2.0
// Writes the seeds of fuzz/corpus/elf: small valid objects, one for each form that the parser
// knows.
//
//   write_elf_seeds fuzz/corpus/elf
#include <cstdio>
#include <string>

#include "elf/format.h"
#include "tests/support/elf_builder.h"

namespace {

using namespace bpfld;
using namespace bpfld::elf;
using bpfld::test::ElfBuilder;
using bpfld::test::small_object;

// Section count and name index in section 0, a symbol's index in SHT_SYMTAB_SHNDX.
ElfBuilder extended() {
  ElfBuilder elf;
  const u32 code = elf.add_code("xdp", {test::kExit});
  const std::array<u32, 2> indices = {0, code};
  const u32 table = elf.add_section(".symtab_shndx", kSectionSymtabIndex, 0, bytes_of(indices));
  elf.edit_section(table, [=](SectionHeader& s) { s.link = table + 1; });
  elf.edit_symbol(elf.add_function("prog", code, 0, 8),
                  [](SymbolRecord& s) { s.section = kIndexExtended; });
  const u32 names = elf.index_of(".shstrtab");
  elf.edit_header([](FileHeader& h) {
    h.section_count = 0;
    h.section_names = kIndexExtended;
  });
  elf.edit_section(0, [=](SectionHeader& s) {
    s.size = names + 1;
    s.link = names;
  });
  return elf;
}

ElfBuilder with_addend() {
  ElfBuilder elf;
  const u32 code = elf.add_code("xdp", {test::kMovR0Zero, test::kExit});
  elf.add_function("prog", code, 0, 16);
  const RelaRecord record{8, u64{1} << 32 | kReloc32, -24};
  const u32 rela = elf.add_section(".relaxdp", kSectionRela, 0, bytes_of(record));
  elf.edit_section(rela, [=](SectionHeader& s) {
    s.link = rela + 1;
    s.info = code;
    s.entry_size = sizeof(RelaRecord);
  });
  return elf;
}

bool write(const std::string& path, const ElfBuilder& elf) {
  const std::vector<std::byte> bytes = elf.build();
  std::FILE* file = std::fopen(path.c_str(), "wb");
  if (file == nullptr) return false;
  const bool good = std::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size();
  return (std::fclose(file) == 0) && good;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
    return 2;
  }
  const std::string directory = argv[1];
  const bool good =
      write(directory + "/empty", ElfBuilder()) && write(directory + "/small", small_object()) &&
      write(directory + "/small-big-endian", small_object(ByteOrder::big)) &&
      write(directory + "/extended", extended()) && write(directory + "/addend", with_addend());
  if (!good) std::perror(directory.c_str());
  return good ? 0 : 1;
}
