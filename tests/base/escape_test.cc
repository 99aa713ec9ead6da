// SPDX-License-Identifier: Apache-2.0
// What a hostile object or process name must not be able to do to a terminal or to JSON.
#include "base/escape.h"

#include <doctest/doctest.h>

using bpfld::escape_lines;
using bpfld::escape_terminal;
using bpfld::json_string;

TEST_CASE("escape: control characters never reach a terminal") {
  CHECK(escape_terminal("a\x1b[2Jb") == "a\\x1b[2Jb");
  CHECK(escape_terminal("\r\a\x7f\n\t") == "\\x0d\\x07\\x7f\\n\\t");
  CHECK(escape_terminal("\xc2\x9b"
                        "1m") == "\\x9b1m");
}

TEST_CASE("escape: printable UTF-8 stays as it is") {
  CHECK(escape_terminal("naïve 程序 🐝") == "naïve 程序 🐝");
}

TEST_CASE("escape: invalid UTF-8, overlong forms and surrogates are shown byte by byte") {
  CHECK(escape_terminal("\xff"
                        "a") == "\\xffa");
  CHECK(escape_terminal("\xc0\x80") == "\\xc0\\x80");
  CHECK(escape_terminal("\xed\xa0\x80") == "\\xed\\xa0\\x80");
  CHECK(escape_terminal("\xe2\x82") == "\\xe2\\x82");
}

TEST_CASE("escape: code points that reorder or hide text are spelled out") {
  CHECK(escape_terminal("\u202E"
                        "gpj") == "\\u{202e}gpj");
  CHECK(escape_terminal("\u200B") == "\\u{200b}");
}

TEST_CASE("escape: lines keep their newlines and nothing else") {
  CHECK(escape_lines("a\nb\r\x1b") == "a\nb\\x0d\\x1b");
}

TEST_CASE("escape: JSON strings are valid whatever the bytes") {
  CHECK(json_string("a\"b\\c\n\x01") == "\"a\\\"b\\\\c\\n\\u0001\"");
  CHECK(json_string("\xff") == "\"\\ufffd\"");
  CHECK(json_string("\U000E0001") == "\"\\udb40\\udc01\"");
}
