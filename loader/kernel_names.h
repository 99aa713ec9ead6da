// SPDX-License-Identifier: Apache-2.0
// What an object calls by name in the kernel: the function that a program is attached to, the
// variable that it reads, the kfunc that it calls. The kernel wants each as the id of a type in its
// own BTF or in a module's, so a name is looked up once, when the facts are gathered, and
// everything pure works with the place where it was found.
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>

#include "base/int.h"
#include "btf/format.h"

namespace bpfld::loader {

enum class NameKind : u8 { function, variable, typedef_, struct_ };

// spec: a name to look up.
struct KernelName {
  NameKind kind = NameKind::function;
  std::string name;
  std::string module;  // look only there ("vmlinux" is the kernel itself); empty: everywhere
  auto operator<=>(const KernelName&) const = default;
};

// spec: where it is.
struct KernelPlace {
  u32 type = 0;    // id in the BTF of the kernel, or of the module
  u32 module = 0;  // 0: the kernel itself; n: number n - 1 of KernelProfile::modules
  bool operator==(const KernelPlace&) const = default;
};

// spec: what was found of it.
struct KernelNameFact {
  std::optional<KernelPlace> place;  // empty: it does not exist
  bool operator==(const KernelNameFact&) const = default;
};

// Whether the error about a name that does not exist says which ones are like it. They are looked
// for when the error is made, among all the names that the kernel has, which takes longer than the
// rest of a load: who will not show the error leaves them out.
enum class NearNames : u8 { told, left_out };

// view: "nf_conntrack:nf_ct_*", taken apart; without a colon it is about the kernel itself.
struct TracedPlace {
  std::string_view module;  // empty: the kernel itself
  std::string_view glob;
};
inline TracedPlace traced_place(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return {.module = {}, .glob = text};
  const std::string_view module = text.substr(0, colon);
  return {.module = module == "vmlinux" ? std::string_view() : module,
          .glob = text.substr(colon + 1)};
}

// spec: a type that CO-RE looks for. Modules matter only if the kernel itself has none of the name.
struct CoreRoot {
  std::string name;  // without its flavour
  btf::Kind kind = btf::Kind::void_;
  bool operator==(const CoreRoot&) const = default;
};

}  // namespace bpfld::loader
