// SPDX-License-Identifier: Apache-2.0
// See section.h. Names that do not matter are not checked: only a match must be whole.
#include "elf/section.h"

#include <algorithm>

#include "base/escape.h"
#include "elf/format.h"
#include "elf/header.h"

namespace bpfld::elf {
namespace {

// Whether the string table has `name`, and its NUL, at `offset`.
bool is_named(Bytes names, u64 offset, std::string_view name) {
  if (!fits(names.size(), offset, name.size()) || names.size() - offset == name.size())
    return false;
  const std::string_view rest = text_of(names.subspan(static_cast<std::size_t>(offset)));
  return rest.starts_with(name) && rest[name.size()] == '\0';
}

Result<Bytes> bytes_of_section(Bytes file, const SectionHeader& header, u64 index) {
  if (header.type == kSectionNobits || header.type == kSectionNull)
    return fail(Code::not_found, "section [{}] has no bytes in the file", index);
  if ((header.flags & kFlagCompressed) != 0)
    return fail(Code::unsupported, "section [{}] is compressed (SHF_COMPRESSED)", index);
  return with_context(slice(file, header.offset, header.size),
                      [&] { return format("section [{}]", index); });
}

}  // namespace

bool is_elf(Bytes file) {
  return file.size() >= kElfMagic.size() &&
         std::ranges::equal(file.first(kElfMagic.size()), std::as_bytes(std::span(kElfMagic)));
}

Result<Bytes> find_section_bytes(Bytes file, std::string_view name) {
  const FileOutline outline = TRY(read_any_outline(file));
  const auto header_of = [&](u64 index) {
    return load<SectionHeader>(file, outline.headers + index * sizeof(SectionHeader),
                               outline.order);
  };
  const SectionHeader names_header = TRY(header_of(outline.names));
  const Bytes names = TRY(bytes_of_section(file, names_header, outline.names));
  for (u64 index = 1; index < outline.section_count; index++) {
    const SectionHeader header = TRY(header_of(index));
    if (is_named(names, header.name, name)) return bytes_of_section(file, header, index);
  }
  return fail(Code::not_found, "there is no section {}", escape_terminal(name));
}

}  // namespace bpfld::elf
