// SPDX-License-Identifier: Apache-2.0
// Questions about one type that need others: what it is without typedefs and qualifiers, how many
// bytes it takes, how it is aligned, how C spells it. A type graph from a file can be a cycle or a
// tower a million high, so every answer is bounded: chains to kMaxChain steps (the kernel's own
// limit is 32), sizes by checked arithmetic, text to kMaxNameBytes. Pointers take 8 bytes, as on
// every BPF host.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "btf/types.h"

namespace bpfld::btf {

inline constexpr u32 kMaxChain = 32;  // MAX_RESOLVE_DEPTH in kernel/bpf/btf.c
inline constexpr u32 kPointerBytes = 8;
inline constexpr std::size_t kMaxNameBytes = 1024;

// The first type that is not const, volatile, restrict or a type tag. Void when there is no end to
// it within kMaxChain steps; validated BTF has none such.
TypeId skip_modifiers(const View& view, TypeId id);
// The same, through typedefs too: what the type is made of.
TypeId resolve(const View& view, TypeId id);
// resolve(), decoded.
Type resolved(const View& view LIFETIMEBOUND, TypeId id);

// Bytes that a value takes; a DATASEC and a VAR have one too. 0 for a flexible array.
// Errors: malformed (void, function, forward declaration, unknown kind, a chain without end), limit
// (an array of more than 4 GiB), naming the type.
[[nodiscard]] Result<u64> size_of(const View& view, TypeId id);

// The alignment that C gives the type: 1, 2, 4, 8 or 16. 1 for a struct that is packed, which is to
// be seen from members at odd places or a size that is no multiple of its members' alignment.
// Errors: as size_of(); a struct that holds itself.
[[nodiscard]] Result<u64> align_of(const View& view, TypeId id);

// C's spelling: "struct task_struct *", "char[16]", "const __u32", "int (*)(void *, ...)". Type
// tags are left out. Names are as in the BTF: escape before printing. At most about kMaxNameBytes.
std::string type_name(const View& view, TypeId id);
// The same with a name in its place: "char comm[16]", "int (*open)(struct file *)". For a VAR or
// FUNC the name is its own when `name` is empty.
std::string declaration(const View& view, TypeId id, std::string_view name);

}  // namespace bpfld::btf
