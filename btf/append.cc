// SPDX-License-Identifier: Apache-2.0
// See append.h. The sections are copied next to each other: header, types, strings.
#include "btf/append.h"

#include "btf/format.h"

namespace bpfld::btf {

u32 Appendix::add_string(std::string_view text) {
  const u32 offset = first_string_ + static_cast<u32>(strings_.size());
  strings_ += text;
  strings_ += '\0';
  return offset;
}

TypeId Appendix::add(u32 name, Kind kind, u32 vlen, u32 size_or_type, std::span<const u32> tail) {
  words_.push_back(name);
  words_.push_back(make_info(static_cast<u32>(kind), vlen, false));
  words_.push_back(size_or_type);
  words_.insert(words_.end(), tail.begin(), tail.end());
  return {first_id_ + count_++};
}

Result<std::vector<std::byte>> Appendix::attached_to(Bytes blob) const {
  Header header = TRY(load<Header>(blob, 0, kHostOrder));
  if (header.magic != kMagic || header.header_size != sizeof(Header))
    return fail(Code::unsupported, "BTF with a header of {} bytes", header.header_size);
  const Bytes sections = TRY(slice(blob, sizeof(Header), blob.size() - sizeof(Header)));
  const Bytes types = TRY(slice(sections, header.type_offset, header.type_size));
  const Bytes strings = TRY(slice(sections, header.string_offset, header.string_size));
  const Bytes more_types = std::as_bytes(std::span(words_));
  constexpr u64 kMostBytes = 0xffffffff;
  const u64 type_size = u64{types.size()} + more_types.size();
  const u64 string_size = u64{strings.size()} + strings_.size();
  if (type_size > kMostBytes || string_size > kMostBytes - type_size)
    return fail(Code::limit, "BTF of more than 4 GiB");
  header.type_offset = 0;
  header.type_size = static_cast<u32>(type_size);
  header.string_offset = header.type_size;
  header.string_size = static_cast<u32>(string_size);
  std::vector<std::byte> out;
  for (const Bytes part : {bytes_of(header), types, more_types, strings,
                           Bytes(std::as_bytes(std::span<const char>(strings_)))})
    out.insert(out.end(), part.begin(), part.end());
  return out;
}

}  // namespace bpfld::btf
