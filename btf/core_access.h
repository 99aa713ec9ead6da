// SPDX-License-Identifier: Apache-2.0
// A CO-RE relocation says what the program touches as numbers: "0:5:2" is element 0 of the root,
// its member 5, that member's member 2. Numbers mean something in the object's own BTF only, so the
// first step is to turn them into a path of names, which can be looked for in another kernel's.
// Anonymous structs on the way have a number but no name: C code does not mention them, and in
// another kernel there may be more or fewer of them.
//
// Format: bpf_core_relo in include/uapi/linux/bpf.h; Documentation/bpf/llvm_reloc.rst "CO-RE".
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "btf/ext.h"
#include "btf/view.h"

namespace bpfld::btf::core {

inline constexpr u32 kMaxAccess = 64;  // numbers in one access string; types nested in one path

// Why a path cannot be followed, a candidate was not chosen, or a relocation has no answer.
// reason_text() has the sentences.
enum class Reason : u8 {
  none,
  // The object's own BTF or relocation is wrong.
  bad_access,
  too_many_indices,
  root_has_no_size,
  member_past_end,
  element_past_end,
  not_a_container,
  not_an_enum,
  enumerator_past_end,
  not_whole_type,
  anonymous_root,
  element_property,
  // Either side: a field that cannot be loaded.
  no_size,
  offset_too_large,
  misaligned,
  bitfield_too_wide,
  // A candidate lost.
  no_member,
  member_type_differs,
  no_struct_here,
  no_array_here,
  array_too_short,
  no_enumerator,
  type_differs,
  lost_earlier,
  // Several candidates won and they do not agree.
  offsets_differ,
  values_differ,
  // Our own limits.
  too_deep,
  too_much_work,
};
inline constexpr u32 kReasons = 28;
// Half a sentence, "has no such member", whose subject is the object or the candidate.
std::string_view reason_text(Reason reason);

// What a relocation of this kind names.
enum class Family : u8 { field, type, enumerator };
Family family_of(CoreKind kind);

// view: one level of a path that C code spells: a member by name, or an element by number.
struct Step {
  TypeId type;            // of a member: the struct or enum it is in; of an element: its own type
  u32 index = 0;          // which member, enumerator or element
  std::string_view name;  // empty for an element
};

// view: where a relocation leads within one BTF. Step 0 is the root: element `index` of an array
// of roots for a field, the enumerator for an enum, nothing for a type.
struct AccessPath {
  TypeId root;
  u32 raw_count = 0;
  u32 step_count = 0;
  u64 bit_offset = 0;  // from the start of the root
  std::array<u32, kMaxAccess> raw;
  std::array<Step, kMaxAccess> steps;

  // The compiler should not clear 2 KiB for each candidate.
  AccessPath() {}  // NOLINT(modernize-use-equals-default)
  const Step& last() const { return steps[step_count == 0 ? 0 : step_count - 1]; }
  // False when the path is full.
  bool push_raw(u32 index);
  bool push_step(const Step& step);
};

// The path that `relo` names in the object's own BTF. Reason::none when `path` was filled; it is
// filled as far as it went otherwise.
[[nodiscard]] Reason parse_access(const View& local, const CoreRelo& relo, AccessPath& path);

// Whether an array takes any index: [0] or [] as the last member of the struct that `holder` says.
bool is_flexible(const View& view, const Step& holder, const Array& array);

// spec: the field at the end of a path, as a load sees it.
struct Field {
  u32 byte_offset = 0;  // of the bitfield's storage unit when it is one
  u32 byte_size = 0;    // of the unit, likewise
  u32 bit_offset = 0;   // from the start of the root
  u32 bit_size = 0;
  u32 load_size = 0;  // bytes that one load should take: an array's innermost element
  TypeId type;        // of the field
  bool is_signed = false;
  bool is_bitfield = false;
  bool is_element = false;  // the path ends in an array element
};
// Errors by value: no_size, offset_too_large, misaligned, bitfield_too_wide.
[[nodiscard]] Reason find_field(const View& view, const AccessPath& path, Field& field);

// "task_struct.real_parent.tgid", "sk_buff[1].cb[3]", "enum pid_type.PIDTYPE_PID": the path as
// names, as far as it can be followed. For people: escape before printing.
std::string path_text(const View& local, const CoreRelo& relo);

}  // namespace bpfld::btf::core
