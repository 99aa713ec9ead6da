// SPDX-License-Identifier: Apache-2.0
// C++ names as people write them: `_ZN4http6Server6handleEi` is http::Server::handle(int).
#pragma once

#include <string>
#include <string_view>

namespace bpfld::elf {

// The demangled name, unescaped; empty when the name is not mangled C++, or is of a kind whose text
// could be very much longer than itself.
std::string demangle(std::string_view name);

}  // namespace bpfld::elf
