// SPDX-License-Identifier: Apache-2.0
// e_ident, then the file header, then the two numbers that may not fit in it.
// Rules: elf(5); System V gABI chapter 4. e_ehsize, e_entry and the program headers are not looked
// at: a relocatable object does not need them, and nothing here depends on them.
#include "elf/header.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/escape.h"
#include "elf/format.h"
#include "elf/object.h"

namespace bpfld::elf {
namespace {

constexpr std::array<u8, 4> kBitcodeMagic = {'B', 'C', 0xc0, 0xde};  // llvm/docs/BitCodeFormat.rst
constexpr std::array<u8, 4> kBitcodeWrapper = {0xde, 0xc0, 0x17,
                                               0x0b};  // 0x0B17C0DE, little-endian

bool starts_with(Bytes file, const std::array<u8, 4>& magic) {
  return file.size() >= magic.size() &&
         std::ranges::equal(file.first(magic.size()), std::as_bytes(std::span(magic)));
}

// clang-format off
constexpr std::array<std::pair<u16, std::string_view>, 10> kMachines = {{
    {3, "i386"}, {8, "MIPS"}, {20, "PowerPC"}, {21, "PowerPC64"}, {22, "s390"}, {40, "ARM"},
    {62, "x86-64"}, {183, "AArch64"}, {243, "RISC-V"}, {258, "LoongArch"},
}};
constexpr std::array<std::pair<u16, std::string_view>, 4> kFileTypes = {{
    {0, "none"}, {2, "an executable"}, {3, "a shared object"}, {4, "a core dump"},
}};
// clang-format on

// "x86-64 (62)", or the number alone when it has no row.
template <std::size_t N>
std::string named(const std::array<std::pair<u16, std::string_view>, N>& rows, u16 value) {
  for (const auto& [number, name] : rows)
    if (number == value) return format("{} ({})", name, value);
  return format("{}", value);
}

// e_ident: is this ELF64 at all, and in which byte order is the rest?
Result<ByteOrder> read_ident(Bytes file) {
  if (file.empty()) return fail(Code::malformed, "not ELF: the file is empty");
  if (starts_with(file, kBitcodeMagic) || starts_with(file, kBitcodeWrapper))
    return fail(Code::unsupported, "not ELF: this is LLVM bitcode");
  if (!starts_with(file, kElfMagic))
    return fail(Code::malformed, "not ELF: starts with '{}'",
                escape_terminal(text_of(file.first(std::min<std::size_t>(file.size(), 8)))));
  if (file.size() < kFileHeaderSize)
    return fail(Code::malformed, "the file ends inside the ELF header: {} of {} bytes", file.size(),
                kFileHeaderSize);
  const u8 elf_class = static_cast<u8>(file[kIdentClass]);
  if (elf_class == kClass32)
    return fail(Code::unsupported, "this is 32-bit ELF (EI_CLASS=1); BPF objects are 64-bit");
  if (elf_class != kClass64)
    return fail(Code::malformed, "EI_CLASS is {} (byte 0x4), not ELFCLASS64 (2)", elf_class);
  const u8 version = static_cast<u8>(file[kIdentVersion]);
  if (version != kVersionCurrent)
    return fail(Code::malformed, "EI_VERSION is {} (byte 0x6), not 1", version);
  const u8 data = static_cast<u8>(file[kIdentData]);
  if (data == kDataLittle) return ByteOrder::little;
  if (data == kDataBig) return ByteOrder::big;
  return fail(Code::malformed,
              "EI_DATA is {} (byte 0x5), neither little-endian (1) nor big-endian (2)", data);
}

// Whether a loader can do something with the file.
Status check_is_object(const FileHeader& header) {
  if (header.machine != kMachineBpf && header.machine != kMachineNone)
    return fail(Code::unsupported, "machine is {}, not BPF (247)",
                named(kMachines, header.machine));
  if (header.type != kTypeRelocatable)
    return fail(Code::unsupported, "file type is {}, not a relocatable object (1)",
                named(kFileTypes, header.type));
  return {};
}

Status check_header(const FileHeader& header) {
  if (header.version != kVersionCurrent)
    return fail(Code::malformed, "e_version is {} (byte 0x14), not 1", header.version);
  if (header.section_headers == 0)
    return fail(Code::malformed, "there is no section header table (e_shoff is 0)");
  if (header.section_entry_size != sizeof(SectionHeader))
    return fail(Code::malformed, "e_shentsize is {} (byte 0x3a), not {}", header.section_entry_size,
                sizeof(SectionHeader));
  return {};
}

// Counts and indices of 0xff00 and more do not fit e_shnum and e_shstrndx; they then sit in section
// 0.
Result<FileOutline> find_headers(Bytes file, const FileHeader& header, ByteOrder order) {
  FileOutline outline;
  outline.order = order;
  outline.machine = header.machine;
  outline.headers = header.section_headers;
  outline.section_count = header.section_count;
  outline.names = header.section_names;
  if (header.section_count >= kIndexReserved)
    return fail(Code::malformed, "e_shnum is {:#x} (byte 0x3c), a reserved section index",
                outline.section_count);
  if (header.section_count == 0 || header.section_names == kIndexExtended) {
    const Result<SectionHeader> first = load<SectionHeader>(file, outline.headers, order);
    if (!first)
      return fail(Code::malformed,
                  "section header [0] at byte {:#x} is past the end, file has {} bytes",
                  outline.headers, file.size());
    if (header.section_count == 0) outline.section_count = first->size;
    if (header.section_names == kIndexExtended) outline.names = first->link;
  } else if (header.section_names >= kIndexReserved) {
    return fail(Code::malformed, "e_shstrndx is {:#x} (byte 0x3e), a reserved section index",
                outline.names);
  }
  if (outline.section_count == 0)
    return fail(Code::malformed, "there are no sections (e_shnum and section [0]'s size are 0)");
  if (outline.section_count > kMaxSections)
    return fail(Code::limit, "{} sections, more than {}", outline.section_count, kMaxSections);
  if (!fits(file.size(), outline.headers, outline.section_count * sizeof(SectionHeader)))
    return fail(
        Code::malformed,
        "{} section headers of {} bytes at offset {:#x} reach past the end, file has {} bytes",
        outline.section_count, sizeof(SectionHeader), outline.headers, file.size());
  if (outline.names == 0)
    return fail(Code::malformed, "the sections have no names (e_shstrndx is 0)");
  if (outline.names >= outline.section_count)
    return fail(Code::malformed, "e_shstrndx: section [{}] does not exist ({} sections)",
                outline.names, outline.section_count);
  return outline;
}

}  // namespace

Result<FileOutline> read_outline(Bytes file) {
  const ByteOrder order = TRY(read_ident(file));
  const FileHeader header = TRY(load<FileHeader>(file, kIdentSize, order));
  TRY(check_is_object(header));
  TRY(check_header(header));
  return find_headers(file, header, order);
}

Result<FileOutline> read_any_outline(Bytes file) {
  const ByteOrder order = TRY(read_ident(file));
  const FileHeader header = TRY(load<FileHeader>(file, kIdentSize, order));
  TRY(check_header(header));
  return find_headers(file, header, order);
}

}  // namespace bpfld::elf
