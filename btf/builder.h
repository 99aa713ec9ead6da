// SPDX-License-Identifier: Apache-2.0
// Writes BTF: records are appended and get the next id, equal names share one string. What is
// written is what was given; whether it makes sense is View::validate()'s business.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "btf/view.h"

namespace bpfld::btf {

// spec: what all records share; see KindRow for what `size_or_type` is.
struct NewType {
  std::string_view name = {};
  Kind kind = Kind::void_;
  u32 vlen = 0;
  bool flag = false;
  u32 size_or_type = 0;
};

// spec: a BTF blob in the making. Ids start at 1.
class Builder {
 public:
  // Offset of the text in the string section; 0 for "". It must hold no NUL.
  u32 add_string(std::string_view text);
  // `tail`: the words after the first three; their number must be the kind's for `vlen`.
  TypeId add(const NewType& type, std::span<const u32> tail = {});
  // How many types there are.
  u32 count() const { return count_; }

  // The blob, in this byte order. Errors: limit (more types than a kernel takes, more than 4 GiB).
  [[nodiscard]] Result<std::vector<std::byte>> bytes(ByteOrder order = kHostOrder) const;

 private:
  u32 count_ = 0;
  std::vector<u32> words_;
  std::string strings_ = std::string(1, '\0');
  std::unordered_map<std::string, u32> known_;
};

}  // namespace bpfld::btf
