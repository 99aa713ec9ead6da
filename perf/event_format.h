// SPDX-License-Identifier: Apache-2.0
// What a tracepoint's record looks like, from tracefs: events/CATEGORY/EVENT/format. A program
// attached to the tracepoint gets a pointer to exactly these bytes. Strings and arrays of any
// length stand behind the record; a `__data_loc` field says where: its low 16 bits are the offset
// from the start of the record, its high 16 bits the length. `__rel_loc` (since v5.18) counts from
// the end of the field itself. Pure.
//
// Source: Documentation/trace/events.rst, "Event formats"; include/trace/stages/.
#pragma once

#include <string_view>
#include <vector>

#include "base/result.h"

namespace bpfld::perf {

enum class Location : u8 { in_place, data_loc, rel_loc };

// view: one line of the file.
struct EventField {
  std::string_view declaration;  // "char prev_comm[16]", without __data_loc
  std::string_view name;         // "prev_comm"
  u32 offset = 0, size = 0;      // bytes in the record
  bool is_signed = false;
  Location location = Location::in_place;
  bool common = false;  // one that all events have, which programs may not read
};

// view: the file.
struct EventFormat {
  std::string_view name;
  u64 id = 0;
  std::vector<EventField> fields;
};

// Errors: malformed (naming the line). Fields that are not known are passed over, as the kernel may
// add some. The views live as long as `text`.
[[nodiscard]] Result<EventFormat> parse_event_format(std::string_view text);

}  // namespace bpfld::perf
