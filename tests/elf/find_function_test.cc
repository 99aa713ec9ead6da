// SPDX-License-Identifier: Apache-2.0
// Functions of executables and shared objects, and the notes of USDT probes. The file is built
// here: a segment of code at 0x401000 that lies at 0x100 in the file, one of data at 0x502000 at
// 0x200.
#include "elf/find_function.h"

#include <algorithm>
#include <doctest/doctest.h>

#include "elf/format.h"

using namespace bpfld;
using namespace bpfld::elf;

namespace {

constexpr u64 kCode = 0x401000, kCodeOffset = 0x100, kData = 0x502000, kDataOffset = 0x200;
constexpr u64 kSegmentSize = 0x100;

struct ProgramHeader {
  u32 type, flags;
  u64 offset, address, physical, file_size, memory_size, alignment;
};
struct VersionDefinition {
  u16 version, flags, index, count;
  u32 hash, names, next;
};
struct VersionName {
  u32 name, next;
};
constexpr u16 kTypeShared = 3;
constexpr u32 kSectionVerdef = 0x6ffffffd, kSectionVersym = 0x6fffffff;

template <typename T>
void append(std::vector<std::byte>& out, const T& value) {
  const Bytes bytes = bytes_of(value);
  out.insert(out.end(), bytes.begin(), bytes.end());
}
void append_text(std::vector<std::byte>& out, std::string_view text) {
  append(out, '\0');
  out.pop_back();
  const Bytes bytes = bytes_of(text);
  out.insert(out.end(), bytes.begin(), bytes.end());
  append(out, '\0');
}

struct Function {
  std::string name;
  u64 address;
  u8 binding = 1;
  u16 version = 1;  // with `versions`: index, 0x8000 for one that is not the default
};

struct ExecutableBuilder {
  std::vector<Function> functions;
  std::vector<std::string> versions;  // indices 2, 3 ...
  u16 type = kTypeShared;

  std::vector<std::byte> build() const {
    struct Part {
      std::string name;
      u32 type;
      u64 address;
      u32 link;
      std::vector<std::byte> bytes;
    };
    std::vector<Part> parts = {{"", kSectionNull, 0, 0, {}}};
    std::vector<std::byte> strings(1), symbols(sizeof(SymbolRecord)), versym, verdef;
    append(versym, u16{0});
    for (const Function& function : functions) {
      SymbolRecord symbol{};
      symbol.name = static_cast<u32>(strings.size());
      symbol.info = static_cast<u8>(function.binding << 4 | 2);
      symbol.section = 1;
      symbol.value = function.address;
      symbol.size = 16;
      append(symbols, symbol);
      append_text(strings, function.name);
      append(versym, function.version);
    }
    for (std::size_t i = 0; i < versions.size(); i++) {
      VersionDefinition version{1,
                                0,
                                static_cast<u16>(i + 2),
                                1,
                                0,
                                sizeof(VersionDefinition),
                                sizeof(VersionDefinition) + sizeof(VersionName)};
      if (i + 1 == versions.size()) version.next = 0;
      append(verdef, version);
      append(verdef, VersionName{static_cast<u32>(strings.size()), 0});
      append_text(strings, versions[i]);
    }
    parts.push_back({".dynstr", 3, 0, 0, strings});
    parts.push_back({".dynsym", kSectionDynsym, 0, 1, symbols});
    if (!versions.empty()) {
      parts.push_back({".gnu.version", kSectionVersym, 0, 2, versym});
      parts.push_back({".gnu.version_d", kSectionVerdef, 0, 1, verdef});
    }
    std::vector<std::byte> names(1);
    std::vector<u32> name_offsets = {0};
    for (std::size_t i = 1; i < parts.size(); i++) {
      name_offsets.push_back(static_cast<u32>(names.size()));
      append_text(names, parts[i].name);
    }
    parts.push_back({"", 3, 0, 0, names});
    name_offsets.push_back(0);

    std::vector<std::byte> out(kDataOffset + kSegmentSize);
    std::vector<SectionHeader> headers;
    for (std::size_t i = 0; i < parts.size(); i++) {
      SectionHeader header{};
      header.name = name_offsets[i];
      header.type = parts[i].type;
      header.address = parts[i].address;
      header.offset = out.size();
      header.size = parts[i].bytes.size();
      header.link = parts[i].link;
      if (parts[i].type == kSectionDynsym) header.entry_size = sizeof(SymbolRecord);
      headers.push_back(header);
      out.insert(out.end(), parts[i].bytes.begin(), parts[i].bytes.end());
    }
    FileHeader file{};
    file.type = type;
    file.machine = 62;
    file.version = 1;
    file.program_headers = 64;
    file.program_entry_size = sizeof(ProgramHeader);
    file.program_count = 2;
    file.section_headers = out.size();
    file.section_entry_size = sizeof(SectionHeader);
    file.section_count = static_cast<u16>(parts.size());
    file.section_names = static_cast<u16>(parts.size() - 1);
    for (const SectionHeader& header : headers)
      append(out, header);
    std::vector<std::byte> start;
    for (int byte :
         {0x7f, int{'E'}, int{'L'}, int{'F'}, 2, kHostOrder == ByteOrder::little ? 1 : 2, 1})
      start.push_back(std::byte{static_cast<u8>(byte)});
    start.resize(16);
    append(start, file);
    append(start, ProgramHeader{1, 5, kCodeOffset, kCode, 0, kSegmentSize, kSegmentSize, 0});
    append(start, ProgramHeader{1, 6, kDataOffset, kData, 0, kSegmentSize, kSegmentSize, 0});
    std::ranges::copy(start, out.begin());
    return out;
  }
};

std::string place_of(const ExecutableBuilder& builder, std::string_view wanted) {
  const std::vector<std::byte> file = builder.build();
  const Result<Executable> executable = Executable::parse(file);
  if (!executable) return executable.error().message();
  const Result<FunctionPlace> place = find_function(*executable, wanted);
  if (!place)
    return place.error().message() +
           (place.error().detail.empty() ? "" : "; " + place.error().detail);
  return format("{:#x}", place->file_offset);
}

}  // namespace

TEST_CASE("find function: a function's place in the file comes from its segment") {
  ExecutableBuilder builder;
  builder.functions = {{"main", kCode + 0x20}, {"helper", kCode + 0x40}};
  CHECK(place_of(builder, "main") == "0x120");
  CHECK(place_of(builder, "helper") == "0x140");
  CHECK(place_of(builder, "0x401044") == "0x144");
  CHECK(place_of(builder, "halper") == "it has no function \"halper\"; did you mean: helper");
  CHECK(place_of(builder, "0x401100") == "it has no code at 0x401100");
  builder.functions = {{"outside", kCode + kSegmentSize}, {"main", kCode}};
  CHECK(place_of(builder, "outside") == "it has no function \"outside\"");
  builder.functions = {};
  CHECK(place_of(builder, "main") == "it has no symbols (stripped?), so no \"main\"");
}

TEST_CASE(
    "executable: of several symbols the default version wins, then the one that is not weak") {
  ExecutableBuilder builder;
  builder.versions = {"LIB_1", "LIB_2"};
  builder.functions = {{"f", kCode + 0x10, 1, 0x8002}, {"f", kCode + 0x20, 1, 3}};
  CHECK(place_of(builder, "f") == "0x120");
  CHECK(place_of(builder, "f@LIB_1") == "0x110");
  CHECK(place_of(builder, "f@@LIB_2") == "0x120");
  CHECK(place_of(builder, "f@LIB_3") == "it has no function \"f@LIB_3\"; did you mean: f");
  builder.versions = {};
  builder.functions = {{"g", kCode + 0x10, 2}, {"g", kCode + 0x20, 1}};
  CHECK(place_of(builder, "g") == "0x120");
  builder.functions = {{"g", kCode + 0x10, 0}, {"g", kCode + 0x20, 0}};
  CHECK(place_of(builder, "g") == "it has 2 functions \"g\"; did you mean: 0x401010, 0x401020");
  builder.functions = {{"g", kCode + 0x10, 0}, {"g", kCode + 0x10, 1}};
  CHECK(place_of(builder, "g") == "0x110");
}

TEST_CASE("find function: C++ functions are found by their demangled names") {
  ExecutableBuilder builder;
  builder.functions = {{"_ZN2ns1fEi", kCode + 0x10}, {"_ZN2ns1gEv", kCode + 0x20}};
  CHECK(place_of(builder, "ns::f(int)") == "0x110");
  CHECK(place_of(builder, "ns::f") == "0x110");
  CHECK(place_of(builder, "ns::g()") == "0x120");
  CHECK(place_of(builder, "ns::h").starts_with("it has no function \"ns::h\""));
}

TEST_CASE("find function: a pattern gives every function once") {
  ExecutableBuilder builder;
  builder.functions = {
      {"a_one", kCode}, {"a_two", kCode + 16}, {"a_alias", kCode}, {"b", kCode + 32}};
  builder.functions[0].address = kCode + 4;
  builder.functions[2].address = kCode + 4;
  const std::vector<std::byte> file = builder.build();
  const Result<Executable> executable = Executable::parse(file);
  REQUIRE(executable);
  const Result<std::vector<FunctionPlace>> places = match_functions(*executable, "a_*");
  REQUIRE(places);
  std::vector<u64> offsets;
  for (const FunctionPlace& place : *places)
    offsets.push_back(place.file_offset);
  CHECK(offsets == std::vector<u64>{0x104, 0x110});
}

TEST_CASE("find function: no truncation and no change of a byte makes it crash") {
  ExecutableBuilder builder;
  builder.versions = {"LIB_1", "LIB_2"};
  builder.functions = {{"f", kCode + 0x10, 1, 0x8002}, {"_ZN2ns1fEi", kCode + 0x20, 1, 3}};
  const std::vector<std::byte> good = builder.build();
  std::size_t parsed = 0;
  const auto visit = [&](const std::vector<std::byte>& file) {
    const Result<Executable> executable = Executable::parse(file);
    if (!executable) return;
    parsed++;
    static_cast<void>(find_function(*executable, "ns::f"));
  };
  for (std::size_t size = 0; size < good.size(); size++)
    visit({good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size)});
  CHECK(parsed == 0);
  for (std::size_t at = 0; at < good.size(); at++)
    for (const int changed : {0, 1, 0x7f, 0xff}) {
      std::vector<std::byte> bad = good;
      bad[at] = static_cast<std::byte>(changed);
      visit(bad);
    }
  CHECK(parsed > 0);
}
