// SPDX-License-Identifier: Apache-2.0
// The addresses of the kernel's symbols, from the text of /proc/kallsyms: 120,000 lines of which an
// object wants a few. Pure.
#pragma once

#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include "base/int.h"

namespace bpfld::loader {

// spec: what was found of a name.
struct KernelSymbol {
  u64 address = 0;
  u64 other = 0;  // a second address of the same name; 0: there is none
  bool operator==(const KernelSymbol&) const = default;
};

// spec: the names that exist. To who may not know, the kernel shows every address as 0.
struct KernelSymbols {
  std::map<std::string, KernelSymbol> found;
  bool hidden = false;  // all addresses are 0
  bool operator==(const KernelSymbols&) const = default;
};

// Those of `names` that are in `text`. A line that is none is passed over.
KernelSymbols find_symbols(std::string_view text, std::span<const std::string> names);

// What is at these addresses, as far as there is something: of several names of a function the
// first.
std::map<u64, std::string> names_at(std::string_view text, const std::set<u64>& wanted);

}  // namespace bpfld::loader
