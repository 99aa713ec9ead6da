// SPDX-License-Identifier: Apache-2.0
// See builder.h.
#include "btf/builder.h"

namespace bpfld::btf {
namespace {

constexpr u64 kMaxSection = u64{1} << 31;  // bytes, so that all offsets fit

template <typename T>
void append(std::vector<std::byte>& out, T value) {
  const Bytes bytes = bytes_of(value);
  out.insert(out.end(), bytes.begin(), bytes.end());
}

}  // namespace

u32 Builder::add_string(std::string_view text) {
  if (text.empty()) return 0;
  const auto [entry, is_new] =
      known_.try_emplace(std::string(text), static_cast<u32>(strings_.size()));
  if (is_new) {
    strings_ += text;
    strings_ += '\0';
  }
  return entry->second;
}

TypeId Builder::add(const NewType& type, std::span<const u32> tail) {
  words_.push_back(add_string(type.name));
  words_.push_back(make_info(static_cast<u32>(type.kind), type.vlen, type.flag));
  words_.push_back(type.size_or_type);
  words_.insert(words_.end(), tail.begin(), tail.end());
  return {++count_};
}

Result<std::vector<std::byte>> Builder::bytes(ByteOrder order) const {
  const u64 type_bytes = u64{words_.size()} * 4;
  if (count_ > kMaxTypes)
    return fail(Code::limit, "{} types, a BTF may have {}", count_, kMaxTypes);
  if (type_bytes > kMaxSection || strings_.size() > kMaxSection)
    return fail(Code::limit, "more than {} MiB of types or strings", kMaxSection >> 20);
  Header header = {.magic = kMagic,
                   .version = kVersion,
                   .flags = 0,
                   .header_size = sizeof(Header),
                   .type_offset = 0,
                   .type_size = static_cast<u32>(type_bytes),
                   .string_offset = static_cast<u32>(type_bytes),
                   .string_size = static_cast<u32>(strings_.size())};
  if (order != kHostOrder) swap_fields(header);
  std::vector<std::byte> out;
  out.reserve(sizeof(header) + type_bytes + strings_.size());
  append(out, header);
  for (const u32 word : words_)
    append(out, order == kHostOrder ? word : std::byteswap(word));
  const Bytes text = bytes_of(strings_);
  out.insert(out.end(), text.begin(), text.end());
  return out;
}

}  // namespace bpfld::btf
