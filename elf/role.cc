// SPDX-License-Identifier: Apache-2.0
// The names by which compilers and BPF loaders agree on what a section holds.
#include "elf/role.h"

#include <array>
#include <utility>

#include "elf/format.h"
#include "elf/object.h"

namespace bpfld::elf {
namespace {

enum class Match : u8 {
  whole,   // the name itself
  dotted,  // the name, or the name followed by '.' and anything
  prefix,  // anything that starts so
  suffix,  // anything that ends so
};

struct NameRow {
  std::string_view name;
  Match match;
  SectionRole role;
};

// clang-format off
constexpr std::array kNames = {
    NameRow{".maps",            Match::whole,  SectionRole::maps},
    NameRow{"maps",             Match::whole,  SectionRole::legacy_maps},
    NameRow{"maps/",            Match::prefix, SectionRole::legacy_maps},  // gobpf: a section for each map
    NameRow{"/maps",            Match::suffix, SectionRole::legacy_maps},  // ir-keytable: lirc_mode2/maps
    NameRow{".data",            Match::dotted, SectionRole::data},
    NameRow{".rodata",          Match::dotted, SectionRole::rodata},
    NameRow{".bss",             Match::dotted, SectionRole::bss},
    NameRow{".addr_space.1",    Match::whole,  SectionRole::arena},
    NameRow{".struct_ops",      Match::whole,  SectionRole::struct_ops},
    NameRow{".struct_ops.link", Match::whole,  SectionRole::struct_ops},
    NameRow{"?.struct_ops",     Match::whole,  SectionRole::struct_ops},  // may fail to exist in the kernel
    NameRow{"?.struct_ops.link", Match::whole, SectionRole::struct_ops},
    NameRow{".kconfig",         Match::whole,  SectionRole::kconfig},
    NameRow{".ksyms",           Match::whole,  SectionRole::ksyms},
    NameRow{".jumptables",      Match::whole,  SectionRole::jump_tables},
    NameRow{"license",          Match::whole,  SectionRole::license},
    NameRow{"version",          Match::whole,  SectionRole::version},
    NameRow{".BTF",             Match::whole,  SectionRole::btf},
    NameRow{".BTF.ext",         Match::whole,  SectionRole::btf_ext},
    NameRow{".debug_",          Match::prefix, SectionRole::debug},
};
// clang-format on

constexpr bool matches(const NameRow& row, std::string_view name) {
  if (row.match == Match::suffix) return name.ends_with(row.name);
  if (!name.starts_with(row.name)) return false;
  const std::string_view rest = name.substr(row.name.size());
  switch (row.match) {
    case Match::whole: return rest.empty();
    case Match::dotted: return rest.empty() || rest.front() == '.';
    case Match::prefix:
    case Match::suffix: return true;
  }
  std::unreachable();
}

constexpr SectionRole role_by_name(std::string_view name) {
  for (const NameRow& row : kNames)
    if (matches(row, name)) return row.role;
  return SectionRole::ignored;
}

// Every row is reachable: no earlier row takes its name.
static_assert([] {
  for (const NameRow& row : kNames)
    if (role_by_name(row.name) != row.role) return false;
  return true;
}());
static_assert(role_by_name(".rodata.str1.1") == SectionRole::rodata);
static_assert(role_by_name(".database") == SectionRole::ignored);
static_assert(role_by_name("lirc_mode2/maps") == SectionRole::legacy_maps);
static_assert(role_by_name("bitmaps") == SectionRole::ignored);

}  // namespace

SectionRole role_of(const Section& section) {
  switch (section.type) {
    case kSectionNull:
    case kSectionDynsym:
    case kSectionLlvmAddrsig: return SectionRole::ignored;
    case kSectionSymtab: return SectionRole::symbols;
    case kSectionStrtab: return SectionRole::strings;
    case kSectionRel:
    case kSectionRela: return SectionRole::relocations;
    default: return section.is_code() ? SectionRole::code : role_by_name(section.name);
  }
}

std::string_view name_of(SectionRole role) {
  switch (role) {
    case SectionRole::ignored: return "ignored";
    case SectionRole::code: return "code";
    case SectionRole::maps: return "maps";
    case SectionRole::legacy_maps: return "legacy_maps";
    case SectionRole::data: return "data";
    case SectionRole::rodata: return "rodata";
    case SectionRole::bss: return "bss";
    case SectionRole::arena: return "arena";
    case SectionRole::struct_ops: return "struct_ops";
    case SectionRole::kconfig: return "kconfig";
    case SectionRole::ksyms: return "ksyms";
    case SectionRole::jump_tables: return "jump_tables";
    case SectionRole::license: return "license";
    case SectionRole::version: return "version";
    case SectionRole::btf: return "btf";
    case SectionRole::btf_ext: return "btf_ext";
    case SectionRole::relocations: return "relocations";
    case SectionRole::symbols: return "symbols";
    case SectionRole::strings: return "strings";
    case SectionRole::debug: return "debug";
  }
  std::unreachable();
}

}  // namespace bpfld::elf
