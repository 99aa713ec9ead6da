// SPDX-License-Identifier: Apache-2.0
// The C++ runtime's own demangler; see demangle.h. It is used through the entry that hands over the
// text in pieces, because only there can an endless text be stopped.
#include "cli/demangle.h"

// Of libstdc++ (libiberty/cp-demangle.c); no header declares it. 0: the name was not mangled.
extern "C" int __gcclibcxx_demangle_callback(const char* mangled,
                                             void (*take)(const char*, std::size_t, void*),
                                             void* opaque);

namespace bpfld::cli {
namespace {

constexpr std::size_t kMaxMangled = 2048;
constexpr std::size_t kMaxText = 4096;

struct TooLong {};

void append(const char* piece, std::size_t size, void* opaque) {
  std::string& text = *static_cast<std::string*>(opaque);
  if (size > kMaxText - text.size()) throw TooLong();
  text.append(piece, size);
}

}  // namespace

std::string demangle(std::string_view name) {
  if (!name.starts_with("_Z") || name.size() > kMaxMangled) return {};
  std::string text;
  try {
    if (__gcclibcxx_demangle_callback(std::string(name).c_str(), append, &text) != 0) return {};
  } catch (const TooLong&) {
    return {};
  }
  return text;
}

}  // namespace bpfld::cli
