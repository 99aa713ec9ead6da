// SPDX-License-Identifier: Apache-2.0
// Is this JSON? A strict reader of RFC 8259 that keeps nothing: what programs that read our output
// would choke on makes a test fail.
#pragma once

#include <string_view>

namespace bpfld::test {

// One value, with nothing but white space around it.
bool is_json(std::string_view text);
// Every line, of which there is at least one, is one object.
bool is_json_lines(std::string_view text);

// No control byte but newline, no DEL, no C1 control, valid UTF-8: safe on a terminal.
bool is_printable(std::string_view text);

}  // namespace bpfld::test
