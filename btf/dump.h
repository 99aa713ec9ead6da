// SPDX-License-Identifier: Apache-2.0
// BTF as it is: each type with its id, its kind and all that its record says, for those who want to
// see the format itself. The text has the form that `bpftool btf dump` gave it, so that both can be
// compared; the JSON has the same words as keys.
#pragma once

#include <string>

#include "btf/view.h"

namespace bpfld::btf {

// Appends one type, a line for the record and an indented one for each of its entries. Escaped.
//   [2] STRUCT 'list_head' size=16 vlen=2
//           'next' type_id=3 bits_offset=0
void append_raw_text(const View& view, TypeId id, std::string& out);
// Appends one type as a JSON object on a line of its own.
void append_raw_json(const View& view, TypeId id, std::string& out);

}  // namespace bpfld::btf
