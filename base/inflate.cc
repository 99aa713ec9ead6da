// SPDX-License-Identifier: Apache-2.0
// See inflate.h. A code is looked up by as many bits as its longest symbol has, in a table with an
// entry for each of their values: one look per symbol, and nothing to go wrong in between.
#include "base/inflate.h"

#include <algorithm>
#include <array>
#include <span>

namespace bpfld {
namespace {

constexpr u32 kLongestCode = 15;
constexpr u32 kLiterals = 288, kDistances = 32, kLengthCodes = 19;
constexpr u32 kEndOfBlock = 256;

std::unexpected<Error> broken(std::string_view rule) {
  return fail(Code::malformed, "deflate: {}", rule);
}

// Bits from the low end of each byte.
class BitReader {
 public:
  explicit BitReader(Bytes bytes) : bytes_(bytes) {}

  // The next `count` bits without taking them; zeros past the end.
  u32 peek(u32 count) {
    while (filled_ < count && at_ < bytes_.size()) {
      bits_ |= static_cast<u64>(bytes_[at_++]) << filled_;
      filled_ += 8;
    }
    return static_cast<u32>(bits_ & ((u64{1} << count) - 1));
  }
  [[nodiscard]] Status drop(u32 count) {
    if (count > filled_) return broken("the stream ends within a block");
    bits_ >>= count;
    filled_ -= count;
    return {};
  }
  [[nodiscard]] Result<u32> take(u32 count) {
    const u32 value = peek(count);
    TRY(drop(count));
    return value;
  }
  // To the next byte's start; the bytes themselves from there.
  [[nodiscard]] Result<Bytes> take_bytes(u64 count) {
    align();
    const Bytes out = TRY(slice(bytes_, at_, count));
    at_ += static_cast<std::size_t>(count);
    return out;
  }
  void align() {
    at_ -= filled_ / 8;  // whole bytes go back
    bits_ = 0;
    filled_ = 0;
  }
  u64 position() const { return at_; }

 private:
  Bytes bytes_;
  std::size_t at_ = 0;
  u64 bits_ = 0;
  u32 filled_ = 0;
};

u32 reversed(u32 code, u32 length) {
  u32 out = 0;
  for (u32 i = 0; i < length; i++)
    out |= (code >> i & 1) << (length - 1 - i);
  return out;
}

// A canonical Huffman code (RFC 1951, 3.2.2).
class SymbolCode {
 public:
  // `lengths[s]` is the length of symbol s's code, 0 if it has none. Errors: malformed (more codes
  // than their lengths leave room for). Fewer is allowed: their bit patterns stand for nothing.
  [[nodiscard]] static Result<SymbolCode> make(std::span<const u8> lengths) {
    std::array<u32, kLongestCode + 1> count{}, next{};
    for (const u8 length : lengths)
      count[length]++;
    count[0] = 0;
    SymbolCode out;
    u32 room = 1, code = 0;
    for (u32 length = 1; length <= kLongestCode; length++) {
      room *= 2;
      if (count[length] > room) return broken("a code has more symbols than its lengths allow");
      room -= count[length];
      code = (code + count[length - 1]) * 2;
      next[length] = code;
      if (count[length] != 0) out.bits_ = length;
    }
    out.entries_.resize(std::size_t{1} << out.bits_, 0);
    for (u32 symbol = 0; symbol < lengths.size(); symbol++) {
      const u32 length = lengths[symbol];
      if (length == 0) continue;
      const u32 first = reversed(next[length]++, length);
      for (u32 at = first; at < out.entries_.size(); at += u32{1} << length)
        out.entries_[at] = static_cast<u16>(symbol << 4 | length);
    }
    return out;
  }
  [[nodiscard]] Result<u32> read(BitReader& in) const {
    const u16 entry = entries_[in.peek(bits_)];
    if (entry == 0) return broken("bits that stand for no symbol");
    TRY(in.drop(entry & 15));
    return u32{entry} >> 4;
  }

 private:
  SymbolCode() = default;
  u32 bits_ = 0;              // of the longest code
  std::vector<u16> entries_;  // by the next bits: symbol << 4 | length; 0: none
};

// RFC 1951, 3.2.5: what a symbol stands for and how many bits follow that are added to it.
struct Extra {
  u16 base;
  u8 bits;
};
// clang-format off
constexpr std::array<Extra, 29> kLengths = {{
    {3, 0}, {4, 0}, {5, 0}, {6, 0}, {7, 0}, {8, 0}, {9, 0}, {10, 0}, {11, 1}, {13, 1}, {15, 1}, {17, 1},
    {19, 2}, {23, 2}, {27, 2}, {31, 2}, {35, 3}, {43, 3}, {51, 3}, {59, 3}, {67, 4}, {83, 4}, {99, 4},
    {115, 4}, {131, 5}, {163, 5}, {195, 5}, {227, 5}, {258, 0},
}};
constexpr std::array<Extra, 30> kDistanceBases = {{
    {1, 0}, {2, 0}, {3, 0}, {4, 0}, {5, 1}, {7, 1}, {9, 2}, {13, 2}, {17, 3}, {25, 3}, {33, 4}, {49, 4},
    {65, 5}, {97, 5}, {129, 6}, {193, 6}, {257, 7}, {385, 7}, {513, 8}, {769, 8}, {1025, 9}, {1537, 9},
    {2049, 10}, {3073, 10}, {4097, 11}, {6145, 11}, {8193, 12}, {12289, 12}, {16385, 13}, {24577, 13},
}};
// In which order a block gives the lengths of the code that its other lengths are written in.
constexpr std::array<u8, kLengthCodes> kOrder = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};
// clang-format on

class Inflater {
 public:
  Inflater(Bytes stream, u64 max_size) : in_(stream), max_size_(max_size) {}

  [[nodiscard]] Status run() {
    for (bool last = false; !last;) {
      last = TRY(in_.take(1)) != 0;
      switch (TRY(in_.take(2))) {
        case 0: TRY(stored()); break;
        case 1: TRY(fixed()); break;
        case 2: TRY(dynamic()); break;
        default: return broken("a block of a type that does not exist");
      }
    }
    in_.align();
    return {};
  }
  std::vector<std::byte> take_output() { return std::move(out_); }
  u64 used() const { return in_.position(); }

 private:
  [[nodiscard]] Status room_for(u64 count) const {
    if (count <= max_size_ - out_.size()) return {};
    return fail(Code::limit, "deflate: more than {} bytes come out", max_size_);
  }

  [[nodiscard]] Status stored() {
    const Bytes sizes = TRY(in_.take_bytes(4));
    const u16 size = TRY(load<u16>(sizes, 0, ByteOrder::little));
    const u16 check = TRY(load<u16>(sizes, 2, ByteOrder::little));
    if (size != static_cast<u16>(~check))
      return broken("a stored block whose size is not confirmed");
    const Bytes bytes = TRY(in_.take_bytes(size));
    TRY(room_for(size));
    out_.insert(out_.end(), bytes.begin(), bytes.end());
    return {};
  }

  [[nodiscard]] Status fixed() {
    std::array<u8, kLiterals> literals{};
    for (u32 i = 0; i < kLiterals; i++)
      literals[i] = i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8;
    std::array<u8, kDistances> distances{};
    distances.fill(5);
    return compressed(literals, distances);
  }

  [[nodiscard]] Status dynamic() {
    const u32 literals = TRY(in_.take(5)) + 257;
    const u32 distances = TRY(in_.take(5)) + 1;
    const u32 given = TRY(in_.take(4)) + 4;
    std::array<u8, kLengthCodes> lengths_of_code{};
    for (u32 i = 0; i < given; i++)
      lengths_of_code[kOrder[i]] = static_cast<u8>(TRY(in_.take(3)));
    const SymbolCode code = TRY(SymbolCode::make(lengths_of_code));
    std::array<u8, kLiterals + kDistances> lengths{};
    u32 at = 0;
    while (at < literals + distances)
      TRY(length_run(code, std::span(lengths).first(literals + distances), at));
    if (lengths[kEndOfBlock] == 0) return broken("a block without an end");
    return compressed(std::span(lengths).first(literals),
                      std::span(lengths).subspan(literals, distances));
  }

  // One symbol of the code for lengths: a length, or a number of equal ones.
  [[nodiscard]] Status length_run(const SymbolCode& code, std::span<u8> lengths, u32& at) {
    const u32 symbol = TRY(code.read(in_));
    u32 count = 1;
    u8 value = static_cast<u8>(symbol);
    if (symbol == 16) {
      if (at == 0) return broken("a repeated length with none before it");
      value = lengths[at - 1];
      count = TRY(in_.take(2)) + 3;
    } else if (symbol > 16) {
      value = 0;
      count = symbol == 17 ? TRY(in_.take(3)) + 3 : TRY(in_.take(7)) + 11;
    }
    if (count > lengths.size() - at) return broken("more lengths than symbols");
    for (u32 i = 0; i < count; i++)
      lengths[at++] = value;
    return {};
  }

  [[nodiscard]] Status compressed(std::span<const u8> literals, std::span<const u8> distances) {
    const SymbolCode literal_code = TRY(SymbolCode::make(literals));
    const SymbolCode distance_code = TRY(SymbolCode::make(distances));
    while (true) {
      const u32 symbol = TRY(literal_code.read(in_));
      if (symbol == kEndOfBlock) return {};
      if (symbol < kEndOfBlock) {
        TRY(room_for(1));
        out_.push_back(static_cast<std::byte>(symbol));
        continue;
      }
      if (symbol - 257 >= kLengths.size()) return broken("a length that does not exist");
      const Extra length = kLengths[symbol - 257];
      const u32 count = length.base + TRY(in_.take(length.bits));
      const u32 far = TRY(distance_code.read(in_));
      if (far >= kDistanceBases.size()) return broken("a distance that does not exist");
      const u32 distance = kDistanceBases[far].base + TRY(in_.take(kDistanceBases[far].bits));
      TRY(copy(count, distance));
    }
  }

  // The bytes may be among those that are being written.
  [[nodiscard]] Status copy(u32 count, u32 distance) {
    if (distance > out_.size()) return broken("a copy from before the start");
    TRY(room_for(count));
    for (u32 i = 0; i < count; i++)
      out_.push_back(out_[out_.size() - distance]);
    return {};
  }

  BitReader in_;
  u64 max_size_;
  std::vector<std::byte> out_;
};

u32 crc32(Bytes bytes) {
  static constexpr std::array<u32, 256> kTable = [] {
    std::array<u32, 256> table{};
    for (u32 i = 0; i < 256; i++) {
      u32 value = i;
      for (int bit = 0; bit < 8; bit++)
        value = (value & 1) != 0 ? value >> 1 ^ 0xedb88320u : value >> 1;
      table[i] = value;
    }
    return table;
  }();
  u32 crc = ~u32{0};
  for (const std::byte b : bytes)
    crc = crc >> 8 ^ kTable[(crc ^ static_cast<u32>(b)) & 0xff];
  return ~crc;
}

constexpr u8 kHeaderCrc = 1 << 1, kExtraField = 1 << 2, kFileName = 1 << 3, kComment = 1 << 4;

// What comes before the deflate stream: fixed fields, then those that the flags announce.
Status skip_header(Cursor& in) {
  const Bytes fixed = TRY(in.take(10));
  if (!is_gzip(fixed)) return fail(Code::malformed, "gzip: the file does not start with 1f 8b");
  if (static_cast<u8>(fixed[2]) != 8)
    return fail(Code::unsupported, "gzip: method {} is not deflate", static_cast<u8>(fixed[2]));
  const u8 flags = static_cast<u8>(fixed[3]);
  if ((flags & 0xe0) != 0) return fail(Code::unsupported, "gzip: flags {:#x} are not known", flags);
  if ((flags & kExtraField) != 0) TRY(in.take(TRY(in.next<u16>())));
  if ((flags & kFileName) != 0) TRY(in.next_string());
  if ((flags & kComment) != 0) TRY(in.next_string());
  if ((flags & kHeaderCrc) != 0) TRY(in.take(2));
  return {};
}

}  // namespace

bool is_gzip(Bytes file) {
  return file.size() >= 2 && file[0] == std::byte{0x1f} && file[1] == std::byte{0x8b};
}

Result<std::vector<std::byte>> inflate(Bytes stream, u64 max_size, u64* used) {
  Inflater inflater(stream, max_size);
  TRY(inflater.run());
  if (used != nullptr) *used = inflater.used();
  return inflater.take_output();
}

Result<std::vector<std::byte>> gunzip(Bytes file, u64 max_size) {
  Cursor in(file, ByteOrder::little);
  TRY(skip_header(in));
  u64 used = 0;
  const Bytes stream = TRY(slice_from(file, in.offset()));
  std::vector<std::byte> out = TRY(inflate(stream, max_size, &used));
  TRY(in.take(used));
  const u32 crc = TRY(in.next<u32>());
  const u32 size = TRY(in.next<u32>());
  if (!in.done()) return fail(Code::malformed, "gzip: {} bytes follow the end", in.left());
  if (size != static_cast<u32>(out.size()))
    return fail(Code::malformed, "gzip: {} bytes came out, not {}", out.size(), size);
  if (crc != crc32(out)) return fail(Code::malformed, "gzip: the checksum is wrong");
  return out;
}

}  // namespace bpfld
