// SPDX-License-Identifier: Apache-2.0
// A part of a BTF: the few types, members and enumerators of a kernel that one object's CO-RE
// relocations look at, some hundred bytes of five million. With it the object can be loaded on a
// kernel that has no BTF of its own, and a test can carry a kernel in its pocket.
//
// What decides a relocation is kept: every type that has the root's name, with all on the path when
// it matches, bare when it does not. Ids change, so what is not the same is the answer to
// type_id_target, which means something only in the kernel that gave the id.
#pragma once

#include <set>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/result.h"
#include "btf/builder.h"
#include "btf/ext.h"
#include "btf/view.h"

namespace bpfld::btf {

// spec: which parts of a BTF to keep; grows by calls, in any order. The View must outlive it.
class Slicer {
 public:
  explicit Slicer(const View& view LIFETIMEBOUND) : view_(&view), kept_(view.count(), 0) {}

  // The type and what it takes to have a size: a struct without members, an enum without
  // enumerators; pointers become void *.
  void keep(TypeId id) { want(id, kBare); }
  // Pointers lead to what they did, through prototypes too; structs stay without members.
  void keep_shape(TypeId id) { want(id, kBare | kPointees); }
  // As keep_shape(), with all members of the structs that are held by value, and all enumerators.
  void keep_contents(TypeId id) { want(id, kBare | kPointees | kMembers | kEnumerators); }
  // One member of a struct or union, by its index, and its type as by keep().
  void keep_member(TypeId composite, u32 index);
  void keep_enumerator(TypeId enumeration, u32 index);
  // All that the relocation looks for in this view, as `object` sees it.
  // Errors: limit (types too entangled to compare).
  [[nodiscard]] Status keep_for(const View& object, std::span<const CoreRelo> relos);

  // A BTF of its own with these types, in the order that they had, in the view's byte order.
  // Errors: limit.
  [[nodiscard]] Result<std::vector<std::byte>> build() const;

 private:
  static constexpr u8 kBare = 1, kPointees = 2, kMembers = 4, kEnumerators = 8;
  void want(TypeId id, u8 how);
  void keep_parts(const Type& type, u8 how);
  std::vector<u32> single_words(const Type& type, const std::vector<u32>& new_ids) const;
  std::vector<u32> list_words(const Type& type, u32 words_per_entry,
                              const std::vector<u32>& new_ids, Builder& builder) const;
  bool keeps(TypeId id, u32 index, u8 all) const;

  const View* view_;
  std::vector<u8> kept_;                            // by id: how; 0 when it is left out
  std::unordered_map<u32, std::set<u32>> entries_;  // by id: members, enumerators
  std::vector<std::pair<TypeId, u8>> queue_;
};

}  // namespace bpfld::btf
