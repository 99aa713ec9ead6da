// SPDX-License-Identifier: Apache-2.0
// Programs and libraries: where their functions and USDT probes are in the file.
#include "elf/executable.h"

#include <doctest/doctest.h>
#include <fstream>
#include <vector>

#include "elf/usdt.h"
#include "tests/support/elf_builder.h"

namespace {

using namespace bpfld;
using namespace bpfld::elf;
using bpfld::test::ElfBuilder;

template <typename T>
void append(std::vector<std::byte>& out, const T& value) {
  const Bytes bytes = bytes_of(value);
  out.insert(out.end(), bytes.begin(), bytes.end());
}

// Elf64_Phdr.
void append_segment(std::vector<std::byte>& out, u32 flags, u64 offset, u64 address, u64 size) {
  append(out, u32{1});  // PT_LOAD
  append(out, flags);
  for (const u64 value : {offset, address, address, size, size, u64{0x1000}})
    append(out, value);
}

struct NoteSpec {
  u64 location = 0x401000, base = 0x500000, semaphore = 0;
  std::string_view strings = std::string_view("prov\0name\0-4@%eax\0", 18);
  u32 type = 3;
};
void append_note(std::vector<std::byte>& out, const NoteSpec& note) {
  append(out, u32{8});
  append(out, static_cast<u32>(24 + note.strings.size()));
  append(out, note.type);
  const Bytes name = bytes_of(std::string_view("stapsdt\0", 8));
  out.insert(out.end(), name.begin(), name.end());
  for (const u64 value : {note.location, note.base, note.semaphore})
    append(out, value);
  const Bytes strings = bytes_of(note.strings);
  out.insert(out.end(), strings.begin(), strings.end());
  out.resize((out.size() + 3) / 4 * 4);
}

// The program headers are the first section, so that they are at byte 64. Code: file 0x0.. is
// mapped to 0x400000.. ; data: to 0x600000...
ElfBuilder program(const std::vector<std::byte>& notes = {}) {
  std::vector<std::byte> segments;
  append_segment(segments, 5, 0, 0x400000, 0x200);
  append_segment(segments, 6, 0x100, 0x600000, 0x80);
  ElfBuilder elf;
  elf.add_section("phdrs", 1, 0, segments);
  const u32 code = elf.add_code(".text", {test::kMovR0Zero, test::kExit});
  for (const auto& [name, address] :
       {std::pair{"twice", 0x400100u}, {"main", 0x400080u}, {"outside", 0x700000u}}) {
    const ElfBuilder::SymbolHandle symbol = elf.add_function(name, code, 0, 8);
    elf.edit_symbol(symbol, [address](SymbolRecord& record) { record.value = address; });
  }
  if (!notes.empty()) elf.add_section(".note.stapsdt", 7, 0, notes);
  elf.edit_header([](FileHeader& header) {
    header.type = 2;
    header.machine = 62;
    header.program_headers = 64;
    header.program_entry_size = 56;
    header.program_count = 2;
  });
  return elf;
}

std::string message(const std::vector<std::byte>& file) {
  const Result<Executable> executable = Executable::parse(file);
  if (!executable) return executable.error().message();
  const Result<std::vector<UsdtProbe>> probes = read_usdt(*executable);
  return probes ? "it parses" : probes.error().message();
}

}  // namespace

TEST_CASE("executable: functions are ordered, and have their place in the file") {
  const std::vector<std::byte> file = program().build();
  const Result<Executable> executable = Executable::parse(file);
  REQUIRE(executable.has_value());
  CHECK(executable->machine() == 62);
  const Result<std::vector<FunctionSymbol>> functions = executable->functions();
  REQUIRE(functions.has_value());
  REQUIRE(functions->size() == 2);  // "outside" has no code in the file
  CHECK(functions->at(0).name == "main");
  CHECK(functions->at(0).file_offset == 0x80);
  CHECK(functions->at(1).name == "twice");
  CHECK(functions->at(1).file_offset == 0x100);
}

TEST_CASE("executable: an address in data has a place in the file, but no code") {
  const std::vector<std::byte> file = program().build();
  const Result<Executable> executable = Executable::parse(file);
  REQUIRE(executable.has_value());
  CHECK(executable->file_offset(0x600010) == 0x110);
  CHECK(!executable->code_offset(0x600010));
  CHECK(!executable->file_offset(0x600080));
  CHECK(!executable->file_offset(~u64{0}));
}

TEST_CASE("executable: program headers past the end are malformed") {
  ElfBuilder elf = program();
  elf.edit_header([](FileHeader& header) {
    header.program_headers = 0xfffffffffffffff0;
    header.program_entry_size = 56;
    header.program_count = 2;
  });
  CHECK(message(elf.build()).starts_with("2 program headers at 0xfffffffffffffff0 reach past"));
  CHECK(message({}) == "not an ELF file: it has no ELF header");
}

TEST_CASE("executable: the running test has a main()") {
  std::ifstream self("/proc/self/exe", std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(self)), {});
  const Result<Executable> executable = Executable::parse(bytes_of(std::string_view(text)));
  REQUIRE(executable.has_value());
  const Result<std::vector<FunctionSymbol>> functions = executable->functions();
  REQUIRE(functions.has_value());
  u32 count = 0;
  for (const FunctionSymbol& function : *functions)
    count += function.name == "main" ? 1 : 0;
  CHECK(count == 1);
}

TEST_CASE("usdt: probes with their arguments, prelinking undone") {
  std::vector<std::byte> notes;
  append_note(notes, {.location = 0x400020, .semaphore = 0x600008});
  append_note(notes, {.type = 4});
  append_note(notes, {.location = 0x400030, .strings = std::string_view("a\0b\0\0", 5)});
  ElfBuilder elf = program(notes);
  const u32 base = elf.add_section(".stapsdt.base", 1, 2, bytes_of(std::string_view("\0", 1)));
  elf.edit_section(base, [](SectionHeader& section) { section.address = 0x500010; });
  const std::vector<std::byte> file = elf.build();
  const Result<Executable> executable = Executable::parse(file);
  REQUIRE(executable.has_value());
  const Result<std::vector<UsdtProbe>> probes = read_usdt(*executable);
  REQUIRE(probes.has_value());
  REQUIRE(probes->size() == 2);
  CHECK(probes->at(0).provider == "prov");
  CHECK(probes->at(0).name == "name");
  CHECK(probes->at(0).arguments == "-4@%eax");
  CHECK(probes->at(0).file_offset == 0x30);
  CHECK(probes->at(0).semaphore == 0x600018);
  CHECK(probes->at(0).semaphore_offset == 0x118);
  CHECK(probes->at(1).semaphore == 0);
  CHECK(probes->at(1).arguments.empty());
}

TEST_CASE("usdt: a note that is cut, or whose strings do not end, is malformed") {
  std::vector<std::byte> notes;
  append_note(notes, {.strings = std::string_view("prov\0name", 9)});
  CHECK(message(program(notes).build()).starts_with(".note.stapsdt: note at 0x0: string at 0x1d"));
  notes.clear();
  append_note(notes, {});
  notes.resize(notes.size() - 8);
  CHECK(message(program(notes).build()).starts_with(".note.stapsdt: note at 0x0: bytes 0x14"));
  CHECK(
      message(program({std::byte{1}}).build()).starts_with(".note.stapsdt: note at 0x0: 4 bytes"));
}

TEST_CASE("usdt: operands may hold spaces") {
  const std::vector<UsdtArgument> list = split_arguments("-4@[sp, 16] 8@%rax 8f@%xmm0 1@$-3 x");
  REQUIRE(list.size() == 4);
  CHECK(list[0].place == "[sp, 16]");
  CHECK(list[0].size == 4);
  CHECK(list[0].is_signed);
  CHECK(list[1].place == "%rax");
  CHECK(!list[1].is_signed);
  CHECK(list[2].is_float);
  CHECK(list[2].size == 8);
  CHECK(list[3].place == "$-3 x");
  CHECK(split_arguments("").empty());
  REQUIRE(split_arguments("junk").size() == 1);
  CHECK(split_arguments("junk")[0].size == 0);
}
