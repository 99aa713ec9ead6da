// SPDX-License-Identifier: Apache-2.0
// The tables as text, and the role of every section name that means something.
#include "elf/describe.h"

#include <doctest/doctest.h>
#include <set>

#include "elf/format.h"
#include "tests/support/elf_builder.h"

namespace {

using namespace bpfld;
using namespace bpfld::elf;
using bpfld::test::ElfBuilder;

SectionRole role(std::string_view name, u32 type = kSectionProgbits, u64 flags = kFlagAlloc) {
  Section section;
  section.name = name;
  section.type = type;
  section.flags = flags;
  return role_of(section);
}

}  // namespace

TEST_CASE("elf: sections as text") {
  const std::vector<std::byte> file = test::small_object().build();
  CHECK(describe_sections(*Object::parse(file)) ==
        R"(  Nr  Name       Role         Type      Offset  Size  Entry  Flags  Link  Info  Align
 [0]                          NULL         0x0   0x0      0            0     0      0
 [1]  .text      code         PROGBITS    0x40  0x10      0  AX        0     0      8
 [2]  xdp        code         PROGBITS    0x50  0x20      0  AX        0     0      8
 [3]  .maps      maps         PROGBITS    0x70   0x8      0  WA        0     0      8
 [4]  .rodata    rodata       PROGBITS    0x78   0x4      0  A         0     0      8
 [5]  .bss       bss          NOBITS      0x80  0x10      0  WA        0     0      8
 [6]  license    license      PROGBITS    0x80   0x4      0  WA        0     0      8
 [7]  .relxdp    relocations  REL         0x88  0x20     16            8     2      8
 [8]  .symtab    symbols      SYMTAB      0xa8  0xc0     24            9     3      8
 [9]  .strtab    strings      STRTAB     0x168  0x2c      0            0     0      1
[10]  .shstrtab  strings      STRTAB     0x194  0x48      0            0     0      1
)");
}

TEST_CASE("elf: symbols as text") {
  const std::vector<std::byte> file = test::small_object().build();
  CHECK(describe_symbols(*Object::parse(file)) ==
        R"( Nr  Value  Size  Type      Binding  Section      Name
[0]    0x0     0  none      local
[1]    0x0    16  function  local    [1] .text    sub
[2]    0x0     0  section   local    [4] .rodata
[3]    0x0    32  function  global   [2] xdp      prog
[4]    0x0     8  object    global   [3] .maps    events
[5]    0x8     8  object    global   [5] .bss     counter
[6]    0x0     4  object    global   [6] license  _license
[7]    0x0     0  none      global   extern       bpf_kfunc
)");
}

TEST_CASE("elf: relocations as text") {
  const std::vector<std::byte> file = test::small_object().build();
  CHECK(describe_relocations(*Object::parse(file)) == R"([7] .relxdp patches [2] xdp: 2 relocations
Offset  Type         Addend  Symbol
   0x0  R_BPF_64_64       0  [4] events
  0x10  R_BPF_64_32       0  [1] sub
)");
}

TEST_CASE("elf: text about hostile names is escaped and cut") {
  ElfBuilder elf;
  const u32 code = elf.add_code("\x1b[31m\xc2\x9b", {test::kExit});
  elf.add_function("\r\xff" + std::string(2000, 'a'), code, 0, 8);
  const std::vector<std::byte> file = elf.build();
  const Result<Object> object = Object::parse(file);
  REQUIRE(object.has_value());
  CHECK(describe_sections(*object).find(R"(\x1b[31m\x9b  code)") != std::string::npos);
  CHECK(describe_symbols(*object).find(R"(\x0d\xff)" + std::string(62, 'a') + "...\n") !=
        std::string::npos);
}

TEST_CASE("elf: flags, types and relocation types without a name are numbers") {
  CHECK(section_flag_letters(kFlagWrite | kFlagAlloc | kFlagExec | kFlagCompressed) == "WAXC");
  CHECK(section_flag_letters(u64{1} << 63) == "x");
  CHECK(section_type_name(kSectionLlvmAddrsig) == "LLVM_ADDRSIG");
  CHECK(section_type_name(0x70000001) == "0x70000001");
  CHECK(relocation_type_name(256) == "type 256");
}

TEST_CASE("elf: the role of a section is its type's, then code's, then its name's") {
  CHECK(role("license", kSectionRel) == SectionRole::relocations);
  CHECK(role("x", kSectionSymtab) == SectionRole::symbols);
  CHECK(role("x", kSectionStrtab) == SectionRole::strings);
  CHECK(role(".data", kSectionNull) == SectionRole::ignored);
  CHECK(role(".llvm_addrsig", kSectionLlvmAddrsig) == SectionRole::ignored);
  CHECK(role(".data", kSectionProgbits, kFlagExec) == SectionRole::code);
  CHECK(role("xdp", kSectionProgbits, kFlagExec) == SectionRole::code);
  CHECK(role("xdp") == SectionRole::ignored);
  CHECK(role(".eh_frame") == SectionRole::ignored);
}

TEST_CASE("elf: names that mean something, and their near misses") {
  CHECK(role(".maps") == SectionRole::maps);
  CHECK(role("maps") == SectionRole::legacy_maps);
  CHECK(role(".data") == SectionRole::data);
  CHECK(role(".data.read_mostly") == SectionRole::data);
  CHECK(role(".datax") == SectionRole::ignored);
  CHECK(role(".rodata.str1.1") == SectionRole::rodata);
  CHECK(role(".bss.hot", kSectionNobits) == SectionRole::bss);
  CHECK(role(".addr_space.1", kSectionNobits) == SectionRole::arena);
  CHECK(role(".struct_ops") == SectionRole::struct_ops);
  CHECK(role(".struct_ops.link") == SectionRole::struct_ops);
  CHECK(role("?.struct_ops.link") == SectionRole::struct_ops);
  CHECK(role(".struct_ops.links") == SectionRole::ignored);
  CHECK(role(".kconfig") == SectionRole::kconfig);
  CHECK(role(".ksyms") == SectionRole::ksyms);
  CHECK(role(".jumptables") == SectionRole::jump_tables);
  CHECK(role("version") == SectionRole::version);
  CHECK(role(".BTF") == SectionRole::btf);
  CHECK(role(".BTF.ext") == SectionRole::btf_ext);
  CHECK(role(".BTF_ids") == SectionRole::ignored);
  CHECK(role(".debug_line") == SectionRole::debug);
}

TEST_CASE("elf: every role, symbol type and binding has a name of its own") {
  std::set<std::string_view> roles;
  for (u8 i = 0; i <= static_cast<u8>(SectionRole::debug); i++)
    roles.insert(name_of(static_cast<SectionRole>(i)));
  CHECK(roles.size() == static_cast<std::size_t>(SectionRole::debug) + 1);
  std::set<std::string_view> types;
  for (u8 i = 0; i <= static_cast<u8>(SymbolType::other); i++)
    types.insert(name_of(static_cast<SymbolType>(i)));
  CHECK(types.size() == static_cast<std::size_t>(SymbolType::other) + 1);
  std::set<std::string_view> bindings;
  for (u8 i = 0; i <= static_cast<u8>(SymbolBinding::other); i++)
    bindings.insert(name_of(static_cast<SymbolBinding>(i)));
  CHECK(bindings.size() == static_cast<std::size_t>(SymbolBinding::other) + 1);
}
