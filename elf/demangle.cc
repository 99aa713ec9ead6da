// SPDX-License-Identifier: Apache-2.0
// The C++ runtime's demangler, for names that it can be trusted with; see demangle.h. A mangled
// name may refer back to its own parts, and the parts to theirs, so that 100 bytes stand for more
// text than there is memory. The runtime knows no limit; so the references are counted first. With
// 30 of them the text can grow 60,000 times (ten times threefold), which with the limit on the
// length is harmless; expansions of packs, which multiply otherwise, are left mangled.
//
// Source: Itanium C++ ABI, 5.1.10 "Compression".
#include "elf/demangle.h"

#include <cstdlib>
#include <cxxabi.h>
#include <memory>

#include "base/int.h"

namespace bpfld::elf {
namespace {

constexpr std::size_t kMaxMangled = 512;
constexpr std::size_t kMaxText = 4096;
constexpr u32 kMaxReferences = 30;

bool is_reference_tail(char c) {
  return c == '_' || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z');
}

// S_, S0_, T_, T0_ ... Letters inside identifiers count, too: better too many than too few.
bool is_tame(std::string_view name) {
  u32 references = 0;
  for (std::size_t i = 0; i + 1 < name.size(); i++) {
    const bool refers = (name[i] == 'S' || name[i] == 'T') && is_reference_tail(name[i + 1]);
    if (refers && ++references > kMaxReferences) return false;
    if (name[i] == 'J' || (name[i] == 'D' && name[i + 1] == 'p')) return false;
  }
  return true;
}

struct Free {
  void operator()(char* text) const { std::free(text); }
};

}  // namespace

std::string demangle(std::string_view name) {
  if (!name.starts_with("_Z") || name.size() > kMaxMangled || !is_tame(name)) return {};
  int status = 0;
  const std::unique_ptr<char, Free> text(
      abi::__cxa_demangle(std::string(name).c_str(), nullptr, nullptr, &status));
  if (status != 0 || text == nullptr) return {};
  return std::string(text.get()).substr(0, kMaxText);
}

}  // namespace bpfld::elf
