// SPDX-License-Identifier: Apache-2.0
// More types behind those of a blob, whose ids and strings stay what they are: what refers to them
// does not notice.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "btf/view.h"

namespace bpfld::btf {

// spec: the types to come; their ids follow the view's.
class Appendix {
 public:
  // `view` has no base.
  explicit Appendix(const View& view) : first_id_(view.count()), first_string_(view.string_end()) {}

  u32 add_string(std::string_view text);
  // `name`: an offset, of the view's or of add_string(). `tail`: as many words as the kind has for
  // `vlen`.
  TypeId add(u32 name, Kind kind, u32 vlen, u32 size_or_type, std::span<const u32> tail = {});
  bool empty() const { return count_ == 0; }

  // The view's blob with these types; `blob` is in the host's order. Errors: unsupported (a header
  // that says more than where types and strings are), limit (4 GiB).
  [[nodiscard]] Result<std::vector<std::byte>> attached_to(Bytes blob) const;

 private:
  u32 first_id_, first_string_;
  u32 count_ = 0;
  std::vector<u32> words_;
  std::string strings_;
};

}  // namespace bpfld::btf
