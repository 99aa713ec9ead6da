// SPDX-License-Identifier: Apache-2.0
// A number is an address, a port or a time only to who wrote the program. A decl tag on the member
// says so, `__attribute__((btf_decl_tag("bpfld:fmt=ip")))`, or `bpfld:unit=ns`; a caller may say
// it too. This is how such values look. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "btf/value.h"

namespace bpfld::btf {

// The way of a tag, "fmt=ip" or "unit=ns"; nothing when it is another tag, or one that nobody
// knows.
std::optional<Show> show_of_tag(std::string_view tag);
// The same of its second half alone, "ip" or "ns".
std::optional<Show> show_named(std::string_view name);
// "ip, mac, port, hex, ns, us, ms, s"
std::string show_names();

// Whether a value of that shape can be shown so: an address has 4 or 16 bytes, and so on.
bool can_show(const Shape& shape, Show show);
// Columns that the widest such value takes.
std::size_t show_width(const Shape& shape, Show show);
// The field's value as its `show` wants it; false, with nothing appended, when the record is too
// short for it.
bool append_shown(std::string& out, const Field& field, Bytes record);

}  // namespace bpfld::btf
