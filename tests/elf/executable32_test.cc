// SPDX-License-Identifier: Apache-2.0
// A program of a 32-bit machine, written by hand: its functions and its USDT probe are found like
// those of others, and no change of its bytes leads outside of it.
#include <doctest/doctest.h>
#include <string>
#include <vector>

#include "elf/executable.h"
#include "elf/usdt.h"

namespace {

using namespace bpfld;
using namespace bpfld::elf;

void put16(std::string& out, u32 value) {
  out += static_cast<char>(value & 0xff);
  out += static_cast<char>(value >> 8 & 0xff);
}
void put32(std::string& out, u32 value) {
  put16(out, value & 0xffff);
  put16(out, value >> 16);
}
void put_all(std::string& out, std::initializer_list<u32> values) {
  for (const u32 value : values)
    put32(out, value);
}

// One segment, 0x8048000 at the file's start, and after the headers: .symtab with function `work`
// at 0x8048040, .strtab, .note.stapsdt, .shstrtab.
std::string program() {
  constexpr u32 kBase = 0x8048000;
  std::string symbols(16, '\0');
  put_all(symbols, {1, kBase + 0x40, 8});
  symbols += '\x12';  // STB_GLOBAL, STT_FUNC
  symbols += '\0';
  put16(symbols, 1);
  const std::string strings("\0work\0", 6);
  std::string note;
  const std::string text("app\0loop\0-4@%eax 4@-8(%ebp)\0", 29);
  put_all(note, {8, static_cast<u32>(12 + text.size()), 3});
  note += std::string("stapsdt\0", 8);
  put_all(note, {kBase + 0x44, 0, kBase + 0x50});
  note += text;
  note.resize((note.size() + 3) / 4 * 4, '\0');
  const std::string names("\0.symtab\0.strtab\0.note.stapsdt\0.shstrtab\0", 41);

  constexpr u32 kHeader = 52, kSegment = 32, kStart = 0x60;
  const u32 at_strings = kStart + static_cast<u32>(symbols.size());
  const u32 at_note = at_strings + static_cast<u32>(strings.size());
  const u32 at_names = at_note + static_cast<u32>(note.size());
  const u32 at_sections = at_names + static_cast<u32>(names.size());
  std::string out(
      "\x7f"
      "ELF\1\1\1",
      7);
  out.resize(16, '\0');
  put16(out, 2);  // ET_EXEC
  put16(out, 3);  // EM_386
  put_all(out, {1, kBase, kHeader, at_sections, 0});
  for (const u32 value : {kHeader, kSegment, 1u, 40u, 5u, 4u})
    put16(out, value);
  put_all(out, {1, 0, kBase, kBase, at_sections, at_sections, 5, 0x1000});
  out.resize(kStart, '\0');
  out += symbols + strings + note + names;
  out += std::string(40, '\0');
  put_all(out, {1, 2, 0, 0, kStart, static_cast<u32>(symbols.size()), 2, 1, 4, 16});
  put_all(out, {9, 3, 0, 0, at_strings, static_cast<u32>(strings.size()), 0, 0, 1, 0});
  put_all(out, {17, 7, 0, 0, at_note, static_cast<u32>(note.size()), 0, 0, 4, 0});
  put_all(out, {31, 3, 0, 0, at_names, static_cast<u32>(names.size()), 0, 0, 1, 0});
  return out;
}

}  // namespace

TEST_CASE("executable: a 32-bit program has functions and probes like others") {
  const std::string file = program();
  const Result<Executable> binary = Executable::parse(bytes_of(std::string_view(file)));
  REQUIRE_MESSAGE(binary, (binary ? "" : binary.error().message()));
  CHECK_FALSE(binary->is_64_bit());
  CHECK(binary->machine() == 3);
  CHECK_FALSE(binary->is_relocatable());
  const Result<std::vector<FunctionSymbol>> functions = binary->functions();
  REQUIRE(functions);
  REQUIRE(functions->size() == 1);
  CHECK(functions->front().name == "work");
  CHECK(functions->front().file_offset == 0x40);
  const Result<std::vector<UsdtProbe>> probes = read_usdt(*binary);
  REQUIRE_MESSAGE(probes, (probes ? "" : probes.error().message()));
  REQUIRE(probes->size() == 1);
  CHECK(probes->front().provider == "app");
  CHECK(probes->front().name == "loop");
  CHECK(probes->front().arguments == "-4@%eax 4@-8(%ebp)");
  CHECK(probes->front().file_offset == 0x44);
  CHECK(probes->front().semaphore_offset == 0x50);
}

TEST_CASE("executable: a 32-bit program, cut or changed anywhere, is read within its bytes") {
  const std::string file = program();
  const auto look_at = [](const std::string& bytes) {
    const Result<Executable> binary = Executable::parse(bytes_of(std::string_view(bytes)));
    if (!binary) return;
    static_cast<void>(binary->functions());
    static_cast<void>(read_usdt(*binary));
  };
  for (std::size_t size = 0; size < file.size(); size++)
    look_at(std::string(file.data(), size));
  for (std::size_t at = 0; at < file.size(); at++)
    for (const char value : {'\0', '\1', '\x7f', '\xff'}) {
      std::string changed = file;
      changed[at] = value;
      look_at(changed);
    }
  CHECK_FALSE(Executable::parse(bytes_of(std::string_view(file).substr(0, 51))));
}
