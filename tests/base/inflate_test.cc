// SPDX-License-Identifier: Apache-2.0
// gzip, as /proc/config.gz is: each kind of block, and what breaks each rule of the two formats.
// The files were made by another implementation.
#include "base/inflate.h"

#include <algorithm>
#include <doctest/doctest.h>

using namespace bpfld;

namespace {

// clang-format off
constexpr u8 kStored[] = {
    0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x03, 0x01, 0x0e, 0x00, 0xf1,
    0xff, 0x43, 0x4f, 0x4e, 0x46, 0x49, 0x47, 0x5f, 0x48, 0x5a, 0x3d, 0x32, 0x35, 0x30,
    0x0a, 0xfb, 0x5f, 0x3a, 0x01, 0x0e, 0x00, 0x00, 0x00,
};
constexpr u8 kFixed[] = {
    0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x03, 0x73, 0xf6, 0xf7, 0x73,
    0xf3, 0x74, 0x8f, 0xf7, 0x88, 0xb2, 0x35, 0x32, 0x35, 0xe0, 0x72, 0x86, 0xf1, 0xe2,
    0x81, 0x3c, 0xdb, 0x4a, 0x2e, 0x00, 0xfb, 0xf7, 0x46, 0xc9, 0x1e, 0x00, 0x00, 0x00,
};
// 40 lines of the form CONFIG_A=y, in a block with codes of its own.
constexpr u8 kDynamic[] = {
    0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x03, 0x45, 0xca, 0x31, 0x0e,
    0x82, 0x30, 0x00, 0x00, 0xc0, 0xdd, 0x3f, 0x75, 0xc0, 0x0a, 0x05, 0xc4, 0x56, 0x44,
    0x11, 0x59, 0x7c, 0x81, 0xee, 0xfe, 0x5e, 0x13, 0x43, 0x6e, 0xbb, 0xe1, 0x62, 0xc9,
    0x4d, 0x97, 0x9e, 0x55, 0xf8, 0xec, 0xe2, 0x9f, 0x6d, 0x78, 0x6d, 0x2c, 0xe1, 0xbd,
    0x71, 0x16, 0xa2, 0xd0, 0x0b, 0xa3, 0xb0, 0x08, 0xb5, 0x30, 0x08, 0x93, 0xb0, 0x0a,
    0x49, 0xc8, 0xc2, 0x4d, 0xd8, 0x0b, 0x9d, 0x70, 0x16, 0xee, 0xc2, 0x41, 0x38, 0x0a,
    0x17, 0xe1, 0x21, 0x34, 0xc2, 0x49, 0xb8, 0x0a, 0x95, 0xd0, 0x0a, 0x45, 0x98, 0x85,
    0x28, 0xf4, 0xc2, 0x28, 0x2c, 0x42, 0x2d, 0x0c, 0xc2, 0x24, 0xac, 0x42, 0x12, 0xf2,
    0x2f, 0x7c, 0x01, 0xa7, 0x83, 0x40, 0x59, 0xb8, 0x01, 0x00, 0x00,
};
// clang-format on

std::vector<std::byte> bytes(std::span<const u8> from) {
  const Bytes view = std::as_bytes(from);
  return {view.begin(), view.end()};
}

std::string text(const Result<std::vector<std::byte>>& out) {
  return out ? std::string(text_of(*out)) : out.error().message();
}

// The deflate stream within a gzip file without optional fields.
std::vector<std::byte> stream_of(std::span<const u8> file) {
  return bytes(file.subspan(10, file.size() - 18));
}

std::string inflated(std::initializer_list<u8> stream) {
  return text(inflate(bytes({stream.begin(), stream.size()}), 1000));
}

}  // namespace

TEST_CASE("inflate: stored, fixed and dynamic blocks give what went in") {
  CHECK(text(gunzip(bytes(kStored), 1000)) == "CONFIG_HZ=250\n");
  CHECK(text(gunzip(bytes(kFixed), 1000)) == "CONFIG_HZ=250\nCONFIG_HZ_250=y\n");
  std::string lines;
  for (int i = 0; i < 40; i++)
    lines += format("CONFIG_{}={}\n", static_cast<char>('A' + i * 7 % 26), "ymn"[i % 3]);
  CHECK(text(gunzip(bytes(kDynamic), 1000)) == lines);
}

TEST_CASE("inflate: a stream may end anywhere in its last byte, and says how much it took") {
  u64 used = 0;
  std::vector<std::byte> stream = stream_of(kFixed);
  stream.resize(stream.size() + 5);
  REQUIRE(inflate(stream, 1000, &used));
  CHECK(used == std::size(kFixed) - 18);
}

TEST_CASE("inflate: one byte more than the limit is refused") {
  for (std::span<const u8> file :
       {std::span<const u8>(kStored), std::span<const u8>(kFixed), std::span<const u8>(kDynamic)}) {
    const Result<std::vector<std::byte>> whole = gunzip(bytes(file), 1u << 20);
    REQUIRE(whole);
    CHECK(gunzip(bytes(file), whole->size()));
    const Result<std::vector<std::byte>> cut = gunzip(bytes(file), whole->size() - 1);
    REQUIRE_FALSE(cut);
    CHECK(cut.error().code == Code::limit);
  }
}

TEST_CASE("inflate: every truncation is malformed") {
  for (std::span<const u8> file :
       {std::span<const u8>(kStored), std::span<const u8>(kFixed), std::span<const u8>(kDynamic)})
    for (std::size_t size = 0; size < file.size(); size++) {
      const Result<std::vector<std::byte>> out = gunzip(bytes(file.first(size)), 1000);
      REQUIRE_FALSE(out);
      CHECK(out.error().code == Code::malformed);
    }
}

TEST_CASE("inflate: a changed bit is noticed, wherever it is") {
  for (std::span<const u8> file : {std::span<const u8>(kFixed), std::span<const u8>(kDynamic)}) {
    const Result<std::vector<std::byte>> good = gunzip(bytes(file), 1000);
    for (std::size_t bit = 0; bit < file.size() * 8; bit++) {
      std::vector<std::byte> changed = bytes(file);
      changed[bit / 8] ^= std::byte{1} << (bit % 8);
      const Result<std::vector<std::byte>> out = gunzip(changed, 1000);
      if (!out) continue;
      // Time, the flag for text and the system that it was made on do not matter; nor do the bits
      // that fill the last byte of the stream.
      CHECK_MESSAGE((bit / 8 < 10 || bit / 8 == file.size() - 9), "bit " << bit);
      CHECK(*out == *good);
    }
  }
}

TEST_CASE("inflate: what follows the end is malformed") {
  std::vector<std::byte> file = bytes(kStored);
  file.push_back(std::byte{0});
  CHECK(text(gunzip(file, 1000)) == "gzip: 1 bytes follow the end");
}

TEST_CASE("inflate: each rule of deflate has its message") {
  CHECK(inflated({0x07}) == "deflate: a block of a type that does not exist");
  CHECK(inflated({0x01, 0x02, 0x00, 0x00, 0x00, 'a', 'b'}) ==
        "deflate: a stored block whose size is not confirmed");
  CHECK(inflated({0x03}) == "deflate: the stream ends within a block");
  // Fixed codes: the length symbol 257 is 0000001, a distance of 1 is 00000; nothing came before.
  CHECK(inflated({0x03, 0x02, 0x00, 0x00}) == "deflate: a copy from before the start");
  // 30 distances exist, 32 have a code: 11110.
  CHECK(inflated({0x03, 0x3e, 0x00, 0x00}) == "deflate: a distance that does not exist");
  // A dynamic block that gives all 19 lengths of the code for lengths as 1.
  CHECK(inflated({0x05, 0xe0, 0x93, 0x24, 0x49, 0x92, 0x24, 0x49, 0x92, 0x00}) ==
        "deflate: a code has more symbols than its lengths allow");
  CHECK(text(gunzip({}, 1000)).find("reach past the end") != std::string::npos);
}

TEST_CASE("inflate: gzip's header may hold more, and an unknown flag is refused") {
  std::vector<std::byte> named = bytes(kStored);
  named[3] = std::byte{1 << 3 | 1 << 4 | 1 << 2 | 1 << 1};
  const u8 more[] = {2, 0, 'x', 'y', 'f', 0, 'c', 0, 9, 9};  // extra, name, comment, checksum
  const std::vector<std::byte> fields = bytes(more);
  named.insert(named.begin() + 10, fields.begin(), fields.end());
  CHECK(text(gunzip(named, 1000)) == "CONFIG_HZ=250\n");
  named[3] = std::byte{0x20};
  CHECK(text(gunzip(named, 1000)) == "gzip: flags 0x20 are not known");
  named[2] = std::byte{7};
  CHECK(text(gunzip(named, 1000)) == "gzip: method 7 is not deflate");
  named[0] = std::byte{'P'};
  CHECK(text(gunzip(named, 1000)) == "gzip: the file does not start with 1f 8b");
  CHECK_FALSE(is_gzip(named));
}
