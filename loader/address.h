// SPDX-License-Identifier: Apache-2.0
// IP addresses and prefixes as people write them. Pure.
#pragma once

#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace bpfld::loader {

struct Prefix {
  std::vector<std::byte> address;  // 4 or 16 bytes, those past `length` zero
  u32 length = 0;                  // bits
  bool operator==(const Prefix&) const = default;
};

// "10.0.0.1" or "fd00::1", in network byte order. Errors: not_found.
[[nodiscard]] Result<std::vector<std::byte>> parse_address(std::string_view text);
// "10.9.0.0/24"; without a length, one address. Errors: not_found; bits behind the prefix.
[[nodiscard]] Result<Prefix> parse_prefix(std::string_view text);

}  // namespace bpfld::loader
