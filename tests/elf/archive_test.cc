// SPDX-License-Identifier: Apache-2.0
// Members of zip archives: found when they are stored, refused with a reason when they are not, and
// no bytes lead anywhere else.
#include "elf/archive.h"

#include <doctest/doctest.h>
#include <string>
#include <vector>

namespace {

using namespace bpfld;
using namespace bpfld::elf;

void put16(std::string& out, u32 value) {
  out += static_cast<char>(value & 0xff);
  out += static_cast<char>(value >> 8 & 0xff);
}
void put32(std::string& out, u64 value) {
  put16(out, static_cast<u32>(value & 0xffff));
  put16(out, static_cast<u32>(value >> 16 & 0xffff));
}

struct Stored {
  std::string name, data;
  u32 method = 0, flags = 0;
};

// As zip -0 writes it: members, directory, end.
std::string archive_of(const std::vector<Stored>& members, const std::string& comment = {}) {
  std::string out, directory;
  for (const Stored& member : members) {
    const u64 local = out.size();
    put32(out, 0x04034b50);
    out += std::string(22, '\0');
    put16(out, static_cast<u32>(member.name.size()));
    put16(out, 4);
    out += member.name + "xtra";
    out += member.data;
    put32(directory, 0x02014b50);
    directory += std::string(4, '\0');
    put16(directory, member.flags);
    put16(directory, member.method);
    directory += std::string(8, '\0');
    put32(directory, member.data.size());
    put32(directory, member.data.size());
    put16(directory, static_cast<u32>(member.name.size()));
    put16(directory, 0);
    put16(directory, 3);
    directory += std::string(8, '\0');
    put32(directory, local);
    directory += member.name + "...";
  }
  const u64 start = out.size();
  out += directory;
  put32(out, 0x06054b50);
  out += std::string(4, '\0');
  put16(out, static_cast<u32>(members.size()));
  put16(out, static_cast<u32>(members.size()));
  put32(out, directory.size());
  put32(out, start);
  put16(out, static_cast<u32>(comment.size()));
  return out + comment;
}

std::string error_of(const std::string& archive, std::string_view name) {
  const Result<Member> member = find_member(bytes_of(std::string_view(archive)), name);
  if (member) return "found";
  return member.error().message() +
         (member.error().detail.empty() ? "" : " (" + member.error().detail + ")");
}

}  // namespace

TEST_CASE("archive: a name is split at the mark") {
  const std::optional<MemberName> name = split_member("/data/app.apk!/lib/libfoo.so");
  REQUIRE(name);
  CHECK(name->archive == "/data/app.apk");
  CHECK(name->member == "lib/libfoo.so");
  for (const char* text : {"/bin/sh", "!/x", "/a!/", "/a!b", ""})
    CHECK_FALSE(split_member(text));
}

TEST_CASE("archive: a stored member is where its bytes are") {
  const std::string archive =
      archive_of({{"lib/a.so", "first", 0, 0}, {"lib/b.so", "second", 0, 0}}, "a comment");
  for (const auto& [name, data] :
       {std::pair<const char*, const char*>{"lib/a.so", "first"}, {"lib/b.so", "second"}}) {
    const Result<Member> member = find_member(bytes_of(std::string_view(archive)), name);
    REQUIRE(member);
    CHECK(text_of(member->data) == data);
    CHECK(archive.substr(member->offset, member->data.size()) == data);
  }
}

TEST_CASE("archive: what cannot be probed is told") {
  const std::string archive =
      archive_of({{"a", "x", 8, 0}, {"b", "x", 0, 1}, {"lib/c.so", "x", 0, 0}});
  CHECK(error_of(archive, "a") ==
        "member a is compressed: what is mapped from the archive is not, and only that can be "
        "probed");
  CHECK(error_of(archive, "b") == "member b is encrypted");
  CHECK(error_of(archive, "lib/d.so") == "it has no member \"lib/d.so\" (did you mean: lib/c.so)");
  CHECK(error_of("nothing like it", "a") == "it is no zip archive: it has no directory at its end");
  CHECK(error_of("", "a") == "it is no zip archive: it has no directory at its end");
}

TEST_CASE("archive: cut or changed anywhere, it is refused or found inside") {
  const std::string archive = archive_of({{"lib/a.so", "first", 0, 0}, {"b", "second", 0, 0}});
  for (std::size_t size = 0; size < archive.size(); size++)
    CHECK(error_of(archive.substr(0, size), "b") != "found");
  for (std::size_t at = 0; at < archive.size(); at++)
    for (const char value : {'\0', '\x7f', '\xff'}) {
      std::string changed = archive;
      changed[at] = value;
      const Result<Member> member = find_member(bytes_of(std::string_view(changed)), "b");
      if (member) CHECK(fits(changed.size(), member->offset, member->data.size()));
    }
}
