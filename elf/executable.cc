// SPDX-License-Identifier: Apache-2.0
// Segments, sections, functions with their versions; then the search for one. See executable.h.
#include "elf/executable.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cxxabi.h>
#include <memory>
#include <set>

#include "base/escape.h"
#include "base/glob.h"
#include "base/near.h"
#include "elf/format.h"
#include "elf/header.h"
#include "elf/object.h"

namespace bpfld::elf {
namespace {

constexpr u8 kTypeFunction = 2;  // STT_FUNC
constexpr u8 kBindWeak = 2;      // STB_WEAK
constexpr u16 kVersionHidden = 0x8000;
constexpr u64 kMaxSegments = 65'535;
constexpr u64 kMaxVersions = 32'768;
constexpr std::size_t kMaxMangled = 1024;  // bytes; longer names are not demangled

using VersionNames = std::vector<std::string_view>;  // by index

// The versions that the file defines. A broken table gives fewer names, not a failure: a probe
// needs none of them.
VersionNames version_names(Bytes table, Bytes strings, ByteOrder order) {
  VersionNames names;
  u64 at = 0;
  for (u64 i = 0; i < kMaxVersions; i++) {
    const Result<VersionDefinition> version = load<VersionDefinition>(table, at, order);
    if (!version) break;
    const Result<VersionName> name = load<VersionName>(table, at + version->names, order);
    const std::size_t index = version->index & ~kVersionHidden;
    if (name) {
      if (index >= names.size()) names.resize(index + 1);
      names[index] = load_string(strings, name->name).value_or(std::string_view());
    }
    if (version->next == 0) break;
    at += version->next;
  }
  return names;
}

std::optional<std::string> demangle(std::string_view name) {
  if (!name.starts_with("_Z") || name.size() > kMaxMangled) return std::nullopt;
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> text(
      abi::__cxa_demangle(std::string(name).c_str(), nullptr, nullptr, &status), &std::free);
  if (status != 0 || !text) return std::nullopt;
  return std::string(text.get());
}

// "ns::f" and "ns::f(int)" both name "ns::f(int)".
bool names_demangled(std::string_view wanted, std::string_view mangled) {
  const std::optional<std::string> text = demangle(mangled);
  if (!text) return false;
  return *text == wanted || (text->starts_with(wanted) && (*text)[wanted.size()] == '(');
}

// spec: "name@VERSION" and "name@@VERSION", taken apart.
struct Wanted {
  std::string_view name, version;
};
Wanted take_apart(std::string_view text) {
  const std::size_t at = text.find('@');
  if (at == std::string_view::npos || at == 0) return {text, {}};
  std::string_view version = text.substr(at + 1);
  if (version.starts_with('@')) version.remove_prefix(1);
  return {text.substr(0, at), version};
}

std::vector<const FunctionSymbol*> find_symbols(const Executable& file, std::string_view text) {
  const Wanted wanted = take_apart(text);
  std::vector<const FunctionSymbol*> found;
  for (const FunctionSymbol& function : file.functions())
    if (function.name == wanted.name &&
        (wanted.version.empty() || function.version == wanted.version))
      found.push_back(&function);
  if (found.empty() && text.find_first_of(":(") != std::string_view::npos)
    for (const FunctionSymbol& function : file.functions())
      if (names_demangled(text, function.name)) found.push_back(&function);
  return found;
}

// Leaves those that win over the others: of a default version, not weak.
void prefer(std::vector<const FunctionSymbol*>& found, bool (*wins)(const FunctionSymbol&)) {
  if (std::ranges::any_of(found, [&](const FunctionSymbol* f) { return wins(*f); }))
    std::erase_if(found, [&](const FunctionSymbol* f) { return !wins(*f); });
}

std::unexpected<Error> missing(const Executable& file, std::string_view wanted) {
  std::unexpected<Error> failure =
      file.functions().empty()
          ? fail(Code::not_found, "it has no symbols (stripped?), so no \"{}\"",
                 escape_terminal(wanted))
          : fail(Code::not_found, "it has no function \"{}\"", escape_terminal(wanted));
  std::vector<std::string_view> names;
  for (const FunctionSymbol& function : file.functions())
    names.push_back(function.name);
  std::ranges::sort(names);
  names.erase(std::ranges::unique(names).begin(), names.end());
  for (std::string_view near : nearest(take_apart(wanted).name, names, 3))
    failure.error().detail += format(
        "{}{}", failure.error().detail.empty() ? "did you mean: " : ", ", escape_terminal(near));
  return failure;
}

Result<FunctionPlace> place_at(const Executable& file, std::string_view name, u64 address) {
  const std::optional<u64> offset = file.code_offset(address);
  if (!offset)
    return fail(Code::malformed, "\"{}\" at {:#x} is in no segment of code", escape_terminal(name),
                address);
  return FunctionPlace{std::string(name), *offset};
}

}  // namespace

Status Executable::read_segments(Bytes file) {
  const FileHeader header = TRY(load<FileHeader>(file, kIdentSize, order_));
  if (header.type != kTypeExecutable && header.type != kTypeShared)
    return fail(Code::unsupported,
                "file type is {}, neither an executable (2) nor a shared object "
                "(3)",
                header.type);
  relocatable_ = header.type == kTypeShared;
  machine_ = header.machine;
  if (header.program_count != 0 && header.program_entry_size != sizeof(ProgramHeader))
    return fail(Code::malformed, "e_phentsize is {} (byte 0x36), not {}", header.program_entry_size,
                sizeof(ProgramHeader));
  const u64 count = std::min<u64>(header.program_count, kMaxSegments);
  const Bytes table = TRY(slice(file, header.program_headers, count * sizeof(ProgramHeader)));
  for (u64 i = 0; i < count; i++) {
    const ProgramHeader segment =
        TRY(load<ProgramHeader>(table, i * sizeof(ProgramHeader), order_));
    if (segment.type == kSegmentLoad)
      segments_.push_back({segment.offset, segment.address, segment.file_size,
                           (segment.flags & kSegmentExec) != 0});
  }
  return {};
}

Status Executable::read_sections(Bytes file) {
  const FileOutline outline = TRY(read_any_outline(file));
  const auto header_at = [&](u64 index) {
    return load<SectionHeader>(file, outline.headers + index * sizeof(SectionHeader), order_);
  };
  const SectionHeader names = TRY(header_at(outline.names));
  const Bytes strings = TRY(slice(file, names.offset, names.size));
  for (u64 i = 0; i < outline.section_count; i++) {
    const SectionHeader header = TRY(header_at(i));
    NamedSection section;
    section.name = load_string(strings, header.name).value_or(std::string_view());
    section.type = header.type;
    section.link = header.link;
    section.address = header.address;
    if (header.type != kSectionNobits && header.type != kSectionNull)
      section.data = TRY(with_context(slice(file, header.offset, header.size),
                                      [&] { return format("section [{}]", i); }));
    sections_.push_back(section);
  }
  return {};
}

Status Executable::read_functions(Bytes, u32 symbols) {
  const NamedSection& table = sections_[symbols];
  const u64 count = table.data.size() / sizeof(SymbolRecord);
  if (count > kMaxFunctions)
    return fail(Code::limit, "{} symbols, more than {}", count, kMaxFunctions);
  if (table.link >= sections_.size())
    return fail(Code::malformed, "section [{}]: its string table is section [{}], of {}", symbols,
                table.link, sections_.size());
  const Bytes strings = sections_[table.link].data;
  Bytes version_of;
  VersionNames versions;
  if (table.type == kSectionDynsym) {
    for (const NamedSection& section : sections_) {
      if (section.type == kSectionVersym) version_of = section.data;
      if (section.type == kSectionVerdef && section.link < sections_.size())
        versions = version_names(section.data, sections_[section.link].data, order_);
    }
  }
  for (u64 i = 0; i < count; i++) {
    const SymbolRecord record =
        TRY(load<SymbolRecord>(table.data, i * sizeof(SymbolRecord), order_));
    if ((record.info & 0xf) != kTypeFunction || record.section == 0 || record.value == 0) continue;
    FunctionSymbol function;
    const Wanted name = take_apart(load_string(strings, record.name).value_or(std::string_view()));
    function.name = name.name;
    function.version = name.version;
    function.is_default = true;
    function.is_weak = (record.info >> 4) == kBindWeak;
    function.address = record.value;
    function.size = record.size;
    if (const Result<u16> version = load<u16>(version_of, i * sizeof(u16), order_); version) {
      const std::size_t index = *version & ~kVersionHidden;
      if (index < versions.size() && index > 1) function.version = versions[index];
      function.is_default = (*version & kVersionHidden) == 0;
    }
    if (!function.name.empty()) functions_.push_back(function);
  }
  return {};
}

Result<Executable> Executable::parse(Bytes file) {
  Executable out;
  const FileOutline outline = TRY(read_any_outline(file));
  out.order_ = outline.order;
  TRY(out.read_segments(file));
  TRY(out.read_sections(file));
  for (u32 type : {kSectionDynsym, kSectionSymtab})
    for (u32 i = 0; i < out.sections_.size(); i++)
      if (out.sections_[i].type == type) TRY(out.read_functions(file, i));
  return out;
}

std::optional<u64> Executable::offset(u64 address, bool code) const {
  for (const Segment& segment : segments_)
    if (segment.code == code && address >= segment.address &&
        address - segment.address < segment.size) {
      const u64 inside = address - segment.address;
      if (segment.offset > ~u64{0} - inside) return std::nullopt;
      return segment.offset + inside;
    }
  return std::nullopt;
}

std::optional<Executable::Section> Executable::section(std::string_view name) const {
  for (const NamedSection& section : sections_)
    if (section.name == name) return Section{section.address, section.data};
  return std::nullopt;
}

Result<FunctionPlace> find_function(const Executable& file, std::string_view wanted) {
  if (wanted.starts_with("0x")) {
    u64 address = 0;
    const char* const end = wanted.data() + wanted.size();
    const std::from_chars_result done = std::from_chars(wanted.data() + 2, end, address, 16);
    if (done.ec == std::errc() && done.ptr == end) return place_at(file, wanted, address);
  }
  std::vector<const FunctionSymbol*> found = find_symbols(file, wanted);
  if (found.empty()) return missing(file, wanted);
  prefer(found, [](const FunctionSymbol& f) { return f.is_default; });
  prefer(found, [](const FunctionSymbol& f) { return !f.is_weak; });
  std::set<u64> addresses;
  for (const FunctionSymbol* function : found)
    addresses.insert(function->address);
  if (addresses.size() == 1) return place_at(file, found[0]->name, *addresses.begin());
  std::unexpected<Error> failure = fail(Code::ambiguous, "it has {} functions \"{}\"",
                                        addresses.size(), escape_terminal(wanted));
  for (u64 address : addresses)
    failure.error().detail +=
        format("{}{:#x}", failure.error().detail.empty() ? "did you mean: " : ", ", address);
  return failure;
}

std::vector<FunctionPlace> match_functions(const Executable& file, std::string_view glob) {
  std::vector<FunctionPlace> out;
  std::set<u64> seen;
  for (const FunctionSymbol& function : file.functions()) {
    if (!glob_matches(glob, function.name)) continue;
    const std::optional<u64> offset = file.code_offset(function.address);
    if (offset && seen.insert(*offset).second) out.push_back({std::string(function.name), *offset});
  }
  return out;
}

}  // namespace bpfld::elf
