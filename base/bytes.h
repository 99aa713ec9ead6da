// SPDX-License-Identifier: Apache-2.0
// The only code that touches raw bytes of a file, of BTF, or of a ring. Everything that parses goes
// through load(), slice() or Cursor, so a missing bounds check cannot be written: no offset is ever
// added to a size and compared, no pointer is ever cast to a struct.
//
// On-disk records are plain structs with a one-line `fields(T&)` that ties all members; load() uses
// it to swap a foreign byte order, and a static_assert proves that no member was forgotten.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <tuple>
#include <type_traits>

#include "base/int.h"
#include "base/result.h"

#if defined(__clang__)
#define LIFETIMEBOUND [[clang::lifetimebound]]
#else
#define LIFETIMEBOUND
#endif

namespace bpfld {

using Bytes = std::span<const std::byte>;

enum class ByteOrder : u8 { little, big };
inline constexpr ByteOrder kHostOrder =
    std::endian::native == std::endian::little ? ByteOrder::little : ByteOrder::big;

// True when [offset, offset + size) lies inside `whole` bytes; no sum that could wrap.
constexpr bool fits(u64 whole, u64 offset, u64 size) {
  return size <= whole && offset <= whole - size;
}

// The sub-range [offset, offset + size) of `bytes`; malformed when it does not lie inside.
[[nodiscard]] inline Result<Bytes> slice(Bytes bytes, u64 offset, u64 size) {
  if (!fits(bytes.size(), offset, size))
    return fail(Code::malformed, "bytes {:#x}..+{:#x} reach past the end ({} bytes)", offset, size,
                bytes.size());
  return bytes.subspan(static_cast<std::size_t>(offset), static_cast<std::size_t>(size));
}

// Everything from `offset` on; malformed when offset is past the end.
[[nodiscard]] inline Result<Bytes> slice_from(Bytes bytes, u64 offset) {
  if (offset > bytes.size())
    return fail(Code::malformed, "offset {:#x} is past the end ({} bytes)", offset, bytes.size());
  return bytes.subspan(static_cast<std::size_t>(offset));
}

template <typename T>
constexpr T swap_bytes(T value) {
  if constexpr (std::is_enum_v<T>) {
    return static_cast<T>(std::byteswap(static_cast<std::underlying_type_t<T>>(value)));
  } else {
    return std::byteswap(value);
  }
}

template <typename T>
concept Record = std::is_trivially_copyable_v<T> && requires(T& record) { fields(record); };

template <typename... Members>
consteval std::size_t total_size(std::type_identity<std::tuple<Members&...>>) {
  return (sizeof(Members) + ... + 0);
}

// Swaps every member of a record in place.
template <Record T>
constexpr void swap_fields(T& record) {
  static_assert(total_size(std::type_identity<decltype(fields(record))>{}) == sizeof(T),
                "fields() forgets a member, or the struct has padding");
  std::apply([](auto&... member) { ((member = swap_bytes(member)), ...); }, fields(record));
}

// A copy of the T at `offset`, in the host's byte order; malformed when it does not lie inside
// `bytes`.
template <typename T>
  requires std::is_trivially_copyable_v<T>
[[nodiscard]] Result<T> load(Bytes bytes, u64 offset, ByteOrder order = kHostOrder) {
  if (!fits(bytes.size(), offset, sizeof(T)))
    return fail(Code::malformed, "{} bytes at {:#x} reach past the end ({} bytes)", sizeof(T),
                offset, bytes.size());
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof(T));
  if (order != kHostOrder) {
    if constexpr (Record<T>) {
      swap_fields(value);
    } else if constexpr (sizeof(T) > 1) {
      value = swap_bytes(value);
    }
  }
  return value;
}

// The same for a place that was checked before (a validated view's own tables). Out of range is our
// bug; it still never reads outside: it gives a zero T.
template <typename T>
  requires std::is_trivially_copyable_v<T>
T load_checked(Bytes bytes, u64 offset) {
  T value{};
  if (fits(bytes.size(), offset, sizeof(T))) std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return value;
}

// A place that will be loaded from soon, so that the memory there is fetched meanwhile. It may be
// past the end, anywhere: what cannot be fetched is not. Always inline: GCC 12 takes a function
// that does only this for one without any effect, and drops the calls.
[[gnu::always_inline]] inline void prefetch(Bytes bytes, u64 offset) {
  __builtin_prefetch(reinterpret_cast<const void*>(reinterpret_cast<std::uintptr_t>(bytes.data()) +
                                                   static_cast<std::uintptr_t>(offset)));
}

// The NUL-terminated string at `offset`, without its NUL; malformed when it starts or runs past the
// end. The view lives as long as `bytes`.
[[nodiscard]] inline Result<std::string_view> load_string(Bytes bytes, u64 offset) {
  if (offset >= bytes.size())
    return fail(Code::malformed, "string offset {:#x} is past the end ({} bytes)", offset,
                bytes.size());
  const char* start = reinterpret_cast<const char*>(bytes.data()) + offset;
  const std::size_t room = bytes.size() - static_cast<std::size_t>(offset);
  const void* end = std::memchr(start, 0, room);
  if (end == nullptr)
    return fail(Code::malformed, "string at {:#x} has no terminating NUL", offset);
  return std::string_view(start, static_cast<std::size_t>(static_cast<const char*>(end) - start));
}

// The bytes of any trivially copyable value or of text, for writing.
template <typename T>
  requires std::is_trivially_copyable_v<T>
Bytes bytes_of(const T& value LIFETIMEBOUND) {
  return std::as_bytes(std::span<const T, 1>(&value, 1));
}
inline Bytes bytes_of(std::string_view text LIFETIMEBOUND) {
  return std::as_bytes(std::span(text.data(), text.size()));
}
inline std::string_view text_of(Bytes bytes LIFETIMEBOUND) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// view: walks forward over bytes; every step is checked, and a failed step does not advance.
class Cursor {
 public:
  explicit Cursor(Bytes bytes, ByteOrder order = kHostOrder) : bytes_(bytes), order_(order) {}

  u64 offset() const { return offset_; }
  u64 left() const { return bytes_.size() - offset_; }
  bool done() const { return left() == 0; }

  template <typename T>
  [[nodiscard]] Result<T> next() {
    Result<T> value = load<T>(bytes_, offset_, order_);
    if (value) offset_ += sizeof(T);
    return value;
  }
  [[nodiscard]] Result<Bytes> take(u64 size) {
    Result<Bytes> part = slice(bytes_, offset_, size);
    if (part) offset_ += size;
    return part;
  }
  [[nodiscard]] Result<std::string_view> next_string() {
    Result<std::string_view> text = load_string(bytes_, offset_);
    if (text) offset_ += text->size() + 1;
    return text;
  }

 private:
  Bytes bytes_;
  ByteOrder order_;
  u64 offset_ = 0;
};

}  // namespace bpfld
