// SPDX-License-Identifier: Apache-2.0
// The directory of a zip file is at its end, and what says where it starts comes last of all,
// before a comment of up to 64 KiB. See archive.h.
#include "elf/archive.h"

#include <algorithm>
#include <vector>

#include "base/escape.h"
#include "base/near.h"

namespace bpfld::elf {
namespace {

constexpr u32 kEndSignature = 0x06054b50, kEntrySignature = 0x02014b50,
              kLocalSignature = 0x04034b50;
constexpr u64 kEndSize = 22, kEntrySize = 46, kLocalSize = 30, kMaxComment = 0xffff;
constexpr ByteOrder kOrder = ByteOrder::little;

Result<u64> find_end(Bytes archive) {
  if (archive.size() >= kEndSize) {
    const u64 last = archive.size() - kEndSize;
    const u64 first = last - std::min(last, kMaxComment);
    for (u64 at = last + 1; at > first; at--)
      if (TRY(load<u32>(archive, at - 1, kOrder)) == kEndSignature) return at - 1;
  }
  return fail(Code::malformed, "it is no zip archive: it has no directory at its end");
}

// spec: what the directory says of one member.
struct Entry {
  std::string_view name;
  u16 flags = 0, method = 0;
  u64 stored = 0, size = 0, local = 0;
};

Result<Entry> next_entry(Bytes archive, u64& at) {
  const Bytes header = TRY(slice(archive, at, kEntrySize));
  if (TRY(load<u32>(header, 0, kOrder)) != kEntrySignature)
    return fail(Code::malformed, "byte {:#x} is not the start of a directory entry", at);
  Entry out;
  out.flags = TRY(load<u16>(header, 8, kOrder));
  out.method = TRY(load<u16>(header, 10, kOrder));
  out.stored = TRY(load<u32>(header, 20, kOrder));
  out.size = TRY(load<u32>(header, 24, kOrder));
  const u64 name = TRY(load<u16>(header, 28, kOrder));
  const u64 extra = TRY(load<u16>(header, 30, kOrder));
  const u64 comment = TRY(load<u16>(header, 32, kOrder));
  out.local = TRY(load<u32>(header, 42, kOrder));
  out.name = text_of(TRY(slice(archive, at + kEntrySize, name)));
  at += kEntrySize + name + extra + comment;  // three u16: no overflow
  return out;
}

Result<Member> open_entry(Bytes archive, const Entry& entry) {
  constexpr u16 kEncrypted = 1, kStored = 0;
  constexpr u64 kZip64 = 0xffffffff;
  if ((entry.flags & kEncrypted) != 0)
    return fail(Code::unsupported, "member {} is encrypted", escape_terminal(entry.name));
  if (entry.method != kStored || entry.stored != entry.size)
    return fail(Code::unsupported,
                "member {} is compressed: what is mapped from the archive is not, and only that "
                "can be probed",
                escape_terminal(entry.name));
  if (entry.local == kZip64 || entry.size == kZip64)
    return fail(Code::unsupported, "member {} is beyond 4 GiB (ZIP64)",
                escape_terminal(entry.name));
  const Bytes local = TRY(slice(archive, entry.local, kLocalSize));
  if (TRY(load<u32>(local, 0, kOrder)) != kLocalSignature)
    return fail(Code::malformed, "member {} does not start at byte {:#x}",
                escape_terminal(entry.name), entry.local);
  const u64 name = TRY(load<u16>(local, 26, kOrder));
  const u64 extra = TRY(load<u16>(local, 28, kOrder));
  Member out;
  out.offset = entry.local + kLocalSize + name + extra;
  out.data = TRY(slice(archive, out.offset, entry.size));
  return out;
}

}  // namespace

std::optional<MemberName> split_member(std::string_view name) {
  const std::size_t mark = name.find("!/");
  if (mark == std::string_view::npos || mark == 0 || mark + 2 == name.size()) return std::nullopt;
  return MemberName{.archive = name.substr(0, mark), .member = name.substr(mark + 2)};
}

Result<Member> find_member(Bytes archive, std::string_view name) {
  const u64 end = TRY(find_end(archive));
  const u64 count = TRY(load<u16>(archive, end + 10, kOrder));
  u64 at = TRY(load<u32>(archive, end + 16, kOrder));
  std::vector<std::string_view> names;
  for (u64 i = 0; i < count; i++) {
    const Entry entry = TRY(next_entry(archive, at));
    if (entry.name == name) return open_entry(archive, entry);
    names.push_back(entry.name);
  }
  std::unexpected<Error> failure =
      fail(Code::not_found, "it has no member \"{}\"", escape_terminal(name));
  failure.error().detail = did_you_mean(nearest(name, names, 3));
  return failure;
}

}  // namespace bpfld::elf
