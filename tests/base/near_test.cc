// SPDX-License-Identifier: Apache-2.0
// "Did you mean": distances against the plain definition, and which names are offered.
#include "base/near.h"

#include <algorithm>
#include <doctest/doctest.h>
#include <string>
#include <vector>

#include "base/int.h"

namespace {

using namespace bpfld;

// The whole table, as the definition has it.
std::size_t plain_distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> cell(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); i++) {
    for (std::size_t j = 0; j <= b.size(); j++) {
      std::size_t& best = cell[i][j];
      best = i + j;
      if (i > 0) best = std::min(best, cell[i - 1][j] + 1);
      if (j > 0) best = std::min(best, cell[i][j - 1] + 1);
      if (i > 0 && j > 0) best = std::min(best, cell[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        best = std::min(best, cell[i - 2][j - 2] + 1);
    }
  }
  return cell[a.size()][b.size()];
}

// All words of at most four of the letters a, b, c.
std::vector<std::string> words() {
  std::vector<std::string> out = {""};
  for (std::size_t i = 0; i < out.size() && out[i].size() < 4; i++) {
    for (const char letter : {'a', 'b', 'c'}) {
      std::string longer = out[i];
      longer += letter;
      out.push_back(std::move(longer));
    }
  }
  return out;
}

}  // namespace

TEST_CASE("near: every distance of short words is that of the definition, up to every limit") {
  const std::vector<std::string> all = words();
  REQUIRE(all.size() == 121);
  u64 wrong = 0;
  for (const std::string& a : all)
    for (const std::string& b : all)
      for (std::size_t limit = 0; limit < 6; limit++)
        wrong += edit_distance(a, b, limit) != std::min(plain_distance(a, b), limit + 1);
  CHECK(wrong == 0);
}

TEST_CASE("near: names over 128 bytes are further than any limit") {
  const std::string longest(128, 'a'), longer(129, 'a');
  CHECK(edit_distance(longest, longest, 5) == 0);
  CHECK(edit_distance(longest, longest.substr(3), 5) == 3);
  CHECK(edit_distance(longer, longer, 5) == 6);
}

TEST_CASE("near: the closest come first, equal ones in the order given, within a third") {
  using Names = std::vector<std::string_view>;
  const Names names = {"tcp_recv", "tcp_sendd", "tcp_sent", "tcp_send", "tcp_bend", "udp_x"};
  CHECK(nearest("tcp_send", names, 2) == Names{"tcp_send", "tcp_sendd"});
  CHECK(nearest("tcp_send", names, 4) == Names{"tcp_send", "tcp_sendd", "tcp_sent", "tcp_bend"});
  CHECK(nearest("tcp_esnd", names, 1) == Names{"tcp_send"});
  CHECK(nearest("nothing_like_it", names, 3).empty());
  CHECK(nearest("tcp_send", names, 0).empty());
}
