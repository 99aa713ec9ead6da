// SPDX-License-Identifier: Apache-2.0
// Libraries inside an archive: an Android .apk, and zip files in general, may hold shared libraries
// that are mapped from where they are, without being unpacked. Such a member is not compressed, so
// it is a part of the archive's bytes, and a probe on it is a probe on the archive at a larger
// offset. "/data/app.apk!/lib/x86_64/libfoo.so" names one.
//
// Format: PKWARE's APPNOTE.TXT, without ZIP64, encryption and compression.
#pragma once

#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

namespace bpfld::elf {

// view: a name taken apart.
struct MemberName {
  std::string_view archive, member;
};
// Empty when the name has no "!/".
std::optional<MemberName> split_member(std::string_view name);

// view: the bytes of a member, and where in the archive they are.
struct Member {
  u64 offset = 0;
  Bytes data;
};
// The member of that name. Errors: malformed (no archive, or a broken one), not_found (near names
// in `detail`), unsupported (compressed, encrypted).
[[nodiscard]] Result<Member> find_member(Bytes archive LIFETIMEBOUND, std::string_view name);

}  // namespace bpfld::elf
