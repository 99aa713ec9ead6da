// SPDX-License-Identifier: Apache-2.0
// Text and a type, as bytes: what somebody types for a map's key or value, written as the type lies
// in memory. The inverse of print_value.h, whose both notations are read:
//
//   42  -7  0x2a  'a'  true  RUNNING  READ|WRITE  1.5  192.168.1.2 (__be32)
//   bash  "two words"                     a char array: the rest of it is zeros
//   [1, 2, 3]                             an array: likewise
//   {pid: 42, comm: "bash", mask: READ}   a struct or union: members left out are zeros
//   hex:2a00000000000000                  any type: all of its bytes, as they are in memory
//
// Names may be quoted, '=' may stand for ':' and blanks for commas; numbers may be quoted, as JSON
// writers do for those beyond 2^53. Of what print_json() adds, <member>_str is passed over. A value
// that does not fit its type is an error, never cut. Pure.
#pragma once

#include <string_view>
#include <vector>

#include "base/result.h"
#include "btf/view.h"

namespace bpfld::btf {

inline constexpr u64 kMaxEncodedBytes = 16u << 20;

// The value of `type` that `text` describes: size_of(type) bytes in the host's order.
// Errors: usage (the text; says where, what was found and what is wanted), limit (a type of more
// than kMaxEncodedBytes), and those of size_of().
[[nodiscard]] Result<std::vector<std::byte>> encode_value(const View& view, TypeId type,
                                                          std::string_view text);

// The same without a type: a decimal or 0x... number of 1, 2, 4 or 8 bytes, "text" of any size, or
// hex:... of exactly `size` bytes.
[[nodiscard]] Result<std::vector<std::byte>> encode_bytes(u64 size, std::string_view text);

}  // namespace bpfld::btf
