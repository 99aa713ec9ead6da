// SPDX-License-Identifier: Apache-2.0
// Bytes and their type, as text for people and as JSON for programs.
//
//   text  {pid=42 comm="bash" state=RUNNING mask=READ|WRITE list=[1,2] ptr=0xffff8881000}
//   JSON  {"pid":42,"comm":"bash","state":1,"state_str":"RUNNING","big":"18446744073709551615"}
//
// JSON keeps the raw number of an enum and adds its name as <member>_str. Integers beyond 2^53,
// which many readers of JSON would round, are strings. What the record is too short for is "-" in
// text and absent in JSON. All strings are escaped: they come from programs and processes.
#pragma once

#include <string>

#include "btf/value.h"

namespace bpfld::btf {

struct PrintOptions {
  // When the text is longer, the rest is left out and "..." says so; brackets are still closed.
  std::size_t max_bytes = 256 << 10;
};

// One value of `type`. The type may be any; the bytes may be too few or too many.
std::string print_text(const View& view, TypeId type, Bytes bytes,
                       const PrintOptions& options = {});
std::string print_json(const View& view, TypeId type, Bytes bytes,
                       const PrintOptions& options = {});

// One column of a record, appended to `out`: as text without quotes, "-" when absent.
void format_field(const View& view, const Field& field, Bytes record, std::string& out,
                  const PrintOptions& options = {});
// As a JSON value. False, with nothing appended, when the record is too short for it.
bool format_field_json(const View& view, const Field& field, Bytes record, std::string& out,
                       const PrintOptions& options = {});
// All fields as one JSON object: hidden ones too, padding not.
void format_record_json(const View& view, const std::vector<Field>& fields, Bytes record,
                        std::string& out, const PrintOptions& options = {});

// The name of an enumerator: the first of that value; empty when there is none.
std::string_view enumerator_name(const View& view, const Type& type, u64 value);

}  // namespace bpfld::btf
