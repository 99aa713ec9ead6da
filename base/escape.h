// SPDX-License-Identifier: Apache-2.0
// Text from an object, from the kernel or from a traced process may hold escape sequences that hide
// or forge what root sees on the terminal, or that break JSON. Everything printed goes through one
// of these.
#pragma once

#include <string>
#include <string_view>

namespace bpfld {

// For a terminal: C0 and C1 controls, DEL, invalid UTF-8, and the bidirectional and format code
// points become \xNN or \u{NNNN}; newline and tab too. What is left is printable UTF-8.
std::string escape_terminal(std::string_view text);
// The same, but newlines stay: for text that is lines, such as a verifier log.
std::string escape_lines(std::string_view text);
// A JSON string with its quotes (RFC 8259); an invalid UTF-8 byte becomes U+FFFD.
std::string json_string(std::string_view text);

// Terminal columns that escaped text takes: code points, counting each as one.
std::size_t display_width(std::string_view escaped);

}  // namespace bpfld
