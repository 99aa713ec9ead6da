// SPDX-License-Identifier: Apache-2.0
// `bpfld help E15`: what an error means, in more words than fit below it.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace bpfld::cli {

struct ErrorPage {
  std::string_view id;     // "E15"
  std::string_view title;  // one line
  std::string_view text;   // paragraphs; lines that start with two spaces stay as they are
};

std::span<const ErrorPage> error_pages();
// Null when there is none. Takes "e15" too.
const ErrorPage* find_error_page(std::string_view id);
std::string to_text(const ErrorPage& page);
// One line per page.
std::string list_error_pages();

}  // namespace bpfld::cli
