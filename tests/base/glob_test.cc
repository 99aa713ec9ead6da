// SPDX-License-Identifier: Apache-2.0
#include "base/glob.h"

#include <doctest/doctest.h>
#include <string>

namespace bpfld {

TEST_CASE("glob: stars and question marks") {
  CHECK(glob_matches("*", ""));
  CHECK(glob_matches("tcp_*sock", "tcp_request_sock"));
  CHECK(glob_matches("tcp_*sock", "tcp_sock"));
  CHECK_FALSE(glob_matches("tcp_*sock", "tcp_socket"));
  CHECK(glob_matches("*ab*ab", "abxabab"));
  CHECK(glob_matches("a?c", "abc"));
  CHECK_FALSE(glob_matches("a?c", "ac"));
  CHECK_FALSE(glob_matches("", "a"));
  CHECK(glob_matches("", ""));
}

TEST_CASE("glob: sets, ranges and their opposites") {
  CHECK(glob_matches("[a-c]x", "bx"));
  CHECK_FALSE(glob_matches("[a-c]x", "dx"));
  CHECK(glob_matches("[!a-c]x", "dx"));
  CHECK(glob_matches("[^a]", "b"));
  CHECK(glob_matches("[]]", "]"));
  CHECK(glob_matches("[a-]", "-"));
  CHECK(glob_matches("x[0-9][0-9]", "x42"));
  CHECK(glob_matches("[a", "[a"));
  CHECK_FALSE(glob_matches("[a", "a"));
  CHECK(glob_matches("[\x80-\xff]", "\xc3"));
}

TEST_CASE("glob: a backslash takes the next character as itself") {
  CHECK(glob_matches("a\\*b", "a*b"));
  CHECK_FALSE(glob_matches("a\\*b", "axb"));
  CHECK(glob_matches("\\", "\\"));
  CHECK(is_glob("a*"));
  CHECK_FALSE(is_glob("task_struct"));
}

TEST_CASE("glob: a pattern of many stars ends") {
  std::string pattern;
  for (int i = 0; i < 100; i++)
    pattern += "a*";
  CHECK_FALSE(glob_matches(pattern + "b", std::string(10000, 'a')));
  CHECK(glob_matches(pattern, std::string(10000, 'a')));
}

}  // namespace bpfld
